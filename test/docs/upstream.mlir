// What docs/rationale-lowering.md says of upstream's passes. If this fails, the page has to be read again.
// RUN: split-file %s %t

// Both operands and the result are packed, extents may be dynamic; a sum over two loops is left alone.
// RUN: mlir-opt %t/products.mlir --linalg-block-pack-matmul=block-factors=6,16,192 | FileCheck %s --check-prefix=PACK
// PACK-LABEL: func.func @product
// PACK-COUNT-3: linalg.pack
// PACK: linalg.unpack
// PACK-LABEL: func.func @two_sums
// PACK-NOT: linalg.pack
// PACK: return

// The vector path may be fused or not; math.fma is.
// RUN: mlir-opt %t/outer.mlir --convert-vector-to-llvm --convert-math-to-llvm | FileCheck %s --check-prefix=FMA
// FMA-LABEL: func.func @outer
// FMA-NOT: llvm.intr.fma(
// FMA: llvm.intr.fmuladd
// FMA-LABEL: func.func @fma
// FMA: llvm.intr.fma(

// Libraries of threads that the result calls.
// RUN: mlir-opt %t/parallel.mlir --async-parallel-for --async-to-async-runtime --async-runtime-ref-counting \
// RUN:   --convert-async-to-llvm | FileCheck %s --check-prefix=ASYNC
// ASYNC: func.func private @mlirAsyncRuntimeAddRef
// RUN: mlir-opt %t/parallel.mlir --convert-scf-to-openmp --convert-scf-to-cf --convert-to-llvm \
// RUN:   --reconcile-unrealized-casts | mlir-translate --mlir-to-llvmir | FileCheck %s --check-prefix=OMP
// OMP: call {{.*}}@__kmpc_fork_call

// No function of the shapes of tensors that nobody marked.
// RUN: mlir-opt %t/shapes.mlir --outline-shape-computation | FileCheck %s --check-prefix=SHAPES
// SHAPES-NOT: shape.func

// A pointer only for static shapes; attributes of arguments only where one argument becomes one.
// RUN: mlir-opt %t/pointers.mlir --convert-func-to-llvm=use-bare-ptr-memref-call-conv | FileCheck %s --check-prefix=BARE
// BARE: {{ }}func.func @dynamic(%{{.*}}: memref<?xf32>
// BARE: llvm.func @static(%{{.*}}: !llvm.ptr {llvm.noalias, llvm.readonly})
// RUN: mlir-opt %t/pointers.mlir --convert-func-to-llvm | FileCheck %s --check-prefix=DESCRIPTOR
// DESCRIPTOR-NOT: llvm.noalias

// A data layout of the target, but no triple when translated.
// RUN: mlir-opt %t/target.mlir --llvm-target-to-data-layout | FileCheck %s --check-prefix=LAYOUT
// LAYOUT: dlti.dl_spec
// RUN: mlir-translate --mlir-to-llvmir %t/target.mlir | FileCheck %s --check-prefix=TRIPLE
// TRIPLE-NOT: {{target triple|avx2}}

//--- products.mlir
func.func @product(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %c: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
func.func @two_sums(%a: tensor<4x8x32xf32>, %b: tensor<4x16x32xf32>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %0 = linalg.generic {
    indexing_maps = [affine_map<(m, n, r, k) -> (r, m, k)>, affine_map<(m, n, r, k) -> (r, n, k)>,
                     affine_map<(m, n, r, k) -> (m, n)>],
    iterator_types = ["parallel", "parallel", "reduction", "reduction"]
  } ins(%a, %b : tensor<4x8x32xf32>, tensor<4x16x32xf32>) outs(%c : tensor<8x16xf32>) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %product = arith.mulf %x, %y : f32
    %next = arith.addf %sum, %product : f32
    linalg.yield %next : f32
  } -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

//--- outer.mlir
func.func @outer(%a: vector<4xf32>, %b: vector<8xf32>, %c: vector<4x8xf32>) -> vector<4x8xf32> {
  %0 = vector.outerproduct %a, %b, %c {kind = #vector.kind<add>} : vector<4xf32>, vector<8xf32>
  return %0 : vector<4x8xf32>
}
func.func @fma(%a: vector<8xf32>) -> vector<8xf32> {
  %0 = math.fma %a, %a, %a : vector<8xf32>
  return %0 : vector<8xf32>
}

//--- parallel.mlir
func.func @f(%a: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %x = memref.load %a[%i] : memref<?xf32>
    %y = arith.addf %x, %x : f32
    memref.store %y, %a[%i] : memref<?xf32>
  }
  return
}

//--- shapes.mlir
func.func @f(%a: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %a, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%d) : tensor<?x4xf32>
  %0 = linalg.exp ins(%a : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

//--- pointers.mlir
func.func @dynamic(%a: memref<?xf32> {llvm.noalias, llvm.readonly}) { return }
func.func @static(%a: memref<8xf32> {llvm.noalias, llvm.readonly}) { return }

//--- target.mlir
module attributes {llvm.target = #llvm.target<triple = "x86_64-unknown-linux-gnu", chip = "x86-64",
                                              features = #llvm.target_features<["+avx2"]>>} {
  llvm.func @f(%a: i64) -> i64 { llvm.return %a : i64 }
}
