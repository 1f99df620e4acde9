# How Tern's own code is compiled and linked, in both projects: warnings,
# sanitizers, and what makes mistakes harder to exploit.
include_guard()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

option(TERN_INCLUDE_TESTS "Generate the test targets" ON)

set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib")
# The build tree is laid out as an installation. RPATHs that are replaced at
# installation are padded with empty entries, which mean the current folder.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)

option(TERN_ENABLE_ASAN "Build with AddressSanitizer and UBSan" OFF)
option(TERN_ENABLE_TSAN "Build with ThreadSanitizer" OFF)
option(TERN_SANITIZED_TESTS "Test with instrumented copies of the runtime and the importer, too" ON)
option(TERN_ENABLE_WERROR "Treat warnings as errors" ON)

add_compile_options(-Wall -Wextra -Wno-unused-parameter)
if(TERN_ENABLE_WERROR)
  add_compile_options(-Werror)
endif()

if(TERN_ENABLE_ASAN)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
endif()
if(TERN_ENABLE_TSAN)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=thread)
endif()
if(TERN_ENABLE_ASAN OR TERN_ENABLE_TSAN)
  set(TERN_SANITIZED_TESTS OFF)
endif()

# Relocations are read-only before anything runs, and none is in code.
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,-z,text)

# tern_guard_memory(): guards stacks, and takes those functions of the C library
# that know how large their targets are, for what the folder compiles.
# Sanitizers check the same, and see only the plain functions; without
# optimization there are no others.
macro(tern_guard_memory)
  add_compile_options(-fstack-protector-strong)
  if(NOT TERN_ENABLE_ASAN AND NOT TERN_ENABLE_TSAN)
    add_compile_options("$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>"
                        "$<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>")
  endif()
endmacro()

# tern_add_sanitized(<name> <EXECUTABLE|OBJECT|SHARED> <address|thread>
#   FROM targets... [SOURCES files...] [PCH headers...]): a target of `files` and
# of the sources of these targets, instrumented, for tests of an ordinary build.
# It is optimized little, and takes a precompiled header, to be compiled quickly.
function(tern_add_sanitized name type kind)
  cmake_parse_arguments(ARG "" "" "FROM;SOURCES;PCH" ${ARGN})
  if(type STREQUAL EXECUTABLE)
    add_executable(${name} EXCLUDE_FROM_ALL ${ARG_SOURCES})
  else()
    add_library(${name} ${type} EXCLUDE_FROM_ALL ${ARG_SOURCES})
  endif()
  foreach(target ${ARG_FROM})
    get_target_property(folder ${target} SOURCE_DIR)
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources EXCLUDE REGEX "^\\$<")
    foreach(source ${sources})
      get_filename_component(source ${source} ABSOLUTE BASE_DIR ${folder})
      target_sources(${name} PRIVATE ${source})
    endforeach()
    target_include_directories(${name} PRIVATE
      $<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>)
    target_include_directories(${name} SYSTEM PRIVATE
      $<TARGET_PROPERTY:${target},INTERFACE_SYSTEM_INCLUDE_DIRECTORIES>)
    target_compile_definitions(${name} PRIVATE
      $<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>)
    target_compile_options(${name} PRIVATE
      $<TARGET_PROPERTY:${target},COMPILE_OPTIONS>)
  endforeach()
  if(kind STREQUAL address)
    set(flags -fsanitize=address,undefined)
  else()
    set(flags -fsanitize=${kind})
  endif()
  target_compile_options(${name} PRIVATE ${flags} -fno-sanitize-recover=all
    -O1 -g1 -fno-omit-frame-pointer -U_FORTIFY_SOURCE)
  target_link_options(${name} PRIVATE ${flags})
  if(ARG_PCH)
    target_precompile_headers(${name} PRIVATE ${ARG_PCH})
  endif()
endfunction()

# tern_read_onnx_tensors(<target>): compiles the reader of ONNX's tensor files
# into a program. It needs the protobuf classes only: Debian's libonnx knows old
# operators, and is large.
set(TERN_ONNX_TENSOR ${CMAKE_CURRENT_LIST_DIR}/../io/OnnxTensor.cpp)
function(tern_read_onnx_tensors target)
  target_sources(${target} PRIVATE ${TERN_ONNX_TENSOR})
  target_include_directories(${target} SYSTEM PRIVATE
    $<TARGET_PROPERTY:onnx_proto,INTERFACE_INCLUDE_DIRECTORIES>)
  target_compile_definitions(${target} PRIVATE ONNX_NAMESPACE=onnx)
  target_link_libraries(${target} PRIVATE onnx_proto protobuf::libprotobuf)
endfunction()
