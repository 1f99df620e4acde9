// RUN: tern-opt %s --split-input-file --pass-pipeline='builtin.module(canonicalize,cse,tern-differentiate{wrt=0},canonicalize,cse)' | FileCheck %s
// RUN: tern-opt %s --split-input-file --pass-pipeline='builtin.module(tern-differentiate{wrt=0},canonicalize,cse)' | FileCheck %s

// The derivative of a quantizer is part of its body: what is out of range gets
// none. Between the quantizer and what dequantizes, cotangents are f32.
#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
// CHECK-LABEL: func private @pair_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<?xf32>, %[[S:.*]]: f32)
// CHECK: tern.surrogate %{{.*}} derivative %{{.*}} : i8, f32
// CHECK: %[[DQ:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?xf32>)
// CHECK: arith.mulf
// CHECK: linalg.generic {{.*}} ins(%[[DQ]], %[[X]] : tensor<?xf32>, tensor<?xf32>) outs(%{{.*}} : tensor<?xf32>)
// CHECK-NEXT: ^bb0(%[[D:[^:]*]]: f32, %[[V:[^:]*]]: f32, %{{.*}}: f32):
// CHECK-NOT: fptosi
// CHECK: %[[IS:.*]] = arith.andi
// CHECK: %[[DR:.*]] = arith.select %[[IS]], %[[D]], %{{.*}} : f32
// CHECK: %[[DX:.*]] = arith.divf %[[DR]], %{{.*}} : f32
// CHECK-NEXT: linalg.yield %[[DX]] : f32
func.func @pair(%x: tensor<?xf32>, %s: f32) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %eq = tensor.empty(%n) : tensor<?xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%eq : tensor<?xi8>) {
    ^bb0(%v: f32, %o: i8):
      %scale = tern.surrogate %s : f32
      %ratio = arith.divf %v, %scale : f32
      %r = math.roundeven %ratio : f32
      %ge = arith.cmpf oge, %r, %low : f32
      %le = arith.cmpf ole, %r, %high : f32
      %is = arith.andi %ge, %le : i1
      %safe = arith.select %is, %r, %zero : f32
      %code = arith.fptosi %safe : f32 to i8
      %clipped = arith.select %is, %ratio, %zero : f32
      %y = tern.surrogate %code derivative %clipped : i8, f32
      linalg.yield %y : i8
  } -> tensor<?xi8>
  %e = tensor.empty() : tensor<f32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %l = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%q : tensor<?xi8>) outs(%z : tensor<f32>) {
    ^bb0(%v: i8, %o: f32):
      %f = arith.sitofp %v : i8 to f32
      %scale = tern.surrogate %s : f32
      %p = arith.mulf %f, %scale : f32
      %p2 = arith.mulf %p, %p : f32
      %sum = arith.addf %o, %p2 : f32
      linalg.yield %sum : f32
  } -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// A scale that is detached has no gradient.
// CHECK-LABEL: func private @scale_gradient
// CHECK: %[[ZERO:.*]] = arith.constant 0.0
// CHECK: return %{{.*}}, %[[ZERO]] : f32, f32
func.func @scale(%s: f32, %x: f32) -> f32 {
  %d = tern.surrogate %s : f32
  %y = arith.mulf %x, %d : f32
  return %y : f32
}

// -----

// A conversion that is not marked has derivative 0, and no way to a float has
// to be differentiable behind it.
// CHECK-LABEL: func private @unmarked_gradient
// CHECK: %[[ZERO:.*]] = arith.constant 0.0
// CHECK: return %{{.*}}, %[[ZERO]] : f32, f32
func.func @unmarked(%x: f32) -> f32 {
  %i = arith.fptosi %x : f32 to i32
  %j = math.absi %i : i32
  %f = arith.sitofp %j : i32 to f32
  %y = math.floor %f : f32
  return %y : f32
}

// -----

// An integer product, with a transpose, a slice and padding of codes before it:
// each has the adjoint that it has of floats.
#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: func private @product_gradient
// CHECK-SAME: (%{{.*}}: tensor<4x7xf32>, %[[W:.*]]: tensor<6x5xi32>)
// CHECK: linalg.matmul {{.*}} outs(%{{.*}} : tensor<4x5xi32>)
// CHECK: %[[DA:.*]] = linalg.generic {{.*}}["parallel", "parallel", "reduction"]} ins(%{{.*}}, %[[W]] : tensor<4x5xf32>, tensor<6x5xi32>) outs(%{{.*}} : tensor<4x6xf32>)
// CHECK: arith.sitofp %{{.*}} : i32 to f32
// CHECK: %[[DS:.*]] = tensor.extract_slice %[[DA]][0, 1] [4, 4] [1, 1] : tensor<4x6xf32> to tensor<4x4xf32>
// CHECK: %[[DT:.*]] = tensor.insert_slice %[[DS]] into %{{.*}}[2, 0] [4, 4] [1, 1] : tensor<4x4xf32> into tensor<7x4xf32>
// CHECK: linalg.transpose ins(%[[DT]] : tensor<7x4xf32>) outs(%{{.*}} : tensor<4x7xf32>)
func.func @product(%x: tensor<4x7xf32>, %w: tensor<6x5xi32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0 : i32
  %eq = tensor.empty() : tensor<4x7xi32>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x7xf32>) outs(%eq : tensor<4x7xi32>) {
    ^bb0(%v: f32, %o: i32):
      %code = arith.fptosi %v : f32 to i32
      %y = tern.surrogate %code derivative %v : i32, f32
      linalg.yield %y : i32
  } -> tensor<4x7xi32>
  %et = tensor.empty() : tensor<7x4xi32>
  %t = linalg.transpose ins(%q : tensor<4x7xi32>) outs(%et : tensor<7x4xi32>) permutation = [1, 0]
  %u = tensor.extract_slice %t[2, 0] [4, 4] [1, 1] : tensor<7x4xi32> to tensor<4x4xi32>
  %a = tensor.pad %u low[0, 1] high[0, 1] {
    ^bb0(%i: index, %j: index):
      tensor.yield %none : i32
  } : tensor<4x4xi32> to tensor<4x6xi32>
  %ey = tensor.empty() : tensor<4x5xi32>
  %zy = linalg.fill ins(%none : i32) outs(%ey : tensor<4x5xi32>) -> tensor<4x5xi32>
  %y = linalg.matmul ins(%a, %w : tensor<4x6xi32>, tensor<6x5xi32>) outs(%zy : tensor<4x5xi32>) -> tensor<4x5xi32>
  %e = tensor.empty() : tensor<f32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %l = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}
      ins(%y : tensor<4x5xi32>) outs(%z : tensor<f32>) {
    ^bb0(%v: i32, %o: f32):
      %f = arith.sitofp %v : i32 to f32
      %p = arith.mulf %f, %f : f32
      %sum = arith.addf %o, %p : f32
      linalg.yield %sum : f32
  } -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// Branches and loops carry cotangents of codes.
// CHECK-LABEL: func private @control_gradient
// CHECK-SAME: (%{{.*}}: f32, %[[C:.*]]: i1, %{{.*}}: index)
// CHECK: scf.if
// CHECK: %[[DR:.*]] = arith.select %[[C]], %{{.*}}, %{{.*}} : f32
// CHECK: %[[DQ:.*]] = scf.for {{.*}} iter_args(%[[DA:.*]] = %[[DR]]) -> (f32)
// CHECK: arith.mulf %[[DA]]
// CHECK: return %{{.*}}, %[[DQ]] : f32, f32
func.func @control(%x: f32, %c: i1, %n: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %three = arith.constant 3 : i32
  %code = arith.fptosi %x : f32 to i32
  %q = tern.surrogate %code derivative %x : i32, f32
  %r, %count = scf.for %i = %c0 to %n step %c1 iter_args(%a = %q, %k = %three) -> (i32, i32) {
    %b = arith.muli %a, %three : i32
    %l = arith.addi %k, %three : i32
    scf.yield %b, %l : i32, i32
  }
  %s = scf.if %c -> i32 {
    %t = arith.addi %r, %r : i32
    scf.yield %t : i32
  } else {
    scf.yield %r : i32
  }
  %f = arith.sitofp %s : i32 to f32
  return %f : f32
}
