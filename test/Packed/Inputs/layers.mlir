func.func @layer(%x: tensor<?x100xf32>, %w: tensor<30x100xf32>) -> tensor<?x30xf32> {
  %y = tern.bitlinear %x, %w weights <statistic = absmean> activations <>
     : (tensor<?x100xf32>, tensor<30x100xf32>) -> tensor<?x30xf32>
  return %y : tensor<?x30xf32>
}
