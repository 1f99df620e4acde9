// Binary cross-entropy of the sigmoid of each element and a target t in [0, 1]:
// the mean of
//
//   log(1 + exp(-abs x)) + max(x, 0) - x * t
//
// The exponent is never positive, and at 0 the derivative is one half.

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
    %isPositive = arith.cmpf ogt, %xi, %zero : f32
    %minus = arith.negf %xi : f32
    %lower = arith.select %isPositive, %minus, %xi : f32
    %p = math.exp %lower : f32
    %rest = arith.select %isPositive, %xi, %zero : f32
    %log = math.log1p %p : f32
    %softplus = arith.addf %log, %rest : f32
    %xt = arith.mulf %xi, %ti : f32
    %l = arith.subf %softplus, %xt : f32
    %r = arith.addf %acc, %l : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %mean = func.call @mean(%sum, %x) : (tensor<f32>, tensor<?x?xf32>) -> tensor<f32>
  return %mean : tensor<f32>
}
