// RUN: tern-opt %s --tern-expand-math --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-expand-math --split-input-file | tern-opt --split-input-file | FileCheck %s

module attributes {tern.target = #tern.x86<features = ["avx2", "fma"]>} {
  // Nothing is left of the functions on f32 but IEEE 754's operations, and no
  // conversion of a float to an integer, which would be poison for NaN.
  // CHECK-LABEL: func.func @all
  // CHECK-NOT: math.{{exp|log|sin|cos|tan|erf|powf|rsqrt}}
  // CHECK-NOT: arith.{{fptosi|fptoui|extf|truncf}}
  // CHECK: math.fma {{.*}} : f32
  // CHECK: math.sqrt {{.*}} : f32
  // CHECK-NOT: math.{{exp|log|sin|cos|tan|erf|powf|rsqrt}}
  // CHECK-NOT: arith.{{fptosi|fptoui|extf|truncf}}
  // CHECK: return
  func.func @all(%x: f32, %y: f32) -> (f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32) {
    %0 = math.exp %x : f32
    %1 = math.exp2 %x : f32
    %2 = math.expm1 %x : f32
    %3 = math.log %x : f32
    %4 = math.log2 %x : f32
    %5 = math.log10 %x : f32
    %6 = math.log1p %x : f32
    %7 = math.sin %x : f32
    %8 = math.cos %x : f32
    %9 = math.tan %x : f32
    %10 = math.tanh %x : f32
    %11 = math.erf %x : f32
    %12 = math.rsqrt %x : f32
    %13 = math.powf %x, %y : f32
    return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13 : f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32
  }

  // Vectors of any shape stay whole.
  // CHECK-LABEL: func.func @vectors
  // CHECK-NOT: math.{{exp|sin}}
  // CHECK: math.fma {{.*}} : vector<8xf32>
  // CHECK: arith.muli {{.*}} : vector<2x3xi64>
  func.func @vectors(%x: vector<8xf32>, %y: vector<2x3xf32>) -> (vector<8xf32>, vector<2x3xf32>) {
    %0 = math.exp %x : vector<8xf32>
    %1 = math.sin %y : vector<2x3xf32>
    return %0, %1 : vector<8xf32>, vector<2x3xf32>
  }

  // Other types, other functions and tensors are left alone.
  // CHECK-LABEL: func.func @others
  // CHECK-NEXT: math.exp %{{.*}} : f64
  // CHECK-NEXT: math.exp %{{.*}} : f16
  // CHECK-NEXT: math.atan %{{.*}} : f32
  // CHECK-NEXT: math.sqrt %{{.*}} : f32
  // CHECK-NEXT: math.exp %{{.*}} : tensor<3xf32>
  // CHECK-NEXT: return
  func.func @others(%d: f64, %h: f16, %x: f32, %t: tensor<3xf32>) -> (f64, f16, f32, f32, tensor<3xf32>) {
    %0 = math.exp %d : f64
    %1 = math.exp %h : f16
    %2 = math.atan %x : f32
    %3 = math.sqrt %x : f32
    %4 = math.exp %t : tensor<3xf32>
    return %0, %1, %2, %3, %4 : f64, f16, f32, f32, tensor<3xf32>
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

// Without fused multiply-adds the product is rounded, too, or taken in f64 where the remainder counts.
// CHECK-LABEL: func.func @not_fused
// CHECK-NOT: math.
// CHECK-NOT: f64
// CHECK: [[PRODUCT:%.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK-NEXT: arith.addf [[PRODUCT]], %{{.*}} : f32
// CHECK-NOT: math.
// CHECK-NOT: f64
// CHECK: return
func.func @not_fused(%x: f32) -> f32 {
  %e = math.exp %x : f32
  return %e : f32
}
// CHECK-LABEL: func.func @wide
// CHECK: math.sqrt
// CHECK-NOT: math.
// CHECK: [[PRODUCT:%.*]] = arith.mulf %{{.*}}, %{{.*}} : f64
// CHECK: [[SUM:%.*]] = arith.addf [[PRODUCT]], %{{.*}} : f64
// CHECK-NEXT: arith.truncf [[SUM]] : f64 to f32
// CHECK-NOT: math.
// CHECK: return
func.func @wide(%x: f32) -> f32 {
  %e = math.rsqrt %x : f32
  return %e : f32
}
