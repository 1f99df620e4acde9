// RUN: tern-opt %s --tern-donate --tern-buffers-pipeline --split-input-file --verify-diagnostics | FileCheck %s

// What a function needs while it runs is part of its caller's arena, and there
// for the next call again.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[ARENA:[^:]*]]: memref<?xi8> {tern.arena})
// CHECK-NOT: memref.alloc
// CHECK-DAG: %[[A:.*]] = memref.view %[[ARENA]][%{{.*}}][] : memref<?xi8> to memref<448xi8>
// CHECK-DAG: %[[SCRATCH:.*]] = memref.cast %[[A]]
// CHECK: call @layer(%{{.*}}, %{{.*}}, %[[SCRATCH]])
// CHECK: call @layer(%{{.*}}, %{{.*}}, %[[SCRATCH]])
// The last result is computed where the caller wants it.
// CHECK-NOT: scf.for
// CHECK: func.func private @main_arena_size() -> index
// CHECK-NEXT: %[[SIZE:.*]] = arith.constant 896
// CHECK: func.func private @layer(
// CHECK-SAME: {tern.result}, %[[OWN:.*]]: memref<?xi8> {tern.arena})
// CHECK: memref.view %[[OWN]]
module {
  func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
    %e = tensor.empty() : tensor<100xf32>
    %y = call @layer(%x, %e) : (tensor<100xf32>, tensor<100xf32>) -> tensor<100xf32>
    %z = call @layer(%y, %e) : (tensor<100xf32>, tensor<100xf32>) -> tensor<100xf32>
    return %z : tensor<100xf32>
  }
  func.func private @main_shapes() -> index {
    %c100 = arith.constant 100 : index
    return %c100 : index
  }
  func.func private @layer(%x: tensor<100xf32>, %d: tensor<100xf32> {tern.donated = 0 : i64}) -> tensor<100xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<100xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<100xf32>) -> tensor<100xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<100xf32>) outs(%z : tensor<100xf32>) {
    ^bb0(%a: f32, %b: f32):
      %t = arith.addf %a, %b : f32
      linalg.yield %t : f32
    } -> tensor<100xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(i) -> (99 - i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%s : tensor<100xf32>) outs(%e : tensor<100xf32>) {
    ^bb0(%a: f32, %b: f32):
      %t = math.absf %a : f32
      linalg.yield %t : f32
    } -> tensor<100xf32>
    return %y : tensor<100xf32>
  }
}

// -----

// Sizes that follow from what the callee is given are computed by the caller.
// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME: %[[X:[^:]*]]: memref<?xf32>
// CHECK: %[[N:.*]] = memref.dim %[[X]]
// CHECK: %[[VIEW:.*]] = memref.view %{{.*}}[%{{.*}}][%{{.*}}] : memref<?xi8> to memref<?x64xi8>
// CHECK: %[[OWN:.*]] = memref.collapse_shape %[[VIEW]]
// CHECK: call @layer(%[[X]], %{{.*}}, %[[OWN]])
// CHECK: func.func private @dynamic_arena_size(%[[SIZE:.*]]: index) -> index
// CHECK: arith.muli %[[SIZE]]
module {
  func.func @dynamic(%x: tensor<?xf32> {tern.shape = ["n"]}) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %y = call @layer(%x, %e) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
  func.func private @dynamic_shapes(%n: index) -> index {
    return %n : index
  }
  func.func private @layer(%x: tensor<?xf32>, %d: tensor<?xf32> {tern.donated = 0 : i64}) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %s = linalg.abs ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (0)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%s, %s : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %t = arith.addf %a, %b : f32
      linalg.yield %t : f32
    } -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
}

// -----

// A state that is read after its update would have to be copied.
module {
  func.func @late(%x: tensor<4xf32>, %c: tensor<4xf32> {tern.donated = 0 : i64, tern.state = "c"}) -> (tensor<4xf32>, tensor<4xf32>) {
    // expected-error @below {{donated argument "c" cannot be updated in place: its old value is still needed when the new one is computed}}
    %n = call @layer(%c, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %e = tensor.empty() : tensor<4xf32>
    %y = linalg.add ins(%c, %n : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %n, %y : tensor<4xf32>, tensor<4xf32>
  }
  func.func private @late_shapes() -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  func.func private @layer(%c: tensor<4xf32> {tern.donated = 0 : i64}, %x: tensor<4xf32>) -> tensor<4xf32> {
    %e = tensor.empty() : tensor<4xf32>
    %n = linalg.add ins(%c, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %n : tensor<4xf32>
  }
}

// -----

module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %y = call @again(%x) : (tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
  // expected-error @below {{calls itself, and would need memory without end}}
  func.func private @again(%x: tensor<4xf32>) -> tensor<4xf32> {
    %y = call @again(%x) : (tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
}

// -----

module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %y = call @plain(%x) : (tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
  func.func private @main_shapes() -> index {
    %c4 = arith.constant 4 : index
    return %c4 : index
  }
  // expected-error @below {{results of a function that is called must be new values of donated arguments}}
  func.func private @plain(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}
