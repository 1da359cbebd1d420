include(CMakePackageConfigHelpers)

install(TARGETS fulgurite_static fulgurite_shared EXPORT fulgurite_targets)
install(DIRECTORY include/fulgurite DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT fulgurite_targets NAMESPACE fulgurite:: FILE fulgurite-targets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fulgurite)
configure_package_config_file(cmake/fulgurite-config.cmake.in fulgurite-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fulgurite)
write_basic_package_version_file(fulgurite-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/fulgurite-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/fulgurite-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fulgurite)
