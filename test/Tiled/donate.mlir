// RUN: tern-opt %s --tern-donate --split-input-file --verify-diagnostics | FileCheck %s
// RUN: tern-opt %s --tern-materialize-shapes --tern-donate --tern-buffers-pipeline --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=BUFFERS

#id = affine_map<(d0) -> (d0)>

// What makes the new value writes to the old one, through reshapes; results
// that are not donated stay.
// CHECK-LABEL: func.func @step
// CHECK-SAME: (%[[G:.*]]: tensor<6xf32>, %[[W:.*]]: memref<2x3xf32> {tern.donated, tern.param = "w"}) -> (tensor<f32> {tern.name = "loss"})
// CHECK: %[[OLD:.*]] = bufferization.to_tensor %[[W]] restrict writable
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[OLD]]
// CHECK: %[[OUT:.*]] = tensor.collapse_shape %[[OLD]]
// CHECK: %[[NEW:.*]] = linalg.generic {{.*}} ins(%[[FLAT]], %[[G]]
// CHECK-SAME: outs(%[[OUT]]
// CHECK: %[[SHAPED:.*]] = tensor.expand_shape %[[NEW]]
// CHECK: bufferization.materialize_in_destination %[[SHAPED]] in restrict writable %[[W]]
// CHECK: return %{{.*}} : tensor<f32>
//
// No allocation, no copy.
// BUFFERS-LABEL: func.func @step(
// BUFFERS-SAME: %[[W:[^:]*]]: memref<2x3xf32> {tern.donated, tern.param = "w"}
// BUFFERS-NOT: linalg.copy
// BUFFERS: memref.collapse_shape %[[W]]
// BUFFERS: scf.for
// BUFFERS-NOT: scf.for
// BUFFERS: return
// BUFFERS: func.func private @step_arena_size() -> index
// BUFFERS-NEXT: arith.constant 0
func.func @step(%g: tensor<6xf32>, %w: tensor<2x3xf32> {tern.param = "w", tern.donated = 1 : i64})
    -> (tensor<f32> {tern.name = "loss"}, tensor<2x3xf32>) {
  %loss = arith.constant dense<0.0> : tensor<f32>
  %flat = tensor.collapse_shape %w [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
  %e = tensor.empty() : tensor<6xf32>
  %new = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%flat, %g : tensor<6xf32>, tensor<6xf32>) outs(%e : tensor<6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.subf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<6xf32>
  %shaped = tensor.expand_shape %new [[0, 1]] output_shape [2, 3] : tensor<6xf32> into tensor<2x3xf32>
  return %loss, %shaped : tensor<f32>, tensor<2x3xf32>
}

// -----

// A product is added to what was filled, and that is the argument's memory.
// CHECK-LABEL: func.func @product
// CHECK: %[[OLD:.*]] = bufferization.to_tensor
// CHECK: %[[ZERO:.*]] = linalg.fill ins(%{{.*}}) outs(%[[OLD]]
// CHECK: linalg.matmul {{.*}} outs(%[[ZERO]]
func.func @product(%a: tensor<4x4xf32>, %b: tensor<4x4xf32>, %c: tensor<4x4xf32> {tern.state = "c", tern.donated = 0 : i64})
    -> tensor<4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %p = linalg.matmul ins(%a, %b : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %p : tensor<4x4xf32>
}

// -----

// What else writes to the old value, or to a view of it, writes to a copy; what
// the new value is made by writes in place.
// CHECK-LABEL: func.func @others
// CHECK: %[[OLD:.*]] = bufferization.to_tensor
// CHECK: %[[VIEW:.*]] = tensor.collapse_shape %[[OLD]]
// CHECK: %[[COPY:.*]] = bufferization.alloc_tensor() copy(%[[VIEW]]) : tensor<8xf32>
// CHECK: %[[CHANGED:.*]] = tensor.insert_slice %{{.*}} into %[[COPY]][2] [2] [1]
// CHECK: %[[BEGUN:.*]] = bufferization.alloc_tensor() copy(%[[OLD]])
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[BEGUN]])
// CHECK: %[[NEW:.*]] = linalg.generic {{.*}} ins(%[[VIEW]]{{.*}} outs(%[[VIEW]]
// CHECK: %[[SET:.*]] = tensor.insert_slice %{{.*}} into %[[NEW]][0] [2] [1]
// CHECK: %[[SHAPED:.*]] = tensor.expand_shape %[[SET]]
// CHECK: bufferization.materialize_in_destination %[[SHAPED]]
//
// BUFFERS-LABEL: func.func @others(
// BUFFERS-SAME: %[[W:[^:]*]]: memref<2x4xf32> {tern.donated, tern.param = "w"}
// BUFFERS-NOT: linalg.copy {{.*}} outs(%[[W]]
// BUFFERS: return
#id = affine_map<(d0) -> (d0)>
func.func @others(%x: tensor<2xf32>, %w: tensor<2x4xf32> {tern.param = "w", tern.donated = 0 : i64})
    -> (tensor<2x4xf32>, tensor<8xf32> {tern.name = "changed"}, tensor<2x4xf32> {tern.name = "begun"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %row = tensor.collapse_shape %w [[0, 1]] : tensor<2x4xf32> into tensor<8xf32>
  %changed = tensor.insert_slice %x into %row[2] [2] [1] : tensor<2xf32> into tensor<8xf32>
  %begun = scf.for %i = %c0 to %c2 step %c1 iter_args(%s = %w) -> tensor<2x4xf32> {
    %f = tensor.extract %x[%i] : tensor<2xf32>
    %next = tensor.insert %f into %s[%i, %i] : tensor<2x4xf32>
    scf.yield %next : tensor<2x4xf32>
  }
  %e = tensor.empty() : tensor<8xf32>
  %new = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%row, %changed : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.subf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %set = tensor.insert_slice %x into %new[0] [2] [1] : tensor<2xf32> into tensor<8xf32>
  %shaped = tensor.expand_shape %set [[0, 1]] output_shape [2, 4] : tensor<8xf32> into tensor<2x4xf32>
  return %shaped, %changed, %begun : tensor<2x4xf32>, tensor<8xf32>, tensor<2x4xf32>
}

// -----

// An unchanged argument needs nothing.
// BUFFERS-LABEL: func.func @unchanged(
// BUFFERS-NEXT: return
func.func @unchanged(%w: tensor<4xf32> {tern.param = "w", tern.donated = 0 : i64}) -> tensor<4xf32> {
  return %w : tensor<4xf32>
}

// -----

// expected-error @+1 {{donated argument "w" must have the type of its new value, result #0}}
func.func @type(%w: tensor<4xf32> {tern.param = "w", tern.donated = 0 : i64}) -> tensor<5xf32> {
  %e = tensor.empty() : tensor<5xf32>
  return %e : tensor<5xf32>
}

// -----

// expected-error @+1 {{donated argument #1 shares its new value with another}}
func.func @twice(%w: tensor<4xf32> {tern.donated = 0 : i64}, %v: tensor<4xf32> {tern.donated = 0 : i64}) -> tensor<4xf32> {
  return %w : tensor<4xf32>
}

// -----

// expected-error @+1 {{donated argument "w": there is no result #1}}
func.func @none(%w: tensor<4xf32> {tern.param = "w", tern.donated = 1 : i64}) -> tensor<4xf32> {
  return %w : tensor<4xf32>
}

// -----

// A row of a cache, whose extent is the caller's, at a place that a scalar says:
// nothing is copied but the row.
// BUFFERS-LABEL: func.func @append(
// BUFFERS-SAME: %[[ROW:[^:]*]]: memref<1x4xf32>, %[[N:[^:]*]]: memref<i64> {{{[^}]*}}}, %[[CACHE:[^:]*]]: memref<?x4xf32>
// BUFFERS-NOT: memref.view
// BUFFERS: %[[PLACE:.*]] = memref.subview %[[CACHE]][%{{.*}}, 0] [1, 4] [1, 1]
// BUFFERS: scf.for
// BUFFERS-NOT: scf.for
// BUFFERS: memref.store %{{.*}}, %[[PLACE]]
// BUFFERS: return
// BUFFERS: func.func private @append_arena_size(%{{.*}}: index) -> index
// BUFFERS-NEXT: arith.constant 0
func.func @append(%row: tensor<1x4xf32>, %n: tensor<i64> {tern.scalar = "n"},
                  %cache: tensor<?x4xf32> {tern.state = "cache", tern.shape = ["room", 4], tern.donated = 0 : i64}) -> tensor<?x4xf32> {
  %v = tensor.extract %n[] : tensor<i64>
  %i = arith.index_cast %v : i64 to index
  %new = tensor.insert_slice %row into %cache[%i, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<?x4xf32>
  return %new : tensor<?x4xf32>
}
