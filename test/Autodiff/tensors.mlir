// RUN: tern-opt %s --split-input-file --tern-differentiate=seeds=arguments --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @reshape_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<?x6xf32>, %[[DY:.*]]: tensor<?x2x3xf32>)
// CHECK: %[[DX:.*]] = tensor.collapse_shape %[[DY]]
// CHECK: return %{{.*}}, %[[DX]]
func.func @reshape(%x: tensor<?x6xf32>) -> tensor<?x2x3xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x6xf32>
  %y = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 2, 3] : tensor<?x6xf32> into tensor<?x2x3xf32>
  return %y : tensor<?x2x3xf32>
}

// -----

// CHECK-LABEL: func private @collapse_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<?x2x3xf32>, %[[DY:.*]]: tensor<?x3xf32>)
// CHECK: %[[DX:.*]] = tensor.expand_shape %[[DY]] {{.*}} into tensor<?x2x3xf32>
// CHECK: return %{{.*}}, %[[DX]]
func.func @collapse(%x: tensor<?x2x3xf32>) -> tensor<?x3xf32> {
  %y = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x2x3xf32> into tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// -----

// The parts of a split meet in one tensor.
// CHECK-LABEL: func private @split_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<4x9xf32>, %[[DA:.*]]: tensor<4x3xf32>, %[[DB:.*]]: tensor<4x6xf32>)
// CHECK: %[[Z:.*]] = linalg.fill
// CHECK: %[[PART:.*]] = tensor.insert_slice %[[DB]] into %[[Z]][0, 3] [4, 6] [1, 1]
// CHECK: %[[OLD:.*]] = tensor.extract_slice %[[PART]][0, 0] [4, 3] [1, 1]
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[OLD]], %[[DA]]
// CHECK: %[[DX:.*]] = tensor.insert_slice %[[SUM]] into %[[PART]][0, 0] [4, 3] [1, 1]
// CHECK: return %{{.*}}, %{{.*}}, %[[DX]]
func.func @split(%x: tensor<4x9xf32>) -> (tensor<4x3xf32>, tensor<4x6xf32>) {
  %a = tensor.extract_slice %x[0, 0] [4, 3] [1, 1] : tensor<4x9xf32> to tensor<4x3xf32>
  %b = tensor.extract_slice %x[0, 3] [4, 6] [1, 1] : tensor<4x9xf32> to tensor<4x6xf32>
  return %a, %b : tensor<4x3xf32>, tensor<4x6xf32>
}

// -----

// Concatenation: slices of the cotangent, without zeros in between.
// CHECK-LABEL: func private @concat_gradient
// CHECK-SAME: (%[[A:.*]]: tensor<4x3xf32>, %[[B:.*]]: tensor<4x?xf32>, %[[DY:.*]]: tensor<4x?xf32>)
// CHECK-NOT: linalg.fill
// CHECK: %[[DB:.*]] = tensor.extract_slice %[[DY]][0, 3]
// CHECK: %[[DA:.*]] = tensor.extract_slice %[[DY]][0, 0]
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @concat(%a: tensor<4x3xf32>, %b: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %n = tensor.dim %b, %c1 : tensor<4x?xf32>
  %m = arith.addi %n, %c3 : index
  %e = tensor.empty(%m) : tensor<4x?xf32>
  %0 = tensor.insert_slice %a into %e[0, 0] [4, 3] [1, 1] : tensor<4x3xf32> into tensor<4x?xf32>
  %1 = tensor.insert_slice %b into %0[0, 3] [4, %n] [1, 1] : tensor<4x?xf32> into tensor<4x?xf32>
  return %1 : tensor<4x?xf32>
}

// -----

// What is overwritten gets no gradient there.
// CHECK-LABEL: func private @insert_gradient
// CHECK-SAME: (%[[A:.*]]: tensor<3xf32>, %[[B:.*]]: tensor<8xf32>, %[[DY:.*]]: tensor<8xf32>)
// CHECK: %[[DA:.*]] = tensor.extract_slice %[[DY]][2] [3] [1]
// CHECK: %[[Z:.*]] = linalg.fill
// CHECK: %[[DB:.*]] = tensor.insert_slice %[[Z]] into %[[DY]][2] [3] [1]
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @insert(%a: tensor<3xf32>, %b: tensor<8xf32>) -> tensor<8xf32> {
  %y = tensor.insert_slice %a into %b[2] [3] [1] : tensor<3xf32> into tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// CHECK-LABEL: func private @pad_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<?xf32>, %[[DY:.*]]: tensor<?xf32>)
// CHECK: %[[N:.*]] = tensor.dim %[[X]]
// CHECK: %[[DX:.*]] = tensor.extract_slice %[[DY]][1] [%[[N]]] [1]
func.func @pad(%x: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %y = tensor.pad %x low[1] high[2] {
    ^bb0(%i: index):
      tensor.yield %zero : f32
  } : tensor<?xf32> to tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// CHECK-LABEL: func private @elements_gradient
// CHECK-SAME: (%[[A:.*]]: f32, %[[B:.*]]: f32, %[[DY:.*]]: tensor<2xf32>, %[[DZ:.*]]: f32)
// CHECK-DAG: %[[D0:.*]] = tensor.extract %{{.*}}[%c0]
// CHECK-DAG: %[[D1:.*]] = tensor.extract %{{.*}}[%c1]
// CHECK: return
func.func @elements(%a: f32, %b: f32) -> (tensor<2xf32>, f32) {
  %c1 = arith.constant 1 : index
  %y = tensor.from_elements %a, %b : tensor<2xf32>
  %z = tensor.extract %y[%c1] : tensor<2xf32>
  return %y, %z : tensor<2xf32>, f32
}

// -----

// A copy passes the cotangent to what is copied, and nothing to what it is copied over.
// CHECK-LABEL: func private @copy_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[OVER:.*]]: tensor<4xf32>, %[[DY:.*]]: tensor<4xf32>)
// CHECK: %[[ZEROS:.*]] = {{linalg.fill|arith.constant dense<0}}
// CHECK: return %{{.*}}, %[[DY]], %[[ZEROS]]
func.func @copy(%x: tensor<4xf32>, %over: tensor<4xf32>) -> tensor<4xf32> {
  %y = bufferization.materialize_in_destination %x in %over : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
