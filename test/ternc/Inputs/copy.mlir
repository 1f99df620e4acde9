func.func @main(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = math.absf %x : tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
