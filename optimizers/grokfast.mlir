// Grokfast (arXiv:2405.20233), the filter with an exponential moving average:
// slow components of the gradient are amplified. Stands before an optimizer, as
// in --optimizer=grokfast+adamw.
//
//   mu' = g at step 1, alpha * mu + (1 - alpha) * g later
//   g'  = g + lamb * mu'

#all = affine_map<(d0) -> (d0)>

func.func @filter(
    %g: tensor<?xf32>,
    %mu: tensor<?xf32> {tern.state = "grokfast_ema", tern.init = 0.0 : f32},
    %alpha: tensor<f64> {tern.scalar = "alpha", tern.default = 0.98 : f64},
    %lamb: tensor<f32> {tern.scalar = "lamb", tern.default = 2.0 : f32},
    %step: tensor<i64> {tern.scalar = "step"})
    -> (tensor<?xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %one_d = arith.constant 1.0 : f64
  %one_i = arith.constant 1 : i64
  %alpha_d = tensor.extract %alpha[] : tensor<f64>
  %alpha_s = arith.truncf %alpha_d : f64 to f32
  %lamb_s = tensor.extract %lamb[] : tensor<f32>
  %step_s = tensor.extract %step[] : tensor<i64>
  %isFirst = arith.cmpi sle, %step_s, %one_i : i64
  %rest_d = arith.subf %one_d, %alpha_d : f64
  %rest = arith.truncf %rest_d : f64 to f32
  %n = tensor.dim %g, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %new:2 = linalg.generic {indexing_maps = [#all, #all, #all, #all], iterator_types = ["parallel"]}
      ins(%g, %mu : tensor<?xf32>, tensor<?xf32>) outs(%e, %e : tensor<?xf32>, tensor<?xf32>) {
  ^bb0(%gi: f32, %mi: f32, %o0: f32, %o1: f32):
    %k = arith.mulf %alpha_s, %mi : f32
    %a = arith.mulf %rest, %gi : f32
    %s = arith.addf %k, %a : f32
    %m1 = arith.select %isFirst, %gi, %s : f32
    %slow = arith.mulf %lamb_s, %m1 : f32
    %g1 = arith.addf %gi, %slow : f32
    linalg.yield %g1, %m1 : f32, f32
  } -> (tensor<?xf32>, tensor<?xf32>)
  return %new#0, %new#1 : tensor<?xf32>, tensor<?xf32>
}
