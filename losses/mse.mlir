// Mean over all elements of (x - target)^2.

#all = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>
#scalar = affine_map<() -> ()>

// A sum by how many elements x has.
func.func private @mean(%sum: tensor<f32>, %x: tensor<?x?xf32>) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %cols = tensor.dim %x, %c1 : tensor<?x?xf32>
  %count = arith.muli %rows, %cols : index
  %count_i = arith.index_cast %count : index to i64
  %count_f = arith.sitofp %count_i : i64 to f32
  %e = tensor.empty() : tensor<f32>
  %r = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []}
      ins(%sum : tensor<f32>) outs(%e : tensor<f32>) {
  ^bb0(%s: f32, %o: f32):
    %q = arith.divf %s, %count_f : f32
    linalg.yield %q : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}

func.func @loss(%x: tensor<?x?xf32>, %target: tensor<?x?xf32> {tern.role = "target"}) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %ez = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#all, #all, #none], iterator_types = ["reduction", "reduction"]}
      ins(%x, %target : tensor<?x?xf32>, tensor<?x?xf32>) outs(%ez : tensor<f32>) {
  ^bb0(%xi: f32, %ti: f32, %acc: f32):
    %d = arith.subf %xi, %ti : f32
    %l = arith.mulf %d, %d : f32
    %r = arith.addf %acc, %l : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %mean = func.call @mean(%sum, %x) : (tensor<f32>, tensor<?x?xf32>) -> tensor<f32>
  return %mean : tensor<f32>
}
