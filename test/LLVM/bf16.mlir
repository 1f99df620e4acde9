// bf16 is computed in f32 and rounded to even by integer arithmetic: no call of
// a support library that a distribution may not have.
// RUN: ternc %s --target=generic -o %t.so
// RUN: tern-run %t.so --input 1x7xbf16=0,1,2,-1,-2,0.5,100 | FileCheck %s
// CHECK: y: 1x7xbf16 {{\[\[}}0, 0.7617188, 0.9648438, -0.7617188, -0.9648438, 0.4628906, 1]]

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<?x7xbf16> {tern.name = "x", tern.shape = ["n", 7]}) -> (tensor<?x7xbf16> {tern.name = "y"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x7xbf16>
  %e = tensor.empty(%n) : tensor<?x7xbf16>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x7xbf16>) outs(%e : tensor<?x7xbf16>) {
  ^bb0(%a: bf16, %o: bf16):
    %t = math.tanh %a : bf16
    %zero = arith.constant 0.0 : bf16
    %r = arith.addf %t, %zero : bf16
    linalg.yield %r : bf16
  } -> tensor<?x7xbf16>
  return %y : tensor<?x7xbf16>
}
