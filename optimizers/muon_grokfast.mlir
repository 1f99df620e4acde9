// Grokfast (grokfast.mlir) and Muon (muon.mlir) together, with the learning
// rates that suit both. With `filter_after` other than 0, matrices are filtered
// after they are orthogonalized instead of before.
//
//   before:  mu' = ema(g),  u = muon's momentum of g + lamb * mu',
//            d = orthogonalize(u)
//   after:   u = muon's momentum of g,  o = orthogonalize(u),
//            mu' = ema(o),  d = o + lamb * mu'
//   w' = (1 - lr * weight_decay) * w - lr * sqrt(max(1, rows / cols)) * d

#all = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhsT = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// Five steps of the quintic Newton-Schulz iteration: the singular values of
// x / |x| move to about 1. x has at most as many rows as columns.
func.func private @newton_schulz(%x0: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %zero_d = arith.constant 0.0 : f64
  %tiny = arith.constant 1.0e-7 : f32
  %a = arith.constant 3.4445 : f32
  %b = arith.constant -4.7750 : f32
  %c = arith.constant 2.0315 : f32
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
  %ae = tensor.empty(%rows, %rows) : tensor<?x?xf32>
  %az = linalg.fill ins(%zero : f32) outs(%ae : tensor<?x?xf32>) -> tensor<?x?xf32>
  %xz = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  // A = X X^T;  B = b A + c A A;  X' = a X + B X
  %A0 = linalg.generic {indexing_maps = [#lhs, #rhsT, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%xn, %xn : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %acc: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %AA0 = linalg.matmul ins(%A0, %A0 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) -> tensor<?x?xf32>
  %B0 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%A0, %AA0 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%ae : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %b, %l : f32
    %q = arith.mulf %c, %r : f32
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %BX0 = linalg.matmul ins(%B0, %xn : tensor<?x?xf32>, tensor<?x?xf32>) outs(%xz : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x1 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%xn, %BX0 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %a, %l : f32
    %s = arith.addf %p, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  // A = X X^T;  B = b A + c A A;  X' = a X + B X
  %A1 = linalg.generic {indexing_maps = [#lhs, #rhsT, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x1, %x1 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %acc: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %AA1 = linalg.matmul ins(%A1, %A1 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) -> tensor<?x?xf32>
  %B1 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%A1, %AA1 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%ae : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %b, %l : f32
    %q = arith.mulf %c, %r : f32
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %BX1 = linalg.matmul ins(%B1, %x1 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%xz : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x2 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%x1, %BX1 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %a, %l : f32
    %s = arith.addf %p, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  // A = X X^T;  B = b A + c A A;  X' = a X + B X
  %A2 = linalg.generic {indexing_maps = [#lhs, #rhsT, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x2, %x2 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %acc: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %AA2 = linalg.matmul ins(%A2, %A2 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) -> tensor<?x?xf32>
  %B2 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%A2, %AA2 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%ae : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %b, %l : f32
    %q = arith.mulf %c, %r : f32
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %BX2 = linalg.matmul ins(%B2, %x2 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%xz : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x3 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%x2, %BX2 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %a, %l : f32
    %s = arith.addf %p, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  // A = X X^T;  B = b A + c A A;  X' = a X + B X
  %A3 = linalg.generic {indexing_maps = [#lhs, #rhsT, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x3, %x3 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %acc: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %AA3 = linalg.matmul ins(%A3, %A3 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) -> tensor<?x?xf32>
  %B3 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%A3, %AA3 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%ae : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %b, %l : f32
    %q = arith.mulf %c, %r : f32
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %BX3 = linalg.matmul ins(%B3, %x3 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%xz : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x4 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%x3, %BX3 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %a, %l : f32
    %s = arith.addf %p, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  // A = X X^T;  B = b A + c A A;  X' = a X + B X
  %A4 = linalg.generic {indexing_maps = [#lhs, #rhsT, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x4, %x4 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %acc: f32):
    %p = arith.mulf %l, %r : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %AA4 = linalg.matmul ins(%A4, %A4 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%az : tensor<?x?xf32>) -> tensor<?x?xf32>
  %B4 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%A4, %AA4 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%ae : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %b, %l : f32
    %q = arith.mulf %c, %r : f32
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %BX4 = linalg.matmul ins(%B4, %x4 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%xz : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x5 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%x4, %BX4 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %a, %l : f32
    %s = arith.addf %p, %r : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
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
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  %lr_s = tensor.extract %lr[] : tensor<f32>
  %wd_s = tensor.extract %weight_decay[] : tensor<f32>
  %one_d = arith.constant 1.0 : f64
  %beta_d = tensor.extract %beta[] : tensor<f64>
  %rest_d = arith.subf %one_d, %beta_d : f64
  %beta_s = arith.truncf %beta_d : f64 to f32
  %rest = arith.truncf %rest_d : f64 to f32
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
  %one_i = arith.constant 1 : i64
  %zero = arith.constant 0.0 : f32
  %alpha_d = tensor.extract %alpha[] : tensor<f64>
  %alpha_s = arith.truncf %alpha_d : f64 to f32
  %lamb_s = tensor.extract %lamb[] : tensor<f32>
  %after_s = tensor.extract %filter_after[] : tensor<f32>
  %isAfter = arith.cmpf une, %after_s, %zero : f32
  %step_s = tensor.extract %step[] : tensor<i64>
  %isFirst = arith.cmpi sle, %step_s, %one_i : i64
  %fast_d = arith.subf %one_d, %alpha_d : f64
  %fast = arith.truncf %fast_d : f64 to f32
  // Before: what momentum sees is g + lamb * ema'.
  %gf = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%g, %ema : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%gi: f32, %mi: f32, %o0: f32):
    %k = arith.mulf %alpha_s, %mi : f32
    %a = arith.mulf %fast, %gi : f32
    %s = arith.addf %k, %a : f32
    %m1 = arith.select %isFirst, %gi, %s : f32
    %slow = arith.mulf %lamb_s, %m1 : f32
    %g1 = arith.addf %gi, %slow : f32
    %g2 = arith.select %isAfter, %gi, %g1 : f32
    linalg.yield %g2 : f32
  } -> tensor<?x?xf32>
  // m' = lerp(m, g, 1 - beta);  u = lerp(g, m', beta)
  %mu:2 = linalg.generic {indexing_maps = [#mat, #mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%m, %gf : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e, %e : tensor<?x?xf32>, tensor<?x?xf32>) {
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
  // After: the average is that of the orthogonalized direction.
  %new:2 = linalg.generic {indexing_maps = [#mat, #mat, #mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%o, %g, %ema : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>)
      outs(%e, %e : tensor<?x?xf32>, tensor<?x?xf32>) {
  ^bb0(%oi: f32, %gi: f32, %mi: f32, %o0: f32, %o1: f32):
    %x = arith.select %isAfter, %oi, %gi : f32
    %k = arith.mulf %alpha_s, %mi : f32
    %a = arith.mulf %fast, %x : f32
    %s = arith.addf %k, %a : f32
    %m1 = arith.select %isFirst, %x, %s : f32
    %slow = arith.mulf %lamb_s, %m1 : f32
    %o1v = arith.addf %oi, %slow : f32
    %o2v = arith.select %isAfter, %o1v, %oi : f32
    linalg.yield %o2v, %m1 : f32, f32
  } -> (tensor<?x?xf32>, tensor<?x?xf32>)
  %w1 = linalg.generic {indexing_maps = [#mat, #mat, #mat], iterator_types = ["parallel", "parallel"]}
      ins(%w, %new#0 : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%wi: f32, %oi: f32, %o0: f32):
    %k = arith.mulf %kept, %wi : f32
    %d = arith.mulf %size, %oi : f32
    %s = arith.subf %k, %d : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  return %w1, %mu#0, %new#1 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>
}

func.func private @grokfast(%g: tensor<?xf32>, %mu: tensor<?xf32>, %alpha: tensor<f64>,
                            %lamb: tensor<f32>, %step: tensor<i64>)
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

// As adamw.mlir.
func.func private @adamw(
    %w: tensor<?xf32>, %g: tensor<?xf32>, %m: tensor<?xf32>, %v: tensor<?xf32>,
    %lr: tensor<f32>, %weight_decay: tensor<f32>, %beta1: tensor<f64>, %beta2: tensor<f64>,
    %eps: tensor<f32>, %adamw_lr: tensor<f32>, %step: tensor<i64>)
    -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %one_d = arith.constant 1.0 : f64
  %lr_m = tensor.extract %lr[] : tensor<f32>
  %part = tensor.extract %adamw_lr[] : tensor<f32>
  %lr_s = arith.mulf %lr_m, %part : f32
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
  %n:3 = func.call @adamw(%w, %f#0, %m, %v, %lr, %weight_decay, %beta1, %beta2, %eps, %adamw_lr, %step)
      : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<f32>, tensor<f32>, tensor<f64>,
         tensor<f64>, tensor<f32>, tensor<f32>, tensor<i64>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return %n#0, %n#1, %n#2, %f#1 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}
