// Which parameters a step trains, and what it says of the others.
// RUN: tern-opt %s --tern-attach-loss=loss=mse --tern-attach-optimizer='optimizer=adamw train-also=^asked,never,plain,nothing freeze=frozen' 2> %t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=WARN < %t.err

// To what does not train it is all the same.
// CHECK: func.func @forward(
// CHECK-NOT: tern.use
// CHECK: func.func @eval_step(
// CHECK-NOT: tern.use
// CHECK: func.func @train_step(
// CHECK-SAME: tensor<3xf32> {tern.donated = {{[0-9]+}} : i64, tern.param = "plain", tern.use = {learned = "asked for"}}
// CHECK-SAME: tensor<3xf32> {tern.donated = {{[0-9]+}} : i64, tern.param = "simple"}
// CHECK-SAME: tensor<1xf32> {tern.donated = {{[0-9]+}} : i64, tern.param = "slope", tern.use = {learned = "slope of 'p'"}}
// CHECK-SAME: tensor<1xf32> {tern.donated = {{[0-9]+}} : i64, tern.param = "asked", tern.use = {learned = "one element"}}
// CHECK-SAME: tensor<1xf32> {tern.param = "unasked", tern.use = {constant = "one element"}}
// CHECK-SAME: tensor<3xf32> {tern.param = "never", tern.use = {constant = "exponent of 'q'"}}
// CHECK-SAME: tensor<3xf32> {tern.param = "frozen", tern.use = {constant = "frozen"}}
// CHECK-SAME: tern.state = "plain/exp_avg"
// CHECK-NOT: tern.state = "{{unasked|never|frozen}}
// CHECK: return

// WARN: warning: parameter 'never' is not trained though it is asked for: it is the exponent of 'q'
// WARN: warning: pattern 'nothing' matches no parameter
#map = affine_map<(d0) -> (d0)>
#one = affine_map<(d0) -> (0)>
func.func @main(%x: tensor<3xf32> {tern.name = "x"}, %a: tensor<3xf32> {tern.param = "plain"}, %b: tensor<3xf32> {tern.param = "simple"},
                %c: tensor<1xf32> {tern.param = "slope", tern.use = {learned = "slope of 'p'"}},
                %d: tensor<1xf32> {tern.param = "asked", tern.use = {optional = "one element"}},
                %e: tensor<1xf32> {tern.param = "unasked", tern.use = {optional = "one element"}},
                %f: tensor<3xf32> {tern.param = "never", tern.use = {constant = "exponent of 'q'"}}, %g: tensor<3xf32> {tern.param = "frozen"})
    -> (tensor<3xf32> {tern.name = "y"}) {
  %0 = tensor.empty() : tensor<3xf32>
  %1 = linalg.generic {indexing_maps = [#map, #map, #map, #one, #one, #one, #map, #map, #map], iterator_types = ["parallel"]}
      ins(%x, %a, %b, %c, %d, %e, %f, %g : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<3xf32>, tensor<3xf32>)
      outs(%0 : tensor<3xf32>) {
  ^bb0(%i0: f32, %i1: f32, %i2: f32, %i3: f32, %i4: f32, %i5: f32, %i6: f32, %i7: f32, %out: f32):
    %2 = arith.addf %i0, %i1 : f32
    %3 = arith.addf %2, %i2 : f32
    %4 = arith.mulf %3, %i3 : f32
    %5 = arith.mulf %4, %i4 : f32
    %6 = arith.mulf %5, %i5 : f32
    %7 = arith.mulf %6, %i6 : f32
    %8 = arith.mulf %7, %i7 : f32
    linalg.yield %8 : f32
  } -> tensor<3xf32>
  return %1 : tensor<3xf32>
}
