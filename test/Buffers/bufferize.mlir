// RUN: tern-opt %s --tern-bufferize --split-input-file --verify-diagnostics | FileCheck %s

// An update of an argument needs a copy; it is a loop, not a library call.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: memref<?xf32> {tern.name = "x"}, %[[Y:.*]]: memref<?xf32> {tern.result})
// CHECK-NOT: memref.copy
// CHECK: %[[A:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// CHECK: linalg.copy ins(%[[X]] {{.*}} outs(%[[A]]
// CHECK: memref.store %{{.*}}, %[[A]]
// CHECK: linalg.copy ins(%[[A]] {{.*}} outs(%[[Y]]
func.func @main(%x: tensor<?xf32> {bufferization.writable = false, tern.name = "x"}, %y: memref<?xf32> {tern.result}) {
  %c0 = arith.constant 0 : index
  %f = arith.constant 1.0 : f32
  %r = tensor.insert %f into %x[%c0] : tensor<?xf32>
  bufferization.materialize_in_destination %r in restrict writable %y : (tensor<?xf32>, memref<?xf32>) -> ()
  return
}

// -----

// The size of what is padded follows from the arguments' extents.
// CHECK-LABEL: func.func @pad(
// CHECK-SAME: %[[X:.*]]: memref<?x?x3xf32> {tern.name = "x"}
// CHECK-DAG: %[[M:.*]] = memref.dim %[[X]], %{{.*}}
// CHECK-DAG: %[[N:.*]] = memref.dim %[[X]], %{{.*}}
// CHECK: arith.muli %[[M]], %[[N]]
// CHECK-NOT: memref.dim %{{collapse.*}}
// CHECK: memref.alloc(%{{.*}}) {{.*}} : memref<?x8xf32>
// CHECK-NOT: memref.dim %{{collapse.*}}
// CHECK: return
func.func @pad(%x: tensor<?x?x3xf32> {bufferization.writable = false, tern.name = "x"}, %y: memref<?x8xf32> {tern.result}) {
  %f = arith.constant 0.0 : f32
  %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x3xf32> into tensor<?x3xf32>
  %padded = tensor.pad %rows low[0, 0] high[0, 5] {
  ^bb0(%i: index, %j: index):
    tensor.yield %f : f32
  } : tensor<?x3xf32> to tensor<?x8xf32>
  bufferization.materialize_in_destination %padded in restrict writable %y : (tensor<?x8xf32>, memref<?x8xf32>) -> ()
  return
}

// -----

// expected-error @+1 {{argument #0 must be marked 'bufferization.writable = false'}}
func.func @main(%x: tensor<?xf32>) {
  return
}

// -----

// expected-error @+1 {{argument #0 must be marked 'bufferization.writable = false'}}
func.func @main(%x: tensor<?xf32> {bufferization.writable = true}) {
  return
}
