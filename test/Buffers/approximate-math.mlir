// RUN: tern-opt %s --pass-pipeline='builtin.module(func.func(tern-approximate-math))' --split-input-file --verify-diagnostics | FileCheck %s

module attributes {tern.target = #tern.x86<features = ["avx2", "fma"]>} {
  // CHECK-LABEL: func.func @fused
  // CHECK-NOT: math.{{exp|log|tanh|erf}}
  // CHECK: math.fma
  // CHECK-NOT: math.{{exp|log|tanh|erf}}
  // Other functions and types stay.
  // CHECK: math.sin
  // CHECK: math.exp %{{.*}} : f64
  func.func @fused(%x: f32, %d: f64) -> (f32, f32, f32, f32, f32, f64) {
    %e = math.exp %x : f32
    %l = math.log %x : f32
    %t = math.tanh %x : f32
    %r = math.erf %x : f32
    %s = math.sin %x : f32
    %w = math.exp %d : f64
    return %e, %l, %t, %r, %s, %w : f32, f32, f32, f32, f32, f64
  }
}

// -----

// NaN stays NaN, but the exponent is computed of a number.
module attributes {tern.target = #tern.x86<features = ["avx2", "fma"]>} {
  // CHECK-LABEL: func.func @number
  // CHECK: [[MOST:%.*]] = arith.constant 1.270000e+02 : f32
  // CHECK: [[LESS:%.*]] = arith.cmpf ole, [[N:%.*]], [[MOST]] : f32
  // CHECK: [[EXPONENT:%.*]] = arith.select [[LESS]], [[N]], [[MOST]] : f32
  // CHECK: arith.fptosi [[EXPONENT]] : f32 to i32
  func.func @number(%x: f32) -> f32 {
    %e = math.exp %x : f32
    return %e : f32
  }
  // What the program itself converts is its own.
  // CHECK-LABEL: func.func @own
  // CHECK-SAME: [[X:%.*]]: f32
  // CHECK-NEXT: arith.fptosi [[X]]
  func.func @own(%x: f32) -> i32 {
    %i = arith.fptosi %x : f32 to i32
    return %i : i32
  }
}

// -----

// A polynomial of calls would be slower than one call.
// CHECK-LABEL: func.func @not_fused
// CHECK: math.exp
func.func @not_fused(%x: f32) -> f32 {
  %e = math.exp %x : f32
  return %e : f32
}
