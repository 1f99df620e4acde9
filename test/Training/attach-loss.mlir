// RUN: tern-opt %s --tern-attach-loss --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-attach-loss=loss=mse+0.5*kl --split-input-file | FileCheck %s --check-prefix=SUM
// RUN: tern-opt %s --tern-attach-loss=loss=graph --split-input-file --verify-diagnostics -o /dev/null

// The model under its new name, then the loss in three forms.
// CHECK: module attributes {tern.training = {classes = 5 : i64, ignore_index = -100 : i64, loss = "softmax-cross-entropy"}}
// CHECK: func.func @forward(%{{.*}}: tensor<?x3xf32> {tern.name = "x", tern.shape = ["batch", 3]}, %{{.*}}: tensor<5x3xf32> {tern.fan_in = 3 : i64, tern.param = "w"})
// CHECK: tern.bitlinear
//
// Labels stand behind the inputs and have the rows' shape.
// CHECK: func.func @eval_step(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x3xf32> {tern.name = "x", tern.shape = ["batch", 3]},
// CHECK-SAME: %[[LABELS:[^:]*]]: tensor<?xi64> {tern.name = "labels", tern.shape = ["batch"]},
// CHECK-SAME: %[[W:[^:]*]]: tensor<5x3xf32> {tern.fan_in = 3 : i64, tern.param = "w"})
// CHECK-SAME: -> (tensor<f32> {tern.name = "loss", tern.shape = []}, tensor<?x5xf32> {tern.name = "logits", tern.shape = ["batch", 5]})
// CHECK: %[[LOGITS:.*]] = tern.bitlinear
// The maximum has no gradient.
// CHECK: arith.maximumf
// CHECK: tern.straight_through
// CHECK: math.exp
// CHECK: math.log
// A label is compared with, never an index.
// CHECK: arith.cmpi eq
// CHECK-NOT: tensor.extract
// CHECK: return %{{.*}}, %[[LOGITS]]
//
// CHECK: func.func private @loss({{.*}}) -> (tensor<f32> {tern.name = "loss", tern.shape = []})
// CHECK: tern.bitlinear
//
// CHECK: func.func private @loss_float(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x3xf32>
// CHECK-SAME: %[[LAMBDA:[^:]*]]: tensor<f32> {tern.default = 1.000000e+00 : f32, tern.scalar = "lambda"},
// CHECK-SAME: %[[W:[^:]*]]: tensor<5x3xf32>
// CHECK-NOT: tern.bitlinear
// CHECK: tern.quantize_activations %[[X]]
// CHECK: tern.straight_through %[[X]], %{{.*}} lambda %[[LAMBDA]]
// CHECK: tern.quantize_weights %[[W]]
// CHECK: tern.straight_through %[[W]], %{{.*}} lambda %[[LAMBDA]]
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
//
// SUM: tern.training = {loss = "mse+0.5*kl"}
// SUM: func.func @eval_step(
// SUM-SAME: tern.name = "x"
// SUM-SAME: tensor<?x5xf32> {tern.name = "teacher", tern.shape = ["batch", 5]}
// SUM-SAME: tensor<?x5xf32> {tern.name = "target", tern.shape = ["batch", 5]}
// SUM: arith.constant 5.000000e-01 : f32
// expected-error @+2 {{loss 'graph': output 'logits' is 'tensor<?x5xf32>', expected one element}}
module {
  func.func @main(%x: tensor<?x3xf32> {tern.name = "x", tern.shape = ["batch", 3]}, %w: tensor<5x3xf32> {tern.param = "w"})
      -> (tensor<?x5xf32> {tern.name = "logits", tern.shape = ["batch", 5]}) {
    %y = tern.bitlinear %x, %w weights <statistic = absmean> activations <>
      : (tensor<?x3xf32>, tensor<5x3xf32>) -> tensor<?x5xf32>
    return %y : tensor<?x5xf32>
  }
}

// -----

// Without ternary layers there is nothing to blend; a learned scale is not
// detached when there are.
// CHECK: func.func private @loss(
// CHECK: func.func private @loss_float(
// CHECK: %[[CODES:.*]] = tern.straight_through %{{.*}}, %{{[^ ]*}} :
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[CODES]], %{{.*}}, %{{.*}} : tensor<5x3xf32>, tensor<5x3xf32>, tensor<f32>, tensor<f32>)
// expected-error @+2 {{loss 'graph': output}}
module {
  func.func @main(%x: tensor<2x3xf32>, %w: tensor<5x3xf32> {tern.param = "w"}, %a: tensor<f32> {tern.param = "a"}) -> tensor<2x5xf32> {
    %y = tern.bitlinear %x, %w alpha %a weights <statistic = learned, rule = strict_threshold>
      : (tensor<2x3xf32>, tensor<5x3xf32>, tensor<f32>) -> tensor<2x5xf32>
    return %y : tensor<2x5xf32>
  }
}

// -----

// CHECK: func.func private @loss(
// CHECK-NOT: @loss_float
// expected-error @+2 {{loss 'graph': output}}
module {
  func.func @main(%x: tensor<2x5xf32>) -> tensor<2x5xf32> {
    return %x : tensor<2x5xf32>
  }
}

// -----

// A convolution's activations are quantized by sample, before its windows are
// taken: that is on its way, too. The loss's maximum is detached as before.
// CHECK: func.func private @loss(
// CHECK: tern.straight_through %{{[^ ]*}}, %{{[^ ]*}} :
// CHECK: func.func private @loss_float(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x1x6xf32>
// CHECK-SAME: %[[LAMBDA:[^:]*]]: tensor<f32> {tern.default
// CHECK: tern.straight_through %[[X]], %{{[^ ]*}} lambda %[[LAMBDA]]
// CHECK: tern.quantize_weights
// CHECK: tern.straight_through %{{[^ ]*}}, %{{[^ ]*}} lambda %[[LAMBDA]]
// CHECK: arith.maximumf
// CHECK: tern.straight_through %{{[^ ]*}}, %{{[^ ]*}} :
// expected-error @+2 {{loss 'graph': output}}
module {
  func.func @main(%x: tensor<?x1x6xf32> {tern.name = "x"}, %w: tensor<5x6xf32> {tern.param = "w"}) -> tensor<?x5xf32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x1x6xf32>
    %flat = tensor.collapse_shape %x [[0], [1, 2]] : tensor<?x1x6xf32> into tensor<?x6xf32>
    %q, %s = tern.quantize_activations %flat <> : tensor<?x6xf32> -> tensor<?x6xi8>, tensor<?xf32>
    %codes = tensor.expand_shape %q [[0], [1, 2]] output_shape [%n, 1, 6] : tensor<?x6xi8> into tensor<?x1x6xi8>
    %e = tensor.empty(%n) : tensor<?x1x6xf32>
    %d = linalg.generic {
        indexing_maps = [affine_map<(n, c, i) -> (n, c, i)>, affine_map<(n, c, i) -> (n)>, affine_map<(n, c, i) -> (n, c, i)>],
        iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%codes, %s : tensor<?x1x6xi8>, tensor<?xf32>) outs(%e : tensor<?x1x6xf32>) {
      ^bb0(%a: i8, %b: f32, %o: f32):
        %f = arith.sitofp %a : i8 to f32
        %p = arith.mulf %f, %b : f32
        linalg.yield %p : f32
    } -> tensor<?x1x6xf32>
    %t = tern.straight_through %x, %d : tensor<?x1x6xf32>
    %rows = tensor.collapse_shape %t [[0], [1, 2]] : tensor<?x1x6xf32> into tensor<?x6xf32>
    %y = tern.bitlinear %rows, %w weights <statistic = absmean> : (tensor<?x6xf32>, tensor<5x6xf32>) -> tensor<?x5xf32>
    return %y : tensor<?x5xf32>
  }
}
