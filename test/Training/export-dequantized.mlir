// RUN: tern-opt %s --tern-export-dequantized | FileCheck %s
// RUN: tern-opt %s --tern-export-dequantized=half | FileCheck %s --check-prefix=HALF

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
