// One layer of attention over a cache, at level `ternary`. @decode appends a
// token, of which there are then `length`; @prefill appends n to the `past` ones
// that are there. Sizes that no tile or vector divides.

#mn = affine_map<(m, n, k) -> (m, n)>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#both = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
module attributes {tern.model = "cache", tern.level = "ternary"} {
  func.func @decode(
      %x: tensor<1x33xf32> {tern.name = "x", tern.shape = [1, 33]},
      %length: tensor<i64> {tern.scalar = "length", tern.bound = [1, "capacity"]},
      %wq: tensor<47x33xf32> {tern.param = "q.weight"},
      %wk: tensor<47x33xf32> {tern.param = "k.weight"},
      %wv: tensor<47x33xf32> {tern.param = "v.weight"},
      %wo: tensor<33x47xf32> {tern.param = "o.weight"},
      %old_keys: tensor<?x47xf32> {tern.state = "keys", tern.init = 0.0 : f32,
                                   tern.shape = ["capacity", 47], tern.donated = 2 : i64},
      %old_values: tensor<?x47xf32> {tern.state = "values", tern.init = 0.0 : f32,
                                     tern.shape = ["capacity", 47], tern.donated = 3 : i64})
      -> (tensor<1x33xf32> {tern.name = "y", tern.shape = [1, 33]}, tensor<1x47xf32> {tern.name = "attended", tern.shape = [1, 47]},
          tensor<?x47xf32>, tensor<?x47xf32>) {
    %one = arith.constant 1 : index
    %read = tensor.extract %length[] : tensor<i64>
    %total = arith.index_cast %read : i64 to index
    %past = arith.subi %total, %one : index
    %q = tern.bitlinear %x, %wq weights <statistic = absmean> activations <> : (tensor<1x33xf32>, tensor<47x33xf32>) -> tensor<1x47xf32> loc("q")
    %k = tern.bitlinear %x, %wk weights <statistic = absmean> activations <> : (tensor<1x33xf32>, tensor<47x33xf32>) -> tensor<1x47xf32> loc("k")
    %v = tern.bitlinear %x, %wv weights <statistic = absmean> activations <> : (tensor<1x33xf32>, tensor<47x33xf32>) -> tensor<1x47xf32> loc("v")
    %new_keys = tensor.insert_slice %k into %old_keys[%past, 0] [1, 47] [1, 1] : tensor<1x47xf32> into tensor<?x47xf32>
    %new_values = tensor.insert_slice %v into %old_values[%past, 0] [1, 47] [1, 1] : tensor<1x47xf32> into tensor<?x47xf32>
    %keys = tensor.extract_slice %new_keys[0, 0] [%total, 47] [1, 1] : tensor<?x47xf32> to tensor<?x47xf32>
    %values = tensor.extract_slice %new_values[0, 0] [%total, 47] [1, 1] : tensor<?x47xf32> to tensor<?x47xf32>

    %zero = arith.constant 0.0 : f32
    %least = arith.constant 0xFF800000 : f32
    %scale = arith.constant 0.145864993 : f32
    %es = tensor.empty(%total) : tensor<1x?xf32>
    %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<1x?xf32>) -> tensor<1x?xf32>
    %raw = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%q, %keys : tensor<1x47xf32>, tensor<?x47xf32>) outs(%fs : tensor<1x?xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
    } -> tensor<1x?xf32> loc("scores")
    %scores = linalg.generic {indexing_maps = [#both, #both], iterator_types = ["parallel", "parallel"]}
        ins(%raw : tensor<1x?xf32>) outs(%es : tensor<1x?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.mulf %a, %scale : f32
      linalg.yield %s : f32
    } -> tensor<1x?xf32>
    %er = tensor.empty() : tensor<1xf32>
    %fm = linalg.fill ins(%least : f32) outs(%er : tensor<1xf32>) -> tensor<1xf32>
    %max = linalg.generic {indexing_maps = [#both, #row], iterator_types = ["parallel", "reduction"]}
        ins(%scores : tensor<1x?xf32>) outs(%fm : tensor<1xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.maximumf %a, %o : f32
      linalg.yield %s : f32
    } -> tensor<1xf32>
    %exp = linalg.generic {indexing_maps = [#both, #row, #both], iterator_types = ["parallel", "parallel"]}
        ins(%scores, %max : tensor<1x?xf32>, tensor<1xf32>) outs(%es : tensor<1x?xf32>) {
    ^bb0(%a: f32, %m: f32, %o: f32):
      %d = arith.subf %a, %m : f32
      %s = math.exp %d : f32
      linalg.yield %s : f32
    } -> tensor<1x?xf32>
    %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<1xf32>) -> tensor<1xf32>
    %sum = linalg.generic {indexing_maps = [#both, #row], iterator_types = ["parallel", "reduction"]}
        ins(%exp : tensor<1x?xf32>) outs(%fz : tensor<1xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.addf %a, %o : f32
      linalg.yield %s : f32
    } -> tensor<1xf32>
    %part = linalg.generic {indexing_maps = [#both, #row, #both], iterator_types = ["parallel", "parallel"]}
        ins(%exp, %sum : tensor<1x?xf32>, tensor<1xf32>) outs(%es : tensor<1x?xf32>) {
    ^bb0(%a: f32, %m: f32, %o: f32):
      %s = arith.divf %a, %m : f32
      linalg.yield %s : f32
    } -> tensor<1x?xf32>
    %ea = tensor.empty() : tensor<1x47xf32>
    %fa = linalg.fill ins(%zero : f32) outs(%ea : tensor<1x47xf32>) -> tensor<1x47xf32>
    %attended = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%part, %values : tensor<1x?xf32>, tensor<?x47xf32>) outs(%fa : tensor<1x47xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
    } -> tensor<1x47xf32> loc("attended")
    %y = tern.bitlinear %attended, %wo weights <statistic = absmean> activations <> : (tensor<1x47xf32>, tensor<33x47xf32>) -> tensor<1x33xf32> loc("o")
    return %y, %attended, %new_keys, %new_values : tensor<1x33xf32>, tensor<1x47xf32>, tensor<?x47xf32>, tensor<?x47xf32>
  }

  func.func @prefill(
      %x: tensor<?x33xf32> {tern.name = "x", tern.shape = ["n", 33]},
      %given: tensor<i64> {tern.scalar = "past", tern.default = 0 : i64, tern.bound = [0, "capacity"]},
      %wq: tensor<47x33xf32> {tern.param = "q.weight"},
      %wk: tensor<47x33xf32> {tern.param = "k.weight"},
      %wv: tensor<47x33xf32> {tern.param = "v.weight"},
      %wo: tensor<33x47xf32> {tern.param = "o.weight"},
      %old_keys: tensor<?x47xf32> {tern.state = "keys", tern.init = 0.0 : f32,
                                   tern.shape = ["capacity", 47], tern.donated = 2 : i64},
      %old_values: tensor<?x47xf32> {tern.state = "values", tern.init = 0.0 : f32,
                                     tern.shape = ["capacity", 47], tern.donated = 3 : i64})
      -> (tensor<?x33xf32> {tern.name = "y", tern.shape = ["n", 33]}, tensor<?x47xf32> {tern.name = "attended", tern.shape = ["n", 47]},
          tensor<?x47xf32>, tensor<?x47xf32>) {
    %c0 = arith.constant 0 : index
    %read = tensor.extract %given[] : tensor<i64>
    %past = arith.index_cast %read : i64 to index
    %n = tensor.dim %x, %c0 : tensor<?x33xf32>
    %capacity = tensor.dim %old_keys, %c0 : tensor<?x47xf32>
    %sum_of = arith.addi %past, %n : index
    %fits = arith.cmpi sle, %sum_of, %capacity : index
    cf.assert %fits, "the tokens 'past' and those of 'x' must fit in 'capacity'"
    // With the check these are the values; they say what memory is enough.
    %total = affine.min affine_map<()[s0, s1] -> (s0, s1)>()[%sum_of, %capacity]
    %q = tern.bitlinear %x, %wq weights <statistic = absmean> activations <> : (tensor<?x33xf32>, tensor<47x33xf32>) -> tensor<?x47xf32> loc("q")
    %k = tern.bitlinear %x, %wk weights <statistic = absmean> activations <> : (tensor<?x33xf32>, tensor<47x33xf32>) -> tensor<?x47xf32> loc("k")
    %v = tern.bitlinear %x, %wv weights <statistic = absmean> activations <> : (tensor<?x33xf32>, tensor<47x33xf32>) -> tensor<?x47xf32> loc("v")
    %new_keys = tensor.insert_slice %k into %old_keys[%past, 0] [%n, 47] [1, 1] : tensor<?x47xf32> into tensor<?x47xf32>
    %new_values = tensor.insert_slice %v into %old_values[%past, 0] [%n, 47] [1, 1] : tensor<?x47xf32> into tensor<?x47xf32>
    %keys = tensor.extract_slice %new_keys[0, 0] [%total, 47] [1, 1] : tensor<?x47xf32> to tensor<?x47xf32>
    %values = tensor.extract_slice %new_values[0, 0] [%total, 47] [1, 1] : tensor<?x47xf32> to tensor<?x47xf32>

    %zero = arith.constant 0.0 : f32
    %least = arith.constant 0xFF800000 : f32
    %scale = arith.constant 0.145864993 : f32
    %es = tensor.empty(%n, %total) : tensor<?x?xf32>
    %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<?x?xf32>) -> tensor<?x?xf32>
    %raw = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%q, %keys : tensor<?x47xf32>, tensor<?x47xf32>) outs(%fs : tensor<?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
    } -> tensor<?x?xf32> loc("scores")
    // A token sees those before it.
    %scores = linalg.generic {indexing_maps = [#both, #both], iterator_types = ["parallel", "parallel"]}
        ins(%raw : tensor<?x?xf32>) outs(%es : tensor<?x?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %i = linalg.index 0 : index
      %j = linalg.index 1 : index
      %last = arith.addi %past, %i : index
      %sees = arith.cmpi sle, %j, %last : index
      %p = arith.mulf %a, %scale : f32
      %s = arith.select %sees, %p, %least : f32
      linalg.yield %s : f32
    } -> tensor<?x?xf32>
    %er = tensor.empty(%n) : tensor<?xf32>
    %fm = linalg.fill ins(%least : f32) outs(%er : tensor<?xf32>) -> tensor<?xf32>
    %max = linalg.generic {indexing_maps = [#both, #row], iterator_types = ["parallel", "reduction"]}
        ins(%scores : tensor<?x?xf32>) outs(%fm : tensor<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.maximumf %a, %o : f32
      linalg.yield %s : f32
    } -> tensor<?xf32>
    %exp = linalg.generic {indexing_maps = [#both, #row, #both], iterator_types = ["parallel", "parallel"]}
        ins(%scores, %max : tensor<?x?xf32>, tensor<?xf32>) outs(%es : tensor<?x?xf32>) {
    ^bb0(%a: f32, %m: f32, %o: f32):
      %d = arith.subf %a, %m : f32
      %s = math.exp %d : f32
      linalg.yield %s : f32
    } -> tensor<?x?xf32>
    %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<?xf32>) -> tensor<?xf32>
    %sum = linalg.generic {indexing_maps = [#both, #row], iterator_types = ["parallel", "reduction"]}
        ins(%exp : tensor<?x?xf32>) outs(%fz : tensor<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.addf %a, %o : f32
      linalg.yield %s : f32
    } -> tensor<?xf32>
    %part = linalg.generic {indexing_maps = [#both, #row, #both], iterator_types = ["parallel", "parallel"]}
        ins(%exp, %sum : tensor<?x?xf32>, tensor<?xf32>) outs(%es : tensor<?x?xf32>) {
    ^bb0(%a: f32, %m: f32, %o: f32):
      %s = arith.divf %a, %m : f32
      linalg.yield %s : f32
    } -> tensor<?x?xf32>
    %ea = tensor.empty(%n) : tensor<?x47xf32>
    %fa = linalg.fill ins(%zero : f32) outs(%ea : tensor<?x47xf32>) -> tensor<?x47xf32>
    %attended = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%part, %values : tensor<?x?xf32>, tensor<?x47xf32>) outs(%fa : tensor<?x47xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
    } -> tensor<?x47xf32> loc("attended")
    %y = tern.bitlinear %attended, %wo weights <statistic = absmean> activations <> : (tensor<?x47xf32>, tensor<33x47xf32>) -> tensor<?x33xf32> loc("o")
    return %y, %attended, %new_keys, %new_values : tensor<?x33xf32>, tensor<?x47xf32>, tensor<?x47xf32>, tensor<?x47xf32>
  }
}
