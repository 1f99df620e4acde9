# The compiler with AddressSanitizer and UBSan where it reads what users give it:
# the importer, the readers and checks of files, the dialect's parsers and
# verifiers, and the command line. Passes, which see what those let through, are
# as in libTern.so.
include_guard()
if(NOT TERN_INCLUDE_TESTS OR NOT TERN_SANITIZED_TESTS)
  file(REMOVE ${PROJECT_BINARY_DIR}/sanitized/lit.site.cfg.py)
  return()
endif()

set(instrumented TernImportONNX TernIR TernSupport)
set(headers <mlir/Dialect/Arith/IR/Arith.h> <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/Dialect/Linalg/IR/Linalg.h> <mlir/Dialect/Math/IR/Math.h>
  <mlir/Dialect/SCF/IR/SCF.h> <mlir/Dialect/Tensor/IR/Tensor.h>
  <llvm/Support/FileSystem.h> <cmath> <limits> <string>)
get_property(libraries GLOBAL PROPERTY TERN_OBJECT_LIBS)
list(REMOVE_ITEM libraries ${instrumented})
get_property(links GLOBAL PROPERTY TERN_EXTRA_LINK_LIBS)
list(REMOVE_ITEM links TernRuntime)

tern_add_sanitized(TernAsan SHARED address FROM ${instrumented}
  PCH ${headers} <onnx/onnx_pb.h>)
add_dependencies(TernAsan tern-headers)
foreach(library ${libraries})
  target_sources(TernAsan PRIVATE $<TARGET_OBJECTS:${library}>)
endforeach()
target_link_libraries(TernAsan PRIVATE TernRuntimeAsan ${links})
mlir_target_link_libraries(TernAsan PUBLIC MLIR)
target_link_libraries(TernAsan PUBLIC LLVM)
target_include_directories(TernAsan INTERFACE runtime/include)
# A program, not a library, says what it wants of sanitizers.
add_library(TernAsanOptions OBJECT EXCLUDE_FROM_ALL fuzz/AsanOptions.cpp)
target_sources(TernAsan INTERFACE $<TARGET_OBJECTS:TernAsanOptions>)

# By their own names in sanitized/bin, for the tests in sanitized/. As targets
# and files they need others: ninja knows files by their last part, too.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/sanitized/bin)
foreach(tool ternc tern-translate)
  tern_add_sanitized(${tool}-asan EXECUTABLE address FROM ${tool})
  target_link_libraries(${tool}-asan PRIVATE TernAsan)
  set_target_properties(${tool}-asan PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/sanitized)
  file(CREATE_LINK ../${tool}-asan
    ${PROJECT_BINARY_DIR}/sanitized/bin/${tool} SYMBOLIC)
  set_property(GLOBAL APPEND PROPERTY TERN_TOOLS ${tool}-asan)
endforeach()
target_precompile_headers(ternc-asan PRIVATE ${headers}
  <llvm/Support/CommandLine.h>)
