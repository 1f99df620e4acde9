// RUN: tern-opt %s --pass-pipeline='builtin.module(func.func(tern-schedule))' | FileCheck %s

#id = affine_map<(d0) -> (d0)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// The update of %w comes right behind its gradient, in front of %v's gradient.
// CHECK-LABEL: func @updates
// CHECK: %[[DW:.*]] = linalg.matmul {{.*}}tensor<64x64xf32>
// CHECK: %[[W:.*]] = linalg.elementwise kind=#linalg.elementwise_kind<sub> ins(%arg2, %[[DW]]
// CHECK: %[[DV:.*]] = linalg.matmul
// CHECK: %[[V:.*]] = linalg.elementwise kind=#linalg.elementwise_kind<sub> ins(%arg3, %[[DV]]
// CHECK: return %[[W]], %[[V]]
func.func @updates(%x: tensor<64x64xf32>, %y: tensor<64x64xf32>,
                   %w: tensor<64x64xf32> {tern.donated = 0 : i64}, %v: tensor<64x64xf32> {tern.donated = 1 : i64})
    -> (tensor<64x64xf32>, tensor<64x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %dw = linalg.matmul ins(%x, %y : tensor<64x64xf32>, tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %dv = linalg.matmul ins(%y, %x : tensor<64x64xf32>, tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %v1 = linalg.elementwise kind=#linalg.elementwise_kind<sub> ins(%v, %dv : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %w1 = linalg.elementwise kind=#linalg.elementwise_kind<sub> ins(%w, %dw : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %w1, %v1 : tensor<64x64xf32>, tensor<64x64xf32>
}

// An update waits for all that reads the old value, through views as well; a
// sum moves up to what it sums.
// CHECK-LABEL: func @waits
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %arg1
// CHECK: %[[DW:.*]] = linalg.matmul ins(%arg0
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[DW]]
// CHECK: %[[LATER:.*]] = linalg.matmul ins(%[[DW]], %arg0
// CHECK: %[[READ:.*]] = linalg.elementwise kind=#linalg.elementwise_kind<exp> ins(%[[FLAT]]
// CHECK: linalg.elementwise kind=#linalg.elementwise_kind<sub> ins(%arg1, %[[LATER]]
func.func @waits(%x: tensor<64x64xf32>, %w: tensor<64x64xf32> {tern.donated = 0 : i64})
    -> (tensor<64x64xf32>, tensor<64xf32>, tensor<4096xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %s = tensor.empty() : tensor<64xf32>
  %f = tensor.empty() : tensor<4096xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%s : tensor<64xf32>) -> tensor<64xf32>
  %dw = linalg.matmul ins(%x, %x : tensor<64x64xf32>, tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %flat = tensor.collapse_shape %w [[0, 1]] : tensor<64x64xf32> into tensor<4096xf32>
  %later = linalg.matmul ins(%dw, %x : tensor<64x64xf32>, tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %read = linalg.elementwise kind=#linalg.elementwise_kind<exp> ins(%flat : tensor<4096xf32>) outs(%f : tensor<4096xf32>) -> tensor<4096xf32>
  %sum = linalg.generic {indexing_maps = [#mat, #row], iterator_types = ["parallel", "reduction"]}
      ins(%dw : tensor<64x64xf32>) outs(%zs : tensor<64xf32>) {
    ^bb0(%a: f32, %o: f32):
      %t = arith.addf %o, %a : f32
      linalg.yield %t : f32
  } -> tensor<64xf32>
  %w1 = linalg.elementwise kind=#linalg.elementwise_kind<sub> ins(%w, %later : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %w1, %sum, %read : tensor<64x64xf32>, tensor<64xf32>, tensor<4096xf32>
}

// Nothing is donated: the order stays.
// CHECK-LABEL: func @inference
// CHECK: linalg.matmul
// CHECK-NEXT: linalg.matmul
// CHECK-NEXT: linalg.elementwise
func.func @inference(%x: tensor<64x64xf32>, %z: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xf32>) {
  %a = linalg.matmul ins(%x, %x : tensor<64x64xf32>, tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = linalg.matmul ins(%x, %z : tensor<64x64xf32>, tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = linalg.elementwise kind=#linalg.elementwise_kind<exp> ins(%a : tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %b, %c : tensor<64x64xf32>, tensor<64x64xf32>
}
