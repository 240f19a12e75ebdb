# Single OpenCV modules without OpenCV's own package file, which Debian puts into a package that needs all of them.
#
#   find_package(OpenCVLite 4.5 REQUIRED COMPONENTS core videoio)   ->   OpenCVLite::core OpenCVLite::videoio
find_path(OpenCVLite_INCLUDE_DIR NAMES opencv2/core/version.hpp PATH_SUFFIXES opencv4)
mark_as_advanced(OpenCVLite_INCLUDE_DIR)

if(OpenCVLite_INCLUDE_DIR)
  file(READ "${OpenCVLite_INCLUDE_DIR}/opencv2/core/version.hpp" text)
  set(OpenCVLite_VERSION "")
  foreach(part MAJOR MINOR REVISION)
    string(REGEX MATCH "#define CV_VERSION_${part} +([0-9]+)" line "${text}")
    list(APPEND OpenCVLite_VERSION ${CMAKE_MATCH_1})
  endforeach()
  list(JOIN OpenCVLite_VERSION "." OpenCVLite_VERSION)
endif()

foreach(module IN LISTS OpenCVLite_FIND_COMPONENTS)
  find_library(OpenCVLite_${module}_LIBRARY NAMES opencv_${module})
  mark_as_advanced(OpenCVLite_${module}_LIBRARY)
  if(OpenCVLite_${module}_LIBRARY AND EXISTS "${OpenCVLite_INCLUDE_DIR}/opencv2/${module}.hpp")
    set(OpenCVLite_${module}_FOUND TRUE)
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenCVLite REQUIRED_VARS OpenCVLite_INCLUDE_DIR
                                  VERSION_VAR OpenCVLite_VERSION HANDLE_COMPONENTS)

if(OpenCVLite_FOUND)
  foreach(module IN LISTS OpenCVLite_FIND_COMPONENTS)
    if(OpenCVLite_${module}_FOUND AND NOT TARGET OpenCVLite::${module})
      add_library(OpenCVLite::${module} UNKNOWN IMPORTED)
      set_target_properties(OpenCVLite::${module} PROPERTIES
        IMPORTED_LOCATION "${OpenCVLite_${module}_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${OpenCVLite_INCLUDE_DIR}")
    endif()
  endforeach()
endif()
