module attributes {tern.model = "two"} {
  func.func @main(%x: tensor<?x3xf32> {tern.name = "x", tern.shape = ["batch", 3]},
                  %w: tensor<5x3xf32> {tern.param = "fc.weight"}, %b: tensor<5xf32> {tern.param = "fc.bias"},
                  %unused: tensor<2xf32> {tern.param = "unused"}, %table: tensor<2xi8> {tern.param = "table"})
      -> (tensor<?x5xf32> {tern.name = "y", tern.shape = ["batch", 5]}) {
    %y = tern.bitlinear %x, %w bias %b weights <statistic = absmean> activations <>
      : (tensor<?x3xf32>, tensor<5x3xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    return %y : tensor<?x5xf32>
  }
}
