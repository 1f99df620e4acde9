// RUN: tern-opt %s --tern-emit-entry-points --split-input-file --verify-diagnostics | FileCheck %s
// RUN: tern-opt %s --tern-emit-entry-points --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=PART
// RUN: tern-opt %s --tern-llvm-pipeline --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=LLVM

// CHECK: module attributes {
// CHECK-SAME: tern.interface = {functions = {main = {dims = ["batch"],
// CHECK-SAME: inputs = [{dtype = "u8", name = "x", shape = ["batch", 4]}],
// CHECK-SAME: outputs = [{dtype = "f32", name = "output0", shape = ["batch"]}, {dtype = "bool", name = "z", shape = [unit]}],
// CHECK-SAME: params = [{dtype = "i8", name = "w", shape = [2]}]}}}
module {
  // Parameters stand behind inputs in the buffers, wherever they were.
  // CHECK: func.func private @tern_internal_main(
  // CHECK-SAME: %[[W:[^:]*]]: !llvm.ptr {llvm.noalias, llvm.readonly}, %[[X:[^:]*]]: !llvm.ptr {llvm.noalias, llvm.readonly}, %{{[^:]*}}: index,
  // CHECK-SAME: %[[Y:[^:]*]]: !llvm.ptr {llvm.noalias}, %{{[^:]*}}: index, %{{[^:]*}}: !llvm.ptr {llvm.noalias}, %{{[^:]*}}: index,
  // CHECK-SAME: %[[ARENA:[^:]*]]: !llvm.ptr {llvm.noalias}, %{{[^:]*}}: index, %[[HOST:[^:]*]]: !llvm.ptr)
  // CHECK: llvm.alloca %{{.*}} x !llvm.struct<(ptr, i64)>
  // CHECK: %[[FN:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
  // CHECK: constant @body_task : (!llvm.ptr, i64, i64) -> ()
  // CHECK: llvm.call %[[FN]](%[[HOST]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, !llvm.ptr) -> ()
  func.func @main(%w: memref<2xi8> {tern.param = "w"}, %x: memref<?x4xi8> {tern.name = "x", tern.dtype = "u8", tern.shape = ["batch", 4]},
                  %y: memref<?xf32> {tern.result}, %z: memref<?xi1> {tern.result, tern.name = "z"}, %arena: memref<?xi8> {tern.arena}) {
    %c0 = arith.constant 0 : index
    %n = memref.dim %x, %c0 : memref<?x4xi8>
    call @body(%c0, %n, %x) {tern.parallel = "fc1"} : (index, index, memref<?x4xi8>) -> ()
    return
  }
  // CHECK: func.func private @body(%{{[^:]*}}: index, %{{[^:]*}}: index, %{{[^:]*}}: !llvm.ptr {llvm.noalias}, %{{[^:]*}}: index)
  // CHECK: func.func private @body_task(%{{[^:]*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
  // CHECK: call @body
  func.func private @body(%begin: index, %end: index, %x: memref<?x4xi8> {llvm.noalias}) {
    return
  }
  func.func private @main_shapes(%n: index) -> (index, index) {
    %c2 = arith.constant 2 : index
    %d = arith.muli %n, %c2 : index
    return %n, %d : index, index
  }
  func.func private @main_arena_size(%n: index) -> index {
    return %n : index
  }
  // CHECK-DAG: func.func @tern_model_main_invoke(%{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr) -> i32
  // CHECK-DAG: func.func @tern_model_main_shapes(%{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr) attributes {passthrough = ["noimplicitfloat"]}
  // CHECK-DAG: func.func @tern_model_main_arena_sizes(%{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: i64, %{{[^:]*}}: !llvm.ptr) {
}

// Nothing but the LLVM dialect is left, and only the interface is visible.
// LLVM-NOT: func.func
// LLVM-NOT: unrealized_conversion_cast
// LLVM: llvm.mlir.global internal constant @label_main("fc1\00")
// LLVM: llvm.func internal @tern_internal_main(
// LLVM: llvm.func @tern_model_main_invoke(

// -----

// What runs as the model is compiled is a module of its own, without an entry.
// CHECK: module @prepare attributes {
// CHECK-SAME: tern.prepares = [{dims = [], inputs = [], outputs = [{dtype = "i8", name = "w", shape = [2]}], params = [{dtype = "f32", name = "w0", shape = [2]}], symbol = "tern_prepare_0"}]
module @prepare attributes {tern.prepare} {
  func.func @prepare_0(%w0: memref<2xf32> {tern.param = "w0"}, %w: memref<2xi8> {tern.result, tern.param = "w"}, %arena: memref<?xi8> {tern.arena}) attributes {tern.prepare} {
    return
  }
  func.func private @prepare_0_shapes() -> index {
    %c2 = arith.constant 2 : index
    return %c2 : index
  }
  func.func private @prepare_0_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
  // CHECK-DAG: func.func @tern_prepare_0(%{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr) -> i32
  // CHECK-DAG: func.func @tern_prepare_0_arena_sizes(%{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: i64, %{{[^:]*}}: !llvm.ptr) {
}

// -----

// expected-error @+1 {{no entry function: expected a public function 'main'}}
module {
}

// -----

module {
  // expected-error @+1 {{expected functions 'main_shapes' and 'main_arena_size' beside this one}}
  func.func @main(%x: memref<2xf32>) {
    return
  }
}

// -----

module {
  // expected-error @+1 {{argument #0 of type 'memref<2xi3>' cannot cross the artifact's interface}}
  func.func @main(%x: memref<2xi3>) {
    return
  }
  func.func private @main_shapes() {
    return
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module {
  // expected-error @+1 {{parameter 'w' must have a static shape}}
  func.func @main(%x: memref<?xf32> {tern.param = "w"}) {
    return
  }
  func.func private @main_shapes(%n: index) {
    return
  }
  func.func private @main_arena_size(%n: index) -> index {
    return %n : index
  }
}

// -----

// What was an arena is marked as a result: the shapes are of one result less.
module {
  func.func @main(%x: memref<?xf32>, %y: memref<?xf32> {tern.result}, %arena: memref<?xi8> {tern.result}) {
    return
  }
  // expected-error @+1 {{expected a function from 1 extents, those of 'main', to 2 indices}}
  func.func private @main_shapes(%n: index) -> index {
    return %n : index
  }
  func.func private @main_arena_size(%n: index) -> index {
    return %n : index
  }
}

// -----

module {
  func.func @main(%x: memref<?xf32>) {
    return
  }
  func.func private @main_shapes(%n: index) {
    return
  }
  // expected-error @+1 {{expected a function from 1 extents, those of 'main', to 1 indices}}
  func.func private @main_arena_size(%n: index)
}

// -----

// An entry function with parts takes the interface's arrays; a function beside
// each part loads what it is given.
// PART: module attributes {tern.interface = {functions = {main = {dims = ["n"]
// PART: func.func private @tern_internal_main(
// PART-SAME: %[[HOST:.*]]: !llvm.ptr, %[[BUFFERS:.*]]: !llvm.ptr, %[[DIMS:.*]]: !llvm.ptr, %[[EXTENTS:.*]]: !llvm.ptr, %[[ARENA:.*]]: !llvm.ptr, %[[SIZE:.*]]: index, %[[STATUS:.*]]: !llvm.ptr)
// PART: %[[R:.*]] = call @part_loads(%[[BUFFERS]], %[[DIMS]], %[[EXTENTS]], %[[ARENA]], %[[SIZE]], %[[STATUS]], %{{.*}})
// PART: %[[Z:.*]] = llvm.getelementptr %[[BUFFERS]][2]
// PART: llvm.load %[[Z]]
// PART: memref.store %[[R]]
// PART: func.func private @part(
// PART-SAME: !llvm.ptr {llvm.noalias, llvm.readonly}, %{{[^:]*}}: index, %{{[^:]*}}: !llvm.ptr {llvm.noalias}, %{{[^:]*}}: index, %{{[^:]*}}: index) -> f32
// PART-SAME: passthrough = ["noinline"]
// PART: func.func private @part_loads(
// PART-SAME: %[[B:.*]]: !llvm.ptr, %[[D:.*]]: !llvm.ptr, %[[E:.*]]: !llvm.ptr, %{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: index, %{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: index) -> f32
// PART: llvm.getelementptr %[[B]][0]
// PART: llvm.getelementptr %[[D]][0]
// PART: llvm.getelementptr %[[B]][1]
// PART: llvm.getelementptr %[[E]][0]
// PART: call @part(
// PART: func.func @tern_model_main_invoke(%{{.*}}: !llvm.ptr, %[[B:.*]]: !llvm.ptr, %[[D:.*]]: !llvm.ptr, %[[ARENAS:.*]]: !llvm.ptr) -> i32
// PART: %[[E:.*]] = llvm.alloca
// PART: call @tern_model_main_shapes(%[[D]], %[[E]])
// PART: %[[SLOT:.*]] = llvm.getelementptr %[[ARENAS]][0]
// PART: %[[A:.*]] = llvm.load %[[SLOT]]
// PART: call @tern_internal_main(%{{.*}}, %[[B]], %[[D]], %[[E]], %[[A]],
module {
  func.func @main(%x: memref<?xf32> {tern.name = "x", tern.shape = ["n"]}, %y: memref<?xf32> {tern.result}, %z: memref<f32> {tern.result}, %arena: memref<?xi8> {tern.arena}) {
    %c3 = arith.constant 3 : index
    %r = call @part(%x, %y, %c3) {tern.part} : (memref<?xf32>, memref<?xf32>, index) -> f32
    memref.store %r, %z[] : memref<f32>
    return
  }
  func.func private @part(%x: memref<?xf32>, %y: memref<?xf32>, %i: index) -> f32 {
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %y[%i] : memref<?xf32>
    return %v : f32
  }
  func.func private @main_shapes(%n: index) -> index {
    return %n : index
  }
  func.func private @main_arena_size(%n: index) -> index {
    return %n : index
  }
}

// -----

module {
  func.func @main(%x: memref<4xf32>) {
    // expected-error @+1 {{a part must be a defined function of one block}}
    call @part(%x) {tern.part} : (memref<4xf32>) -> ()
    return
  }
  func.func private @part(%x: memref<4xf32>)
  func.func private @main_shapes() {
    return
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

// Several functions keep their names. They share the state's extents, which are
// dims as others are. Before one runs, its checks of scalars are answered.
// CHECK: module attributes {tern.interface = {functions = {append = {dims = ["room"], element_checks = ["n is too large"],
// CHECK-SAME: params = [{donated, dtype = "f32", init = 0.000000e+00 : f32, name = "cache", role = "state", shape = ["room", 4]}],
// CHECK-SAME: scalar_checks = 1 : i64, scalars = [{bound = [1, "room"], dtype = "i64", name = "n", shape = []}]},
// CHECK-SAME: clear = {dims = ["room"],
module {
  // CHECK: func.func private @tern_internal_append(
  func.func @append(%n: memref<i64> {tern.scalar = "n", tern.bound = [1, "room"]},
                    %cache: memref<?x4xf32> {tern.state = "cache", tern.shape = ["room", 4], tern.init = 0.0 : f32, tern.donated})
      attributes {tern.element_checks = ["n is too large"], tern.scalar_checks = 1 : i64} {
    return
  }
  func.func private @append_shapes(%room: index) {
    return
  }
  func.func private @append_arena_size(%room: index) -> index {
    return %room : index
  }
  // CHECK: func.func private @append_scalar_checks(%{{.*}}: index, %{{.*}}: i64) -> index
  func.func private @append_scalar_checks(%room: index, %n: i64) -> index {
    %i = arith.index_cast %n : i64 to index
    return %i : index
  }
  func.func @clear(%cache: memref<?x4xf32> {tern.state = "cache", tern.shape = ["room", 4], tern.init = 0.0 : f32, tern.donated}) {
    return
  }
  func.func private @clear_shapes(%room: index) {
    return
  }
  func.func private @clear_arena_size(%room: index) -> index {
    return %room : index
  }
  // CHECK: func.func private @tern_model_append_run(
  // CHECK: call @tern_internal_append
  // CHECK: func.func @tern_model_append_invoke(%[[HOST:[^:]*]]: !llvm.ptr, %[[BUFFERS:[^:]*]]: !llvm.ptr, %[[DIMS:[^:]*]]: !llvm.ptr, %[[ARENAS:[^:]*]]: !llvm.ptr) -> i32
  // CHECK-NOT: @tern_model_append_run
  // CHECK: %[[ROOM:.*]] = arith.index_cast %{{.*}} : i64 to index
  // CHECK: %[[CELL:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
  // CHECK: %[[N:.*]] = llvm.load %[[CELL]] : !llvm.ptr -> i64
  // CHECK: %[[FAILED:.*]] = call @append_scalar_checks(%[[ROOM]], %[[N]])
  // CHECK: %[[FINE:.*]] = arith.cmpi eq, %[[FAILED]]
  // CHECK: scf.if %[[FINE]] -> (i32) {
  // CHECK: call @tern_model_append_run(%[[HOST]], %[[BUFFERS]], %[[DIMS]], %[[ARENAS]])
  // CHECK: } else {
  // CHECK: arith.index_cast %[[FAILED]] : index to i32
  // CHECK-NOT: @clear_scalar_checks
  // CHECK: func.func @tern_model_clear_invoke(
}

// -----

module {
  // expected-error @+1 {{expected a function 'main_scalar_checks' beside this one}}
  func.func @main(%n: memref<i64> {tern.scalar = "n"}) attributes {tern.element_checks = ["n"], tern.scalar_checks = 1 : i64} {
    return
  }
  func.func private @main_shapes() {
    return
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module {
  func.func @main(%n: memref<i64> {tern.scalar = "n"}) attributes {tern.element_checks = ["n"], tern.scalar_checks = 1 : i64} {
    return
  }
  func.func private @main_shapes() {
    return
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
  // expected-error @+1 {{expected a function of type '(i64) -> index', from the extents and scalars of 'main' to the number of a check}}
  func.func private @main_scalar_checks(%n: i32) -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module {
  // expected-error @+1 {{state 'cache' has an extent without a name in dimension 0: 'tern.shape' gives it one}}
  func.func @main(%cache: memref<?xf32> {tern.state = "cache", tern.init = 0.0 : f32}) {
    return
  }
  func.func private @main_shapes(%n: index) {
    return
  }
  func.func private @main_arena_size(%n: index) -> index {
    return %n : index
  }
}

// -----

module {
  // expected-error @+1 {{state 'cache' begins with nothing: 'tern.init' says what all its elements are at first}}
  func.func @main(%cache: memref<4xf32> {tern.state = "cache"}) {
    return
  }
  func.func private @main_shapes() {
    return
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module {
  // expected-error @+1 {{argument #0 is updated in place, the parameter "w": outside training only state ('tern.state') may be}}
  func.func @main(%w: memref<4xf32> {tern.param = "w", tern.donated}) {
    return
  }
  func.func private @main_shapes() {
    return
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}
