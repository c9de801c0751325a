# Manual pages and completions; included by the top CMakeLists.txt.
install(FILES docs/man/drillbook.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/drillbook-runbook.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES docs/man/drillbook-lua.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES docs/completions/drillbook.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
	RENAME drillbook)
install(FILES docs/completions/_drillbook DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
