// Muon: momentum, orthogonalized by a Newton-Schulz iteration
// (https://kellerjordan.github.io/posts/muon), for matrices; AdamW for the rest.
//
//   m' = m + (1 - beta) * (g - m)
//   d  = orthogonalize(g + beta * (m' - g))
//   w' = (1 - lr * weight_decay) * w - lr * sqrt(max(1, rows / cols)) * d
//
// `lr` is that of matrices; the rest has `lr * adamw_lr`, so that one schedule
// serves both. A parameter of higher rank is the matrix [first extent, others].
// d is the direction: filters behind it, as in muon+grokfast, change it.

#all = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhsT = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// One step of the quintic Newton-Schulz iteration:
//   A = X X^T;  B = b A + c A A;  X' = a X + B X
func.func private @iterate(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %a = arith.constant 3.4445 : f32
  %b = arith.constant -4.7750 : f32
  %c = arith.constant 2.0315 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %cols = tensor.dim %x, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%rows, %cols) : tensor<?x?xf32>
  %ae = tensor.empty(%rows, %rows) : tensor<?x?xf32>
  %az = linalg.fill ins(%zero : f32) outs(%ae : tensor<?x?xf32>) -> tensor<?x?xf32>
  %xz = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %A = linalg.generic {indexing_maps = [#lhs, #rhsT, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %acc: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %AA = linalg.matmul ins(%A, %A : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) -> tensor<?x?xf32>
  %B = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%A, %AA : tensor<?x?xf32>, tensor<?x?xf32>) outs(%ae : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %b, %l : f32
    %q = arith.mulf %c, %r : f32
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %BX = linalg.matmul ins(%B, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%xz : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x1 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%x, %BX : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %a, %l : f32
    %s = arith.addf %p, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  return %x1 : tensor<?x?xf32>
}

// Five steps, by which the singular values of x / |x| move to about 1. x has at
// most as many rows as columns.
func.func private @newton_schulz(%x0: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero_d = arith.constant 0.0 : f64
  %tiny = arith.constant 1.0e-7 : f32
  %rows = tensor.dim %x0, %c0 : tensor<?x?xf32>
  %cols = tensor.dim %x0, %c1 : tensor<?x?xf32>

  // Squares in f64, row by row, then rows: in a fixed order.
  %re = tensor.empty(%rows) : tensor<?xf64>
  %rz = linalg.fill ins(%zero_d : f64) outs(%re : tensor<?xf64>) -> tensor<?xf64>
  %perRow = linalg.generic {indexing_maps = [#mat, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x0 : tensor<?x?xf32>) outs(%rz : tensor<?xf64>) {
  ^bb0(%xi: f32, %acc: f64):
    %xd = arith.extf %xi : f32 to f64
    %sq = arith.mulf %xd, %xd : f64
    %s = arith.addf %acc, %sq : f64
    linalg.yield %s : f64
  } -> tensor<?xf64>
  %se = tensor.empty() : tensor<f64>
  %sz = linalg.fill ins(%zero_d : f64) outs(%se : tensor<f64>) -> tensor<f64>
  %sum = linalg.generic {indexing_maps = [#all, #none], iterator_types = ["reduction"]}
      ins(%perRow : tensor<?xf64>) outs(%sz : tensor<f64>) {
  ^bb0(%xi: f64, %acc: f64):
    %s = arith.addf %acc, %xi : f64
    linalg.yield %s : f64
  } -> tensor<f64>
  %square = tensor.extract %sum[] : tensor<f64>
  %norm_d = math.sqrt %square : f64
  %norm = arith.truncf %norm_d : f64 to f32
  %den = arith.addf %norm, %tiny : f32

  %e = tensor.empty(%rows, %cols) : tensor<?x?xf32>
  %xn = linalg.generic {indexing_maps = [#mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%x0 : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%xi: f32, %o: f32):
    %q = arith.divf %xi, %den : f32
    linalg.yield %q : f32
  } -> tensor<?x?xf32>
  %x1 = func.call @iterate(%xn) : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %x2 = func.call @iterate(%x1) : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %x3 = func.call @iterate(%x2) : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %x4 = func.call @iterate(%x3) : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %x5 = func.call @iterate(%x4) : (tensor<?x?xf32>) -> tensor<?x?xf32>
  return %x5 : tensor<?x?xf32>
}

// The same for any shape: tall matrices are transposed there and back.
func.func private @orthogonalize(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %cols = tensor.dim %x, %c1 : tensor<?x?xf32>
  %isTall = arith.cmpi sgt, %rows, %cols : index
  // The extents are known when this is inlined, and one branch is left.
  %y = scf.if %isTall -> (tensor<?x?xf32>) {
    %te = tensor.empty(%cols, %rows) : tensor<?x?xf32>
    %t = linalg.transpose ins(%x : tensor<?x?xf32>) outs(%te : tensor<?x?xf32>) permutation = [1, 0]
    %o = func.call @newton_schulz(%t) : (tensor<?x?xf32>) -> tensor<?x?xf32>
    %ue = tensor.empty(%rows, %cols) : tensor<?x?xf32>
    %u = linalg.transpose ins(%o : tensor<?x?xf32>) outs(%ue : tensor<?x?xf32>) permutation = [1, 0]
    scf.yield %u : tensor<?x?xf32>
  } else {
    %o = func.call @newton_schulz(%x) : (tensor<?x?xf32>) -> tensor<?x?xf32>
    scf.yield %o : tensor<?x?xf32>
  }
  return %y : tensor<?x?xf32>
}

// In: gradient, momentum, beta. Out: direction, new momentum.
func.func @direction_matrix(
    %g: tensor<?x?xf32>,
    %m: tensor<?x?xf32> {tern.state = "momentum", tern.init = 0.0 : f32},
    %beta: tensor<f64> {tern.scalar = "beta", tern.default = 0.95 : f64})
    -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one_d = arith.constant 1.0 : f64
  %beta_d = tensor.extract %beta[] : tensor<f64>
  %rest_d = arith.subf %one_d, %beta_d : f64
  %beta_s = arith.truncf %beta_d : f64 to f32
  %rest = arith.truncf %rest_d : f64 to f32
  %rows = tensor.dim %g, %c0 : tensor<?x?xf32>
  %cols = tensor.dim %g, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%rows, %cols) : tensor<?x?xf32>
  // m' = lerp(m, g, 1 - beta);  u = lerp(g, m', beta)
  %mu:2 = linalg.generic {indexing_maps = [#mat, #mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%m, %g : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e, %e : tensor<?x?xf32>, tensor<?x?xf32>) {
  ^bb0(%mi: f32, %gi: f32, %o0: f32, %o1: f32):
    %d = arith.subf %gi, %mi : f32
    %dm = arith.mulf %rest, %d : f32
    %m1 = arith.addf %mi, %dm : f32
    %du = arith.subf %m1, %gi : f32
    %dub = arith.mulf %beta_s, %du : f32
    %u = arith.addf %gi, %dub : f32
    linalg.yield %m1, %u : f32, f32
  } -> (tensor<?x?xf32>, tensor<?x?xf32>)
  %o = func.call @orthogonalize(%mu#1) : (tensor<?x?xf32>) -> tensor<?x?xf32>
  return %o, %mu#0 : tensor<?x?xf32>, tensor<?x?xf32>
}

func.func @update_matrix(
    %w: tensor<?x?xf32>, %d: tensor<?x?xf32>,
    %lr: tensor<f32> {tern.scalar = "lr", tern.default = 0.02 : f32},
    %weight_decay: tensor<f32> {tern.scalar = "weight_decay", tern.default = 0.01 : f32})
    -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  %lr_s = tensor.extract %lr[] : tensor<f32>
  %wd_s = tensor.extract %weight_decay[] : tensor<f32>
  %lrwd = arith.mulf %lr_s, %wd_s : f32
  %kept = arith.subf %one, %lrwd : f32
  %rows = tensor.dim %w, %c0 : tensor<?x?xf32>
  %cols = tensor.dim %w, %c1 : tensor<?x?xf32>
  %rows_i = arith.index_cast %rows : index to i64
  %cols_i = arith.index_cast %cols : index to i64
  %rows_f = arith.sitofp %rows_i : i64 to f32
  %cols_f = arith.sitofp %cols_i : i64 to f32
  %ratio = arith.divf %rows_f, %cols_f : f32
  %ratio1 = arith.maximumf %ratio, %one : f32
  %root = math.sqrt %ratio1 : f32
  %size = arith.mulf %lr_s, %root : f32
  %e = tensor.empty(%rows, %cols) : tensor<?x?xf32>
  %w1 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%w, %d : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%wi: f32, %di: f32, %o0: f32):
    %k = arith.mulf %kept, %wi : f32
    %l = arith.mulf %size, %di : f32
    %s = arith.subf %k, %l : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  return %w1 : tensor<?x?xf32>
}

func.func private @adamw(
    tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<f32>, tensor<f32>, tensor<f64>, tensor<f64>,
    tensor<f32>, tensor<i64>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) attributes {tern.from = @adamw::@update}

func.func @update(
    %w: tensor<?xf32>, %g: tensor<?xf32>,
    %m: tensor<?xf32> {tern.state = "exp_avg", tern.init = 0.0 : f32},
    %v: tensor<?xf32> {tern.state = "exp_avg_sq", tern.init = 0.0 : f32},
    %lr: tensor<f32> {tern.scalar = "lr", tern.default = 0.02 : f32},
    %weight_decay: tensor<f32> {tern.scalar = "weight_decay", tern.default = 0.01 : f32},
    %beta1: tensor<f64> {tern.scalar = "beta1", tern.default = 0.9 : f64},
    %beta2: tensor<f64> {tern.scalar = "beta2", tern.default = 0.999 : f64},
    %eps: tensor<f32> {tern.scalar = "eps", tern.default = 1.0e-8 : f32},
    %adamw_lr: tensor<f32> {tern.scalar = "adamw_lr", tern.default = 0.015 : f32},
    %step: tensor<i64> {tern.scalar = "step"})
    -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %lr_m = tensor.extract %lr[] : tensor<f32>
  %part = tensor.extract %adamw_lr[] : tensor<f32>
  %lr_s = arith.mulf %lr_m, %part : f32
  %lr_rest = tensor.from_elements %lr_s : tensor<f32>
  %new:3 = func.call @adamw(%w, %g, %m, %v, %lr_rest, %weight_decay, %beta1, %beta2, %eps, %step)
      : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<f32>, tensor<f32>, tensor<f64>, tensor<f64>,
         tensor<f32>, tensor<i64>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return %new#0, %new#1, %new#2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}
