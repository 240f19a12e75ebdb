# What is installed, and where: the program with its models, the capture process, and the library for programs that
# are not ours. Each is a component and a Debian package: shrike, shrike-capture, libshrike-dev.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
find_package(Threads REQUIRED)

# One archive of all that a program links; the capture process, and so OpenCV, is not in it.
get_property(kernels GLOBAL PROPERTY SHRIKE_KERNELS)
add_library(shrike_archive STATIC)
foreach(part ${kernels} shrike_platform shrike_core shrike_preprocess shrike_synthetic shrike_camera)
  target_sources(shrike_archive PRIVATE $<TARGET_OBJECTS:${part}>)
endforeach()
set_target_properties(shrike_archive PROPERTIES OUTPUT_NAME shrike EXPORT_NAME shrike LINKER_LANGUAGE CXX)
target_include_directories(shrike_archive INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/shrike>)
target_compile_features(shrike_archive INTERFACE cxx_std_20)
target_link_libraries(shrike_archive INTERFACE Threads::Threads)

# --- libshrike-dev: headers keep the paths by which they include each other
install(TARGETS shrike_archive EXPORT shrike COMPONENT dev ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY platform core camera DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/shrike COMPONENT dev
        FILES_MATCHING PATTERN "*.hpp"
        REGEX "/opencv_|_(simd|lanes|avx2|neon)\\.hpp|/install\\.hpp" EXCLUDE)
set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/shrike)
install(EXPORT shrike NAMESPACE shrike:: FILE shrike-targets.cmake DESTINATION ${cmake_folder} COMPONENT dev)
write_basic_package_version_file(shrike-config-version.cmake COMPATIBILITY SameMinorVersion)
configure_package_config_file(package/shrike-config.cmake.in shrike-config.cmake INSTALL_DESTINATION ${cmake_folder}
                              NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
file(RELATIVE_PATH PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(package/shrike.pc.in shrike.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/shrike-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/shrike-config-version.cmake
        DESTINATION ${cmake_folder} COMPONENT dev)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/shrike.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR}-dev COMPONENT dev)

# --- shrike
install(TARGETS shrike DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT shrike)
install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/shrike/models COMPONENT shrike
        FILES_MATCHING PATTERN "*.gguf" PATTERN "*.heads" PATTERN "*.json" PATTERN "*.mp4" PATTERN "README.md"
        PATTERN "train" EXCLUDE)
install(FILES package/shrike.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT shrike)
install(FILES package/shrike@.service DESTINATION lib/systemd/system COMPONENT shrike)

# --- shrike-capture
if(TARGET shrike-capture)
  install(TARGETS shrike-capture DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/shrike COMPONENT capture)
endif()
