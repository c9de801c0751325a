# Manual pages and completions; included by the top CMakeLists.txt.
install(FILES docs/man/drillbook.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/drillbook-runbook.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES docs/man/drillbook-lua.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES docs/completions/drillbook.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
	RENAME drillbook)
install(FILES docs/completions/_drillbook DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)

# The team server: a unit of the system, one of a user's own manager, and examples of its configuration.
configure_file(src/cli/deploy/systemd/drillbook.service ${CMAKE_BINARY_DIR}/systemd/system/drillbook.service @ONLY)
configure_file(src/cli/deploy/systemd/drillbook-user.service ${CMAKE_BINARY_DIR}/systemd/user/drillbook.service @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/systemd/system/drillbook.service DESTINATION lib/systemd/system)
install(FILES ${CMAKE_BINARY_DIR}/systemd/user/drillbook.service DESTINATION lib/systemd/user)
install(FILES src/cli/deploy/systemd/drillbook.sysusers DESTINATION lib/sysusers.d RENAME drillbook.conf)
install(FILES src/cli/deploy/examples/server.yaml src/cli/deploy/examples/policy.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
