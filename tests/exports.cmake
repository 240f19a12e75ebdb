# cmake -DNM=nm -DISA=avx2 "-DOBJECTS=a.o;b.o" -P exports.cmake
#
# Objects compiled for an instruction set may export install_<family>_<isa> and nothing else, weak symbols included:
# of an inline function that two units hold the linker keeps one for the whole program, and where it keeps the one of
# a better instruction set, an older processor dies far from any kernel.
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND ${NM} -gC --defined-only ${object} OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE ";" "," listing "${listing}")
  string(REGEX MATCHALL "[^\n]+" symbols "${listing}")
  set(n_install 0)
  foreach(symbol IN LISTS symbols)
    if(symbol MATCHES " T shrike::install_[a-z0-9]+_${ISA}\\(")
      math(EXPR n_install "${n_install} + 1")
    else()
      message(SEND_ERROR "${object} exports ${symbol}")
    endif()
  endforeach()
  if(NOT n_install EQUAL 1)
    message(SEND_ERROR "${object} exports ${n_install} install functions")
  endif()
endforeach()
if(NOT OBJECTS)
  message(SEND_ERROR "no objects of ${ISA}")
endif()
