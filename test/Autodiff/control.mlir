// RUN: tern-opt %s --split-input-file --tern-differentiate=seeds=arguments --canonicalize --cse | FileCheck %s

// The loop keeps what each iteration starts from; another goes back over it.
// CHECK-LABEL: func private @loop_gradient
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[S:.*]]: f32, %[[N:.*]]: index, %[[DY:.*]]: tensor<4xf32>)
// CHECK: %[[TAPE:.*]] = tensor.empty(%{{.*}}) : tensor<?x4xf32>
// CHECK: %[[Y:.*]]:2 = scf.for {{.*}} iter_args(%[[V:.*]] = %[[X]], %[[T:.*]] = %[[TAPE]])
// CHECK: tensor.insert_slice %[[V]] into %[[T]]
// CHECK: %[[D:.*]]:2 = scf.for {{.*}} iter_args(%[[DV:.*]] = %[[DY]], %[[DS:.*]] = %{{.*}}) -> (tensor<4xf32>, f32)
// CHECK: tensor.extract_slice %[[Y]]#1
// CHECK: return %[[Y]]#0, %[[D]]#0, %[[D]]#1
#id = affine_map<(d0) -> (d0)>
func.func @loop(%x: tensor<4xf32>, %s: f32, %n: index) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<4xf32>
  %y = scf.for %i = %c0 to %n step %c1 iter_args(%v = %x) -> (tensor<4xf32>) {
    %next = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%v : tensor<4xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%a: f32, %o: f32):
        %b = arith.mulf %a, %s : f32
        %c = math.sin %b : f32
        linalg.yield %c : f32
    } -> tensor<4xf32>
    scf.yield %next : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// -----

// The same branch again, with the cotangents of what either reads; the two
// become one.
// CHECK-LABEL: func private @branch_gradient
// CHECK-SAME: (%[[C:.*]]: i1, %[[X:.*]]: f32, %[[Y:.*]]: f32, %[[DZ:.*]]: f32)
// CHECK: %[[D:.*]]:3 = scf.if %[[C]] -> (f32, f32, f32) {
// CHECK: %[[Z:.*]] = arith.mulf %[[X]], %[[Y]]
// CHECK: %[[P:.*]] = arith.mulf %[[DZ]], %[[Y]]
// CHECK: %[[Q:.*]] = arith.mulf %[[DZ]], %[[X]]
// CHECK: scf.yield %[[Z]], %[[P]], %[[Q]]
// CHECK: else
// CHECK: math.cos %[[X]]
// CHECK: scf.yield
// CHECK: return %[[D]]#0, %[[D]]#1, %[[D]]#2
func.func @branch(%c: i1, %x: f32, %y: f32) -> f32 {
  %z = scf.if %c -> (f32) {
    %p = arith.mulf %x, %y : f32
    scf.yield %p : f32
  } else {
    %s = math.sin %x : f32
    scf.yield %s : f32
  }
  return %z : f32
}
