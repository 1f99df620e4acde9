func.func @main(%x: tensor<?x784xf32>, %w: tensor<256x784xf32>) -> tensor<?x256xf32> {
  %y = tern.bitlinear %x, %w weights <statistic = absmean> activations <>
     : (tensor<?x784xf32>, tensor<256x784xf32>) -> tensor<?x256xf32>
  return %y : tensor<?x256xf32>
}
