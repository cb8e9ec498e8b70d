# What the compiler and the linker can do against an attacker who finds a fault that the tests have not found, for every
# optimised build. scripts/hardening reads each of them off the built program.
#
# NDEBUG is never defined: an assertion that fails, ours or a library's, ends the program, and a rerun resumes from the
# results database. Without assertions it would go on with memory in a state that its authors had ruled out.
include_guard(GLOBAL)
include(CheckPIESupported)
check_pie_supported()

add_compile_options("$<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3;-D_GLIBCXX_ASSERTIONS;-fstack-protector-strong;-fstack-clash-protection;-fPIE>")
add_link_options("$<$<CONFIG:Release,RelWithDebInfo>:-pie;-Wl,-z,relro;-Wl,-z,now;-Wl,-z,noexecstack>")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options("$<$<CONFIG:Release,RelWithDebInfo>:-fcf-protection=full>")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  add_compile_options("$<$<CONFIG:Release,RelWithDebInfo>:-mbranch-protection=standard>")
endif()

# No path of the machine that built it is in the program, so that two builds are the same byte by byte (scripts/reproduce).
add_compile_options("$<$<CONFIG:Release,RelWithDebInfo>:-ffile-prefix-map=${PROJECT_BINARY_DIR}/=build/;-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=>")

# cardvoid_split_symbols(PROGRAM): what debuggers need goes into PROGRAM.debug; the program names that file and is
# stripped of it.
function(cardvoid_split_symbols program)
  if(CARDVOID_SANITIZE OR NOT CMAKE_BUILD_TYPE STREQUAL RelWithDebInfo)
    return()
  endif()
  add_custom_command(TARGET ${program} POST_BUILD
    COMMAND ${CMAKE_OBJCOPY} --only-keep-debug $<TARGET_FILE:${program}> $<TARGET_FILE:${program}>.debug
    COMMAND ${CMAKE_OBJCOPY} --strip-unneeded --add-gnu-debuglink=$<TARGET_FILE:${program}>.debug $<TARGET_FILE:${program}>
    COMMENT "Symbols of ${program} apart" VERBATIM)
  include(GNUInstallDirs)
  install(FILES $<TARGET_FILE:${program}>.debug DESTINATION ${CMAKE_INSTALL_LIBDIR}/debug/${CMAKE_INSTALL_BINDIR}
    COMPONENT symbols EXCLUDE_FROM_ALL)
endfunction()
