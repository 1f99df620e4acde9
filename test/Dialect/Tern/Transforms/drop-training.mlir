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
