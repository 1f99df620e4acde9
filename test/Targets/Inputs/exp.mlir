module attributes {tern.model = "exp"} {
  func.func @main(%x: tensor<4xf32> {tern.name = "x"}) -> (tensor<4xf32> {tern.name = "y"}) {
    %y = linalg.exp ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
}
