// RUN: tern-opt %s --tern-check-sizes --canonicalize --cse --split-input-file | FileCheck %s

// A check for each product, with the name of its location, after those that are
// there; the arena's size is -1 if one overflows.
// CHECK: func.func @main(
// CHECK-SAME: tern.checks = ["given", "'flat' would have more elements or bytes than 64 bits can count", "'product' would have more elements or bytes than 64 bits can count"]
// CHECK: func.func private @main_shapes(%[[A:.*]]: index, %[[B:.*]]: index) -> (index, index, index, index) {
// CHECK: %[[FLAT:.*]] = arith.muli %[[A]], %[[B]]
// CHECK: arith.mulsi_extended
// CHECK: arith.mulsi_extended
// CHECK: %[[FIRST:.*]] = arith.select %{{.*}}, %c0, %c1 : index
// CHECK: %[[SECOND:.*]] = arith.select %{{.*}}, %c0, %c1 : index
// CHECK: return %[[FLAT]], %c1, %[[FIRST]], %[[SECOND]]
// CHECK: func.func private @main_arena_size(
// CHECK: call @main_shapes({{.*}}) : (index, index) -> (index, index, index, index)
// CHECK: %[[SIZE:.*]] = arith.select %{{.*}}, %c-1, %{{.*}} : index
// CHECK: return %[[SIZE]]
func.func @main(%arg0: memref<?x?xf32> {tern.shape = ["a", "b"]}) attributes {tern.checks = ["given"]} {
  return
}
func.func private @main_shapes(%a: index, %b: index) -> (index, index) {
  %c1 = arith.constant 1 : index
  %flat = arith.muli %a, %b : index loc("flat")
  return %flat, %c1 : index, index
}
func.func private @main_arena_size(%a: index, %b: index) -> index {
  %e:2 = func.call @main_shapes(%a, %b) : (index, index) -> (index, index)
  %n = arith.muli %e#0, %e#0 : index loc("product")
  return %n : index
}

// -----

// Sums in maps are checked, too. What is not taken, and what leads to no
// result, may overflow.
// CHECK: func.func @main(
// CHECK-SAME: tern.checks = ["'pad' would have more elements or bytes than 64 bits can count", "'taken' would have more elements or bytes than 64 bits can count"]
// CHECK: func.func private @main_shapes(%[[A:.*]]: index)
// CHECK: %[[WIDE:.*]] = arith.muli %[[A]], %[[A]]
// CHECK: %[[OVERFLOWS:.*]] = arith.cmpi ne
// CHECK: %[[TAKEN:.*]] = arith.cmpi slt, %[[A]], %c9
// CHECK: arith.select %[[TAKEN]], %[[WIDE]], %[[A]] : index
// CHECK: arith.select %[[TAKEN]], %{{.*}}, %c0_i32 : i32
func.func @main(%arg0: memref<?xf32> {tern.shape = ["a"]}) {
  return
}
func.func private @main_shapes(%a: index) -> (index, index) {
  %c9 = arith.constant 9 : index
  %unused = arith.muli %a, %a : index loc("unused")
  %padded = affine.apply affine_map<()[s0] -> (s0 + 5)>()[%a] loc("pad")
  %wide = arith.muli %a, %a : index loc("taken")
  %taken = arith.cmpi slt, %a, %c9 : index
  %some = arith.select %taken, %wide, %a : index
  return %padded, %some : index, index
}
func.func private @main_arena_size(%a: index) -> index {
  %c0 = arith.constant 0 : index
  return %c0 : index
}

// -----

// Nothing can overflow.
// CHECK: func.func @main(%{{.*}}) {
// CHECK: func.func private @main_shapes(%[[A:.*]]: index) -> index {
// CHECK-NEXT: return %[[A]]
func.func @main(%arg0: memref<?xf32> {tern.shape = ["a"]}) {
  return
}
func.func private @main_shapes(%a: index) -> index {
  return %a : index
}
func.func private @main_arena_size(%a: index) -> index {
  %c64 = arith.constant 64 : index
  return %c64 : index
}

// -----

// Products on the sides of a branch count where the side is taken.
// CHECK: func.func @main(
// CHECK-SAME: tern.checks = ["'inner' would have more elements or bytes than 64 bits can count"]
// CHECK: func.func private @main_shapes(%[[A:.*]]: index) -> (index, index)
// CHECK: %[[BOTH:.*]]:2 = scf.if %{{.*}} -> (index, i32) {
// CHECK: %[[PRODUCT:.*]] = arith.muli %[[A]], %[[A]]
// CHECK: arith.mulsi_extended
// CHECK: scf.yield %[[PRODUCT]], %{{.*}} : index, i32
// CHECK: } else {
// CHECK-NEXT: scf.yield %[[A]], %c0_i32 : index, i32
// CHECK: %[[IS:.*]] = arith.cmpi eq, %[[BOTH]]#1, %c1_i32
// CHECK: %[[CHECK:.*]] = arith.select %[[IS]], %c0, %c1 : index
// CHECK: return %[[BOTH]]#0, %[[CHECK]]
func.func @main(%arg0: memref<?xf32> {tern.shape = ["a"]}, %arg1: memref<?xf32> {tern.result}) {
  return
}
func.func private @main_shapes(%a: index) -> index {
  %c9 = arith.constant 9 : index
  %some = arith.cmpi slt, %a, %c9 : index
  %extent = scf.if %some -> index {
    %product = arith.muli %a, %a : index loc("inner")
    scf.yield %product : index
  } else {
    scf.yield %a : index
  }
  return %extent : index
}
func.func private @main_arena_size(%a: index) -> index {
  %c64 = arith.constant 64 : index
  return %c64 : index
}
