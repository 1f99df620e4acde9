// Where the target fuses multiplication and addition, a product's kernel does.
// RUN: ternc %s --target=x86:avx2,fma --emit=asm -o - | FileCheck %s
// RUN: ternc %s --target=x86:avx2 --emit=asm -o - | FileCheck %s --check-prefix=APART

// CHECK-NOT: vmulps
// CHECK: vfmadd{{.*}}ps
// CHECK-NOT: vmulps
// APART-NOT: vfmadd
// APART: vmulps
func.func @main(%x: tensor<33x64xf32> {tern.name = "x"}, %w: tensor<64x32xf32> {tern.name = "w"})
    -> (tensor<33x32xf32> {tern.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<33x32xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<33x32xf32>) -> tensor<33x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<33x64xf32>, tensor<64x32xf32>)
      outs(%init : tensor<33x32xf32>) -> tensor<33x32xf32>
  return %y : tensor<33x32xf32>
}
