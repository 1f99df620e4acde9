// No bfloat16 is rounded by a library: masked accesses and choices, which
// processors do element by element, are those of integers.
//
// RUN: ternc %s --target=x86:avx2,fma --emit=asm -o - | FileCheck %s --implicit-check-not=__truncsfbf2
// RUN: ternc %s --target=x86:avx2,fma,avx512f,avx512dq,avx512vl --emit=asm -o - | FileCheck %s --implicit-check-not=__truncsfbf2
// CHECK: tern_model_main_invoke
// RUN: ternc %s --target=x86:avx2,fma,avx512f,avx512dq,avx512vl --emit=llvm-ir -o - | FileCheck %s --check-prefix=IR --implicit-check-not=bfloat
// IR: @llvm.masked.load.v{{[0-9]+}}i16

#x = affine_map<(b, m, n, k) -> (b, m, k)>
#y = affine_map<(b, m, n, k) -> (b, k, n)>
#z = affine_map<(b, m, n, k) -> (b, m, n)>
func.func @main(%x: tensor<?x?x?xbf16> {tern.name = "x", tern.shape = ["b", "m", "k"]},
                %y: tensor<?x?x?xbf16> {tern.name = "y", tern.shape = ["b", "k", "n"]})
    -> (tensor<?x?x?xf32> {tern.name = "z"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x?xbf16>
  %m = tensor.dim %x, %c1 : tensor<?x?x?xbf16>
  %n = tensor.dim %y, %c2 : tensor<?x?x?xbf16>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty(%b, %m, %n) : tensor<?x?x?xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %z = linalg.generic {
      indexing_maps = [#x, #y, #z],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %y : tensor<?x?x?xbf16>, tensor<?x?x?xbf16>)
      outs(%init : tensor<?x?x?xf32>) {
  ^bb0(%a: bf16, %c: bf16, %sum: f32):
    %aw = arith.extf %a : bf16 to f32
    %cw = arith.extf %c : bf16 to f32
    %p = arith.mulf %aw, %cw : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x?xf32>
  return %z : tensor<?x?x?xf32>
}
