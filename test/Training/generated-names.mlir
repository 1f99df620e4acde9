// What training adds to a model gives way to the names that the model has.
// RUN: tern-opt %s --tern-attach-loss=loss=softmax-cross-entropy+kl --tern-attach-optimizer='optimizer=adamw accumulate' | FileCheck %s

// CHECK: func.func @forward(%{{.*}}: tensor<?x3xf32> {tern.name = "labels"
// CHECK-SAME: -> (tensor<?x3xf32> {tern.name = "loss", tern.shape = ["batch", 3]}, tensor<?x3xf32> {tern.name = "loss.2"
// CHECK: func.func @eval_step(
// CHECK-SAME: tern.name = "labels",
// CHECK-SAME: tern.name = "teacher"}
// CHECK-SAME: tern.name = "teacher.2",
// CHECK-SAME: tern.name = "labels.2",
// CHECK-SAME: -> (tensor<f32> {tern.name = "loss.3", tern.shape = []}, tensor<?x3xf32> {tern.name = "loss",
//
// Parameters that are called like states, scalars and inputs of others.
// CHECK: func.func @train_step(
// CHECK-SAME: tern.name = "labels.2",
// CHECK-SAME: tern.scalar = "lr"
// CHECK-SAME: %[[W:[^:]*]]: tensor<3x3xf32> {tern.donated = {{[0-9]+}} : i64, tern.fan_in = 3 : i64, tern.param = "w"}
// CHECK-SAME: tern.param = "w/exp_avg"}
// CHECK-SAME: tern.param = "scalar lr"}
// CHECK-SAME: tern.param = "input 0"}
// CHECK-SAME: tern.param = "w/gradient"}
// CHECK-SAME: tern.state = "w/exp_avg.2"
// CHECK-SAME: tern.state = "w/exp_avg_sq"
// CHECK-SAME: tern.state = "w/exp_avg/exp_avg"
// CHECK-SAME: tern.state = "w/gradient.2"
// CHECK-SAME: tern.state = "w/gradient/gradient"
module {
  func.func @main(%x: tensor<?x3xf32> {tern.name = "labels", tern.shape = ["batch", 3]}, %s: tensor<f32> {tern.name = "teacher"},
                  %w: tensor<3x3xf32> {tern.param = "w"}, %b: tensor<3xf32> {tern.param = "w/exp_avg"},
                  %c: tensor<3xf32> {tern.param = "scalar lr"}, %d: tensor<3xf32> {tern.param = "input 0"}, %e: tensor<3xf32> {tern.param = "w/gradient"})
      -> (tensor<?x3xf32> {tern.name = "loss", tern.shape = ["batch", 3]}, tensor<?x3xf32> {tern.name = "loss.2", tern.shape = ["batch", 3]}) {
    %0 = tern.bitlinear %x, %w bias %b weights <statistic = absmean> activations <>
      : (tensor<?x3xf32>, tensor<3x3xf32>, tensor<3xf32>) -> tensor<?x3xf32>
    %1 = tern.bitlinear %0, %w bias %c weights <statistic = absmean> activations <>
      : (tensor<?x3xf32>, tensor<3x3xf32>, tensor<3xf32>) -> tensor<?x3xf32>
    %2 = tern.bitlinear %1, %w bias %d weights <statistic = absmean> activations <>
      : (tensor<?x3xf32>, tensor<3x3xf32>, tensor<3xf32>) -> tensor<?x3xf32>
    %3 = tern.bitlinear %2, %w bias %e weights <statistic = absmean> activations <>
      : (tensor<?x3xf32>, tensor<3x3xf32>, tensor<3xf32>) -> tensor<?x3xf32>
    return %3, %2 : tensor<?x3xf32>, tensor<?x3xf32>
  }
}
