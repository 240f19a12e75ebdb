# Cross builds for Linux boards: the part that all board families share. A family's file sets
#   SHRIKE_TRIPLE      prefix of the compiler and name of the library folders, as aarch64-linux-gnu
#   SHRIKE_ARCH        Debian's name, as arm64
#   SHRIKE_CPU_FLAGS   what the compiler may use and tune for
#   SHRIKE_QEMU        emulator that runs the tests
#   SHRIKE_QEMU_CPU    the core it is; without one QEMU_CPU in the environment chooses it
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
set(setup "toolchains/setup.sh --cross")
if(NOT SHRIKE_ARCH STREQUAL "arm64")
  string(APPEND setup "=${SHRIKE_ARCH}")
endif()
if(NOT SHRIKE_CROSS_CXX)
  message(FATAL_ERROR "no compiler ${SHRIKE_TRIPLE}-g++: run ${setup}")
endif()
if(NOT SHRIKE_EMULATOR)
  message(FATAL_ERROR "no emulator ${SHRIKE_QEMU}: run ${setup}")
endif()
if(NOT IS_DIRECTORY "${CMAKE_SYSROOT}/usr/include")
  message(FATAL_ERROR "no sysroot in ${CMAKE_SYSROOT}: run toolchains/sysroot.sh ${SHRIKE_ARCH}, or set SHRIKE_SYSROOT")
endif()
if(NOT EXISTS "${CMAKE_SYSROOT}/usr/lib/${SHRIKE_TRIPLE}/libc.so")
  message(FATAL_ERROR
    "the sysroot ${CMAKE_SYSROOT} is not for ${SHRIKE_ARCH}: it has no usr/lib/${SHRIKE_TRIPLE}/libc.so")
endif()

set(CMAKE_CXX_COMPILER "${SHRIKE_CROSS_CXX}")
set(CMAKE_CXX_FLAGS_INIT "${SHRIKE_CPU_FLAGS}")
set(CMAKE_CROSSCOMPILING_EMULATOR "${SHRIKE_EMULATOR};-L;${CMAKE_SYSROOT}")
if(SHRIKE_QEMU_CPU)
  list(APPEND CMAKE_CROSSCOMPILING_EMULATOR -cpu ${SHRIKE_QEMU_CPU})
endif()
set(CMAKE_FIND_ROOT_PATH "${CMAKE_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
