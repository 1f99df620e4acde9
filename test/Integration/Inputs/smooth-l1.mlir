// As torch.nn.functional.smooth_l1_loss: with d = abs(x - target), the mean of d^2 / (2 * beta) where d < beta, else of
// d - beta / 2.

#all = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>

func.func private @mean(tensor<f32>, tensor<?x?xf32>) -> tensor<f32> attributes {tern.from = @mse::@mean}

func.func @loss(%x: tensor<?x?xf32>, %target: tensor<?x?xf32> {tern.role = "target"},
                %beta: tensor<f32> {tern.scalar = "beta", tern.default = 1.0 : f32}) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %b = tensor.extract %beta[] : tensor<f32>
  %isValid = arith.cmpf ogt, %b, %zero : f32
  cf.assert %isValid, "'beta' is $beta; it must be positive"
  %e = tensor.empty() : tensor<f32>
  %ez = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#all, #all, #none], iterator_types = ["reduction", "reduction"]}
      ins(%x, %target : tensor<?x?xf32>, tensor<?x?xf32>) outs(%ez : tensor<f32>) {
  ^bb0(%xi: f32, %ti: f32, %acc: f32):
    %s = arith.subf %xi, %ti : f32
    %d = math.absf %s : f32
    %isNear = arith.cmpf olt, %d, %b : f32
    %dd = arith.mulf %d, %d : f32
    %ddh = arith.mulf %dd, %half : f32
    %near = arith.divf %ddh, %b : f32
    %bh = arith.mulf %b, %half : f32
    %far = arith.subf %d, %bh : f32
    %l = arith.select %isNear, %near, %far : f32
    %r = arith.addf %acc, %l : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %m = func.call @mean(%sum, %x) : (tensor<f32>, tensor<?x?xf32>) -> tensor<f32>
  return %m : tensor<f32>
}
