// RUN: tern-opt %s --tern-outline-latents | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Two layers share a matrix, one of them transposed; the output keeps the computation that it had.
// CHECK-LABEL: func @main
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[CODES:[^:]*]]: tensor<8x8xi8> {tern.param = "fc1.weight_quantized"}, %[[SCALE:[^:]*]]: tensor<8xf32> {tern.param = "s"}, %[[W:[^:]*]]: tensor<8x8xf32> {tern.param = "fc1.weight"})
// CHECK: %[[KEPT:.*]] = linalg.generic {{.*}} ins(%[[CODES]], %[[SCALE]]
// CHECK: %[[Y:.*]] = tern.bitlinear %[[X]], %[[W]]
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]]
// CHECK: tern.bitlinear %[[Y]], %[[T]]
// CHECK: return %{{.*}}, %[[KEPT]]
func.func @main(%x: tensor<?x8xf32>, %codes: tensor<8x8xi8> {tern.param = "fc1.weight_quantized"},
                %scale: tensor<8xf32> {tern.param = "s"}) -> (tensor<?x8xf32>, tensor<8x8xf32>) {
  %empty = tensor.empty() : tensor<8x8xf32>
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%codes, %scale : tensor<8x8xi8>, tensor<8xf32>) outs(%empty : tensor<8x8xf32>) attrs = {tern.ternary = "axis:0"} {
    ^bb0(%c: i8, %s: f32, %out: f32):
      %f = arith.sitofp %c : i8 to f32
      %v = arith.mulf %f, %s : f32
      linalg.yield %v : f32
  } -> tensor<8x8xf32>
  %y = tern.bitlinear %x, %w weights <statistic = absmax, granularity = row, eps = 1.0e-30>
     : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %t = linalg.transpose ins(%w : tensor<8x8xf32>) outs(%empty : tensor<8x8xf32>) permutation = [1, 0]
  %z = tern.bitlinear %y, %t weights <statistic = absmax, eps = 1.0e-30>
     : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %z, %w : tensor<?x8xf32>, tensor<8x8xf32>
}

// The name of the codes has nothing to take off, and what would be theirs is taken. Codes that are a constant have no name:
// the layer has.
// CHECK-LABEL: func @names
// CHECK-SAME: tern.param = "c.latent.2"
// CHECK-SAME: tern.param = "fc2.weight"
// CHECK: return
func.func @names(%x: tensor<?x8xf32>, %codes: tensor<8x8xi8> {tern.param = "c"}, %b: tensor<8xf32> {tern.param = "c.latent"}) -> tensor<?x8xf32> {
  %empty = tensor.empty() : tensor<8x8xf32>
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%codes : tensor<8x8xi8>) outs(%empty : tensor<8x8xf32>) attrs = {tern.ternary = "tensor"} {
    ^bb0(%c: i8, %out: f32):
      %f = arith.sitofp %c : i8 to f32
      linalg.yield %f : f32
  } -> tensor<8x8xf32>
  %known = arith.constant dense<1> : tensor<8x8xi8>
  %v = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%known : tensor<8x8xi8>) outs(%empty : tensor<8x8xf32>) attrs = {tern.ternary = "tensor"} {
    ^bb0(%c: i8, %out: f32):
      %f = arith.sitofp %c : i8 to f32
      linalg.yield %f : f32
  } -> tensor<8x8xf32>
  %y = tern.bitlinear %x, %w bias %b weights <statistic = absmax, eps = 1.0e-30>
     : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %z = tern.bitlinear %y, %v weights <statistic = absmax, eps = 1.0e-30>
     : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32> loc("fc2")
  return %z : tensor<?x8xf32>
}

// What is no parameter's, or nothing is known about, stays.
// CHECK-LABEL: func @other(
// CHECK-SAME: %{{[^:]*}}: tensor<?x8xf32>, %{{[^:]*}}: tensor<8x8xi8>, %{{[^:]*}}: tensor<8x8xi8> {tern.param = "c"})
func.func @other(%x: tensor<?x8xf32>, %input: tensor<8x8xi8>, %codes: tensor<8x8xi8> {tern.param = "c"}) -> tensor<?x8xf32> {
  %empty = tensor.empty() : tensor<8x8xf32>
  %v = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%input : tensor<8x8xi8>) outs(%empty : tensor<8x8xf32>) attrs = {tern.ternary = "tensor"} {
    ^bb0(%c: i8, %out: f32):
      %f = arith.sitofp %c : i8 to f32
      linalg.yield %f : f32
  } -> tensor<8x8xf32>
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%codes : tensor<8x8xi8>) outs(%empty : tensor<8x8xf32>) {
    ^bb0(%c: i8, %out: f32):
      %f = arith.sitofp %c : i8 to f32
      linalg.yield %f : f32
  } -> tensor<8x8xf32>
  %y = tern.bitlinear %x, %v weights <statistic = absmax> : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %z = tern.bitlinear %y, %w weights <statistic = absmax> : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// CHECK: func @initial_0(%[[CODES:.*]]: tensor<8x8xi8> {tern.param = "fc1.weight_quantized"}, %[[SCALE:.*]]: tensor<8xf32> {tern.param = "s"}) -> (tensor<8x8xf32> {tern.param = "fc1.weight"})
// CHECK-SAME: tern.initial, tern.prepare
// CHECK: linalg.generic {{.*}} ins(%[[CODES]], %[[SCALE]]
// CHECK: func @initial_1({{.*}}tern.param = "c.latent.2"
// CHECK: func @initial_2() -> (tensor<8x8xf32> {tern.param = "fc2.weight"})
// CHECK-NOT: func @initial_3
