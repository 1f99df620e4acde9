// RUN: tern-opt %s --load-dialect-plugin=%tern_obj/test/lib/TestTargets.so --tern-check-math --split-input-file --verify-diagnostics

// Processors have C's library.
module attributes {tern.target = #tern.generic} {
  func.func @main(%x: f64, %y: f32, %n: i32) -> (f64, f64, f32, f32, i32) {
    %0 = math.atan2 %x, %x : f64
    %1 = math.exp %x : f64
    %2 = math.sqrt %y : f32
    %3 = arith.remf %y, %y : f32
    %4 = math.absi %n : i32
    return %0, %1, %2, %3, %4 : f64, f64, f32, f32, i32
  }
}

// -----

// f32 is expanded before, so that no library is asked; one of integers is no function of C's.
module attributes {tern.target = #tern.x86<features = ["avx2"]>} {
  func.func @main(%x: f32, %v: vector<4xf16>, %n: i32) -> (f32, vector<4xf16>, i32) {
    // expected-error @+1 {{math.exp on 'f32' has no implementation on target #tern.x86<features = ["avx2"]>}}
    %0 = math.exp %x : f32
    // expected-error @+1 {{math.tanh on 'f16' has no implementation on target}}
    %1 = math.tanh %v : vector<4xf16>
    // expected-error @+1 {{math.ipowi on 'i32' has no implementation on target}}
    %2 = math.ipowi %n, %n : i32
    return %0, %1, %2 : f32, vector<4xf16>, i32
  }
}

// -----

// What a target says that it has, and no more; the module in it has another target.
module attributes {tern.target = #test_targets.blob} {
  func.func @main(%x: f64, %y: f32) -> (f64, f64, f32, f32) {
    // expected-error @+1 {{math.atan2 on 'f64' has no implementation on target #test_targets.blob}}
    %0 = math.atan2 %x, %x : f64
    // expected-error @+1 {{arith.remf on 'f64' has no implementation on target #test_targets.blob}}
    %1 = arith.remf %x, %x : f64
    %2 = math.sqrt %y : f32
    %3 = math.floor %y : f32
    return %0, %1, %2, %3 : f64, f64, f32, f32
  }
  module @prepare attributes {tern.target = #tern.generic} {
    func.func @prepare_0(%x: f64) -> f64 {
      %0 = math.atan2 %x, %x : f64
      return %0 : f64
    }
  }
}

// -----

module attributes {tern.target = #test_targets.bare} {
  func.func @main(%x: f32) -> f32 {
    // expected-error @+1 {{nothing that is loaded lowers to target #test_targets.bare}}
    %0 = math.sqrt %x : f32
    return %0 : f32
  }
}
