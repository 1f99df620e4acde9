// A float layer from level graph to a library, an object with embedded weights
// and a stand-alone executable; sizes that no tile or vector divides.
//
// RUN: %python %S/Inputs/mlp.py %t
// RUN: cp %s %t/mlp.mlir && cd %t
// RUN: ternc mlp.mlir --weights=weights.safetensors -o mlp.so
// RUN: %python %S/Inputs/run_abi.py mlp.so
//
// The executable takes the same options as tern-run.
// RUN: ternc mlp.mlir --weights=weights.safetensors -o mlp --embed-weights
// RUN: ./mlp --input x=@x3.npy --expect y=@y3.npy --rtol 1e-4 --atol 1e-4
// RUN: not ./mlp --input x=@x3.npy --expect y=@x3.npy
// RUN: not tern-run mlp.so --weights=weights.safetensors --input x=@x3.npy 2>&1 \
// RUN:   | FileCheck %s --check-prefix=OTHER
// OTHER: error: {{.*}}is not a weights file of Tern
//
// Two compilations give the same bytes.
// RUN: ternc mlp.mlir --weights=weights.safetensors -o a.so
// RUN: ternc mlp.mlir --weights=weights.safetensors -o b.so
// RUN: cmp a.so b.so && cmp a.safetensors b.safetensors
//
// Any level can be continued from, with the same result.
// RUN: ternc mlp.mlir --weights=weights.safetensors -o c.so --dump-phases=ir
// RUN: ternc ir/4-buffers.mlir --weights=weights.safetensors -o d.so
// RUN: ternc ir/5-llvm.mlir --weights=weights.safetensors -o e.so
// RUN: cmp c.so d.so && cmp c.so e.so

#rows = affine_map<(d0, d1) -> (d0, d1)>
#cols = affine_map<(d0, d1) -> (d1)>
module attributes {tern.model = "mlp"} {
  func.func @main(%x: tensor<?x67xf32> {tern.name = "x", tern.shape = ["batch", 67]},
                  %w: tensor<67x33xf32> {tern.param = "fc1.weight"},
                  %b: tensor<33xf32> {tern.param = "fc1.bias"})
      -> (tensor<?x33xf32> {tern.name = "y", tern.shape = ["batch", 33]}) {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x67xf32>
    %e = tensor.empty(%n) : tensor<?x33xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x33xf32>) -> tensor<?x33xf32> loc("fc1")
    %mm = linalg.matmul ins(%x, %w : tensor<?x67xf32>, tensor<67x33xf32>)
                        outs(%f : tensor<?x33xf32>) -> tensor<?x33xf32> loc("fc1")
    %r = linalg.generic {indexing_maps = [#rows, #cols, #rows],
                         iterator_types = ["parallel", "parallel"]}
      ins(%mm, %b : tensor<?x33xf32>, tensor<33xf32>) outs(%e : tensor<?x33xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %s = arith.addf %a, %c : f32
      %m = arith.maximumf %s, %zero : f32
      linalg.yield %m : f32
    } -> tensor<?x33xf32> loc("relu1")
    return %r : tensor<?x33xf32>
  }
}
