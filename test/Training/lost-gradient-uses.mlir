// RUN: tern-opt %s --tern-attach-loss=loss=mse --tern-attach-optimizer 2> /dev/null | FileCheck %s

// What is not trained since all of its gradient is lost is a constant, whatever
// the model uses it as, and the reason names the node; `bias` is trained.
// CHECK: func.func @train_step(
// CHECK-SAME: tern.param = "scale"{{[^%]*}}tern.use = {constant = "all of its gradient ends at 'code'"}
// CHECK-SAME: tern.param = "other"{{[^%]*}}tern.use = {constant = "its gradient ends where a derivative is zero"}
// CHECK-SAME: tern.donated{{[^%]*}}tern.param = "bias"{{[^%]*}}tern.use = {learned = "bias of fc"}
#id = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<3xf32> {tern.name = "x"},
                %scale: tensor<3xf32> {tern.param = "scale", tern.use = {learned = "weight of fc"}},
                %other: tensor<3xf32> {tern.param = "other"},
                %bias: tensor<3xf32> {tern.param = "bias", tern.use = {learned = "bias of fc"}})
    -> (tensor<3xf32> {tern.name = "y"}) {
  %e = tensor.empty() : tensor<3xf32>
  %ei = tensor.empty() : tensor<3xi32>
  %code = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%scale : tensor<3xf32>) outs(%ei : tensor<3xi32>) {
    ^bb0(%v: f32, %o: i32):
      %i = arith.fptosi %v : f32 to i32
      linalg.yield %i : i32
  } -> tensor<3xi32> loc("code")
  %more = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%other : tensor<3xf32>) outs(%ei : tensor<3xi32>) {
    ^bb0(%v: f32, %o: i32):
      %i = arith.fptosi %v : f32 to i32
      linalg.yield %i : i32
  } -> tensor<3xi32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %code, %more, %bias : tensor<3xf32>, tensor<3xi32>, tensor<3xi32>, tensor<3xf32>) outs(%e : tensor<3xf32>) {
    ^bb0(%v: f32, %i: i32, %j: i32, %b: f32, %o: f32):
      %k = arith.muli %i, %j : i32
      %c = arith.sitofp %k : i32 to f32
      %p = arith.mulf %v, %c : f32
      %s = arith.addf %p, %b : f32
      linalg.yield %s : f32
  } -> tensor<3xf32>
  return %y : tensor<3xf32>
}
