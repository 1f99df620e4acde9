// Mean over all elements of abs(x - target).

#all = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>

func.func private @mean(tensor<f32>, tensor<?x?xf32>) -> tensor<f32> attributes {tern.from = @mse::@mean}

func.func @loss(%x: tensor<?x?xf32>, %target: tensor<?x?xf32> {tern.role = "target"}) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %ez = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#all, #all, #none], iterator_types = ["reduction", "reduction"]}
      ins(%x, %target : tensor<?x?xf32>, tensor<?x?xf32>) outs(%ez : tensor<f32>) {
  ^bb0(%xi: f32, %ti: f32, %acc: f32):
    %d = arith.subf %xi, %ti : f32
    %l = math.absf %d : f32
    %r = arith.addf %acc, %l : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %mean = func.call @mean(%sum, %x) : (tensor<f32>, tensor<?x?xf32>) -> tensor<f32>
  return %mean : tensor<f32>
}
