// Kullback-Leibler divergence of the output from a teacher, both logits, at
// temperature T (arXiv:1503.02531): for M rows
//
//   T^2 / M * sum p * (log p - log q)
//
// with p the softmax of teacher / T and q that of x / T.

#all = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#none = affine_map<(d0, d1) -> ()>
#scalar = affine_map<() -> ()>

func.func private @log_sum(tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>)
    attributes {tern.from = @"softmax-cross-entropy"::@log_sum}

func.func private @times(%x: tensor<?x?xf32>, %factor: f32) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %cols = tensor.dim %x, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%rows, %cols) : tensor<?x?xf32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%xi: f32, %o: f32):
    %p = arith.mulf %xi, %factor : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

func.func @loss(
    %output: tensor<?x?xf32>, %teacher: tensor<?x?xf32> {tern.role = "teacher"},
    %temperature: tensor<f64> {tern.scalar = "temperature", tern.default = 1.0 : f64}) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %zero_d = arith.constant 0.0 : f64
  %one_d = arith.constant 1.0 : f64
  %t = tensor.extract %temperature[] : tensor<f64>
  %isValid = arith.cmpf ogt, %t, %zero_d : f64
  cf.assert %isValid, "'temperature' is $temperature; it must be positive"
  %inverse_d = arith.divf %one_d, %t : f64
  %inverse = arith.truncf %inverse_d : f64 to f32
  %square_d = arith.mulf %t, %t : f64
  %square = arith.truncf %square_d : f64 to f32

  %y = func.call @times(%teacher, %inverse) : (tensor<?x?xf32>, f32) -> tensor<?x?xf32>
  %ym, %ylog = func.call @log_sum(%y) : (tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>)
  %x = func.call @times(%output, %inverse) : (tensor<?x?xf32>, f32) -> tensor<?x?xf32>
  %xm, %xlog = func.call @log_sum(%x) : (tensor<?x?xf32>) -> (tensor<?xf32>, tensor<?xf32>)
  %e = tensor.empty() : tensor<f32>
  %ez = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#all, #row, #row, #all, #row, #row, #none],
                         iterator_types = ["reduction", "reduction"]}
      ins(%y, %ym, %ylog, %x, %xm, %xlog : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>,
          tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) outs(%ez : tensor<f32>) {
  ^bb0(%yi: f32, %ymi: f32, %yli: f32, %xi: f32, %xmi: f32, %xli: f32, %acc: f32):
    %yd = arith.subf %yi, %ymi : f32
    %logP = arith.subf %yd, %yli : f32
    %xd = arith.subf %xi, %xmi : f32
    %logQ = arith.subf %xd, %xli : f32
    // Where p is 0, so is the term, though log p is not finite.
    %p = math.exp %logP : f32
    %isNone = arith.cmpf oeq, %p, %zero : f32
    %d = arith.subf %logP, %logQ : f32
    %pd = arith.mulf %p, %d : f32
    %term = arith.select %isNone, %zero, %pd : f32
    %r = arith.addf %acc, %term : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %rows = tensor.dim %output, %c0 : tensor<?x?xf32>
  %rows_i = arith.index_cast %rows : index to i64
  %rows_f = arith.sitofp %rows_i : i64 to f32
  %mean = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []}
      ins(%sum : tensor<f32>) outs(%e : tensor<f32>) {
  ^bb0(%s: f32, %o: f32):
    %m = arith.divf %s, %rows_f : f32
    %r = arith.mulf %m, %square : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  return %mean : tensor<f32>
}
