// RUN: tern-opt %s --tern-outline-layers="min-length=2 min-saved=2" --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-outline-layers="min-length=2 min-saved=2" --tern-outline-layers="min-length=2 min-saved=2" --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-outline-layers --split-input-file | FileCheck %s --check-prefix=LONG

#id = affine_map<(i, j) -> (i, j)>
#bias = affine_map<(i, j) -> (j)>

// Runs of at least 8 operations, unless told otherwise.
// LONG-NOT: call @

// Two layers of one kind, each with weights of its own; zeros and destinations
// come along, and the last operation is in neither.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[W0:.*]]: tensor<4x4xf32>, %[[B0:.*]]: tensor<4xf32>, %[[W1:.*]]: tensor<4x4xf32>, %[[B1:.*]]: tensor<4xf32>
// CHECK: %[[D0:.*]] = tensor.empty(%{{.*}})
// CHECK: %[[Y0:.*]] = call @main_layer0(%[[X]], %[[W0]], %[[N:.*]], %[[B0]], %[[D0]])
// CHECK: %[[D1:.*]] = tensor.empty(%{{.*}})
// CHECK: %[[Y1:.*]] = call @main_layer0(%[[Y0]], %[[W1]], %[[N]], %[[B1]], %[[D1]])
// CHECK: math.absf %[[Y1]]
// CHECK-LABEL: func.func private @main_layer0
// CHECK-SAME: tensor<?x4xf32> {tern.donated = 0 : i64}) -> tensor<?x4xf32>
// CHECK: linalg.fill
// CHECK: linalg.matmul
// CHECK: %[[R:.*]] = linalg.generic
// CHECK: return %[[R]]
func.func @main(%x: tensor<?x4xf32>, %w0: tensor<4x4xf32>, %b0: tensor<4xf32>, %w1: tensor<4x4xf32>, %b1: tensor<4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %empty = tensor.empty(%n) : tensor<?x4xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x4xf32>) -> tensor<?x4xf32>
  %p0 = linalg.matmul ins(%x, %w0 : tensor<?x4xf32>, tensor<4x4xf32>) outs(%zeros : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y0 = linalg.generic {indexing_maps = [#id, #bias, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p0, %b0 : tensor<?x4xf32>, tensor<4xf32>) outs(%empty : tensor<?x4xf32>) {
  ^bb0(%p: f32, %b: f32, %o: f32):
    %s = arith.addf %p, %b : f32
    %m = arith.maximumf %s, %zero : f32
    linalg.yield %m : f32
  } -> tensor<?x4xf32>
  %p1 = linalg.matmul ins(%y0, %w1 : tensor<?x4xf32>, tensor<4x4xf32>) outs(%zeros : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y1 = linalg.generic {indexing_maps = [#id, #bias, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p1, %b1 : tensor<?x4xf32>, tensor<4xf32>) outs(%empty : tensor<?x4xf32>) {
  ^bb0(%p: f32, %b: f32, %o: f32):
    %s = arith.addf %p, %b : f32
    %m = arith.maximumf %s, %zero : f32
    linalg.yield %m : f32
  } -> tensor<?x4xf32>
  %z = math.absf %y1 : tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

// One result that both read is one argument; what one of the two passes on is a
// result of both; other constants are other layers.
// CHECK-LABEL: func.func @values
// CHECK-SAME: %{{.*}}: tensor<4x4xf32>, %[[S:.*]]: tensor<4x4xf32>)
// CHECK: call @values_layer0(%{{[a-z0-9]*}}, %[[S]], %{{[a-z0-9]*}}, %{{[a-z0-9]*}}) : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>)
// CHECK: call @values_layer0(%{{[0-9]*}}#1, %[[S]], %{{.*}})
// CHECK: linalg.matmul
// CHECK: arith.addf
func.func @values(%x: tensor<4x4xf32>, %s: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %one = arith.constant dense<1.0> : tensor<4x4xf32>
  %two = arith.constant dense<2.0> : tensor<4x4xf32>
  %empty = tensor.empty() : tensor<4x4xf32>
  %p0 = linalg.matmul ins(%x, %s : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y0 = arith.addf %p0, %one : tensor<4x4xf32>
  %p1 = linalg.matmul ins(%y0, %s : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y1 = arith.addf %p1, %one : tensor<4x4xf32>
  %p2 = linalg.matmul ins(%y1, %s : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y2 = arith.addf %p2, %two : tensor<4x4xf32>
  return %y2, %p0 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// What is one value in the first layer may be two in the second.
// CHECK-LABEL: func.func @roles
// CHECK-SAME: %[[X:.*]]: tensor<4x4xf32>, %[[S:.*]]: tensor<4x4xf32>, %[[T:.*]]: tensor<4x4xf32>)
// CHECK: %[[Y:.*]] = call @roles_layer0(%[[X]], %[[S]], %[[S]], %{{.*}})
// CHECK: call @roles_layer0(%[[Y]], %[[S]], %[[T]], %{{.*}})
// CHECK-LABEL: func.func private @roles_layer0
// CHECK-SAME: %[[A:.*]]: tensor<4x4xf32>, %[[B:.*]]: tensor<4x4xf32>, %[[C:.*]]: tensor<4x4xf32>, %{{.*}}: tensor<4x4xf32> {tern.donated = 0 : i64})
// CHECK: %[[P:.*]] = linalg.matmul ins(%[[A]], %[[B]]
// CHECK: arith.addf %[[P]], %[[C]]
func.func @roles(%x: tensor<4x4xf32>, %s: tensor<4x4xf32>, %t: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %empty = tensor.empty() : tensor<4x4xf32>
  %p0 = linalg.matmul ins(%x, %s : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y0 = arith.addf %p0, %s : tensor<4x4xf32>
  %p1 = linalg.matmul ins(%y0, %s : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y1 = arith.addf %p1, %t : tensor<4x4xf32>
  return %y1 : tensor<4x4xf32>
}

// -----

// States are updated in place by the function, as they would be without it.
// CHECK-LABEL: func.func @state
// CHECK-SAME: %[[X:.*]]: tensor<4x4xf32>, %[[C0:.*]]: tensor<4x4xf32> {tern.donated = 0 : i64}, %[[C1:.*]]: tensor<4x4xf32> {tern.donated = 1 : i64}
// CHECK: %[[R0:.*]]:2 = call @state_layer0(%[[C0]], %[[X]], %{{.*}})
// CHECK: %[[R1:.*]]:2 = call @state_layer0(%[[C1]], %[[R0]]#1, %{{.*}})
// CHECK: return %[[R0]]#0, %[[R1]]#0, %[[R1]]#1
// CHECK-LABEL: func.func private @state_layer0
// CHECK-SAME: tensor<4x4xf32> {tern.donated = 0 : i64}, %{{.*}}: tensor<4x4xf32>, %{{.*}}: tensor<4x4xf32> {tern.donated = 1 : i64})
func.func @state(%x: tensor<4x4xf32>, %c0: tensor<4x4xf32> {tern.donated = 0 : i64}, %c1: tensor<4x4xf32> {tern.donated = 1 : i64}) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %empty = tensor.empty() : tensor<4x4xf32>
  %n0 = arith.addf %c0, %x : tensor<4x4xf32>
  %y0 = linalg.matmul ins(%n0, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %n1 = arith.addf %c1, %y0 : tensor<4x4xf32>
  %y1 = linalg.matmul ins(%n1, %y0 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %n0, %n1, %y1 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// Nothing is cut where the new value is none of the function's own memory: the
// update would be a copy.
// CHECK-LABEL: func.func @other_state
// CHECK-NOT: call
func.func @other_state(%x: tensor<4x4xf32>, %c0: tensor<4x4xf32> {tern.donated = 0 : i64}) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %empty = tensor.empty() : tensor<4x4xf32>
  %n0 = arith.addf %x, %x : tensor<4x4xf32>
  %y0 = linalg.matmul ins(%n0, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %n1 = arith.addf %y0, %y0 : tensor<4x4xf32>
  %y1 = linalg.matmul ins(%n1, %y0 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %n1, %y1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// Nor where the older state is read behind its update.
// CHECK-LABEL: func.func @late_state
// CHECK-NOT: call
func.func @late_state(%x: tensor<4x4xf32>, %c0: tensor<4x4xf32> {tern.donated = 0 : i64}, %c1: tensor<4x4xf32> {tern.donated = 1 : i64}) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %empty = tensor.empty() : tensor<4x4xf32>
  %n0 = arith.addf %c0, %x : tensor<4x4xf32>
  %y0 = linalg.matmul ins(%n0, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %n1 = arith.addf %c1, %y0 : tensor<4x4xf32>
  %y1 = linalg.matmul ins(%n1, %y0 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y2 = arith.subf %y1, %c0 : tensor<4x4xf32>
  return %n0, %n1, %y2 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// Nor where the call would read a state that it updates by another argument, or
// a view of it.
// CHECK-LABEL: func.func @twice
// CHECK-NOT: call
func.func @twice(%x: tensor<4x4xf32>, %c0: tensor<4x4xf32> {tern.donated = 0 : i64}, %c1: tensor<4x4xf32> {tern.donated = 1 : i64}) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %empty = tensor.empty() : tensor<4x4xf32>
  %y0 = linalg.matmul ins(%c0, %c0 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %n0 = arith.addf %c0, %y0 : tensor<4x4xf32>
  %y1 = linalg.matmul ins(%x, %c1 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %n1 = arith.addf %c1, %y1 : tensor<4x4xf32>
  return %n0, %n1, %y1 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// Without a product it is not worth a call.
// CHECK-LABEL: func.func @elementwise
// CHECK-NOT: call
func.func @elementwise(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a0 = math.absf %x : tensor<4xf32>
  %b0 = math.sqrt %a0 : tensor<4xf32>
  %a1 = math.absf %b0 : tensor<4xf32>
  %b1 = math.sqrt %a1 : tensor<4xf32>
  %a2 = math.absf %b1 : tensor<4xf32>
  %b2 = math.sqrt %a2 : tensor<4xf32>
  return %b2 : tensor<4xf32>
}
