# Debian packages: cpack -G DEB in the build folder, or toolchains/package.sh from nothing.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "The Shrike project")
set(CPACK_PACKAGE_CONTACT "The Shrike project <shrike@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL shrike dev)
if(TARGET shrike-capture)
  list(APPEND CPACK_COMPONENTS_ALL capture)
endif()

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
if(SHRIKE_BOARD)         # not for every board of its architecture
  string(APPEND CPACK_DEBIAN_PACKAGE_RELEASE +${SHRIKE_BOARD})
endif()
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${SHRIKE_ARCH})         # empty: this machine's
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_SHRIKE_PACKAGE_NAME shrike)
set(CPACK_DEBIAN_SHRIKE_PACKAGE_SECTION video)
set(CPACK_DEBIAN_SHRIKE_DESCRIPTION
    "Answers questions about what a camera saw, on a board, without a GPU: the program, the demo model and a
systemd unit. Cameras, streams, clips and pictures are opened by the package shrike-capture.")
set(CPACK_DEBIAN_SHRIKE_PACKAGE_RECOMMENDS shrike-capture)

set(CPACK_DEBIAN_CAPTURE_PACKAGE_NAME shrike-capture)
set(CPACK_DEBIAN_CAPTURE_PACKAGE_SECTION video)
set(CPACK_DEBIAN_CAPTURE_DESCRIPTION
    "Opens cameras, streams, clips and pictures: the process that shrike starts to decode them, with OpenCV.")
set(CPACK_DEBIAN_CAPTURE_PACKAGE_ENHANCES shrike)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libshrike-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_DESCRIPTION "The library: headers and an archive, for programs that watch and ask by themselves.")

# Who needs which library. Of a foreign program the sysroot knows.
set(CPACK_DEBIAN_SHRIKE_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_CAPTURE_PACKAGE_SHLIBDEPS ON)
if(SHRIKE_STATIC)
  set(CPACK_DEBIAN_SHRIKE_PACKAGE_SHLIBDEPS OFF)
endif()
if(CMAKE_CROSSCOMPILING)
  set(CPACK_SHRIKE_SYSROOT ${CMAKE_SYSROOT})
  set(CPACK_SHRIKE_TRIPLE ${SHRIKE_TRIPLE})
  set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/deb-cross.cmake)
endif()
include(CPack)
