// RUN: tern-opt %s --split-input-file --tern-differentiate=seeds=arguments --canonicalize --cse | FileCheck %s
// RUN: tern-opt %s --split-input-file --tern-differentiate="seeds=arguments wrt=1" --canonicalize --cse | FileCheck %s --check-prefix=WEIGHT

// dx = (dy . codes) * s, dw = dy^T . x~, db = sum of dy; kept are int8 codes.
// CHECK-LABEL: func private @layer_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<?x67xf32>, %[[W:.*]]: tensor<33x67xf32>, %[[B:.*]]: tensor<33xf32>, %[[DY:.*]]: tensor<?x33xf32>)
// CHECK: tern.bitlinear %[[X]], %[[W]] bias %[[B]]
// CHECK: %[[CODES:.*]], %[[S:.*]] = tern.quantize_weights %[[W]]
// CHECK: %[[P:.*]] = linalg.generic {{.*}}["parallel", "parallel", "reduction"]} ins(%[[DY]], %[[CODES]] :
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.sitofp
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[S]] :
// CHECK: %[[Q:.*]], %[[QS:.*]] = tern.quantize_activations %[[X]] <>
// CHECK: %[[XQ:.*]] = linalg.generic {{.*}} ins(%[[Q]], %[[QS]] :
// CHECK: linalg.generic {{.*}}["parallel", "parallel", "reduction"]} ins(%[[DY]], %[[XQ]] :
// CHECK: linalg.generic {{.*}}["parallel", "reduction"]} ins(%[[DY]] :
// For the weight alone, its codes are not needed.
// WEIGHT-LABEL: func private @layer_gradient
// WEIGHT-NOT: tern.quantize_weights
// WEIGHT-COUNT-1: "reduction"]}
// WEIGHT-NOT: "reduction"]}
// WEIGHT: return
func.func @layer(%x: tensor<?x67xf32>, %w: tensor<33x67xf32>, %b: tensor<33xf32>) -> tensor<?x33xf32> {
  %y = tern.bitlinear %x, %w bias %b weights <statistic = absmean> activations <>
     : (tensor<?x67xf32>, tensor<33x67xf32>, tensor<33xf32>) -> tensor<?x33xf32>
  return %y : tensor<?x33xf32>
}

// -----

// Float activations and a scale for each group: the scale is in the product.
// CHECK-DAG: #[[$GROUPS:.*]] = affine_map<(d0, d1) -> (d0, d1 floordiv 32)>
// CHECK-LABEL: func private @groups_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<?x67xf32>, %[[W:.*]]: tensor<33x67xf32>, %[[DY:.*]]: tensor<?x33xf32>)
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$GROUPS]], #{{.*}}]
// CHECK: %[[DX:.*]] = linalg.generic {{.*}}"reduction"]} ins(%[[DY]]
// CHECK-NOT: tern.quantize_activations
// CHECK: %[[DW:.*]] = linalg.generic {{.*}}"reduction"]} ins(%[[DY]], %[[X]] :
// CHECK: return %{{.*}}, %[[DX]], %[[DW]]
// WEIGHT-LABEL: func private @groups_gradient
func.func @groups(%x: tensor<?x67xf32>, %w: tensor<33x67xf32>) -> tensor<?x33xf32> {
  %y = tern.bitlinear %x, %w weights <statistic = absmean, granularity = group, group_size = 32>
     : (tensor<?x67xf32>, tensor<33x67xf32>) -> tensor<?x33xf32>
  return %y : tensor<?x33xf32>
}

// -----

// The gradient goes to the first operand unchanged; behind the other, even a
// rounding does not matter.
#id = affine_map<(d0) -> (d0)>
// CHECK-LABEL: func private @ste_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[L:.*]]: tensor<f32>, %[[DY:.*]]: tensor<4xf32>)
// CHECK: return %{{.*}}, %[[DY]], %{{.*}}
// WEIGHT-LABEL: func private @ste_gradient
func.func @ste(%x: tensor<4xf32>, %l: tensor<f32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%v: f32, %o: f32):
      %q = math.roundeven %v : f32
      linalg.yield %q : f32
  } -> tensor<4xf32>
  %y = tern.straight_through %x, %r lambda %l : tensor<4xf32>, tensor<f32>
  return %y : tensor<4xf32>
}
