# Boilerplate of Tern's libraries and tools.
#
# The compiler is one shared library, libTern.so: two copies of a dialect in
# one process would register it twice. Each folder of lib/ contributes an
# object library, and lib/CMakeLists.txt links them.
include_guard()

# add_tern_library(<name> sources... [DEPENDS targets...] [LINK_LIBS libs...])
# An object library that becomes part of libTern.so. LINK_LIBS are the
# libraries libTern.so must link for it, beside MLIR and LLVM.
function(add_tern_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK_LIBS" ${ARGN})
  add_library(${name} OBJECT ${ARG_UNPARSED_ARGUMENTS})
  target_compile_options(${name} PRIVATE -fno-exceptions)
  add_dependencies(${name} tern-headers ${ARG_DEPENDS})
  set_property(GLOBAL APPEND PROPERTY TERN_OBJECT_LIBS ${name})
  set_property(GLOBAL APPEND PROPERTY TERN_EXTRA_LINK_LIBS ${ARG_LINK_LIBS})
  # Take include directories and definitions of linked libraries as well.
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS})
endfunction()

# add_tern_tool(<name> sources...): an executable on libTern.so.
function(add_tern_tool name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE Tern)
  mlir_target_link_libraries(${name} PRIVATE MLIROptLib)
  llvm_update_compile_flags(${name})
  set_property(GLOBAL APPEND PROPERTY TERN_TOOLS ${name})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# add_tern_unittest(<name> sources...): a GoogleTest executable. Its name ends in
# "Tests": that is how the lit suite finds it.
function(add_tern_unittest name)
  add_executable(${name} EXCLUDE_FROM_ALL ${ARGN})
  target_link_libraries(${name} PRIVATE Tern GTest::gtest GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/unittests)
  set_property(GLOBAL APPEND PROPERTY TERN_UNITTESTS ${name})
endfunction()

# tern_tablegen(<file> generator options...): a file that tern-tblgen makes of
# LLVM_TARGET_DEFINITIONS.
macro(tern_tablegen file)
  set(TERN_TABLEGEN_EXE $<TARGET_FILE:tern-tblgen>)
  set(TERN_TABLEGEN_TARGET tern-tblgen)
  tablegen(TERN ${file} ${ARGN})
endmacro()

# add_tern_doc(<file.td> <page> generator options...): one page of
# docs/reference in the build tree, part of the target tern-doc.
function(add_tern_doc td page)
  set(LLVM_TARGET_DEFINITIONS ${td})
  tablegen(MLIR ${page}.md ${ARGN})
  set(out ${PROJECT_BINARY_DIR}/docs/reference/${page}.md)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_BINARY_DIR}/${page}.md ${out}
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${page}.md)
  add_custom_target(${page}DocGen DEPENDS ${out})
  add_dependencies(tern-doc ${page}DocGen)
endfunction()

# Files of functions are data: the compiler reads the folder's *.mlir from
# share/tern/NAME beside the folder of libTern.so.
function(add_tern_function_files name)
  file(GLOB paths CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.mlir)
  foreach(path ${paths})
    get_filename_component(file ${path} NAME)
    configure_file(${path} ${PROJECT_BINARY_DIR}/share/tern/${name}/${file} COPYONLY)
  endforeach()
  install(FILES ${paths} DESTINATION ${CMAKE_INSTALL_DATADIR}/tern/${name})
endfunction()
