// RUN: tern-opt %s --tern-drop-training --split-input-file --verify-diagnostics | FileCheck %s

// Nothing is left that only training needs, in regions neither.
// CHECK-LABEL: func @infers
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x4xf32>, %[[RUNNING:[^:]*]]: tensor<4xf32>
// CHECK-NEXT: %[[R:.*]] = scf.if
// CHECK-NEXT: scf.yield %[[X]]
// CHECK-NEXT: } else {
// CHECK-NEXT: scf.yield %[[X]]
// CHECK-NEXT: }
// CHECK-NEXT: return %[[R]], %[[RUNNING]]
func.func @infers(%x: tensor<?x4xf32>, %running: tensor<4xf32> {tern.param = "mean", tern.buffer}, %c: i1)
    -> (tensor<?x4xf32>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %empty = tensor.empty() : tensor<4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.reduce ins(%x : tensor<?x4xf32>) outs(%init : tensor<4xf32>) dimensions = [0]
    (%a: f32, %b: f32) {
      %s = arith.addf %a, %b : f32
      linalg.yield %s : f32
    }
  tern.update_parameter %running to %sum : tensor<4xf32>
  %mean = tern.in_training %sum else %running : tensor<4xf32>
  %r = scf.if %c -> tensor<?x4xf32> {
    %keep = tern.keep_mask(%n) ratio 0.5 stream 0 : tensor<?x4xi1>
    %kept = arith.select %keep, %x, %x : tensor<?x4xi1>, tensor<?x4xf32>
    %y = tern.in_training %kept else %x : tensor<?x4xf32>
    scf.yield %y : tensor<?x4xf32>
  } else {
    scf.yield %x : tensor<?x4xf32>
  }
  return %r, %mean : tensor<?x4xf32>, tensor<4xf32>
}

// -----

func.func @draws() -> tensor<4xi1> {
  // expected-error @below {{is used outside training}}
  %keep = tern.keep_mask() ratio 0.5 stream 0 : tensor<4xi1>
  return %keep : tensor<4xi1>
}

// -----

// A surrogate is its value; what only its derivative needs goes, too.
#id = affine_map<(d0) -> (d0)>
// CHECK-LABEL: func @quantizes
// CHECK: ^bb0(%[[V:[^:]*]]: f32, %{{.*}}: i8):
// CHECK-NEXT: %[[CODE:.*]] = arith.fptosi %[[V]] : f32 to i8
// CHECK-NEXT: linalg.yield %[[CODE]] : i8
func.func @quantizes(%x: tensor<4xf32>, %s: f32) -> tensor<4xi8> {
  %e = tensor.empty() : tensor<4xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xi8>) {
    ^bb0(%v: f32, %o: i8):
      %code = arith.fptosi %v : f32 to i8
      %detached = tern.surrogate %s : f32
      %ratio = arith.divf %v, %detached : f32
      %y = tern.surrogate %code derivative %ratio : i8, f32
      linalg.yield %y : i8
  } -> tensor<4xi8>
  return %q : tensor<4xi8>
}
