# Completion of command lines in shells: each tool prints the script for the
# options that it has. Installed where the shells look.
if(CMAKE_CROSSCOMPILING)
  return() # The tools do not run here.
endif()
set(folder ${PROJECT_BINARY_DIR}/share)
set(scripts)
foreach(tool ternc tern-run tern-train)
  foreach(script
      bash:bash-completion/completions/${tool}
      zsh:zsh/site-functions/_${tool}
      fish:fish/vendor_completions.d/${tool}.fish)
    string(REPLACE ":" ";" script ${script})
    list(GET script 0 shell)
    list(GET script 1 path)
    get_filename_component(destination ${path} DIRECTORY)
    file(MAKE_DIRECTORY ${folder}/${destination})
    add_custom_command(OUTPUT ${folder}/${path}
      COMMAND ${tool} --completion=${shell} > ${folder}/${path}
      DEPENDS ${tool} VERBATIM COMMENT "")
    list(APPEND scripts ${folder}/${path})
    install(FILES ${folder}/${path}
      DESTINATION ${CMAKE_INSTALL_DATADIR}/${destination})
  endforeach()
endforeach()
add_custom_target(tern-completion ALL DEPENDS ${scripts})
set_property(GLOBAL APPEND PROPERTY TERN_TOOLS tern-completion)
