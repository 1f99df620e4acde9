// RUN: tern-opt %s --split-input-file --tern-differentiate=seeds=arguments --canonicalize --cse | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Equal maxima are counted, and share the cotangent.
// CHECK-LABEL: func private @max_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[I:.*]]: tensor<4xf32>, %[[DY:.*]]: tensor<4xf32>)
// CHECK: %[[Y:.*]] = linalg.generic
// CHECK: arith.maximumf
// CHECK: %[[COUNT:.*]] = linalg.generic {{.*}}["parallel", "reduction"]} ins(%[[Y]], %[[X]] :
// CHECK: arith.cmpf oeq
// CHECK: arith.addf
// CHECK: %[[SHARE:.*]] = linalg.generic {{.*}} ins(%[[DY]], %[[COUNT]] :
// CHECK: arith.divf
// CHECK: linalg.generic {{.*}}["parallel", "parallel"]} ins(%[[Y]], %[[SHARE]], %[[X]] :
// CHECK: arith.cmpf oeq
// CHECK: arith.select
func.func @max(%x: tensor<4x8xf32>, %init: tensor<4xf32>) -> tensor<4xf32> {
  %low = arith.constant 0xFF800000 : f32
  %f = linalg.fill ins(%low : f32) outs(%init : tensor<4xf32>) -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) {
    ^bb0(%v: f32, %s: f32):
      %t = arith.maximumf %s, %v : f32
      linalg.yield %t : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// One whose effect cancels has no gradient.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func private @detached_gradient
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @detached(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%low : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) attrs = {tern.detached} {
    ^bb0(%v: f32, %s: f32):
      %t = arith.maximumf %s, %v : f32
      linalg.yield %t : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Of a window, the first maximum: its number in the window is found again.
#in = affine_map<(d0, d1, d2) -> (d0, d1 * 2 + d2)>
#win = affine_map<(d0, d1, d2) -> (d2)>
#out = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-DAG: #[[$IN:.*]] = affine_map<(d0, d1, d2) -> (d0, d1 * 2 + d2)>
// CHECK-LABEL: func private @pool_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<3x9xf32>, %[[DY:.*]]: tensor<3x4xf32>)
// CHECK: %[[FIRST:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<3x4xi32>)
// CHECK: linalg.index 2
// CHECK: arith.minsi
// CHECK: linalg.generic {indexing_maps = [{{.*}}, #[[$IN]]], iterator_types = ["parallel", "reduction", "reduction"]} ins(%[[FIRST]], %[[DY]], %{{.*}} :
// CHECK: arith.cmpi eq
func.func @pool(%x: tensor<3x9xf32>) -> tensor<3x4xf32> {
  %low = arith.constant 0xFF800000 : f32
  %w = tensor.empty() : tensor<3xf32>
  %e = tensor.empty() : tensor<3x4xf32>
  %f = linalg.fill ins(%low : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  %y = linalg.generic {indexing_maps = [#in, #win, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<3x9xf32>, tensor<3xf32>) outs(%f : tensor<3x4xf32>) {
    ^bb0(%v: f32, %u: f32, %s: f32):
      %t = arith.maximumf %s, %v : f32
      linalg.yield %t : f32
  } -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----

// A product: zeros are counted.
#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
// CHECK-LABEL: func private @product_gradient
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<i32>)
// CHECK: arith.addi
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<f32>)
// CHECK: arith.mulf
// CHECK: linalg.generic {{.*}}["parallel"]}
// CHECK: arith.divf
func.func @product(%x: tensor<?xf32>) -> tensor<f32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %y = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%x : tensor<?xf32>) outs(%f : tensor<f32>) {
    ^bb0(%v: f32, %s: f32):
      %t = arith.mulf %s, %v : f32
      linalg.yield %t : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// CHECK-LABEL: func private @softmax_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[DY:.*]]: tensor<4x8xf32>)
// CHECK: %[[Y:.*]] = linalg.softmax
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}}["parallel", "reduction"]} ins(%[[DY]], %[[Y]] :
// CHECK: linalg.generic {{.*}} ins(%[[DY]], %[[Y]], %[[SUM]] :
// CHECK: arith.subf
// CHECK-NEXT: arith.mulf
func.func @softmax(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// A gather: its adjoint adds to the elements that were read, one after another.
#row = affine_map<(d0, d1) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func private @gather_gradient
// CHECK-SAME: (%[[W:.*]]: tensor<17x5xf32>, %[[I:.*]]: tensor<?xi64>, %[[DY:.*]]: tensor<?x5xf32>)
// CHECK: %[[Z:.*]] = linalg.fill {{.*}} -> tensor<17x5xf32>
// CHECK: scf.for %[[R:.*]] = %{{.*}} iter_args(%{{.*}} = %[[Z]])
// CHECK: scf.for %[[C:.*]] = %{{.*}} iter_args(%[[SUMS:.*]] = %{{.*}})
// CHECK: %[[D:.*]] = tensor.extract %[[DY]][%[[R]], %[[C]]]
// CHECK: %[[K:.*]] = tensor.extract %[[I]][%[[R]]]
// CHECK: %[[P:.*]] = arith.index_cast %[[K]]
// CHECK: %[[OLD:.*]] = tensor.extract %[[SUMS]][%[[P]], %[[C]]]
// CHECK: %[[NEW:.*]] = arith.addf %[[OLD]], %[[D]]
// CHECK: tensor.insert %[[NEW]] into %[[SUMS]][%[[P]], %[[C]]]
func.func @gather(%w: tensor<17x5xf32>, %i: tensor<?xi64>) -> tensor<?x5xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %i, %c0 : tensor<?xi64>
  %e = tensor.empty(%n) : tensor<?x5xf32>
  %y = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<?xi64>) outs(%e : tensor<?x5xf32>) {
    ^bb0(%k: i64, %o: f32):
      %p = arith.index_cast %k : i64 to index
      %c = linalg.index 1 : index
      %v = tensor.extract %w[%p, %c] : tensor<17x5xf32>
      linalg.yield %v : f32
  } -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}

// -----

// A search keeps the last element for which its condition holds: which one that
// was is found again, and gets the cotangent.
#in = affine_map<(d0, d1) -> (d1)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func private @search_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<8xf32>, %[[C:.*]]: tensor<4x8xi1>, %[[DY:.*]]: tensor<4xf32>)
// CHECK: %[[NONE:.*]] = arith.constant -1 : i32
// CHECK: %[[LAST:.*]] = linalg.generic {{.*}}["parallel", "reduction"]} ins({{.*}}%[[C]]{{.*}}) outs(%{{.*}} : tensor<4xi32>)
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[NONE]] : i32
// CHECK: arith.maxsi
// CHECK: linalg.generic {{.*}}["parallel", "reduction"]} ins(%[[LAST]], %[[DY]] :
// CHECK: arith.cmpi eq
// CHECK: arith.select
// CHECK: arith.addf
func.func @search(%x: tensor<8xf32>, %c: tensor<4x8xi1>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#in, #id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %c : tensor<8xf32>, tensor<4x8xi1>) outs(%f : tensor<4xf32>) {
    ^bb0(%v: f32, %is: i1, %s: f32):
      %t = arith.select %is, %v, %s : f32
      linalg.yield %t : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}
