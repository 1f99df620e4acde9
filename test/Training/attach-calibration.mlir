// RUN: tern-opt %s --tern-attach-calibration --split-input-file --canonicalize --cse --verify-diagnostics | FileCheck %s

// The float layer reads the float model's value; a layer that was ternary in
// the model is so in both.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x16xf32> {{{.*}}}, %[[W:.*]]: tensor<8x16xf32> {tern.param = "w"}, %[[V:.*]]: tensor<4x8xf32> {tern.param = "v"})
// CHECK-SAME: -> (tensor<6xf64> {tern.name = "layer.0"}, tensor<2xf64> {tern.name = "output.0"})
// CHECK: %[[RAISED:.*]] = tern.bitlinear %[[X]], %[[W]]
// CHECK: %[[TERNARY:.*]] = tern.bitlinear %[[RAISED]], %[[V]]
// CHECK: %[[FLOAT:.*]] = linalg.generic {{.*}} ins(%[[RAISED]], %[[V]] :
// CHECK-NOT: tern.bitlinear
// CHECK: %[[CODES:.*]], %[[SCALE:.*]] = tern.quantize_weights %[[V]]
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction", "reduction"]} ins(%[[CODES]] :
// CHECK: %[[DEQUANTIZED:.*]] = linalg.generic {{.*}} ins(%[[CODES]], %[[SCALE]] :
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction", "reduction"]} ins(%[[DEQUANTIZED]], %[[V]] :
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction", "reduction"]} ins(%[[TERNARY]], %[[FLOAT]] :
// CHECK: tensor.from_elements {{.*}} : tensor<6xf64>
// CHECK: tensor.from_elements {{.*}} : tensor<2xf64>
func.func @main(%x: tensor<?x16xf32> {tern.name = "x"}, %w: tensor<8x16xf32> {tern.param = "w"},
                %v: tensor<4x8xf32> {tern.param = "v"}) -> (tensor<?x4xf32> {tern.name = "y"}) {
  %0 = tern.bitlinear %x, %w weights <statistic = absmean> activations <> {tern.origin = "raised"}
      : (tensor<?x16xf32>, tensor<8x16xf32>) -> tensor<?x8xf32>
  %1 = tern.bitlinear %0, %v weights <statistic = absmean> activations <> {tern.origin = "converted"}
      : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// -----

// Activations that conversion quantized before a move are float in the float
// model, and quantized where the layer is looked at by itself.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<3x16xf32>, %[[Q:.*]]: tensor<3x16xf32>,
// CHECK: %[[KEPT:.*]] = tern.straight_through %[[X]], %[[Q]]
// CHECK: %[[QUANTIZED:.*]] = tensor.pad %[[KEPT]]
// CHECK: tern.bitlinear %[[QUANTIZED]],
// CHECK: %[[PLAIN:.*]] = tensor.pad %[[X]]
// CHECK: linalg.generic {{.*}} ins(%[[PLAIN]],
// CHECK-NOT: tern.bitlinear
func.func @main(%x: tensor<3x16xf32>, %q: tensor<3x16xf32>, %w: tensor<4x18xf32> {tern.param = "w"}) -> tensor<3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %0 = tern.straight_through %x, %q : tensor<3x16xf32>
  %1 = tensor.pad %0 low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<3x16xf32> to tensor<3x18xf32>
  %2 = tern.bitlinear %1, %w weights <statistic = absmean> {tern.origin = "converted"}
      : (tensor<3x18xf32>, tensor<4x18xf32>) -> tensor<3x4xf32>
  return %2 : tensor<3x4xf32>
}

// -----

// In a loop a layer is converted back, and not measured.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: -> (tensor<2xf64> {tern.name = "output.0"})
// CHECK: scf.for
// CHECK: tern.bitlinear
// CHECK: scf.for
// CHECK-NOT: tern.bitlinear
// CHECK: return
func.func @main(%x: tensor<3x16xf32>, %w: tensor<16x16xf32> {tern.param = "w"}, %n: index) -> tensor<3x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%y = %x) -> tensor<3x16xf32> {
    %1 = tern.bitlinear %y, %w weights <statistic = absmean> {tern.origin = "converted"}
        : (tensor<3x16xf32>, tensor<16x16xf32>) -> tensor<3x16xf32>
    scf.yield %1 : tensor<3x16xf32>
  }
  return %0 : tensor<3x16xf32>
}

// -----

// expected-error@+1 {{expected a public function 'main'}}
module {
  func.func private @main() -> ()
}
