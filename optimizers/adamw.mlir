// AdamW: Adam with decoupled weight decay (arXiv:1711.05101), as
// torch.optim.AdamW. t is the number of the step, from 1.
//
//   m' = beta1 * m + (1 - beta1) * g
//   v' = beta2 * v + (1 - beta2) * g^2
//   w' = (1 - lr * weight_decay) * w
//        - lr / (1 - beta1^t) * m' / (sqrt(v') / sqrt(1 - beta2^t) + eps)

#all = affine_map<(d0) -> (d0)>

func.func @update(
    %w: tensor<?xf32>, %g: tensor<?xf32>,
    %m: tensor<?xf32> {tern.state = "exp_avg", tern.init = 0.0 : f32},
    %v: tensor<?xf32> {tern.state = "exp_avg_sq", tern.init = 0.0 : f32},
    %lr: tensor<f32> {tern.scalar = "lr", tern.default = 1.0e-3 : f32},
    %weight_decay: tensor<f32> {tern.scalar = "weight_decay", tern.default = 0.01 : f32},
    %beta1: tensor<f64> {tern.scalar = "beta1", tern.default = 0.9 : f64},
    %beta2: tensor<f64> {tern.scalar = "beta2", tern.default = 0.999 : f64},
    %eps: tensor<f32> {tern.scalar = "eps", tern.default = 1.0e-8 : f32},
    %step: tensor<i64> {tern.scalar = "step"})
    -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %one_d = arith.constant 1.0 : f64
  %lr_s = tensor.extract %lr[] : tensor<f32>
  %wd_s = tensor.extract %weight_decay[] : tensor<f32>
  %b1_d = tensor.extract %beta1[] : tensor<f64>
  %b2_d = tensor.extract %beta2[] : tensor<f64>
  %eps_s = tensor.extract %eps[] : tensor<f32>
  %step_s = tensor.extract %step[] : tensor<i64>

  // 1 - beta and 1 - beta^step in f64: in f32 they would lose half their digits.
  %t = arith.sitofp %step_s : i64 to f64
  %p1 = math.powf %b1_d, %t : f64
  %p2 = math.powf %b2_d, %t : f64
  %c1_d = arith.subf %one_d, %p1 : f64
  %c2_d = arith.subf %one_d, %p2 : f64
  %root_d = math.sqrt %c2_d : f64
  %lr_d = arith.extf %lr_s : f32 to f64
  %size_d = arith.divf %lr_d, %c1_d : f64
  %size = arith.truncf %size_d : f64 to f32
  %root = arith.truncf %root_d : f64 to f32

  %lrwd = arith.mulf %lr_s, %wd_s : f32
  %kept = arith.subf %one, %lrwd : f32
  %d1_d = arith.subf %one_d, %b1_d : f64
  %d2_d = arith.subf %one_d, %b2_d : f64
  %b1 = arith.truncf %b1_d : f64 to f32
  %b2 = arith.truncf %b2_d : f64 to f32
  %d1 = arith.truncf %d1_d : f64 to f32
  %d2 = arith.truncf %d2_d : f64 to f32

  %n = tensor.dim %w, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %new:3 = linalg.generic {indexing_maps = [#all, #all, #all, #all, #all, #all, #all],
                           iterator_types = ["parallel"]}
      ins(%w, %g, %m, %v : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
      outs(%e, %e, %e : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  ^bb0(%wi: f32, %gi: f32, %mi: f32, %vi: f32, %o0: f32, %o1: f32, %o2: f32):
    %mk = arith.mulf %b1, %mi : f32
    %mg = arith.mulf %d1, %gi : f32
    %m1 = arith.addf %mk, %mg : f32
    %vk = arith.mulf %b2, %vi : f32
    %gg = arith.mulf %gi, %gi : f32
    %vg = arith.mulf %d2, %gg : f32
    %v1 = arith.addf %vk, %vg : f32
    %r = math.sqrt %v1 : f32
    %rc = arith.divf %r, %root : f32
    %den = arith.addf %rc, %eps_s : f32
    %q = arith.divf %m1, %den : f32
    %u = arith.mulf %size, %q : f32
    %wk = arith.mulf %kept, %wi : f32
    %w1 = arith.subf %wk, %u : f32
    linalg.yield %w1, %m1, %v1 : f32, f32, f32
  } -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return %new#0, %new#1, %new#2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}
