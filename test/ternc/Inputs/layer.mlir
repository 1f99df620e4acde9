module attributes {tern.model = "layer", tern.weights = "weights.safetensors"} {
  func.func @main(%x: tensor<?x4xf32> {tern.name = "x", tern.shape = ["n", 4]}, %w: tensor<4x3xf32> {tern.param = "fc.weight"})
      -> (tensor<?x3xf32> {tern.name = "y", tern.shape = ["n", 3]}) {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x3xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32> loc("fc")
    %y = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x3xf32>) outs(%f : tensor<?x3xf32>) -> tensor<?x3xf32> loc("fc")
    return %y : tensor<?x3xf32>
  }
}
