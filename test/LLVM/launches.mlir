// RUN: tern-opt %s --tern-emit-entry-points --split-input-file --verify-diagnostics | FileCheck %s
// RUN: tern-opt %s --tern-emit-entry-points --split-input-file --verify-diagnostics | tern-opt --split-input-file | FileCheck %s --check-prefix=AGAIN

// Kernels have numbers in the order in which they are met. A launch passes
// addresses and dynamic extents, and waits in line behind an error.
// CHECK: tern.kernels = [#tern.kernel<@code::@add block [32, 2, 1] params "p8p4">, #tern.kernel<@code::@fill block [1, 1, 1] params "p">]
// AGAIN: tern.kernels = [#tern.kernel<@code::@add
// CHECK: llvm.mlir.global internal constant @label_main{{.*}}("fc1\00")
// CHECK: func.func private @tern_internal_main(
// CHECK-SAME: %[[HOST:[^:]*]]: !llvm.ptr, %[[STATUS:[^:]*]]: !llvm.ptr)
// CHECK: %[[BEFORE:.*]] = llvm.load %[[STATUS]] : !llvm.ptr -> i32
// CHECK: %[[FITS:.*]] = arith.cmpi ule, %{{.*}}, %{{.*}} : index
// CHECK: arith.select %[[FITS]], %[[BEFORE]], %{{.*}} : i32
// CHECK: arith.cmpi ule
// CHECK: arith.cmpi ule
// CHECK: %[[NOW:.*]] = arith.select
// CHECK: llvm.store %[[NOW]], %[[STATUS]]
// CHECK: %[[FINE:.*]] = arith.cmpi eq, %[[NOW]], %{{.*}} : i32
// CHECK: scf.if %[[FINE]] {
// CHECK: llvm.getelementptr %[[HOST]][0, 4]
// CHECK: %[[AFTER:.*]] = llvm.call %{{.*}}(%[[HOST]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, i32, !llvm.ptr, i32, !llvm.ptr, !llvm.ptr) -> i32
// CHECK: llvm.store %[[AFTER]], %[[STATUS]]
// CHECK: llvm.call
// CHECK: llvm.call
// CHECK-NOT: gpu.launch_func

// What the host returned comes before what a check says.
// CHECK: func.func @tern_model_main_invoke(
// CHECK: %[[IS_FINE:.*]] = arith.cmpi eq, %[[LAUNCHED:.*]], %[[ZERO:.*]] : i32
// CHECK: arith.select %[[IS_FINE]], %[[ZERO]], %[[LAUNCHED]]
module attributes {gpu.container_module} {
  gpu.module @code {
    gpu.func @add(%x: memref<?xf32>, %y: memref<4xf32>, %factor: f32) kernel {
      gpu.return
    }
    gpu.func @fill(%y: memref<4xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%x: memref<?xf32> {tern.name = "x", tern.shape = ["n"]}, %y: memref<4xf32> {tern.result}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %shared = arith.constant 64 : i32
    %n = memref.dim %x, %c0 : memref<?xf32>
    %factor = arith.constant 2.0 : f32
    gpu.launch_func @code::@add blocks in (%n, %c1, %c1) threads in (%c32, %c2, %c1)
        dynamic_shared_memory_size %shared args(%x : memref<?xf32>, %y : memref<4xf32>, %factor : f32) loc("fc1")
    scf.for %i = %c0 to %n step %c1 {
      gpu.launch_func @code::@fill blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%y : memref<4xf32>)
    }
    gpu.launch_func @code::@add blocks in (%n, %c1, %c1) threads in (%c32, %c2, %c1)
        args(%x : memref<?xf32>, %y : memref<4xf32>, %factor : f32)
    return
  }
  func.func private @main_shapes(%n: index) -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  func.func private @main_arena_size(%n: index) -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @code {
    gpu.func @fill(%y: memref<4xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%y: memref<4xf32> {tern.result}, %s: memref<i64>) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %s0 = memref.load %s[] : memref<i64>
    %n = arith.index_cast %s0 : i64 to index
    // expected-error @below {{the extents of blocks must be positive constants}}
    gpu.launch_func @code::@fill blocks in (%c1, %c1, %c1) threads in (%n, %c1, %c1) args(%y : memref<4xf32>)
    return
  }
  func.func private @main_shapes() -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @code {
    gpu.func @fill(%y: memref<4xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%y: memref<4xf32> {tern.result}) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    gpu.launch_func @code::@fill blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%y : memref<4xf32>)
    // expected-error @below {{is launched in two ways: as #tern.kernel<@code::@fill block [1, 1, 1] params "p"> and as #tern.kernel<@code::@fill block [2, 1, 1] params "p">}}
    gpu.launch_func @code::@fill blocks in (%c1, %c1, %c1) threads in (%c2, %c1, %c1) args(%y : memref<4xf32>)
    return
  }
  func.func private @main_shapes() -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @code {
    gpu.func @fill(%y: memref<2xf32, strided<[2]>>) kernel {
      gpu.return
    }
  }
  func.func @main(%y: memref<4xf32> {tern.result}) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %v = memref.subview %y[0] [2] [2] : memref<4xf32> to memref<2xf32, strided<[2]>>
    // expected-error @below {{operand of type 'memref<2xf32, strided<[2]>>' is no dense row-major buffer}}
    gpu.launch_func @code::@fill blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%v : memref<2xf32, strided<[2]>>)
    return
  }
  func.func private @main_shapes() -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @code {
    gpu.func @fill(%y: i4) kernel {
      gpu.return
    }
  }
  func.func @main(%y: memref<4xf32> {tern.result}) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %v = arith.constant 1 : i4
    // expected-error @below {{a kernel takes no parameter of type 'i4'}}
    gpu.launch_func @code::@fill blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%v : i4)
    return
  }
  func.func private @main_shapes() -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @code {
    gpu.func @fill(%y: memref<4xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%y: memref<4xf32> {tern.result}) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %t = gpu.wait async
    // expected-error @below {{must be neither asynchronous nor of clusters}}
    gpu.launch_func [%t] @code::@fill blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%y : memref<4xf32>)
    return
  }
  func.func private @main_shapes() -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @code {
    gpu.func @fill(%y: memref<4xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%y: memref<4xf32> {tern.result}) {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    call @body(%c0, %c2, %y) {tern.parallel = "body"} : (index, index, memref<4xf32>) -> ()
    return
  }
  func.func private @body(%first: index, %n: index, %y: memref<4xf32>) {
    %c1 = arith.constant 1 : index
    // expected-error @below {{only functions that entry functions call one after another have a host that launches}}
    gpu.launch_func @code::@fill blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%y : memref<4xf32>)
    return
  }
  func.func private @main_shapes() -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}

// -----

// expected-error @below {{a block has three positive extents}}
module attributes {tern.kernels = [#tern.kernel<@a::@b block [1, 0, 1] params "p">]} {
}

// -----

// expected-error @below {{parameters are letters p, 1, 2, 4 and 8, not "q"}}
module attributes {tern.kernels = [#tern.kernel<@a::@b block [1, 1, 1] params "q">]} {
}

// -----

// expected-error @below {{a kernel is '@module::@kernel', not @a}}
module attributes {tern.kernels = [#tern.kernel<@a block [1, 1, 1] params "p">]} {
}

// -----

// expected-error @below {{'tern.kernels' must be an array of '#tern.kernel'}}
module attributes {tern.kernels = ["a"]} {
}

// -----

// What launches may be called by others, which give it the host and where to
// leave what went wrong.
// CHECK: func.func private @tern_internal_main
// CHECK-SAME: %{{.*}}: !llvm.ptr {llvm.noalias}, %[[HOST:.*]]: !llvm.ptr, %[[STATUS:.*]]: !llvm.ptr)
// CHECK: call @layer(%{{.*}}, %[[HOST]], %[[STATUS]]) : (!llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
// CHECK: call @layer(%{{.*}}, %[[HOST]], %[[STATUS]]) : (!llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
// CHECK: func.func private @layer(%{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr, %[[S:.*]]: !llvm.ptr)
// CHECK: llvm.load %[[S]]
module attributes {gpu.container_module} {
  gpu.module @code {
    gpu.func @fill(%y: memref<4xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%y: memref<4xf32> {tern.result}) {
    call @layer(%y) : (memref<4xf32>) -> ()
    call @layer(%y) : (memref<4xf32>) -> ()
    return
  }
  func.func private @layer(%y: memref<4xf32> {tern.result}) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @code::@fill blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%y : memref<4xf32>)
    return
  }
  func.func private @main_shapes() -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  func.func private @main_arena_size() -> index {
    %c0 = arith.constant 0 : index
    return %c0 : index
  }
}
