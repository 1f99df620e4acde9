// RUN: tern-opt %s --tern-donate --split-input-file --verify-diagnostics | FileCheck %s
// RUN: tern-opt %s --tern-donate --split-input-file --verify-diagnostics | tern-opt --tern-donate --split-input-file | FileCheck %s

// A function that is called takes memory: of a state the state's own, of other
// results a new one each, even where the same empty tensor is given twice.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[C:.*]]: memref<4xf32> {tern.donated}) -> tensor<4xf32>
// CHECK: %[[OLD:.*]] = bufferization.to_tensor %[[C]] restrict writable
// CHECK: %[[STATE:.*]] = bufferization.to_buffer %[[OLD]]
// CHECK: %[[NEW:.*]] = bufferization.alloc_tensor()
// CHECK: %[[Y:.*]] = bufferization.to_buffer %[[NEW]]
// CHECK: call @layer(%[[STATE]], %[[X]], %[[Y]]) : (memref<4xf32>, tensor<4xf32>, memref<4xf32>) -> ()
// CHECK: %[[N:.*]] = bufferization.to_tensor %[[STATE]] restrict writable
// CHECK: %[[T:.*]] = bufferization.to_tensor %[[Y]] restrict writable
// CHECK: %[[NEW2:.*]] = bufferization.alloc_tensor()
// CHECK: %[[Z:.*]] = bufferization.to_buffer %[[NEW2]]
// CHECK: call @other(%[[T]], %[[Z]])
// CHECK: bufferization.materialize_in_destination %[[N]] in restrict writable %[[C]]
// CHECK-LABEL: func.func private @layer
// CHECK-SAME: %[[S:.*]]: memref<4xf32> {tern.donated}, %{{.*}}: tensor<4xf32>, %[[D:.*]]: memref<4xf32> {tern.result})
// CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[S]]
// CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[D]]
module {
  func.func @main(%x: tensor<4xf32>, %c: tensor<4xf32> {tern.donated = 0 : i64}) -> (tensor<4xf32>, tensor<4xf32>) {
    %e = tensor.empty() : tensor<4xf32>
    %n, %y = call @layer(%c, %x, %e) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
    %z = call @other(%y, %e) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    return %n, %z : tensor<4xf32>, tensor<4xf32>
  }
  func.func private @layer(%c: tensor<4xf32> {tern.donated = 0 : i64}, %x: tensor<4xf32>, %d: tensor<4xf32> {tern.donated = 1 : i64}) -> (tensor<4xf32>, tensor<4xf32>) {
    %e = tensor.empty() : tensor<4xf32>
    %n = linalg.add ins(%c, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %y = linalg.mul ins(%n, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %n, %y : tensor<4xf32>, tensor<4xf32>
  }
  func.func private @other(%x: tensor<4xf32>, %d: tensor<4xf32> {tern.donated = 0 : i64}) -> tensor<4xf32> {
    %e = tensor.empty() : tensor<4xf32>
    %y = linalg.abs ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
}

// -----

module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %e = tensor.empty() : tensor<4xf32>
    // expected-error @below {{results of a function that is called must be new values of donated arguments}}
    %y:2 = call @layer(%x, %e) : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
    return %y#0 : tensor<4xf32>
  }
  func.func private @layer(%x: tensor<4xf32>, %d: tensor<4xf32> {tern.donated = 0 : i64}) -> (tensor<4xf32>, tensor<4xf32>) {
    %y = linalg.abs ins(%x : tensor<4xf32>) outs(%d : tensor<4xf32>) -> tensor<4xf32>
    return %y, %x : tensor<4xf32>, tensor<4xf32>
  }
}
