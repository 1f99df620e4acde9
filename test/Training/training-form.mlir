// RUN: tern-opt %s --tern-attach-loss=loss=mse --split-input-file --verify-diagnostics | FileCheck %s
// RUN: tern-opt %s --tern-attach-loss=loss=mse --split-input-file -o - 2> /dev/null | tern-opt --split-input-file --tern-attach-optimizer=optimizer=sgd | FileCheck %s --check-prefix=UPDATED
// RUN: tern-opt %s --tern-attach-loss=loss=mse --split-input-file -o - 2> /dev/null | tern-opt --split-input-file --tern-attach-optimizer='optimizer=sgd freeze=mean' | FileCheck %s --check-prefix=FROZEN

// Public functions infer, the losses train.
// CHECK: func.func @forward(
// CHECK-SAME: %[[MEAN:[^:]*]]: tensor<3xf32> {tern.buffer, tern.param = "mean"}
// CHECK-NOT: tern.in_training
// CHECK-NOT: tern.update
// CHECK: linalg.sub ins(%{{.*}}, %[[MEAN]] :
// CHECK: func.func @eval_step(
// CHECK-SAME: %[[MEAN:[^:]*]]: tensor<3xf32> {tern.buffer, tern.param = "mean"}
// CHECK-NOT: tern.in_training
// CHECK-NOT: tern.update
// CHECK: linalg.sub ins(%{{.*}}, %[[MEAN]] :
//
// CHECK: func.func private @loss(
// CHECK-SAME: tensor<2x3xf32> {tern.name = "target"
// CHECK-SAME: %[[SEED:[^:]*]]: tensor<i64> {tern.default = 0 : i64, tern.scalar = "seed"}, %[[STEP:[^:]*]]: tensor<i64> {tern.scalar = "step"},
// CHECK-SAME: %[[W:[^:]*]]: tensor<3xf32> {tern.param = "w"}, %[[MEAN:[^:]*]]: tensor<3xf32> {tern.buffer, tern.param = "mean"})
// CHECK-SAME: -> (tensor<f32> {tern.name = "loss", tern.shape = []}, tensor<3xf32> {tern.update = "mean"})
// CHECK-DAG: %[[BATCH:.*]] = linalg.add
// CHECK-DAG: tensor.extract %[[SEED]]
// CHECK-DAG: tensor.extract %[[STEP]]
// CHECK: linalg.index 0
// CHECK: arith.cmpi uge
// CHECK-NOT: tern.keep_mask
// CHECK: linalg.sub ins(%{{.*}}, %[[BATCH]] :
// CHECK: return %{{.*}}, %[[BATCH]]
//
// A statistic is updated in place, but has no optimizer's state.
// UPDATED: func.func @train_step(
// UPDATED-SAME: tensor<i64> {tern.scalar = "step"}
// UPDATED-SAME: tensor<i64> {tern.default = 0 : i64, tern.scalar = "seed"}
// UPDATED-SAME: tern.donated = {{[0-9]+}} : i64, tern.param = "w"
// UPDATED-SAME: {tern.buffer, tern.donated = {{[0-9]+}} : i64, tern.param = "mean"}
// UPDATED-NOT: mean/
// FROZEN: func.func @train_step(
// FROZEN-SAME: {tern.buffer, tern.param = "mean"}
func.func @main(%x: tensor<2x3xf32> {tern.name = "x"}, %w: tensor<3xf32> {tern.param = "w"},
                %mean: tensor<3xf32> {tern.param = "mean", tern.buffer}) -> tensor<2x3xf32> {
  %empty = tensor.empty() : tensor<3xf32>
  %batch = linalg.add ins(%w, %w : tensor<3xf32>, tensor<3xf32>) outs(%empty : tensor<3xf32>) -> tensor<3xf32>
  tern.update_parameter %mean to %batch : tensor<3xf32>
  %used = tern.in_training %batch else %mean : tensor<3xf32>
  %keep = tern.keep_mask() ratio 0.5 stream 0 : tensor<3xi1>
  %dropped = arith.select %keep, %w, %used : tensor<3xi1>, tensor<3xf32>
  %v = tern.in_training %dropped else %w : tensor<3xf32>
  %d = linalg.sub ins(%v, %used : tensor<3xf32>, tensor<3xf32>) outs(%empty : tensor<3xf32>) -> tensor<3xf32>
  %wide = tensor.empty() : tensor<2x3xf32>
  %rows = linalg.broadcast ins(%d : tensor<3xf32>) outs(%wide : tensor<2x3xf32>) dimensions = [0]
  %y = linalg.mul ins(%x, %rows : tensor<2x3xf32>, tensor<2x3xf32>) outs(%wide : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
