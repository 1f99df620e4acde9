// RUN: tern-opt %s --tern-attach-loss=loss=mse --tern-attach-optimizer -verify-diagnostics -o /dev/null

// A parameter that reaches the loss through integers only is not trained, and
// the node is named where its gradient ends. One of which a part is left, the
// scale of a quantizer, and what the loss does not depend on are none to warn
// of.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
// expected-remark @below {{parameter 'step' is not trained: the loss does not depend on it}}
// expected-remark @below {{parameter 'unused' is not trained: the loss does not depend on it}}
func.func @main(%x: tensor<?x3xf32> {tern.name = "x"}, %scale: tensor<3xf32> {tern.param = "scale"},
                %bias: tensor<3xf32> {tern.param = "bias"}, %unused: tensor<3xf32> {tern.param = "unused"},
                %step: tensor<3xf32> {tern.param = "step"})
    -> (tensor<?x3xf32> {tern.name = "y"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x3xf32>
  %m = tensor.dim %unused, %c0 : tensor<3xf32>
  %e = tensor.empty(%n) : tensor<?x3xf32>
  %ei = tensor.empty(%n) : tensor<?x3xi32>
  %sum = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %scale : tensor<?x3xf32>, tensor<3xf32>) outs(%e : tensor<?x3xf32>) {
    ^bb0(%v: f32, %s: f32, %o: f32):
      %p = arith.mulf %v, %s : f32
      linalg.yield %p : f32
  } -> tensor<?x3xf32>
  // expected-warning @+1 {{parameter 'scale' is not trained: all of its gradient ends here, where the derivative is zero}}
  %code = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%sum : tensor<?x3xf32>) outs(%ei : tensor<?x3xi32>) {
    ^bb0(%v: f32, %o: i32):
      %i = arith.fptosi %v : f32 to i32
      linalg.yield %i : i32
  } -> tensor<?x3xi32>
  %y = linalg.generic {indexing_maps = [#id, #row, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%code, %bias, %step : tensor<?x3xi32>, tensor<3xf32>, tensor<3xf32>) outs(%e : tensor<?x3xf32>) {
    ^bb0(%i: i32, %b: f32, %z: f32, %o: f32):
      %c = arith.sitofp %i : i32 to f32
      %d = tern.surrogate %z : f32
      %f = arith.mulf %c, %d : f32
      %t = arith.fptosi %b : f32 to i32
      %g = arith.sitofp %t : i32 to f32
      %s = arith.addf %f, %g : f32
      %r = arith.addf %s, %b : f32
      linalg.yield %r : f32
  } -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
