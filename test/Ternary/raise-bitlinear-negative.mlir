// RUN: tern-opt %s --tern-raise-bitlinear --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-raise-bitlinear --split-input-file --remarks-filter=tern-ternary --remark-format=emitRemark 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: not tern-opt %s --tern-raise-bitlinear=exclude=( --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=REGEX
// RUN: tern-opt %s --tern-raise-bitlinear=exclude=^fl --split-input-file | FileCheck %s --check-prefix=EXCLUDE

// REGEX: error: exclude pattern '(' is no regular expression: parentheses not balanced

// Weights of sixteen levels.
#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: func @int4
// CHECK-NOT: tern.bitlinear
// CHECK: linalg.matmul {tern.float = "codes are clipped to [-8, 7], not [-1, 1]"}
// REMARK: remark: {{.*}}Missed{{.*}}Function=int4{{.*}}codes are clipped to [-8, 7], not [-1, 1]
func.func @int4(%x: tensor<2x8xf32>, %w: tensor<8x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -8.0 : f32
  %high = arith.constant 7.0 : f32
  %e0 = tensor.empty() : tensor<f32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %max = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}
      ins(%w : tensor<8x4xf32>) outs(%z0 : tensor<f32>) {
    ^bb0(%v: f32, %acc: f32):
      %a = math.absf %v : f32
      %s = arith.maximumf %a, %acc : f32
      linalg.yield %s : f32
  } -> tensor<f32>
  %e1 = tensor.empty() : tensor<8x4xf32>
  %wq = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w, %max : tensor<8x4xf32>, tensor<f32>) outs(%e1 : tensor<8x4xf32>) {
    ^bb0(%v: f32, %m: f32, %out: f32):
      %s = arith.divf %m, %high : f32
      %p = arith.divf %v, %s : f32
      %n = math.roundeven %p : f32
      %c = math.clampf %n to [%low, %high] : f32
      %q = arith.mulf %c, %s : f32
      linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %wq : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// One scale for all of a batch: the weights are raised, the activations stay.
#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: func @not_per_token
// CHECK: linalg.generic
// CHECK: %[[X:.*]] = linalg.generic {{.*}}tern.unquantized = "the activation scale is not per token
// CHECK: math.roundeven
// CHECK: tern.bitlinear %[[X]], %{{.*}} weights <statistic = absmax, eps = 1.0E-30> {tern.origin
// REMARK: remark: {{.*}}Missed{{.*}}Function=not_per_token{{.*}}activations stay float: the activation scale is not per token
// REMARK: remark: {{.*}}Passed{{.*}}Function=not_per_token{{.*}}raised to tern.bitlinear
func.func @not_per_token(%x: tensor<2x8xf32>, %w: tensor<8x4xf32> {tern.param = "w", tern.ternary = "tensor"}) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %e0 = tensor.empty() : tensor<f32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %max = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}
      ins(%x : tensor<2x8xf32>) outs(%z0 : tensor<f32>) {
    ^bb0(%v: f32, %acc: f32):
      %a = math.absf %v : f32
      %s = arith.maximumf %a, %acc : f32
      linalg.yield %s : f32
  } -> tensor<f32>
  %e1 = tensor.empty() : tensor<2x8xf32>
  %xq = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<2x8xf32>, tensor<f32>) outs(%e1 : tensor<2x8xf32>) {
    ^bb0(%v: f32, %m: f32, %out: f32):
      %s = arith.divf %m, %high : f32
      %p = arith.divf %v, %s : f32
      %n = math.roundeven %p : f32
      %c = math.clampf %n to [%low, %high] : f32
      %q = arith.mulf %c, %s : f32
      linalg.yield %q : f32
  } -> tensor<2x8xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%xq, %w : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// A plain float layer; one with an accumulator; one whose weights are ternary
// but whose name says to leave it alone.
// CHECK-LABEL: func @float
// CHECK: %[[A:.*]] = linalg.matmul ins
// CHECK: %[[B:.*]] = linalg.matmul ins(%[[A]],
// CHECK: tern.bitlinear %[[B]]
// EXCLUDE-LABEL: func @float
// EXCLUDE-NOT: tern.bitlinear
// EXCLUDE: linalg.matmul {tern.float = "excluded by '^fl'"}
func.func @float(%x: tensor<2x4xf32>, %w: tensor<4x4xf32> {tern.param = "w"}, %i: tensor<2x4xf32>,
                 %t: tensor<4x4xf32> {tern.param = "fl.weight", tern.ternary = "tensor"}) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %a = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x4xf32>) outs(%z : tensor<2x4xf32>) -> tensor<2x4xf32>
  %b = linalg.matmul ins(%a, %t : tensor<2x4xf32>, tensor<4x4xf32>) outs(%i : tensor<2x4xf32>) -> tensor<2x4xf32>
  %c = linalg.matmul ins(%b, %t : tensor<2x4xf32>, tensor<4x4xf32>) outs(%z : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %c : tensor<2x4xf32>
}

// -----

// The scale is another tensor's.
#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @other_statistic
// CHECK-NOT: tern.bitlinear
// REMARK: remark: {{.*}}Missed{{.*}}Function=other_statistic{{.*}}the scale is of other values
func.func @other_statistic(%x: tensor<2x8xf32>, %w: tensor<8x4xf32>, %other: tensor<8x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %two = arith.constant 2.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %count = arith.constant 32.0 : f32
  %e0 = tensor.empty() : tensor<f32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}
      ins(%other : tensor<8x4xf32>) outs(%z0 : tensor<f32>) {
    ^bb0(%v: f32, %acc: f32):
      %a = math.absf %v : f32
      %s = arith.addf %acc, %a : f32
      linalg.yield %s : f32
  } -> tensor<f32>
  %e1 = tensor.empty() : tensor<8x4xf32>
  %wq = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w, %sum : tensor<8x4xf32>, tensor<f32>) outs(%e1 : tensor<8x4xf32>) {
    ^bb0(%v: f32, %m: f32, %out: f32):
      %mean = arith.divf %m, %count : f32
      %s = arith.maximumf %mean, %eps : f32
      %p = arith.divf %v, %s : f32
      %n = math.roundeven %p : f32
      %c = math.clampf %n to [%minus, %one] : f32
      %q = arith.mulf %c, %s : f32
      linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %wq : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Twice the scale.
#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @two_scales
// CHECK-NOT: tern.bitlinear
// REMARK: remark: {{.*}}Missed{{.*}}Function=two_scales{{.*}}weights are divided by one scale and multiplied by another
func.func @two_scales(%x: tensor<2x8xf32>, %w: tensor<8x4xf32>, %other: tensor<8x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %two = arith.constant 2.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %count = arith.constant 32.0 : f32
  %e0 = tensor.empty() : tensor<f32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}
      ins(%w : tensor<8x4xf32>) outs(%z0 : tensor<f32>) {
    ^bb0(%v: f32, %acc: f32):
      %a = math.absf %v : f32
      %s = arith.addf %acc, %a : f32
      linalg.yield %s : f32
  } -> tensor<f32>
  %e1 = tensor.empty() : tensor<8x4xf32>
  %wq = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w, %sum : tensor<8x4xf32>, tensor<f32>) outs(%e1 : tensor<8x4xf32>) {
    ^bb0(%v: f32, %m: f32, %out: f32):
      %mean = arith.divf %m, %count : f32
      %s = arith.maximumf %mean, %eps : f32
      %p = arith.divf %v, %s : f32
      %n = math.roundeven %p : f32
      %c = math.clampf %n to [%minus, %one] : f32
      %s2 = arith.mulf %s, %two : f32
      %q = arith.mulf %c, %s2 : f32
      linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %wq : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// The sum over two is no mean of 32.
#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @sum
// CHECK-NOT: tern.bitlinear
// REMARK: remark: {{.*}}Missed{{.*}}Function=sum{{.*}}the scale is a sum, not a mean
func.func @sum(%x: tensor<2x8xf32>, %w: tensor<8x4xf32>, %other: tensor<8x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %two = arith.constant 2.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %count = arith.constant 32.0 : f32
  %e0 = tensor.empty() : tensor<f32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}
      ins(%w : tensor<8x4xf32>) outs(%z0 : tensor<f32>) {
    ^bb0(%v: f32, %acc: f32):
      %a = math.absf %v : f32
      %s = arith.addf %acc, %a : f32
      linalg.yield %s : f32
  } -> tensor<f32>
  %e1 = tensor.empty() : tensor<8x4xf32>
  %wq = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w, %sum : tensor<8x4xf32>, tensor<f32>) outs(%e1 : tensor<8x4xf32>) {
    ^bb0(%v: f32, %m: f32, %out: f32):
      %mean = arith.divf %m, %two : f32
      %s = arith.maximumf %mean, %eps : f32
      %p = arith.divf %v, %s : f32
      %n = math.roundeven %p : f32
      %c = math.clampf %n to [%minus, %one] : f32
      %q = arith.mulf %c, %s : f32
      linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %wq : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// One scale per input (the weight is [K, N]): no product of codes can be rescaled.
#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @by_input
// CHECK-NOT: tern.bitlinear
// REMARK: remark: {{.*}}Missed{{.*}}Function=by_input{{.*}}or shared in another way than per tensor, row or group
func.func @by_input(%x: tensor<2x8xf32>, %w: tensor<8x4xf32>, %other: tensor<8x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %two = arith.constant 2.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %cnt = arith.constant 4.0 : f32
  %e0 = tensor.empty() : tensor<8xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%w : tensor<8x4xf32>) outs(%z0 : tensor<8xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %a = math.absf %v : f32
      %s = arith.addf %acc, %a : f32
      linalg.yield %s : f32
  } -> tensor<8xf32>
  %e1 = tensor.empty() : tensor<8x4xf32>
  %wq = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w, %sum : tensor<8x4xf32>, tensor<8xf32>) outs(%e1 : tensor<8x4xf32>) {
    ^bb0(%v: f32, %m: f32, %out: f32):
      %mean = arith.divf %m, %cnt : f32
      %s = arith.maximumf %mean, %eps : f32
      %p = arith.divf %v, %s : f32
      %n = math.roundeven %p : f32
      %c = math.clampf %n to [%minus, %one] : f32
      %q = arith.mulf %c, %s : f32
      linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %wq : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// The rule of the dialect includes the threshold itself.
#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @threshold_above
// CHECK-NOT: tern.bitlinear
// REMARK: remark: {{.*}}Missed{{.*}}Function=threshold_above{{.*}}codes are signs of weights above the threshold, not at or
func.func @threshold_above(%x: tensor<2x8xf32>, %w: tensor<8x4xf32>, %other: tensor<8x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %two = arith.constant 2.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %count = arith.constant 32.0 : f32
  %e0 = tensor.empty() : tensor<f32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}
      ins(%w : tensor<8x4xf32>) outs(%z0 : tensor<f32>) {
    ^bb0(%v: f32, %acc: f32):
      %a = math.absf %v : f32
      %s = arith.addf %acc, %a : f32
      linalg.yield %s : f32
  } -> tensor<f32>
  %e1 = tensor.empty() : tensor<8x4xf32>
  %wq = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w, %sum : tensor<8x4xf32>, tensor<f32>) outs(%e1 : tensor<8x4xf32>) {
    ^bb0(%v: f32, %m: f32, %out: f32):
      %mean = arith.divf %m, %count : f32
      %s = arith.maximumf %mean, %eps : f32
      %a = math.absf %v : f32
      %t = arith.mulf %s, %two : f32
      %p = arith.cmpf ogt, %a, %t : f32
      %pos = arith.cmpf ogt, %v, %zero : f32
      %neg = arith.cmpf olt, %v, %zero : f32
      %g0 = arith.select %neg, %minus, %v : f32
      %g = arith.select %pos, %one, %g0 : f32
      %c = arith.select %p, %g, %zero : f32
      %q = arith.mulf %c, %s : f32
      linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %wq : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
