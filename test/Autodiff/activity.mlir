// RUN: tern-opt %s --pass-pipeline='builtin.module(tern-differentiate{function=loss wrt=1},canonicalize,cse)' | FileCheck %s
// RUN: tern-opt %s --pass-pipeline='builtin.module(tern-differentiate{function=unused wrt=0,1},canonicalize,cse)' | FileCheck %s --check-prefix=UNUSED
// RUN: tern-opt %s --pass-pipeline='builtin.module(tern-differentiate{function=calls},canonicalize,cse)' | FileCheck %s --check-prefix=CALLS
// RUN: tern-opt %s --pass-pipeline='builtin.module(tern-differentiate{function=declared},canonicalize,cse)' | FileCheck %s --check-prefix=DECLARED

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#none = affine_map<(d0, d1) -> ()>

// The gradient of the weight alone: one product, and none for the input. The
// loss is seeded with 1, and what it starts from is not differentiated.
// CHECK-LABEL: func private @loss_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<4x7xf32> {tern.name = "x"}, %[[W:.*]]: tensor<7x5xf32> {tern.param = "w"}, %[[K:.*]]: tensor<4xi64>)
// CHECK-SAME: -> (tensor<f32>, tensor<4x5xi1>, tensor<7x5xf32> {tern.name = "w/gradient"})
// CHECK: arith.constant 1.0
// CHECK: linalg.matmul
// CHECK: linalg.generic {{.*}}["reduction", "reduction"]}
// CHECK: linalg.generic {{.*}}["parallel", "parallel", "reduction"]} ins(%{{.*}}, %[[X]] :
// CHECK-NOT: "reduction"]}
// CHECK: return
func.func @loss(%x: tensor<4x7xf32> {tern.name = "x"}, %w: tensor<7x5xf32> {tern.param = "w"}, %k: tensor<4xi64>) -> (tensor<f32>, tensor<4x5xi1>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x5xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x7xf32>, tensor<7x5xf32>) outs(%z : tensor<4x5xf32>) -> tensor<4x5xf32>
  // Neither a comparison nor rounding beside the way to the loss is in it.
  %eb = tensor.empty() : tensor<4x5xi1>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<4x5xf32>) outs(%eb : tensor<4x5xi1>) {
    ^bb0(%v: f32, %o: i1):
      %r = math.roundeven %v : f32
      %c = arith.cmpf ogt, %r, %zero : f32
      linalg.yield %c : i1
  } -> tensor<4x5xi1>
  %e0 = tensor.empty() : tensor<f32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %l = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}
      ins(%y : tensor<4x5xf32>) outs(%z0 : tensor<f32>) {
    ^bb0(%v: f32, %s: f32):
      %p = arith.mulf %v, %v : f32
      %t = arith.addf %s, %p : f32
      linalg.yield %t : f32
  } -> tensor<f32>
  return %l, %b : tensor<f32>, tensor<4x5xi1>
}

// What does not reach the loss has gradient 0.
// UNUSED-LABEL: func private @unused_gradient
// UNUSED: %[[ZERO:.*]] = arith.constant 0.0
// UNUSED: %[[DY:.*]] = linalg.fill ins(%[[ZERO]] : f32)
// UNUSED: return %{{.*}}, %{{.*}}, %[[DY]]
func.func @unused(%x: tensor<f32>, %y: tensor<?x3xf32>) -> tensor<f32> {
  return %x : tensor<f32>
}

// Calls are inlined, as deep as they are defined.
// CALLS-LABEL: func private @calls_gradient
// CALLS-NOT: call
// CALLS: math.exp
// CALLS-NOT: call
// CALLS: return
func.func private @inner(%x: f32) -> f32 {
  %y = math.exp %x : f32
  return %y : f32
}
func.func private @outer(%x: f32) -> f32 {
  %y = call @inner(%x) : (f32) -> f32
  %z = call @inner(%y) : (f32) -> f32
  return %z : f32
}
func.func @calls(%x: f32) -> f32 {
  %y = call @outer(%x) : (f32) -> f32
  return %y : f32
}

// A declaration becomes the definition, so that others may call it already.
// DECLARED: func private @declared_gradient(%{{.*}}: f32) -> (f32, f32) {
// DECLARED: func @user
// DECLARED-NOT: @declared_gradient({{.*}}f32{{$}}
func.func private @declared_gradient(f32) -> (f32, f32)
func.func @declared(%x: f32) -> f32 {
  %y = math.sin %x : f32
  return %y : f32
}
func.func @user(%x: f32) -> f32 {
  %y:2 = call @declared_gradient(%x) : (f32) -> (f32, f32)
  return %y#1 : f32
}
