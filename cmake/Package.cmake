# What `cmake --install` puts where, and the Debian package that CPack makes of it (scripts/package). docs/install.md
# tells users of both.
include(GNUInstallDirs)
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)

install(TARGETS cardvoid RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${catalogue} DESTINATION ${CMAKE_INSTALL_LOCALEDIR}/zh_CN/LC_MESSAGES)
install(DIRECTORY schema/ DESTINATION ${CMAKE_INSTALL_DATADIR}/cardvoid/schema)
# The pages and the examples lie as they do here, so that the links between them lead somewhere.
install(FILES README.md README.zh-CN.md SECURITY.md CHANGELOG.md LICENSE packaging/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY jobs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY packaging/cron DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(PROGRAMS packaging/slurm/cardvoid-task packaging/slurm/cardvoid-jobs.sbatch packaging/slurm/cardvoid-shards.sbatch
  DESTINATION ${CMAKE_INSTALL_DATADIR}/cardvoid/slurm)
install(FILES packaging/kubernetes/jobs.yaml packaging/kubernetes/nightly.yaml packaging/kubernetes/shards.yaml
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/kubernetes)
install(DIRECTORY packaging/systemd/ DESTINATION lib/systemd/system)
# The prefix is known at installation only (cmake --install --prefix): the units name the program and its pages by their paths.
install(CODE "
  file(GLOB units \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/cardvoid@.*\")
  foreach(unit IN LISTS units)
    file(READ \"\${unit}\" text)
    string(REPLACE \"ExecStart=cardvoid\" \"ExecStart=\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/cardvoid\" text \"\${text}\")
    string(REPLACE \"file:/usr/share/doc/cardvoid\" \"file:\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATAROOTDIR}/doc/cardvoid\" text \"\${text}\")
    file(WRITE \"\${unit}\" \"\${text}\")
  endforeach()
  # So do the examples with the schema that editors hold them against.
  file(GLOB jobs \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATAROOTDIR}/doc/cardvoid/examples/*.toml\")
  foreach(job IN LISTS jobs)
    file(READ \"\${job}\" text)
    string(REPLACE \"#:schema ../schema/\" \"#:schema \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/cardvoid/schema/\" text \"\${text}\")
    file(WRITE \"\${job}\" \"\${text}\")
  endforeach()")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME cardvoid)
set(CPACK_PACKAGE_VENDOR "")
set(CARDVOID_MAINTAINER "The cardvoid maintainers <maintainers@cardvoid.example>" CACHE STRING "Who answers for the Debian package")
set(CPACK_PACKAGE_CONTACT "${CARDVOID_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "invalidates WeChat Pay brand membership cards in bulk")
set(CPACK_PACKAGE_DESCRIPTION
"Reads cards from CSV or SQLite, signs and posts one request for each to
WeChat Pay at the platform's pace, fails over between its two domains, and
records the state of every card in a results database from which a rerun
resumes.
.
An invalidation cannot be undone: a request whose answer was lost is read
back before anything is sent again, and only a signed answer that says
INVALID counts. A simulator of the platform is built in.")
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)  # so that the prefix above, not a staging folder, stands in the units
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The roots that answer for the platform's certificates, the zones of safety.timezone, and what makes the user.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates, tzdata")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "sqlite3")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/debian/postinst
  ${PROJECT_SOURCE_DIR}/packaging/debian/prerm ${PROJECT_SOURCE_DIR}/packaging/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian.cmake)
include(CPack)
