# Read by cpack when it packs for another architecture: who asks for a program's libraries is ours.
set(SHLIBDEPS_EXECUTABLE ${CMAKE_CURRENT_LIST_DIR}/shlibdeps.sh)
set(ENV{SHRIKE_SYSROOT} ${CPACK_SHRIKE_SYSROOT})
set(ENV{SHRIKE_TRIPLE} ${CPACK_SHRIKE_TRIPLE})
set(ENV{SHRIKE_ARCH} ${CPACK_DEBIAN_PACKAGE_ARCHITECTURE})
