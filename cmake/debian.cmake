# CPack runs this on the staged files of the Debian package: what Debian wants in another place or form.
set(usr ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(packaging ${CMAKE_CURRENT_LIST_DIR}/../packaging/debian)

set(doc ${usr}/share/doc/cardvoid)
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
file(COPY_FILE ${packaging}/changelog ${doc}/changelog.Debian)
file(GLOB manuals ${usr}/share/man/man*/*)
execute_process(COMMAND gzip -9n ${doc}/changelog ${doc}/changelog.Debian ${manuals} COMMAND_ERROR_IS_FATAL ANY)

file(MAKE_DIRECTORY ${usr}/share/lintian/overrides)
file(COPY_FILE ${packaging}/lintian-overrides ${usr}/share/lintian/overrides/cardvoid)
