# Manual page and completions, printed by the program that has just been built, so that they cannot drift from it:
# share/man/man1/cardvoid.1 and the three completions below ${CARDVOID_PAGES_DIR}, in the layout they are installed in.
include_guard(GLOBAL)
include(GNUInstallDirs)
set(CARDVOID_PAGES_DIR ${CMAKE_CURRENT_BINARY_DIR}/pages)
set(CARDVOID_BASH_COMPLETION bash-completion/completions/cardvoid)
set(CARDVOID_ZSH_COMPLETION zsh/vendor-completions/_cardvoid)  # Debian's place for packages, in its zsh's fpath
set(CARDVOID_FISH_COMPLETION fish/vendor_completions.d/cardvoid.fish)

set(pages)
function(cardvoid_page file)  # ARGN: the words that print it
  get_filename_component(folder ${CARDVOID_PAGES_DIR}/${file} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${CARDVOID_PAGES_DIR}/${file} COMMAND cardvoid ${ARGN} > ${CARDVOID_PAGES_DIR}/${file}
    DEPENDS cardvoid COMMENT "Printing ${file}" VERBATIM)
  set(pages ${pages} ${CARDVOID_PAGES_DIR}/${file} PARENT_SCOPE)
endfunction()
cardvoid_page(man/man1/cardvoid.1 help --man)
cardvoid_page(${CARDVOID_BASH_COMPLETION} completion bash)
cardvoid_page(${CARDVOID_ZSH_COMPLETION} completion zsh)
cardvoid_page(${CARDVOID_FISH_COMPLETION} completion fish)
add_custom_target(cardvoid_pages ALL DEPENDS ${pages})

install(FILES ${CARDVOID_PAGES_DIR}/man/man1/cardvoid.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
foreach(file ${CARDVOID_BASH_COMPLETION} ${CARDVOID_ZSH_COMPLETION} ${CARDVOID_FISH_COMPLETION})
  get_filename_component(folder ${file} DIRECTORY)
  install(FILES ${CARDVOID_PAGES_DIR}/${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder})
endforeach()
