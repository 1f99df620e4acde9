// RUN: tern-opt %s --tern-ternary-pipeline --tern-packed-pipeline --tern-tiled-pipeline --tern-buffers-pipeline --tern-llvm-pipeline | FileCheck %s

// A module that is nested in a model's has no entry function to have.
// CHECK: llvm.func @tern_model_main_invoke
// CHECK: module @empty
// CHECK: module @helpers
// CHECK-NOT: tern_model
module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
  module @empty {
  }
  module @helpers {
    func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
      return %x : tensor<4xf32>
    }
  }
}
