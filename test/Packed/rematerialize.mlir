// RUN: tern-opt %s --tern-rematerialize --split-input-file --verify-diagnostics | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#sum = affine_map<(d0, d1) -> ()>

// exp(x * x) and its derivative both read x * x, an operand of nobody else:
// it is computed once more from %h, which is kept anyway, and so is exp.
// CHECK-LABEL: func @step(
// CHECK-NOT: tern.recompute
// CHECK: %[[H:.*]] = linalg.matmul
// CHECK: %[[SQUARE:.*]] = linalg.generic {{.*}} ins(%[[H]]
// CHECK: %[[EXP:.*]] = linalg.generic {{.*}} ins(%[[SQUARE]]
// CHECK: %[[LOSS:.*]] = linalg.generic {{.*}} ins(%[[EXP]]
// CHECK: %[[AGAIN:.*]] = linalg.generic {{.*}} ins(%[[H]] {{.*}} attrs =  {tern.recomputed = {{[0-9]+}} : i64}
// CHECK: %[[EXPAGAIN:.*]] = linalg.generic {{.*}} ins(%[[AGAIN]] {{.*}} attrs =  {tern.recomputed = {{[0-9]+}} : i64}
// CHECK: %[[G:.*]] = linalg.generic {{.*}} ins(%[[EXPAGAIN]], %[[H]]
// CHECK: return %[[LOSS]], %[[G]]
func.func @step(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>, %e: tensor<?x64xf32>, %s: tensor<f32>)
    -> (tensor<f32>, tensor<?x64xf32>) attributes {tern.recompute = 0 : i64} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %d = tensor.empty(%n) : tensor<?x64xf32>
  %h = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  %square = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%h : tensor<?x64xf32>) outs(%d : tensor<?x64xf32>) {
    ^bb0(%a: f32, %o: f32):
      %t = arith.mulf %a, %a : f32
      linalg.yield %t : f32
  } -> tensor<?x64xf32>
  %exp = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%square : tensor<?x64xf32>) outs(%d : tensor<?x64xf32>) {
    ^bb0(%a: f32, %o: f32):
      %t = math.exp %a : f32
      linalg.yield %t : f32
  } -> tensor<?x64xf32>
  %loss = linalg.generic {indexing_maps = [#id, #sum], iterator_types = ["reduction", "reduction"]}
      ins(%exp : tensor<?x64xf32>) outs(%s : tensor<f32>) {
    ^bb0(%a: f32, %o: f32):
      %t = arith.addf %o, %a : f32
      linalg.yield %t : f32
  } -> tensor<f32>
  %g = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %h : tensor<?x64xf32>, tensor<?x64xf32>) outs(%d : tensor<?x64xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %t = arith.mulf %a, %b : f32
      linalg.yield %t : f32
  } -> tensor<?x64xf32>
  return %loss, %g : tensor<f32>, tensor<?x64xf32>
}

// Operands that would have to be kept instead are no smaller; what a donated
// argument was is gone; sums, small values and what is returned are kept.
// CHECK-LABEL: func @kept(
// CHECK-NOT: tern.recomputed
func.func @kept(%x: tensor<128x128xf32>, %w: tensor<128x128xf32> {tern.donated = 2 : i64}, %e: tensor<128x128xf32>, %s: tensor<f32>)
    -> (tensor<f32>, tensor<128x128xf32>, tensor<128x128xf32>, tensor<128x128xf32>) attributes {tern.recompute = 0 : i64} {
  %d = tensor.empty() : tensor<128x128xf32>
  %h = linalg.matmul ins(%x, %x : tensor<128x128xf32>, tensor<128x128xf32>) outs(%e : tensor<128x128xf32>) -> tensor<128x128xf32>
  %square = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%h : tensor<128x128xf32>) outs(%d : tensor<128x128xf32>) {
    ^bb0(%a: f32, %o: f32):
      %t = arith.mulf %a, %a : f32
      linalg.yield %t : f32
  } -> tensor<128x128xf32>
  %scaled = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%square, %w : tensor<128x128xf32>, tensor<128x128xf32>) outs(%d : tensor<128x128xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %t = arith.mulf %a, %b : f32
      linalg.yield %t : f32
  } -> tensor<128x128xf32>
  %loss = linalg.generic {indexing_maps = [#id, #sum], iterator_types = ["reduction", "reduction"]}
      ins(%scaled : tensor<128x128xf32>) outs(%s : tensor<f32>) {
    ^bb0(%a: f32, %o: f32):
      %t = arith.addf %o, %a : f32
      linalg.yield %t : f32
  } -> tensor<f32>
  %g = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%scaled, %square : tensor<128x128xf32>, tensor<128x128xf32>) outs(%d : tensor<128x128xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %t = arith.mulf %a, %b : f32
      linalg.yield %t : f32
  } -> tensor<128x128xf32>
  return %loss, %g, %g, %square : tensor<f32>, tensor<128x128xf32>, tensor<128x128xf32>, tensor<128x128xf32>
}

// -----

// expected-error @below {{'tern.recompute' is the index of a result of a function of one block}}
func.func @no_such_result(%x: tensor<f32>) -> tensor<f32> attributes {tern.recompute = 1 : i64} {
  return %x : tensor<f32>
}
