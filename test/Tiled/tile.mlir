// RUN: tern-opt %s --tern-tile --cse | FileCheck %s
// RUN: tern-opt %s --tern-tile="grain=1000000000" | FileCheck %s --check-prefix=COARSE

// Row tiles of the layout are never cut; K stays whole.
// CHECK-LABEL: func @matmul
func.func @matmul(%q: tensor<?x2560xi8>, %p: tensor<1728x20x4x32xi8>, %o: tensor<?x6912xi32>) -> tensor<?x6912xi32> {
  // CHECK: scf.forall (%[[M:.*]], %[[N:.*]]) = (0, 0) to (%{{.*}}, 6912) step (32, 52)
  // CHECK: tensor.extract_slice %{{.*}}[%[[M]], 0] [%{{.*}}, 2560]
  // CHECK: tensor.extract_slice %{{.*}}[%{{.*}}, 0, 0, 0] [%{{.*}}, 20, 4, 32]
  // CHECK: tern.packed_matmul #tern.bits2 ins({{.*}} : tensor<?x2560xi8>, tensor<?x20x4x32xi8>) outs(%{{.*}} : tensor<?x?xi32>)
  %y = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<?x2560xi8>, tensor<1728x20x4x32xi8>) outs(%o : tensor<?x6912xi32>) -> tensor<?x6912xi32>
  return %y : tensor<?x6912xi32>
}

// One token at a time, with its scale.
// CHECK-LABEL: func @quantize
func.func @quantize(%x: tensor<2x?x100xf32>) -> (tensor<2x?x128xi8>, tensor<2x?xf32>) {
  // CHECK: scf.forall (%[[A:.*]], %[[B:.*]]) in (2, %{{.*}})
  // CHECK: %[[S:.*]] = tensor.extract_slice %{{.*}}[%[[A]], %[[B]], 0] [1, 1, 100]
  // CHECK: tern.quantize_activations {{.*}} : tensor<1x1x100xf32> -> tensor<1x1x128xi8>, tensor<1x1xf32>
  // CHECK: tensor.parallel_insert_slice %{{.*}}[%[[A]], %[[B]], 0] [1, 1, 128]
  // CHECK: tensor.parallel_insert_slice %{{.*}}[%[[A]], %[[B]]] [1, 1]
  %q, %s = tern.quantize_activations %x <> padded_to 128 : tensor<2x?x100xf32> -> tensor<2x?x128xi8>, tensor<2x?xf32>
  return %q, %s : tensor<2x?x128xi8>, tensor<2x?xf32>
}

// Reductions stay whole, small work stays serial, prepare functions as they are.
// CHECK-LABEL: func @linalg
// COARSE-LABEL: func @linalg
// COARSE-NOT: scf.forall
func.func @linalg(%x: tensor<512x1024xf32>, %s: tensor<512xf32>, %small: tensor<16xf32>) -> (tensor<512xf32>, tensor<16xf32>) {
  // CHECK: scf.forall (%{{.*}}) = (0) to (512) step (32)
  // CHECK: linalg.reduce { arith.addf }
  // CHECK-SAME: tensor<32x1024xf32>
  %r = linalg.reduce { arith.addf } ins(%x : tensor<512x1024xf32>) outs(%s : tensor<512xf32>) dimensions = [1]
  // CHECK-NOT: scf.forall (
  // CHECK: linalg.exp
  %e = linalg.exp ins(%small : tensor<16xf32>) outs(%small : tensor<16xf32>) -> tensor<16xf32>
  return %r, %e : tensor<512xf32>, tensor<16xf32>
}

