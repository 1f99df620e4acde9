// RUN: tern-opt %s --pass-pipeline='builtin.module(func.func(tern-lower-linalg,canonicalize))' --split-input-file --verify-diagnostics | FileCheck %s

// x [M, K] times w [K, N]: along n, w and y are contiguous and x is invariant,
// so the loops are m, k, n.
// CHECK-LABEL: func.func @matmul
// CHECK-DAG: %[[M:.*]] = arith.constant 2 : index
// CHECK-DAG: %[[K:.*]] = arith.constant 3 : index
// CHECK-DAG: %[[N:.*]] = arith.constant 5 : index
// CHECK: scf.parallel (%[[I:.*]]) = (%{{.*}}) to (%[[M]])
// CHECK: scf.for %[[L:.*]] = %{{.*}} to %[[K]]
// CHECK: scf.for %[[J:.*]] = %{{.*}} to %[[N]]
// CHECK: memref.load %{{.*}}[%[[I]], %[[L]]]
// CHECK: memref.load %{{.*}}[%[[L]], %[[J]]]
func.func @matmul(%x: memref<2x3xf32>, %w: memref<3x5xf32>, %y: memref<2x5xf32>) {
  linalg.matmul ins(%x, %w : memref<2x3xf32>, memref<3x5xf32>) outs(%y : memref<2x5xf32>)
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// With w [N, K] the order m, n, k is best as it is.
// CHECK-LABEL: func.func @transposed
// CHECK-DAG: %[[K:.*]] = arith.constant 3 : index
// CHECK-DAG: %[[N:.*]] = arith.constant 5 : index
// CHECK: scf.parallel
// CHECK: scf.for %{{.*}} to %[[N]]
// CHECK: scf.for %{{.*}} to %[[K]]
func.func @transposed(%x: memref<2x3xf32>, %w: memref<5x3xf32>, %y: memref<2x5xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<2x3xf32>, memref<5x3xf32>) outs(%y : memref<2x5xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

#in = affine_map<(i, j) -> (j, i)>
#out = affine_map<(i, j) -> ()>

// A sum keeps its order although the other order would walk along memory.
// CHECK-LABEL: func.func @sum
// CHECK-DAG: %[[I:.*]] = arith.constant 2 : index
// CHECK-DAG: %[[J:.*]] = arith.constant 3 : index
// CHECK-NOT: scf.parallel
// CHECK: scf.for %[[A:.*]] = %{{.*}} to %[[I]]
// CHECK: scf.for %[[B:.*]] = %{{.*}} to %[[J]]
// CHECK: memref.load %{{.*}}[%[[B]], %[[A]]]
func.func @sum(%x: memref<3x2xf32>, %y: memref<f32>) {
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["reduction", "reduction"]}
      ins(%x : memref<3x2xf32>) outs(%y : memref<f32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.addf %c, %a : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Inside a parallel loop everything is sequential.
// CHECK-LABEL: func.func @inside
// CHECK: scf.parallel
// CHECK-NOT: scf.parallel
// CHECK: scf.for
func.func @inside(%x: memref<4x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %f = arith.constant 0.0 : f32
  scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
    %row = memref.subview %x[%i, 0] [1, 8] [1, 1] : memref<4x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    linalg.fill ins(%f : f32) outs(%row : memref<8xf32, strided<[1], offset: ?>>)
    scf.reduce
  }
  return
}

// -----

func.func @tensors(%x: tensor<4xf32>, %f: f32) -> tensor<4xf32> {
  // expected-error @+1 {{expected operands in buffers, not tensors}}
  %r = linalg.fill ins(%f : f32) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
