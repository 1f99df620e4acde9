// Stochastic gradient descent with momentum and Nesterov's form of it, as
// torch.optim.SGD: decay is added to the gradient.
//
//   g' = g + weight_decay * w
//   b' = g' at step 1, momentum * b + (1 - dampening) * g' later
//   w' = w - lr * (nesterov != 0 ? g' + momentum * b' : b')
//
// With momentum 0 this is w - lr * g'.

#all = affine_map<(d0) -> (d0)>

func.func @update(
    %w: tensor<?xf32>, %g: tensor<?xf32>,
    %b: tensor<?xf32> {tern.state = "momentum_buffer", tern.init = 0.0 : f32},
    %lr: tensor<f32> {tern.scalar = "lr"},
    %weight_decay: tensor<f32> {tern.scalar = "weight_decay"},
    %momentum: tensor<f32> {tern.scalar = "momentum", tern.default = 0.0 : f32},
    %dampening: tensor<f32> {tern.scalar = "dampening", tern.default = 0.0 : f32},
    %nesterov: tensor<f32> {tern.scalar = "nesterov", tern.default = 0.0 : f32},
    %step: tensor<i64> {tern.scalar = "step"})
    -> (tensor<?xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %one_i = arith.constant 1 : i64
  %lr_s = tensor.extract %lr[] : tensor<f32>
  %wd_s = tensor.extract %weight_decay[] : tensor<f32>
  %mu = tensor.extract %momentum[] : tensor<f32>
  %damp = tensor.extract %dampening[] : tensor<f32>
  %nest = tensor.extract %nesterov[] : tensor<f32>
  %step_s = tensor.extract %step[] : tensor<i64>
  %isFirst = arith.cmpi sle, %step_s, %one_i : i64
  %isNesterov = arith.cmpf une, %nest, %zero : f32
  %later = arith.subf %one, %damp : f32
  %part = arith.select %isFirst, %one, %later : f32

  %n = tensor.dim %w, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %new:2 = linalg.generic {indexing_maps = [#all, #all, #all, #all, #all],
                           iterator_types = ["parallel"]}
      ins(%w, %g, %b : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
      outs(%e, %e : tensor<?xf32>, tensor<?xf32>) {
  ^bb0(%wi: f32, %gi: f32, %bi: f32, %o0: f32, %o1: f32):
    %decay = arith.mulf %wd_s, %wi : f32
    %gd = arith.addf %gi, %decay : f32
    %kept = arith.mulf %mu, %bi : f32
    %added = arith.mulf %part, %gd : f32
    %b1 = arith.addf %kept, %added : f32
    %ahead = arith.mulf %mu, %b1 : f32
    %gn = arith.addf %gd, %ahead : f32
    %u = arith.select %isNesterov, %gn, %b1 : f32
    %d = arith.mulf %lr_s, %u : f32
    %w1 = arith.subf %wi, %d : f32
    linalg.yield %w1, %b1 : f32, f32
  } -> (tensor<?xf32>, tensor<?xf32>)
  return %new#0, %new#1 : tensor<?xf32>, tensor<?xf32>
}
