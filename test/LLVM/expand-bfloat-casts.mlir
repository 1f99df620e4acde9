// RUN: tern-opt %s --pass-pipeline='builtin.module(func.func(tern-expand-bfloat-casts))' | FileCheck %s

// Rounded to odd in f32, then once more.
// CHECK-LABEL: func @trunc(
// CHECK-SAME: [[X:%.*]]: vector<4xf64>
// CHECK: [[NEAREST:%.*]] = arith.truncf [[X]] : vector<4xf64> to vector<4xf32>
// CHECK: [[BACK:%.*]] = arith.extf [[NEAREST]] : vector<4xf32> to vector<4xf64>
// CHECK: [[INEXACT:%.*]] = arith.cmpf one, [[BACK]], [[X]]
// CHECK: [[AWAY:%.*]] = arith.cmpi ugt,
// CHECK: [[BITS:%.*]] = arith.bitcast [[NEAREST]] : vector<4xf32> to vector<4xi32>
// CHECK: [[LESS:%.*]] = arith.subi [[BITS]]
// CHECK: [[ZERO:%.*]] = arith.select [[AWAY]], [[LESS]], [[BITS]]
// CHECK: [[ODD:%.*]] = arith.ori [[ZERO]]
// CHECK: [[CHOSEN:%.*]] = arith.select [[INEXACT]], [[ODD]], [[BITS]]
// CHECK: [[FLOAT:%.*]] = arith.bitcast [[CHOSEN]] : vector<4xi32> to vector<4xf32>
// CHECK: arith.truncf [[FLOAT]] : vector<4xf32> to vector<4xbf16>
func.func @trunc(%x: vector<4xf64>) -> vector<4xbf16> {
  %y = arith.truncf %x : vector<4xf64> to vector<4xbf16>
  return %y : vector<4xbf16>
}

// CHECK-LABEL: func @extend(
// CHECK: arith.extf {{.*}} : bf16 to f32
// CHECK: arith.extf {{.*}} : f32 to f64
func.func @extend(%x: bf16) -> f64 {
  %y = arith.extf %x : bf16 to f64
  return %y : f64
}

// Others stay.
// CHECK-LABEL: func @others(
// CHECK-NEXT: arith.truncf {{.*}} : f32 to bf16
// CHECK-NEXT: arith.truncf {{.*}} : f64 to f16
// CHECK-NEXT: arith.extf {{.*}} : f16 to f64
// CHECK-NEXT: return
func.func @others(%x: f32, %y: f64, %z: f16) -> (bf16, f16, f64) {
  %a = arith.truncf %x : f32 to bf16
  %b = arith.truncf %y : f64 to f16
  %c = arith.extf %z : f16 to f64
  return %a, %b, %c : bf16, f16, f64
}
