// RUN: tern-opt %S/Inputs/model.mlir --tern-training-pipeline > %t.mlir && FileCheck %s < %t.mlir
// RUN: tern-opt %S/Inputs/model.mlir --tern-attach-loss --tern-attach-optimizer='optimizer=grokfast+muon freeze=bias' -o %t.muon.mlir 2> %t.err
// RUN: tern-opt %S/Inputs/model.mlir --tern-attach-loss --tern-attach-optimizer=optimizer=muon+grokfast --canonicalize | FileCheck %s --check-prefix=BEHIND
// RUN: FileCheck %s --check-prefix=MUON < %t.muon.mlir && FileCheck %s --check-prefix=REMARK --allow-empty < %t.err
// RUN: tern-opt %S/Inputs/model.mlir --tern-attach-loss --tern-attach-optimizer='param-groups=weight:lr_scale=0.5' --canonicalize | FileCheck %s --check-prefix=GROUP
// RUN: tern-opt %S/Inputs/model.mlir --tern-attach-loss --tern-attach-optimizer='clip=false accumulate recompute=false optimizer=sgd' --canonicalize | FileCheck %s --check-prefix=SUMS
//
// SUMS: func.func @train_step(
// SUMS-NOT: clip_norm
// SUMS-SAME: tensor<i64> {tern.default = 1 : i64, tern.scalar = "accumulate"}
// SUMS-SAME: tensor<i64> {tern.default = 0 : i64, tern.scalar = "accumulate_start"}
// SUMS-SAME: tensor<i64> {tern.default = 0 : i64, tern.scalar = "accumulate_updates"}
// SUMS-SAME: tensor<i64> {tern.default = 0 : i64, tern.scalar = "accumulate_close"}
// SUMS-SAME: tern.state = "fc.weight/gradient"
// SUMS-NOT: tern.recompute
// SUMS: arith.remsi
// SUMS: arith.select
//
// CHECK: tern.training = {classes = 5 : i64, fingerprint = "{{[0-9a-f]+}}", ignore_index = -100 : i64, loss = "softmax-cross-entropy", optimizer = "adamw"}
// CHECK: func.func @forward
// CHECK: func.func @eval_step
//
// Inputs, labels, scalars, parameters, states. Integers and what the loss does
// not depend on are not trained.
// CHECK: func.func @train_step(%{{.*}}: tensor<?x3xf32> {tern.name = "x"
// CHECK-SAME: tensor<?xi64> {tern.name = "labels"
// CHECK-SAME: tensor<f32> {tern.default = 1.000000e-03 : f32, tern.scalar = "lr"}
// CHECK-SAME: tensor<f32> {tern.default = {{[^ ]*}} : f32, tern.scalar = "weight_decay"}
// CHECK-SAME: tensor<i64> {tern.scalar = "step"}
// CHECK-SAME: tensor<f32> {tern.default = 1.000000e+00 : f32, tern.scalar = "lambda"}
// CHECK-SAME: tensor<f32> {tern.default = 0.000000e+00 : f32, tern.scalar = "clip_norm"}
// CHECK-SAME: tern.scalar = "beta1"
// CHECK-SAME: %[[W:[^:]*]]: tensor<5x3xf32> {tern.donated = 2 : i64, tern.fan_in = 3 : i64, tern.param = "fc.weight"}
// CHECK-SAME: tensor<5xf32> {tern.donated = 3 : i64, tern.param = "fc.bias"}
// CHECK-SAME: tensor<2xf32> {tern.param = "unused", tern.use = {constant = "the loss does not depend on it"}}
// CHECK-SAME: tensor<2xi8> {tern.param = "table", tern.use = {constant = "no tensor of f32"}}
// CHECK-SAME: tensor<5x3xf32> {tern.donated = 4 : i64, tern.init = 0.000000e+00 : f32, tern.state = "fc.weight/exp_avg"}
// CHECK-SAME: tensor<5x3xf32> {tern.donated = 5 : i64, tern.init = 0.000000e+00 : f32, tern.state = "fc.weight/exp_avg_sq"}
// CHECK-SAME: -> (tensor<f32> {tern.name = "loss", tern.shape = []}, tensor<f32> {tern.name = "grad_norm", tern.shape = []}, tensor<5x3xf32>,
// CHECK: tern.bitlinear
//
// The update is on all elements in a row, with the parameter's own extents.
// CHECK: tensor.collapse_shape %[[W]] {{.*}} into tensor<15xf32>
// CHECK: outs(%{{.*}} : tensor<15xf32>, tensor<15xf32>, tensor<15xf32>)
//
// The step for lambda < 1 is in floats.
// CHECK: func.func @train_step_float(
// CHECK-NOT: tern.bitlinear
// CHECK-NOT: func.func private
//
// The filter's state comes first; a matrix has Muon's, and the bias is frozen.
// MUON: optimizer = "grokfast+muon"
// MUON: func.func @train_step(
// MUON-SAME: tensor<5xf32> {tern.param = "fc.bias", tern.use = {constant = "frozen"}}
// MUON-SAME: tern.state = "fc.weight/grokfast_ema"}
// MUON-SAME: tern.state = "fc.weight/momentum"}
// MUON-NOT: exp_avg
// MUON: linalg.matmul
//
// Behind the optimizer the filter is of what is orthogonalized; a bias has no
// direction but its gradient.
// BEHIND: optimizer = "muon+grokfast"
// BEHIND: func.func @train_step(
// BEHIND-SAME: tern.state = "fc.weight/momentum"}
// BEHIND-SAME: tern.state = "fc.weight/grokfast_ema"}
// BEHIND-SAME: tern.state = "fc.bias/grokfast_ema"}
// BEHIND-SAME: tern.state = "fc.bias/exp_avg"}
// BEHIND-COUNT-10: linalg.matmul
// BEHIND: linalg.transpose
// BEHIND-NOT: linalg.transpose
// BEHIND: tensor.collapse_shape
//
// REMARK-NOT: error
//
// GROUP: func.func @train_step(
// GROUP: arith.constant 5.000000e-01 : f32
