# CPack runs this on the staged files of the Debian package: what Debian wants in another place or form.
set(usr ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(packaging ${CMAKE_CURRENT_LIST_DIR}/../packaging/debian)

file(COPY_FILE ${packaging}/changelog ${usr}/share/doc/cardvoid/changelog.Debian)
file(GLOB manuals ${usr}/share/man/man*/*)
execute_process(COMMAND gzip -9n ${usr}/share/doc/cardvoid/changelog.Debian ${manuals} COMMAND_ERROR_IS_FATAL ANY)

file(MAKE_DIRECTORY ${usr}/share/lintian/overrides)
file(COPY_FILE ${packaging}/lintian-overrides ${usr}/share/lintian/overrides/cardvoid)

if(EXISTS ${usr}/share/zsh/site-functions)  # is the administrator's in Debian
  file(RENAME ${usr}/share/zsh/site-functions ${usr}/share/zsh/vendor-completions)
endif()
