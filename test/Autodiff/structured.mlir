// RUN: tern-opt %s --split-input-file --tern-differentiate=seeds=arguments --canonicalize --cse | FileCheck %s
// RUN: tern-opt %s --split-input-file --tern-differentiate=seeds=arguments | tern-opt --split-input-file | FileCheck %s --check-prefix=ROUND
// ROUND-COUNT-8: func private @{{.*}}_gradient

// Products of cotangents and operands: contractions, each output's loops first.
// CHECK-DAG: #[[$A0:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[$A1:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[$B0:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-DAG: #[[$B1:.*]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-DAG: #[[$OUT:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-LABEL: func private @matmul_gradient
// CHECK-SAME: (%[[A:.*]]: tensor<?x7xf32>, %[[B:.*]]: tensor<7x5xf32>, %[[C:.*]]: tensor<?x5xf32>, %[[DY:.*]]: tensor<?x5xf32>)
// CHECK: linalg.matmul
// CHECK: %[[DA:.*]] = linalg.generic {indexing_maps = [#[[$A0]], #[[$A1]], #[[$OUT]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[DY]], %[[B]] :
// CHECK: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK-NEXT: linalg.yield
// CHECK: %[[DB:.*]] = linalg.generic {indexing_maps = [#[[$B0]], #[[$B1]], #[[$OUT]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[DY]], %[[A]] :
// What a sum starts from has the cotangent of the sum.
// CHECK: return %{{.*}}, %[[DA]], %[[DB]], %[[DY]]
func.func @matmul(%a: tensor<?x7xf32>, %b: tensor<7x5xf32>, %c: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %y = linalg.matmul ins(%a, %b : tensor<?x7xf32>, tensor<7x5xf32>) outs(%c : tensor<?x5xf32>) -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}

// -----

// Elementwise: written directly. tanh' is a function of the result, which is
// read rather than computed again; a broadcast operand is summed.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func private @bias_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<8xf32>, %[[DY:.*]]: tensor<4x8xf32>)
// CHECK: %[[Y:.*]] = linalg.generic
// CHECK-NOT: linalg.fill
// CHECK: linalg.generic {{.*}}["parallel", "parallel"]} ins(%[[DY]], %[[Y]] :
// CHECK-NOT: math.tanh
// CHECK: linalg.fill
// CHECK: linalg.generic {{.*}}["parallel", "reduction"]} ins(%[[DY]], %[[Y]] :
func.func @bias(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
    ^bb0(%v: f32, %c: f32, %out: f32):
      %s = arith.addf %v, %c : f32
      %t = math.tanh %s : f32
      linalg.yield %t : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// A residual connection: both get the cotangent itself. One tensor read twice
// is one source.
#id = affine_map<(d0) -> (d0)>
// CHECK-LABEL: func private @residual_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<?xf32>, %[[Y:.*]]: tensor<?xf32>, %[[DS:.*]]: tensor<?xf32>)
// CHECK: %[[S:.*]] = linalg.generic
// CHECK-NOT: linalg.generic
// CHECK: return %[[S]], %[[DS]], %[[DS]]
func.func @residual(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %s = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) {
    ^bb0(%v: f32, %w: f32, %out: f32):
      %t = arith.addf %v, %w : f32
      linalg.yield %t : f32
  } -> tensor<?xf32>
  return %s : tensor<?xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>
// CHECK-LABEL: func private @square_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<?xf32>, %[[DY:.*]]: tensor<?xf32>)
// CHECK: linalg.generic
// CHECK: linalg.generic {{.*}} ins(%[[DY]], %[[X]] :
// CHECK-NOT: linalg.generic
func.func @square(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %s = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %x : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) {
    ^bb0(%v: f32, %w: f32, %out: f32):
      %t = arith.mulf %v, %w : f32
      linalg.yield %t : f32
  } -> tensor<?xf32>
  return %s : tensor<?xf32>
}

// -----

// Overlapping windows: only what is by itself a result of the operand's map is
// parallel; the window's extent comes from an operand that is not read.
// CHECK-DAG: #[[$WINDOW:.*]] = affine_map<(d0, d1, d2) -> (d0, d1 * 2 + d2)>
// CHECK-LABEL: func private @windows_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<3x?xf32>, %[[W:.*]]: tensor<3xf32>, %{{.*}}: tensor<3x?xf32>, %[[DY:.*]]: tensor<3x?xf32>)
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #{{.*}}, #[[$WINDOW]]], iterator_types = ["parallel", "reduction", "reduction"]} ins(%[[DY]], %[[W]] :
// CHECK-NEXT: ^bb0(%[[D:.*]]: f32, %{{.*}}: f32, %[[ACC:.*]]: f32):
// CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[ACC]], %[[D]]
// CHECK-NEXT: linalg.yield %[[SUM]]
#in = affine_map<(d0, d1, d2) -> (d0, 2 * d1 + d2)>
#win = affine_map<(d0, d1, d2) -> (d2)>
#out = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @windows(%x: tensor<3x?xf32>, %w: tensor<3xf32>, %init: tensor<3x?xf32>) -> tensor<3x?xf32> {
  %y = linalg.generic {indexing_maps = [#in, #win, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<3x?xf32>, tensor<3xf32>) outs(%init : tensor<3x?xf32>) {
    ^bb0(%v: f32, %u: f32, %s: f32):
      %t = arith.addf %s, %v : f32
      linalg.yield %t : f32
  } -> tensor<3x?xf32>
  return %y : tensor<3x?xf32>
}

// -----

// bf16 operands: the sum is formed in f32.
// CHECK-LABEL: func private @narrow_gradient
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<4x8xf32>)
// CHECK: arith.extf %{{.*}} : bf16 to f32
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK-NEXT: linalg.yield
// CHECK: arith.truncf %{{.*}} : f32 to bf16
#a = affine_map<(d0, d1, d2) -> (d0, d2)>
#b = affine_map<(d0, d1, d2) -> (d2, d1)>
#c = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @narrow(%a: tensor<4x8xbf16>, %b: tensor<8x3xbf16>, %init: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %y = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<4x8xbf16>, tensor<8x3xbf16>) outs(%init : tensor<4x3xf32>) {
    ^bb0(%v: bf16, %w: bf16, %s: f32):
      %v32 = arith.extf %v : bf16 to f32
      %w32 = arith.extf %w : bf16 to f32
      %p = arith.mulf %v32, %w32 : f32
      %t = arith.addf %s, %p : f32
      linalg.yield %t : f32
  } -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

// A scalar the body captures is a source, too. linalg.index follows its loop.
// CHECK-LABEL: func private @captured_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[S:.*]]: f32, %[[DY:.*]]: tensor<8x4xf32>)
// CHECK: linalg.index 1
// CHECK: linalg.index 0
// CHECK: linalg.generic {{.*}}["reduction", "reduction"]}
// CHECK: tensor.extract
#id = affine_map<(d0, d1) -> (d0, d1)>
#t = affine_map<(d0, d1) -> (d1, d0)>
func.func @captured(%x: tensor<4x8xf32>, %s: f32) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [#t, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) {
    ^bb0(%v: f32, %out: f32):
      %i = linalg.index 1 : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %p = arith.mulf %v, %f : f32
      %q = arith.mulf %p, %s : f32
      linalg.yield %q : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// CHECK-LABEL: func private @moves_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x5xf32>, %[[S:.*]]: f32, %[[DT:.*]]: tensor<5x2x3xf32>, %[[D4:.*]]: tensor<4xf32>)
// CHECK: linalg.generic {{.*}}["reduction"]} ins(%[[D4]]
// CHECK: linalg.transpose ins(%[[DT]] : {{.*}} permutation = [1, 2, 0]
func.func @moves(%x: tensor<2x3x5xf32>, %s: f32) -> (tensor<5x2x3xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<5x2x3xf32>
  %t = linalg.transpose ins(%x : tensor<2x3x5xf32>) outs(%e : tensor<5x2x3xf32>) permutation = [2, 0, 1]
  %e4 = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%s : f32) outs(%e4 : tensor<4xf32>) -> tensor<4xf32>
  return %t, %f : tensor<5x2x3xf32>, tensor<4xf32>
}
