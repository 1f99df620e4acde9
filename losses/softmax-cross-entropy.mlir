// Cross-entropy of the softmax of each row of logits x and its label y, with
// label smoothing e: the mean over rows whose label is not `ignore-index` of
//
//   (m - z) + log(sum exp(x - m)),   z = (1 - e) * x[y] + e * mean(x),   m = max x
//
// A label out of range selects nothing: z is 0 there, and hosts check labels. If
// all rows are ignored the loss is NaN.

#all = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#rows = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
#scalar = affine_map<() -> ()>

// For each row m and log(sum exp(x - m)), of which x - m - both is the log of
// the softmax. m has no gradient: what is subtracted before the exponential is
// added again after the logarithm.
func.func private @log_sum(%x: tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %n = tensor.dim %x, %c0 : tensor<?x?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %el = linalg.fill ins(%lowest : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %max = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x?xf32>) outs(%el : tensor<?xf32>) {
  ^bb0(%xi: f32, %acc: f32):
    %r = arith.maximumf %acc, %xi : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  // The gradient is that of the zeros.
  %ez = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %m = tern.straight_through %ez, %max : tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#all, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %m : tensor<?x?xf32>, tensor<?xf32>) outs(%ez : tensor<?xf32>) {
  ^bb0(%xi: f32, %mi: f32, %acc: f32):
    %d = arith.subf %xi, %mi : f32
    %p = math.exp %d : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %log = linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel"]}
      ins(%sum : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%si: f32, %o: f32):
    %l = math.log %si : f32
    linalg.yield %l : f32
  } -> tensor<?xf32>
  return %m, %log : tensor<?xf32>, tensor<?xf32>
}

func.func @loss(
    %x: tensor<?x?xf32>, %labels: tensor<?xi64> {tern.role = "labels"},
    %ignore_index: tensor<i64> {tern.scalar = "ignore-index", tern.default = -100 : i64},
    %label_smoothing: tensor<f64> {tern.scalar = "label-smoothing", tern.default = 0.0 : f64}) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %zero_d = arith.constant 0.0 : f64
  %one_d = arith.constant 1.0 : f64
  %ignored = tensor.extract %ignore_index[] : tensor<i64>
  %smoothing = tensor.extract %label_smoothing[] : tensor<f64>
  %isNotLess = arith.cmpf oge, %smoothing, %zero_d : f64
  %isLess = arith.cmpf olt, %smoothing, %one_d : f64
  %isValid = arith.andi %isNotLess, %isLess : i1
  cf.assert %isValid, "'label-smoothing' is $label-smoothing; it must be at least 0 and less than 1"

  %n = tensor.dim %x, %c0 : tensor<?x?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %m, %log = func.call @log_sum(%x) : (tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>)
  %ez = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %picked = linalg.generic {indexing_maps = [#all, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %labels : tensor<?x?xf32>, tensor<?xi64>) outs(%ez : tensor<?xf32>) {
  ^bb0(%xi: f32, %label: i64, %acc: f32):
    %i = linalg.index 1 : index
    %number = arith.index_cast %i : index to i64
    %isLabel = arith.cmpi eq, %number, %label : i64
    %p = arith.select %isLabel, %xi, %zero : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  // What is chosen by options alone is not there where it is not chosen.
  %isSmooth = arith.cmpf une, %smoothing, %zero_d : f64
  %z = scf.if %isSmooth -> tensor<?xf32> {
    %classes = tensor.dim %x, %c1 : tensor<?x?xf32>
    %classes_i = arith.index_cast %classes : index to i64
    %classes_f = arith.sitofp %classes_i : i64 to f32
    %rest_d = arith.subf %one_d, %smoothing : f64
    %rest = arith.truncf %rest_d : f64 to f32
    %spread = arith.truncf %smoothing : f64 to f32
    %sum = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x?xf32>) outs(%ez : tensor<?xf32>) {
    ^bb0(%xi: f32, %acc: f32):
      %r = arith.addf %acc, %xi : f32
      linalg.yield %r : f32
    } -> tensor<?xf32>
    %smooth = linalg.generic {indexing_maps = [#rows, #rows, #rows], iterator_types = ["parallel"]}
        ins(%picked, %sum : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) {
    ^bb0(%pi: f32, %si: f32, %o: f32):
      %mean = arith.divf %si, %classes_f : f32
      %p = arith.mulf %pi, %rest : f32
      %s = arith.mulf %mean, %spread : f32
      %r = arith.addf %p, %s : f32
      linalg.yield %r : f32
    } -> tensor<?xf32>
    scf.yield %smooth : tensor<?xf32>
  } else {
    scf.yield %picked : tensor<?xf32>
  }

  %losses = linalg.generic {indexing_maps = [#rows, #rows, #rows, #rows, #rows], iterator_types = ["parallel"]}
      ins(%m, %log, %z, %labels : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xi64>) outs(%e : tensor<?xf32>) {
  ^bb0(%mi: f32, %li: f32, %zi: f32, %label: i64, %o: f32):
    // m - z first: both may be far from zero.
    %d = arith.subf %mi, %zi : f32
    %l = arith.addf %d, %li : f32
    %isCounted = arith.cmpi ne, %label, %ignored : i64
    %r = arith.select %isCounted, %l, %zero : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %se = tensor.empty() : tensor<f32>
  %sz = linalg.fill ins(%zero : f32) outs(%se : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#rows, #none], iterator_types = ["reduction"]}
      ins(%losses : tensor<?xf32>) outs(%sz : tensor<f32>) {
  ^bb0(%li: f32, %acc: f32):
    %r = arith.addf %acc, %li : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %count = linalg.generic {indexing_maps = [#rows, #none], iterator_types = ["reduction"]}
      ins(%labels : tensor<?xi64>) outs(%sz : tensor<f32>) {
  ^bb0(%label: i64, %acc: f32):
    %isCounted = arith.cmpi ne, %label, %ignored : i64
    %f = arith.uitofp %isCounted : i1 to f32
    %r = arith.addf %acc, %f : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %mean = linalg.generic {indexing_maps = [#scalar, #scalar, #scalar], iterator_types = []}
      ins(%sum, %count : tensor<f32>, tensor<f32>) outs(%se : tensor<f32>) {
  ^bb0(%s: f32, %c: f32, %o: f32):
    %r = arith.divf %s, %c : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  return %mean : tensor<f32>
}
