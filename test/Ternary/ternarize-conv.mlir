// RUN: tern-opt %s --tern-ternarize=mode=all | FileCheck %s
// RUN: tern-opt %s --tern-ternarize="mode=all activations=int8" | FileCheck %s --check-prefix=INT8

// The rows of a convolution are windows: they do not get scales of their own.
// CHECK-LABEL: func @conv
// CHECK-SAME: %[[X:.*]]: tensor<?x3x5x5xf32>, %[[W:.*]]: tensor<4x3x3x3xf32>
// CHECK-NOT: quantize_activations
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %{{.*}} : tensor<?x5x5x3x3x3xf32> into tensor<?x27xf32>
// CHECK: %[[M:.*]] = tensor.collapse_shape %[[W]] {{\[\[}}0], [1, 2, 3]] : tensor<4x3x3x3xf32> into tensor<4x27xf32>
// CHECK: tern.bitlinear %[[ROWS]], %[[M]] weights <statistic = absmean> {tern.origin = "converted"}

// One scale for each sample, from before the padding.
// INT8-LABEL: func @conv
// INT8-SAME: %[[X:.*]]: tensor<?x3x5x5xf32>
// INT8: %[[FLAT:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0], [1, 2, 3]]
// INT8: %[[Q:.*]], %[[S:.*]] = tern.quantize_activations %[[FLAT]] <> : tensor<?x75xf32> -> tensor<?x75xi8>, tensor<?xf32>
// INT8: %[[E:.*]] = tensor.expand_shape %[[Q]]
// INT8: %[[XQ:.*]] = linalg.generic {{.*}} ins(%[[E]], %[[S]] :
// INT8: %[[ST:.*]] = tern.straight_through %[[X]], %[[XQ]]
// INT8: tensor.pad %[[ST]]
// INT8: tern.bitlinear %{{.*}} weights <statistic = absmean> {tern.origin = "converted"}
#window = affine_map<(n, h, w, c, i, j) -> (n, c, h + i, w + j)>
#id6 = affine_map<(n, h, w, c, i, j) -> (n, h, w, c, i, j)>
func.func @conv(%x: tensor<?x3x5x5xf32>, %w: tensor<4x3x3x3xf32> {tern.param = "conv.weight"}) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c25 = arith.constant 25 : index
  %n = tensor.dim %x, %c0 : tensor<?x3x5x5xf32>
  %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
    ^bb0(%a: index, %b: index, %c: index, %d: index):
      tensor.yield %zero : f32
  } : tensor<?x3x5x5xf32> to tensor<?x3x7x7xf32>
  %e = tensor.empty(%n) : tensor<?x5x5x3x3x3xf32>
  %windows = linalg.generic {indexing_maps = [#window, #id6],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%p : tensor<?x3x7x7xf32>) outs(%e : tensor<?x5x5x3x3x3xf32>) {
    ^bb0(%v: f32, %out: f32):
      linalg.yield %v : f32
  } -> tensor<?x5x5x3x3x3xf32>
  %rows = tensor.collapse_shape %windows [[0, 1, 2], [3, 4, 5]] : tensor<?x5x5x3x3x3xf32> into tensor<?x27xf32>
  %m = tensor.collapse_shape %w [[0], [1, 2, 3]] : tensor<4x3x3x3xf32> into tensor<4x27xf32>
  %te = tensor.empty() : tensor<27x4xf32>
  %t = linalg.transpose ins(%m : tensor<4x27xf32>) outs(%te : tensor<27x4xf32>) permutation = [1, 0]
  %count = arith.muli %n, %c25 : index
  %ye = tensor.empty(%count) : tensor<?x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%ye : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = linalg.matmul ins(%rows, %t : tensor<?x27xf32>, tensor<27x4xf32>) outs(%z : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
