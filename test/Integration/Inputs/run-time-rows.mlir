// A model that looks at the first `length` rows of its input: what is learned
// from how many rows is told by a scalar from step to step.

#both = affine_map<(m, n) -> (m, n)>
#column = affine_map<(m, n) -> (n)>
#all = affine_map<(n) -> (n)>
module attributes {tern.model = "rows", tern.level = "ternary"} {
  func.func @main(
      %x: tensor<64x17xf32> {tern.name = "x", tern.shape = [64, 17]},
      %length: tensor<i64> {tern.scalar = "length", tern.bound = [1, 64]},
      %w1: tensor<33x17xf32> {tern.param = "fc1.weight", tern.use = {learned = "weight"}},
      %w2: tensor<5x33xf32> {tern.param = "fc2.weight", tern.use = {learned = "weight"}})
      -> (tensor<1x5xf32> {tern.name = "y", tern.shape = [1, 5]}) {
    %zero = arith.constant 0.0 : f32
    %read = tensor.extract %length[] : tensor<i64>
    %rows = arith.index_cast %read : i64 to index
    %count = arith.sitofp %read : i64 to f32
    %part = tensor.extract_slice %x[0, 0] [%rows, 17] [1, 1] : tensor<64x17xf32> to tensor<?x17xf32>
    %h = tern.bitlinear %part, %w1 weights <statistic = absmean> activations <> : (tensor<?x17xf32>, tensor<33x17xf32>) -> tensor<?x33xf32> loc("fc1")
    %e = tensor.empty(%rows) : tensor<?x33xf32>
    %r = linalg.generic {indexing_maps = [#both, #both], iterator_types = ["parallel", "parallel"]}
        ins(%h : tensor<?x33xf32>) outs(%e : tensor<?x33xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.maximumf %a, %zero : f32
      linalg.yield %s : f32
    } -> tensor<?x33xf32> loc("relu")
    %es = tensor.empty() : tensor<33xf32>
    %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<33xf32>) -> tensor<33xf32>
    %sum = linalg.generic {indexing_maps = [#both, #column], iterator_types = ["reduction", "parallel"]}
        ins(%r : tensor<?x33xf32>) outs(%fs : tensor<33xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.addf %a, %o : f32
      linalg.yield %s : f32
    } -> tensor<33xf32>
    %mean = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]}
        ins(%sum : tensor<33xf32>) outs(%es : tensor<33xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.divf %a, %count : f32
      linalg.yield %s : f32
    } -> tensor<33xf32>
    %pooled = tensor.expand_shape %mean [[0, 1]] output_shape [1, 33] : tensor<33xf32> into tensor<1x33xf32>
    %y = tern.bitlinear %pooled, %w2 weights <statistic = absmean> activations <> : (tensor<1x33xf32>, tensor<5x33xf32>) -> tensor<1x5xf32> loc("fc2")
    return %y : tensor<1x5xf32>
  }
}
