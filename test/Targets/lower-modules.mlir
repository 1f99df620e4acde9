// RUN: tern-opt %s --load-dialect-plugin=%tern_obj/test/lib/TestTargets.so --tern-lower-modules=level=tiled --split-input-file --verify-diagnostics | FileCheck %s

// Each module goes through its own target's pipeline: the one around it has an
// empty one, and does not see what is nested in it.
// CHECK: module attributes {tern.target = #test_targets.blob}
module attributes {tern.target = #test_targets.blob} {
  // CHECK: func.func @main
  // CHECK-NEXT: linalg.exp
  // CHECK-NOT: scf.forall
  func.func @main(%x: tensor<1024x1024xf32>) -> tensor<1024x1024xf32> {
    %y = linalg.exp ins(%x : tensor<1024x1024xf32>) outs(%x : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
    return %y : tensor<1024x1024xf32>
  }
  // CHECK: module @device attributes {tern.target = #tern.generic}
  module @device attributes {tern.target = #tern.generic} {
    // CHECK: scf.forall
    func.func @main(%x: tensor<1024x1024xf32>) -> tensor<1024x1024xf32> {
      %y = linalg.exp ins(%x : tensor<1024x1024xf32>) outs(%x : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
      return %y : tensor<1024x1024xf32>
    }
  }
  // Threads share nothing of what runs once.
  // CHECK: module @prepare attributes {tern.prepare, tern.target = #tern.generic}
  module @prepare attributes {tern.prepare, tern.target = #tern.generic} {
    // CHECK: func.func @prepare_0
    // CHECK-NOT: scf.forall
    func.func @prepare_0(%x: tensor<1024x1024xf32> {tern.param = "x"}) -> tensor<1024x1024xf32> attributes {tern.prepare} {
      %y = linalg.exp ins(%x : tensor<1024x1024xf32>) outs(%x : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
      return %y : tensor<1024x1024xf32>
    }
  }
}

// -----

// expected-error @+1 {{nothing that is loaded lowers to target #test_targets.bare}}
module attributes {tern.target = #test_targets.bare} {
  func.func @main() {
    return
  }
}

// -----

module {
  // expected-error @+1 {{nothing that is loaded lowers to target #test_targets.bare}}
  module @device attributes {tern.target = #test_targets.bare} {
    func.func @main() {
      return
    }
  }
}
