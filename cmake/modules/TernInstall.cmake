# What `cmake --install` puts under the prefix beside the tools: libTern.so,
# headers (generated and .td ones, too), and the CMake package.
include(CMakePackageConfigHelpers)

set(TERN_INSTALL_CMAKEDIR ${CMAKE_INSTALL_LIBDIR}/cmake/tern)

install(TARGETS Tern EXPORT TernTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT TernTargets NAMESPACE Tern:: DESTINATION ${TERN_INSTALL_CMAKEDIR})

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tern ${PROJECT_BINARY_DIR}/include/tern
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc"
  PATTERN "CMakeFiles" EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/NOTICE
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/tern)

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/modules/TernConfig.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/TernConfig.cmake
  INSTALL_DESTINATION ${TERN_INSTALL_CMAKEDIR}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_BINDIR)
# Plugins must match a version exactly, and so must everything on libTern.so.
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/cmake/TernConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/cmake/TernConfig.cmake
  ${PROJECT_BINARY_DIR}/cmake/TernConfigVersion.cmake
  DESTINATION ${TERN_INSTALL_CMAKEDIR})
