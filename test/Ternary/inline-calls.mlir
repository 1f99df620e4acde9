// RUN: tern-opt %s --tern-inline-calls --split-input-file --verify-diagnostics | FileCheck %s
// RUN: tern-opt %s --tern-inline-calls --tern-inline-calls --split-input-file --verify-diagnostics | FileCheck %s

// Calls in what is called, too; what nothing calls any more is gone, what
// something else needs is not.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
// CHECK: %[[A:.*]] = math.absf %[[X]]
// CHECK: %[[R:.*]] = math.sqrt %[[A]]
// CHECK: %[[A2:.*]] = math.absf %[[R]]
// CHECK: %[[R2:.*]] = math.sqrt %[[A2]]
// CHECK: return %[[R2]]
// CHECK-NOT: @root
// CHECK: func.func private @abs
// CHECK-NOT: @root
module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %y = call @root(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %z = call @root(%y) : (tensor<4xf32>) -> tensor<4xf32>
    return %z : tensor<4xf32>
  }
  func.func private @abs(%x: tensor<4xf32>) -> tensor<4xf32> {
    %y = math.absf %x : tensor<4xf32>
    return %y : tensor<4xf32>
  }
  func.func private @root(%x: tensor<4xf32>) -> tensor<4xf32> {
    %y = call @abs(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %z = math.sqrt %y : tensor<4xf32>
    return %z : tensor<4xf32>
  }
  func.func private @unused(%x: tensor<4xf32>) -> tensor<4xf32> {
    %y = call @abs(%x) : (tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
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
