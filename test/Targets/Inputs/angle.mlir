#id = affine_map<(i) -> (i)>
module attributes {tern.model = "angle"} {
  func.func @main(%x: tensor<4xf64> {tern.name = "x"}) -> (tensor<4xf64> {tern.name = "y"}) {
    %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%x : tensor<4xf64>) outs(%x : tensor<4xf64>) {
    ^bb0(%a: f64, %o: f64):
      %r = math.atan2 %a, %o : f64 loc("the angle")
      linalg.yield %r : f64
    } -> tensor<4xf64>
    return %y : tensor<4xf64>
  }
}
