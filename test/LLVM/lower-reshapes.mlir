// RUN: tern-opt %s --tern-lower-reshapes | FileCheck %s
// RUN: tern-opt %s --tern-lower-reshapes --expand-strided-metadata | FileCheck %s --check-prefix=STRIDED

// CHECK-DAG: #[[$MUL:.*]] = affine_map<()[s0] -> (s0 * 12)>
// CHECK-LABEL: func @two_dynamic
// CHECK-SAME: %[[M:.*]]: memref<?x12xf32>, %[[A:.*]]: index, %[[B:.*]]: index
// CHECK: %[[BASE:.*]], %{{.*}}, %{{.*}}:2, %{{.*}}:2 = memref.extract_strided_metadata %[[M]]
// CHECK: %[[S:.*]] = affine.apply #[[$MUL]]()[%[[B]]]
// CHECK: memref.reinterpret_cast %[[BASE]] to offset: [0], sizes: [%[[A]], %[[B]], 12], strides: [%[[S]], 12, 1]
// STRIDED-NOT: memref.expand_shape
func.func @two_dynamic(%m: memref<?x12xf32>, %a: index, %b: index) -> memref<?x?x12xf32> {
  %e = memref.expand_shape %m [[0, 1], [2]] output_shape [%a, %b, 12] : memref<?x12xf32> into memref<?x?x12xf32>
  return %e : memref<?x?x12xf32>
}

// CHECK-LABEL: func @strided
// CHECK: %[[BASE:.*]], %[[OFFSET:.*]], %{{.*}}:2, %[[STRIDES:.*]]:2 = memref.extract_strided_metadata
// CHECK: memref.reinterpret_cast %[[BASE]] to offset: [%[[OFFSET]]], sizes: [%{{.*}}, %{{.*}}, 12], strides: [%{{.*}}, %[[STRIDES]]#0, 1]
func.func @strided(%m: memref<?x12xf32, strided<[?, 1], offset: ?>>, %a: index, %b: index)
    -> memref<?x?x12xf32, strided<[?, ?, 1], offset: ?>> {
  %e = memref.expand_shape %m [[0, 1], [2]] output_shape [%a, %b, 12]
      : memref<?x12xf32, strided<[?, 1], offset: ?>> into memref<?x?x12xf32, strided<[?, ?, 1], offset: ?>>
  return %e : memref<?x?x12xf32, strided<[?, ?, 1], offset: ?>>
}

// Upstream does this one.
// CHECK-LABEL: func @one_dynamic
// CHECK: memref.expand_shape
// CHECK-NOT: memref.reinterpret_cast
func.func @one_dynamic(%m: memref<?xf32>, %a: index) -> memref<?x4xf32> {
  %e = memref.expand_shape %m [[0, 1]] output_shape [%a, 4] : memref<?xf32> into memref<?x4xf32>
  return %e : memref<?x4xf32>
}
