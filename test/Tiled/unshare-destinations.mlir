// RUN: tern-opt %s --tern-unshare-destinations | FileCheck %s
// RUN: tern-opt %s --tern-results-to-destinations --cse --tern-unshare-destinations --tern-place-in-destinations --tern-bufferize | FileCheck %s --check-prefix=BUFFERS

#id = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>

// Each sum has zeros of its own, in a tensor of its own; none is copied.
// CHECK-LABEL: func @sums
// CHECK: %[[E:.*]] = tensor.empty() : tensor<4xf32>
// CHECK: %[[A:.*]] = linalg.fill ins(%{{.*}}) outs(%[[E]]
// CHECK: linalg.generic {{.*}} outs(%[[A]]
// CHECK: %[[F:.*]] = tensor.empty() : tensor<4xf32>
// CHECK: %[[B:.*]] = linalg.fill ins(%{{.*}}) outs(%[[F]]
// CHECK: linalg.generic {{.*}} outs(%[[B]]
// BUFFERS-LABEL: func @sums
// BUFFERS-COUNT-2: linalg.fill
// BUFFERS-NOT: memref.alloc
func.func @sums(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %a = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%z : tensor<4xf32>) {
    ^bb0(%v: f32, %s: f32):
      %t = arith.addf %s, %v : f32
      linalg.yield %t : f32
  } -> tensor<4xf32>
  %b = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<4x8xf32>) outs(%z : tensor<4xf32>) {
    ^bb0(%v: f32, %s: f32):
      %t = arith.addf %s, %v : f32
      linalg.yield %t : f32
  } -> tensor<4xf32>
  return %b, %a : tensor<4xf32>, tensor<4xf32>
}

// One use stays as it is.
// CHECK-LABEL: func @one
// CHECK-COUNT-1: linalg.fill
// CHECK-NOT: linalg.fill
func.func @one(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %a = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%z : tensor<4xf32>) {
    ^bb0(%v: f32, %s: f32):
      %t = arith.addf %s, %v : f32
      linalg.yield %t : f32
  } -> tensor<4xf32>
  return %a : tensor<4xf32>
}

// In a branch as well, which is no loop: nothing is copied. What becomes its result stays in front.
// CHECK-LABEL: func @branch
// CHECK: %[[F:.*]] = tensor.empty
// CHECK: scf.if
// CHECK: %[[E:.*]] = tensor.empty
// CHECK: linalg.exp {{.*}} outs(%[[E]]
// CHECK: linalg.exp {{.*}} outs(%[[F]]
// BUFFERS-LABEL: func @branch
// BUFFERS-NOT: memref.copy
// BUFFERS-COUNT-2: linalg.exp
// BUFFERS: return
func.func @branch(%x: tensor<4xf32>, %c: i1) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = scf.if %c -> tensor<4xf32> {
    %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %b = linalg.exp ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %b : tensor<4xf32>
  } else {
    scf.yield %x : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// The second result of a branch in a branch is that of the outer one, not its first.
// CHECK-LABEL: func @second
// CHECK-DAG: %[[E:.*]] = tensor.empty
// CHECK-DAG: %[[F:.*]] = tensor.empty
// CHECK-NOT: tensor.empty
// CHECK: scf.if
// CHECK: %[[A:.*]] = linalg.exp {{.*}} outs(%[[G:.*]] :
// CHECK: %[[B:.*]] = linalg.log {{.*}} outs(%[[H:.*]] :
// CHECK: scf.yield %[[A]], %[[B]]
// CHECK: scf.if
// CHECK: linalg.log {{.*}} outs(%[[H]] :
// CHECK: linalg.exp {{.*}} outs(%[[G]] :
func.func @second(%x: tensor<4xf32>, %c: i1, %d: i1) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %r:2 = scf.if %c -> (tensor<4xf32>, tensor<4xf32>) {
    %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %b = linalg.log ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %a, %b : tensor<4xf32>, tensor<4xf32>
  } else {
    %s:2 = scf.if %d -> (tensor<4xf32>, tensor<4xf32>) {
      %b = linalg.log ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      scf.yield %a, %b : tensor<4xf32>, tensor<4xf32>
    } else {
      scf.yield %x, %x : tensor<4xf32>, tensor<4xf32>
    }
    scf.yield %s#0, %s#1 : tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}

// What a branch yields twice is two results, each of which starts where that of the other branch does.
// CHECK-LABEL: func @twice
// CHECK: scf.if
// CHECK: linalg.exp {{.*}} outs(%[[A:.*]] :
// CHECK: linalg.log {{.*}} outs(%[[B:.*]] :
// CHECK: else
// CHECK: %[[ABS:.*]] = linalg.abs {{.*}} outs(%[[A]] :
// CHECK: %[[COPY:.*]] = linalg.copy ins(%[[ABS]] : {{.*}} outs(%[[B]] :
// CHECK: scf.yield %[[ABS]], %[[COPY]]
func.func @twice(%x: tensor<4xf32>, %c: i1) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %r:2 = scf.if %c -> (tensor<4xf32>, tensor<4xf32>) {
    %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %b = linalg.log ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %a, %b : tensor<4xf32>, tensor<4xf32>
  } else {
    %a = linalg.abs ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %a, %a : tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}
