// RUN: tern-opt %s --tern-nest-prepare --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-nest-prepare --tern-nest-prepare --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-nest-prepare --split-input-file | tern-opt --split-input-file | FileCheck %s

// What runs as the model is compiled is for the machine that compiles it. What
// it calls may be called by others, too.
// CHECK: module attributes {tern.target = #tern.x86<features = ["avx2"]>}
// CHECK: func.func @main
// CHECK: func.func private @half
// CHECK-NOT: func.func @prepare_0
// CHECK: module @prepare attributes {tern.prepare, tern.target = #tern.generic}
// CHECK: func.func @prepare_0({{.*}}) -> (tensor<4xf32> {tern.param = "w.prepared"}) attributes {tern.prepare} {
// CHECK: call @half
// CHECK: func.func private @half
// CHECK: func.func private @two
module attributes {tern.target = #tern.x86<features = ["avx2"]>} {
  func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32> {tern.param = "w.prepared"}) -> tensor<4xf32> {
    %y = call @half(%w) : (tensor<4xf32>) -> tensor<4xf32>
    %z = arith.addf %x, %y : tensor<4xf32>
    return %z : tensor<4xf32>
  }
  func.func private @half(%x: tensor<4xf32>) -> tensor<4xf32> {
    %two = call @two() : () -> tensor<4xf32>
    %y = arith.divf %x, %two : tensor<4xf32>
    return %y : tensor<4xf32>
  }
  func.func private @two() -> tensor<4xf32> {
    %two = arith.constant dense<2.0> : tensor<4xf32>
    return %two : tensor<4xf32>
  }
  func.func @prepare_0(%w: tensor<4xf32> {tern.param = "w"}) -> (tensor<4xf32> {tern.param = "w.prepared"}) attributes {tern.prepare, tern.target = #tern.generic} {
    %y = call @half(%w) : (tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
}

// -----

// Nothing to prepare, nothing nested.
// CHECK: func.func @main
// CHECK-NOT: module @prepare
module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}
