# Cross builds for Linux boards: the part that all board families share. A family's file sets
#   SHRIKE_TRIPLE   prefix of the compiler and name of the library folders, as aarch64-linux-gnu
#   SHRIKE_QEMU     emulator that runs the tests; QEMU_CPU in the environment chooses the core
#   SHRIKE_ARCH     Debian's name, as arm64
# and includes this one. The sysroot is $SHRIKE_SYSROOT, or the folder where toolchains/sysroot.sh puts it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_LIBRARY_ARCHITECTURE ${SHRIKE_TRIPLE})

if(DEFINED ENV{SHRIKE_SYSROOT})
  set(CMAKE_SYSROOT "$ENV{SHRIKE_SYSROOT}")
else()
  get_filename_component(CMAKE_SYSROOT "${CMAKE_CURRENT_LIST_DIR}/../build/sysroot/${SHRIKE_ARCH}" ABSOLUTE)
endif()
find_program(SHRIKE_CROSS_CXX ${SHRIKE_TRIPLE}-g++)
find_program(SHRIKE_EMULATOR ${SHRIKE_QEMU})
foreach(need SHRIKE_CROSS_CXX SHRIKE_EMULATOR)
  if(NOT ${need})
    message(FATAL_ERROR "${SHRIKE_TRIPLE}-g++ and ${SHRIKE_QEMU} are needed: run toolchains/setup.sh --cross")
  endif()
endforeach()
if(NOT IS_DIRECTORY "${CMAKE_SYSROOT}/usr/include")
  message(FATAL_ERROR "no sysroot in ${CMAKE_SYSROOT}: run toolchains/sysroot.sh, or set SHRIKE_SYSROOT")
endif()

set(CMAKE_CXX_COMPILER "${SHRIKE_CROSS_CXX}")
set(CMAKE_CROSSCOMPILING_EMULATOR "${SHRIKE_EMULATOR};-L;${CMAKE_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH "${CMAKE_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
