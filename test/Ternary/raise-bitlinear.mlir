// RUN: tern-opt %s --tern-raise-bitlinear --split-input-file | FileCheck %s

// What the ONNX importer makes of the ordinary export, one operation in each
// body: round-clip with the reciprocal of the mean, activations by token, both
// with residues.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#col = affine_map<(d0, d1) -> (d1)>
#none = affine_map<(d0, d1) -> ()>
#scalar = affine_map<() -> ()>

// CHECK-LABEL: func @gemm
// CHECK-SAME: %[[X:.*]]: tensor<?x128xf32>, %[[W:.*]]: tensor<12x128xf32>, %[[B:.*]]: tensor<12xf32>
// CHECK-NEXT: %[[Y:.*]] = tern.bitlinear %[[X]], %[[W]] bias %[[B]] weights <statistic = absmean> activations <> {tern.origin = "raised"}
// CHECK-NEXT: return %[[Y]]
func.func @gemm(%arg0: tensor<?x128xf32>, %arg1: tensor<12x128xf32>, %arg2: tensor<12xf32>) -> (tensor<?x12xf32>) {
  %c0 = arith.constant 0 : index
  %dim = tensor.dim %arg0, %c0 : tensor<?x128xf32>
  %0 = tensor.empty(%dim) : tensor<?x128xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<?x128xf32>) outs(%0 : tensor<?x128xf32>) {
  ^bb0(%in: f32, %out: f32):
    %56 = math.absf %in : f32
    linalg.yield %56 : f32
  } -> tensor<?x128xf32>
  %cst = arith.constant 0xFF800000 : f32
  %2 = tensor.empty(%dim) : tensor<?xf32>
  %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<?xf32>) -> tensor<?xf32>
  %4 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%1 : tensor<?x128xf32>) outs(%3 : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %56 = arith.maximumf %out, %in : f32
    linalg.yield %56 : f32
  } -> tensor<?xf32>
  %expanded = tensor.expand_shape %4 [[0, 1]] output_shape [%dim, 1] : tensor<?xf32> into tensor<?x1xf32>
  %cst_0 = arith.constant dense<9.99999974E-6> : tensor<f32>
  %5 = tensor.empty(%dim) : tensor<?x1xf32>
  %6 = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]} ins(%expanded, %cst_0 : tensor<?x1xf32>, tensor<f32>) outs(%5 : tensor<?x1xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.maximumf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<?x1xf32>
  %7 = tensor.empty(%dim) : tensor<?x1xf32>
  %8 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<?x1xf32>) outs(%7 : tensor<?x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %cst_13 = arith.constant 1.000000e+00 : f32
    %56 = arith.divf %cst_13, %in : f32
    linalg.yield %56 : f32
  } -> tensor<?x1xf32>
  %cst_1 = arith.constant dense<1.270000e+02> : tensor<f32>
  %9 = tensor.empty(%dim) : tensor<?x1xf32>
  %10 = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]} ins(%8, %cst_1 : tensor<?x1xf32>, tensor<f32>) outs(%9 : tensor<?x1xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.mulf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<?x1xf32>
  %collapsed = tensor.collapse_shape %10 [[0, 1]] : tensor<?x1xf32> into tensor<?xf32>
  %11 = tensor.empty(%dim) : tensor<?x128xf32>
  %12 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%arg0, %collapsed : tensor<?x128xf32>, tensor<?xf32>) outs(%11 : tensor<?x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.mulf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<?x128xf32>
  %13 = tensor.empty(%dim) : tensor<?x128xf32>
  %14 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%12 : tensor<?x128xf32>) outs(%13 : tensor<?x128xf32>) {
  ^bb0(%in: f32, %out: f32):
    %56 = math.roundeven %in : f32
    linalg.yield %56 : f32
  } -> tensor<?x128xf32>
  %cst_2 = arith.constant dense<-1.280000e+02> : tensor<f32>
  %cst_3 = arith.constant dense<1.270000e+02> : tensor<f32>
  %15 = tensor.empty(%dim) : tensor<?x128xf32>
  %16 = linalg.generic {indexing_maps = [#id, #none, #none, #id], iterator_types = ["parallel", "parallel"]} ins(%14, %cst_2, %cst_3 : tensor<?x128xf32>, tensor<f32>, tensor<f32>) outs(%15 : tensor<?x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %in_14: f32, %out: f32):
    %56 = arith.maximumf %in, %in_13 : f32
    %57 = arith.minimumf %56, %in_14 : f32
    linalg.yield %57 : f32
  } -> tensor<?x128xf32>
  %cst_4 = arith.constant dense<1.270000e+02> : tensor<f32>
  %17 = tensor.empty(%dim) : tensor<?x1xf32>
  %18 = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]} ins(%6, %cst_4 : tensor<?x1xf32>, tensor<f32>) outs(%17 : tensor<?x1xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.divf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<?x1xf32>
  %collapsed_5 = tensor.collapse_shape %18 [[0, 1]] : tensor<?x1xf32> into tensor<?xf32>
  %19 = tensor.empty(%dim) : tensor<?x128xf32>
  %20 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%16, %collapsed_5 : tensor<?x128xf32>, tensor<?xf32>) outs(%19 : tensor<?x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.mulf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<?x128xf32>
  %21 = tensor.empty(%dim) : tensor<?x128xf32>
  %22 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%20, %arg0 : tensor<?x128xf32>, tensor<?x128xf32>) outs(%21 : tensor<?x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.subf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<?x128xf32>
  %23 = tensor.empty(%dim) : tensor<?x128xf32>
  %24 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%arg0, %22 : tensor<?x128xf32>, tensor<?x128xf32>) outs(%23 : tensor<?x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.addf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<?x128xf32>
  %25 = tensor.empty() : tensor<12x128xf32>
  %26 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<12x128xf32>) outs(%25 : tensor<12x128xf32>) {
  ^bb0(%in: f32, %out: f32):
    %56 = math.absf %in : f32
    linalg.yield %56 : f32
  } -> tensor<12x128xf32>
  %cst_6 = arith.constant 0.000000e+00 : f32
  %27 = tensor.empty() : tensor<f32>
  %28 = linalg.fill ins(%cst_6 : f32) outs(%27 : tensor<f32>) -> tensor<f32>
  %29 = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]} ins(%26 : tensor<12x128xf32>) outs(%28 : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %56 = arith.addf %out, %in : f32
    linalg.yield %56 : f32
  } -> tensor<f32>
  %cst_7 = arith.constant 1.536000e+03 : f32
  %30 = tensor.empty() : tensor<f32>
  %31 = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []} ins(%29 : tensor<f32>) outs(%30 : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %56 = arith.divf %in, %cst_7 : f32
    linalg.yield %56 : f32
  } -> tensor<f32>
  %cst_8 = arith.constant dense<9.99999974E-6> : tensor<f32>
  %32 = tensor.empty() : tensor<f32>
  %33 = linalg.generic {indexing_maps = [#scalar, #scalar, #scalar], iterator_types = []} ins(%31, %cst_8 : tensor<f32>, tensor<f32>) outs(%32 : tensor<f32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.maximumf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<f32>
  %34 = tensor.empty() : tensor<f32>
  %35 = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []} ins(%33 : tensor<f32>) outs(%34 : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %cst_13 = arith.constant 1.000000e+00 : f32
    %56 = arith.divf %cst_13, %in : f32
    linalg.yield %56 : f32
  } -> tensor<f32>
  %cst_9 = arith.constant dense<1.000000e+00> : tensor<f32>
  %36 = tensor.empty() : tensor<f32>
  %37 = linalg.generic {indexing_maps = [#scalar, #scalar, #scalar], iterator_types = []} ins(%35, %cst_9 : tensor<f32>, tensor<f32>) outs(%36 : tensor<f32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.mulf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<f32>
  %38 = tensor.empty() : tensor<12x128xf32>
  %39 = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]} ins(%arg1, %37 : tensor<12x128xf32>, tensor<f32>) outs(%38 : tensor<12x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.mulf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<12x128xf32>
  %40 = tensor.empty() : tensor<12x128xf32>
  %41 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%39 : tensor<12x128xf32>) outs(%40 : tensor<12x128xf32>) {
  ^bb0(%in: f32, %out: f32):
    %56 = math.roundeven %in : f32
    linalg.yield %56 : f32
  } -> tensor<12x128xf32>
  %cst_10 = arith.constant dense<-1.000000e+00> : tensor<f32>
  %cst_11 = arith.constant dense<1.000000e+00> : tensor<f32>
  %42 = tensor.empty() : tensor<12x128xf32>
  %43 = linalg.generic {indexing_maps = [#id, #none, #none, #id], iterator_types = ["parallel", "parallel"]} ins(%41, %cst_10, %cst_11 : tensor<12x128xf32>, tensor<f32>, tensor<f32>) outs(%42 : tensor<12x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %in_14: f32, %out: f32):
    %56 = arith.maximumf %in, %in_13 : f32
    %57 = arith.minimumf %56, %in_14 : f32
    linalg.yield %57 : f32
  } -> tensor<12x128xf32>
  %44 = tensor.empty() : tensor<12x128xf32>
  %45 = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]} ins(%43, %33 : tensor<12x128xf32>, tensor<f32>) outs(%44 : tensor<12x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.mulf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<12x128xf32>
  %46 = tensor.empty() : tensor<12x128xf32>
  %47 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%45, %arg1 : tensor<12x128xf32>, tensor<12x128xf32>) outs(%46 : tensor<12x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.subf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<12x128xf32>
  %48 = tensor.empty() : tensor<12x128xf32>
  %49 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%arg1, %47 : tensor<12x128xf32>, tensor<12x128xf32>) outs(%48 : tensor<12x128xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.addf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<12x128xf32>
  %50 = tensor.empty() : tensor<128x12xf32>
  %transposed = linalg.transpose ins(%49 : tensor<12x128xf32>) outs(%50 : tensor<128x12xf32>) permutation = [1, 0] 
  %cst_12 = arith.constant 0.000000e+00 : f32
  %51 = tensor.empty(%dim) : tensor<?x12xf32>
  %52 = linalg.fill ins(%cst_12 : f32) outs(%51 : tensor<?x12xf32>) -> tensor<?x12xf32>
  %53 = linalg.matmul ins(%24, %transposed : tensor<?x128xf32>, tensor<128x12xf32>) outs(%52 : tensor<?x12xf32>) -> tensor<?x12xf32>
  %54 = tensor.empty(%dim) : tensor<?x12xf32>
  %55 = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]} ins(%53, %arg2 : tensor<?x12xf32>, tensor<12xf32>) outs(%54 : tensor<?x12xf32>) {
  ^bb0(%in: f32, %in_13: f32, %out: f32):
    %56 = arith.addf %in, %in_13 : f32
    linalg.yield %56 : f32
  } -> tensor<?x12xf32>
  return %55 : tensor<?x12xf32>
}

// -----

// Several operations in a body, captured scalars, other operand orders, the
// reciprocal scales of Microsoft's FAQ, fused reductions, no residues, and
// activations that were reshaped before.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#col = affine_map<(d0, d1) -> (d1)>
#none = affine_map<(d0, d1) -> ()>
#scalar = affine_map<() -> ()>

// CHECK-LABEL: func @fused
// CHECK-SAME: %[[X3:.*]]: tensor<7x4x32xf32>, %[[W:.*]]: tensor<12x128xf32>, %[[B:.*]]: tensor<12xf32>
// CHECK-NEXT: %[[X:.*]] = tensor.collapse_shape %[[X3]]
// CHECK-NEXT: tern.bitlinear %[[X]], %[[W]] bias %[[B]] weights <statistic = absmean, granularity = row> activations <eps_mode = clamp_scale>
// CHECK-NOT: linalg
func.func @fused(%x3: tensor<7x4x32xf32>, %w: tensor<12x128xf32>, %b: tensor<12xf32>) -> tensor<7x12xf32> {
  %eps = arith.constant 1.0e-5 : f32
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %count = arith.constant 128.0 : f32
  %x = tensor.collapse_shape %x3 [[0], [1, 2]] : tensor<7x4x32xf32> into tensor<7x128xf32>
  %e0 = tensor.empty() : tensor<12xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<12xf32>) -> tensor<12xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%w : tensor<12x128xf32>) outs(%z0 : tensor<12xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %a = math.absf %v : f32
      %s = arith.addf %a, %acc : f32
      linalg.yield %s : f32
  } -> tensor<12xf32>
  %e1 = tensor.empty() : tensor<12x128xf32>
  %wq = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w, %sum : tensor<12x128xf32>, tensor<12xf32>) outs(%e1 : tensor<12x128xf32>) {
    ^bb0(%v: f32, %s: f32, %out: f32):
      %mean = arith.divf %s, %count : f32
      %scale = arith.maximumf %mean, %eps : f32
      %r = arith.divf %one, %scale : f32
      %p = arith.mulf %r, %v : f32
      %n = math.roundeven %p : f32
      %h = arith.minimumf %n, %one : f32
      %c = arith.maximumf %minus, %h : f32
      %q = arith.divf %c, %r : f32
      linalg.yield %q : f32
  } -> tensor<12x128xf32>
  %e2 = tensor.empty() : tensor<7xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<7xf32>) -> tensor<7xf32>
  %peak = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<7x128xf32>) outs(%z2 : tensor<7xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %a = math.absf %v : f32
      %s = arith.maximumf %a, %acc : f32
      linalg.yield %s : f32
  } -> tensor<7xf32>
  %e3 = tensor.empty() : tensor<7x128xf32>
  %xq = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %peak : tensor<7x128xf32>, tensor<7xf32>) outs(%e3 : tensor<7x128xf32>) {
    ^bb0(%v: f32, %g: f32, %out: f32):
      %s = arith.divf %g, %high : f32
      %scale = arith.maximumf %s, %eps : f32
      %p = arith.divf %v, %scale : f32
      %n = math.roundeven %p : f32
      %c = math.clampf %n to [%low, %high] : f32
      %q = arith.mulf %scale, %c : f32
      linalg.yield %q : f32
  } -> tensor<7x128xf32>
  %e4 = tensor.empty() : tensor<128x12xf32>
  %wt = linalg.transpose ins(%wq : tensor<12x128xf32>) outs(%e4 : tensor<128x12xf32>) permutation = [1, 0]
  %e5 = tensor.empty() : tensor<7x12xf32>
  %z5 = linalg.fill ins(%zero : f32) outs(%e5 : tensor<7x12xf32>) -> tensor<7x12xf32>
  %y = linalg.matmul ins(%xq, %wt : tensor<7x128xf32>, tensor<128x12xf32>) outs(%z5 : tensor<7x12xf32>) -> tensor<7x12xf32>
  %yb = linalg.generic {indexing_maps = [#col, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%b, %y : tensor<12xf32>, tensor<7x12xf32>) outs(%e5 : tensor<7x12xf32>) {
    ^bb0(%v: f32, %p: f32, %out: f32):
      %s = arith.addf %v, %p : f32
      linalg.yield %s : f32
  } -> tensor<7x12xf32>
  return %yb : tensor<7x12xf32>
}

// -----

// Weights that are ternary by their values: the scale is the maximum.
// CHECK-LABEL: func @exact
// CHECK-SAME: %[[X:.*]]: tensor<?x128xf32>, %[[A:.*]]: tensor<128x12xf32> {{.*}}, %[[B:.*]]: tensor<12x12xf32> {{.*}}, %[[C:.*]]: tensor<12x12xf32>
func.func @exact(%x: tensor<?x128xf32>, %a: tensor<128x12xf32> {tern.param = "a", tern.ternary = "tensor"},
                 %b: tensor<12x12xf32> {tern.param = "b", tern.ternary = "row"},
                 %c: tensor<12x12xf32> {tern.param = "c", tern.ternary = "group:4"}) -> tensor<?x12xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x128xf32>
  %e = tensor.empty(%m) : tensor<?x12xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x12xf32>) -> tensor<?x12xf32>
  // CHECK: %[[T:.*]] = linalg.transpose ins(%[[A]] :
  // CHECK: %[[Y1:.*]] = tern.bitlinear %[[X]], %[[T]] weights <statistic = absmax, eps = 1.0E-30> {tern.origin
  %y1 = linalg.matmul ins(%x, %a : tensor<?x128xf32>, tensor<128x12xf32>) outs(%z : tensor<?x12xf32>) -> tensor<?x12xf32>
  // CHECK: %[[Y2:.*]] = tern.bitlinear %[[Y1]], %[[B]] weights <statistic = absmax, granularity = row, eps = 1.0E-30> {tern.origin
  %eb = tensor.empty() : tensor<12x12xf32>
  %bt = linalg.transpose ins(%b : tensor<12x12xf32>) outs(%eb : tensor<12x12xf32>) permutation = [1, 0]
  %y2 = linalg.matmul ins(%y1, %bt : tensor<?x12xf32>, tensor<12x12xf32>) outs(%z : tensor<?x12xf32>) -> tensor<?x12xf32>
  // CHECK: %[[Y3:.*]] = tern.bitlinear %[[Y2]], %[[C]] weights <statistic = absmax, granularity = group, group_size = 4, eps = 1.0E-30> {tern.origin
  %ct = linalg.transpose ins(%c : tensor<12x12xf32>) outs(%eb : tensor<12x12xf32>) permutation = [1, 0]
  %y3 = linalg.matmul ins(%y2, %ct : tensor<?x12xf32>, tensor<12x12xf32>) outs(%z : tensor<?x12xf32>) -> tensor<?x12xf32>
  // CHECK: return %[[Y3]]
  return %y3 : tensor<?x12xf32>
}

// -----

// Batches of matrices meet one weight that is repeated; nothing is quantized
// but the weight, by a learned scale and an absolute threshold.
#w = affine_map<(d0, d1, d2) -> (d1, d2)>
#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-LABEL: func @batch
// CHECK-SAME: %[[X:.*]]: tensor<2x5x8xf32>, %[[W:.*]]: tensor<8x4xf32>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]] :
// CHECK: %[[A:.*]] = arith.constant dense<1.700000e-01> : tensor<f32>
// CHECK: tern.bitlinear %[[X]], %[[T]] alpha %[[A]] weights <statistic = learned, rule = strict_threshold, threshold = 5.0E-2> {tern.origin
// CHECK-SAME: -> tensor<2x5x4xf32>
func.func @batch(%x: tensor<2x5x8xf32>, %w: tensor<8x4xf32> {tern.param = "w"}) -> tensor<2x5x4xf32> {
  %zero = arith.constant 0.0 : f32
  %t = arith.constant 0.05 : f32
  %nt = arith.constant -0.05 : f32
  %alpha = arith.constant dense<0.17> : tensor<f32>
  %e = tensor.empty() : tensor<2x8x4xf32>
  %wq = linalg.generic {indexing_maps = [#w, affine_map<(d0, d1, d2) -> ()>, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w, %alpha : tensor<8x4xf32>, tensor<f32>) outs(%e : tensor<2x8x4xf32>) {
    ^bb0(%v: f32, %s: f32, %out: f32):
      %p = arith.cmpf ogt, %v, %t : f32
      %n = arith.cmpf olt, %v, %nt : f32
      %pf = arith.uitofp %p : i1 to f32
      %nf = arith.uitofp %n : i1 to f32
      %c = arith.subf %pf, %nf : f32
      %q = arith.mulf %s, %c : f32
      linalg.yield %q : f32
  } -> tensor<2x8x4xf32>
  %e1 = tensor.empty() : tensor<2x5x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e1 : tensor<2x5x4xf32>) -> tensor<2x5x4xf32>
  %y = linalg.batch_matmul ins(%x, %wq : tensor<2x5x8xf32>, tensor<2x8x4xf32>) outs(%z : tensor<2x5x4xf32>) -> tensor<2x5x4xf32>
  return %y : tensor<2x5x4xf32>
}

// -----

// The result's type knows an extent that the activations' type does not.
// CHECK-LABEL: func @cast
// CHECK: %[[Y:.*]] = tern.bitlinear {{.*}} -> tensor<?x6xf32>
// CHECK: %[[C:.*]] = tensor.cast %[[Y]] : tensor<?x6xf32> to tensor<4x6xf32>
// CHECK: return %[[C]]
func.func @cast(%x: tensor<?x8xf32>, %w: tensor<8x6xf32> {tern.param = "w", tern.ternary = "tensor"}) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}
