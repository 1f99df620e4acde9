// RUN: tern-opt %s --tern-export-dequantized --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-export-dequantized=half --split-input-file | FileCheck %s --check-prefix=HALF

// Weights, as they stand and transposed; the rest is copied.
// CHECK: func.func @prepare_0(%[[W:.*]]: tensor<5x3xf32> {tern.param = "w"}) -> (tensor<5x3xf32> {tern.param = "w"}) attributes {tern.prepare
// CHECK: %[[CODES:.*]], %[[SCALE:.*]] = tern.quantize_weights %[[W]] <statistic = absmean>
// CHECK: linalg.generic {{.*}} ins(%[[CODES]], %[[SCALE]]
// CHECK: func.func @prepare_1(%{{.*}}: tensor<5x2xf32> {tern.param = "v"}) -> (tensor<5x2xf32> {tern.param = "v"})
// CHECK: linalg.transpose
// CHECK: tern.quantize_weights
// CHECK: linalg.transpose
// CHECK-NOT: @prepare_2
// CHECK: func.func @main(%{{.*}}: tensor<5x3xf32> {tern.param = "w"}, %{{.*}}: tensor<5x2xf32> {tern.param = "v"}, %{{.*}}: tensor<2xf32> {tern.param = "b"}, %{{.*}}: tensor<2xi8> {tern.param = "table"}) {
// CHECK-NEXT: return
//
// HALF: @prepare_2(%{{.*}}: tensor<2xf32> {tern.param = "b"}) -> (tensor<2xf16> {tern.param = "b"})
// HALF: arith.truncf
// HALF: func.func @main(%{{.*}}: tensor<5x3xf16> {tern.param = "w"}, {{.*}}, %{{.*}}: tensor<2xi8> {tern.param = "table"})
func.func @main(%x: tensor<4x3xf32> {tern.name = "x"}, %w: tensor<5x3xf32> {tern.param = "w"}, %v: tensor<5x2xf32> {tern.param = "v"},
                %b: tensor<2xf32> {tern.param = "b"}, %table: tensor<2xi8> {tern.param = "table"}) -> tensor<4x2xf32> {
  %h = tern.bitlinear %x, %w weights <statistic = absmean> : (tensor<4x3xf32>, tensor<5x3xf32>) -> tensor<4x5xf32>
  %e = tensor.empty() : tensor<2x5xf32>
  %t = linalg.transpose ins(%v : tensor<5x2xf32>) outs(%e : tensor<2x5xf32>) permutation = [1, 0]
  %y = tern.bitlinear %h, %t bias %b weights <statistic = absmean> : (tensor<4x5xf32>, tensor<2x5xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

// The weights of a convolution keep their shape; a learned scale is part of
// them.
// CHECK: func.func @initial_0
// CHECK: func.func @prepare_0(%[[W:.*]]: tensor<5x3x2x1xf32> {tern.param = "conv.weight"}, %[[A:.*]]: tensor<f32> {tern.param = "conv.alpha"}) -> (tensor<5x3x2x1xf32> {tern.param = "conv.weight"})
// CHECK: %[[MATRIX:.*]] = tensor.collapse_shape %[[W]] {{\[\[}}0], [1, 2, 3]]
// CHECK: tern.quantize_weights %[[MATRIX]] alpha %[[A]]
// CHECK: tensor.expand_shape {{.*}} : tensor<5x6xf32> into tensor<5x3x2x1xf32>
// CHECK: func.func @main(%{{.*}}: tensor<5x3x2x1xf32> {tern.param = "conv.weight"}) {
func.func @main(%x: tensor<4x6xf32> {tern.name = "x"}, %w: tensor<5x3x2x1xf32> {tern.param = "conv.weight"},
                %alpha: tensor<f32> {tern.param = "conv.alpha"}) -> tensor<4x5xf32> {
  %m = tensor.collapse_shape %w [[0], [1, 2, 3]] : tensor<5x3x2x1xf32> into tensor<5x6xf32>
  %y = tern.bitlinear %x, %m alpha %alpha weights <statistic = learned, rule = strict_threshold>
    : (tensor<4x6xf32>, tensor<5x6xf32>, tensor<f32>) -> tensor<4x5xf32>
  return %y : tensor<4x5xf32>
}
func.func @initial_0(%w: tensor<5x3x2x1xf32> {tern.param = "conv.weight"}) -> (tensor<f32> {tern.param = "conv.alpha"})
    attributes {tern.initial, tern.prepare} {
  %m = tensor.collapse_shape %w [[0], [1, 2, 3]] : tensor<5x3x2x1xf32> into tensor<5x6xf32>
  %codes, %scale = tern.quantize_weights %m <statistic = absmean> : (tensor<5x6xf32>) -> (tensor<5x6xi8>, tensor<f32>)
  return %scale : tensor<f32>
}
