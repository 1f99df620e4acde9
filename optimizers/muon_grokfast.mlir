// Grokfast (grokfast.mlir) and Muon (muon.mlir) together, with the learning
// rates that suit both. With `filter_after` other than 0, matrices are filtered
// after they are orthogonalized instead of before.
//
//   before:  mu' = ema(g),  d = muon's direction of g + lamb * mu'
//   after:   o = muon's direction of g,  mu' = ema(o),  d = o + lamb * mu'
//   w' = (1 - lr * weight_decay) * w - lr * sqrt(max(1, rows / cols)) * d

#mat = affine_map<(d0, d1) -> (d0, d1)>

func.func private @grokfast(tensor<?xf32>, tensor<?xf32>, tensor<f64>, tensor<f32>, tensor<i64>)
    -> (tensor<?xf32>, tensor<?xf32>) attributes {tern.from = @grokfast::@filter}
func.func private @muon_direction(tensor<?x?xf32>, tensor<?x?xf32>, tensor<f64>)
    -> (tensor<?x?xf32>, tensor<?x?xf32>) attributes {tern.from = @muon::@direction_matrix}
func.func private @muon_update_matrix(tensor<?x?xf32>, tensor<?x?xf32>, tensor<f32>, tensor<f32>)
    -> tensor<?x?xf32> attributes {tern.from = @muon::@update_matrix}
func.func private @muon_update(
    tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<f32>, tensor<f32>, tensor<f64>, tensor<f64>,
    tensor<f32>, tensor<f32>, tensor<i64>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) attributes {tern.from = @muon::@update}

// All elements in a row, and back.
func.func private @filter_matrix(%x: tensor<?x?xf32>, %mu: tensor<?x?xf32>, %alpha: tensor<f64>, %lamb: tensor<f32>,
                                 %step: tensor<i64>) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %cols = tensor.dim %x, %c1 : tensor<?x?xf32>
  %xf = tensor.collapse_shape %x [[0, 1]] : tensor<?x?xf32> into tensor<?xf32>
  %muf = tensor.collapse_shape %mu [[0, 1]] : tensor<?x?xf32> into tensor<?xf32>
  %f:2 = func.call @grokfast(%xf, %muf, %alpha, %lamb, %step)
      : (tensor<?xf32>, tensor<?xf32>, tensor<f64>, tensor<f32>, tensor<i64>) -> (tensor<?xf32>, tensor<?xf32>)
  %x1 = tensor.expand_shape %f#0 [[0, 1]] output_shape [%rows, %cols] : tensor<?xf32> into tensor<?x?xf32>
  %mu1 = tensor.expand_shape %f#1 [[0, 1]] output_shape [%rows, %cols] : tensor<?xf32> into tensor<?x?xf32>
  return %x1, %mu1 : tensor<?x?xf32>, tensor<?x?xf32>
}

func.func private @choose(%is: tensor<f32>, %then: tensor<?x?xf32>, %else: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %is_s = tensor.extract %is[] : tensor<f32>
  %isThen = arith.cmpf une, %is_s, %zero : f32
  %rows = tensor.dim %then, %c0 : tensor<?x?xf32>
  %cols = tensor.dim %then, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%rows, %cols) : tensor<?x?xf32>
  %r = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%then, %else : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%t: f32, %f: f32, %o: f32):
    %s = arith.select %isThen, %t, %f : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

func.func @update_matrix(
    %w: tensor<?x?xf32>, %g: tensor<?x?xf32>,
    %m: tensor<?x?xf32> {tern.state = "momentum", tern.init = 0.0 : f32},
    %ema: tensor<?x?xf32> {tern.state = "grokfast_ema", tern.init = 0.0 : f32},
    %lr: tensor<f32> {tern.scalar = "lr", tern.default = 0.01 : f32},
    %weight_decay: tensor<f32> {tern.scalar = "weight_decay", tern.default = 0.01 : f32},
    %beta: tensor<f64> {tern.scalar = "beta", tern.default = 0.95 : f64},
    %alpha: tensor<f64> {tern.scalar = "alpha", tern.default = 0.98 : f64},
    %lamb: tensor<f32> {tern.scalar = "lamb", tern.default = 2.0 : f32},
    %filter_after: tensor<f32> {tern.scalar = "filter_after", tern.default = 0.0 : f32},
    %step: tensor<i64> {tern.scalar = "step"})
    -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) {
  %before:2 = func.call @filter_matrix(%g, %ema, %alpha, %lamb, %step)
      : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<f64>, tensor<f32>, tensor<i64>) -> (tensor<?x?xf32>, tensor<?x?xf32>)
  %gf = func.call @choose(%filter_after, %g, %before#0)
      : (tensor<f32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %o:2 = func.call @muon_direction(%gf, %m, %beta)
      : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<f64>) -> (tensor<?x?xf32>, tensor<?x?xf32>)
  %after:2 = func.call @filter_matrix(%o#0, %ema, %alpha, %lamb, %step)
      : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<f64>, tensor<f32>, tensor<i64>) -> (tensor<?x?xf32>, tensor<?x?xf32>)
  %d = func.call @choose(%filter_after, %after#0, %o#0)
      : (tensor<f32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %ema1 = func.call @choose(%filter_after, %after#1, %before#1)
      : (tensor<f32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %w1 = func.call @muon_update_matrix(%w, %d, %lr, %weight_decay)
      : (tensor<?x?xf32>, tensor<?x?xf32>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32>
  return %w1, %o#1, %ema1 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>
}

func.func @update(
    %w: tensor<?xf32>, %g: tensor<?xf32>,
    %m: tensor<?xf32> {tern.state = "exp_avg", tern.init = 0.0 : f32},
    %v: tensor<?xf32> {tern.state = "exp_avg_sq", tern.init = 0.0 : f32},
    %ema: tensor<?xf32> {tern.state = "grokfast_ema", tern.init = 0.0 : f32},
    %lr: tensor<f32> {tern.scalar = "lr", tern.default = 0.01 : f32},
    %weight_decay: tensor<f32> {tern.scalar = "weight_decay", tern.default = 0.01 : f32},
    %beta1: tensor<f64> {tern.scalar = "beta1", tern.default = 0.9 : f64},
    %beta2: tensor<f64> {tern.scalar = "beta2", tern.default = 0.999 : f64},
    %eps: tensor<f32> {tern.scalar = "eps", tern.default = 1.0e-8 : f32},
    %adamw_lr: tensor<f32> {tern.scalar = "adamw_lr", tern.default = 0.05 : f32},
    %alpha: tensor<f64> {tern.scalar = "alpha", tern.default = 0.98 : f64},
    %lamb: tensor<f32> {tern.scalar = "lamb", tern.default = 2.0 : f32},
    %step: tensor<i64> {tern.scalar = "step"})
    -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %f:2 = func.call @grokfast(%g, %ema, %alpha, %lamb, %step)
      : (tensor<?xf32>, tensor<?xf32>, tensor<f64>, tensor<f32>, tensor<i64>) -> (tensor<?xf32>, tensor<?xf32>)
  %n:3 = func.call @muon_update(%w, %f#0, %m, %v, %lr, %weight_decay, %beta1, %beta2, %eps, %adamw_lr, %step)
      : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<f32>, tensor<f32>, tensor<f64>,
         tensor<f64>, tensor<f32>, tensor<f32>, tensor<i64>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return %n#0, %n#1, %n#2, %f#1 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}
