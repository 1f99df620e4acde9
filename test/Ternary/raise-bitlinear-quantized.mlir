// RUN: tern-opt %s --tern-raise-bitlinear --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-raise-bitlinear --split-input-file --remarks-filter=tern-ternary --remark-format=emitRemark 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: tern-opt %s --tern-raise-bitlinear=exclude=^fc1.weight$ --split-input-file | FileCheck %s --check-prefix=EXCLUDE

// What dequantizes has a scale for each column, which is an output.
#id = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @columns
// CHECK: %[[W:.*]] = linalg.generic {{.*}} attrs = {tern.ternary = "axis:1"}
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]]
// CHECK: tern.bitlinear %{{.*}}, %[[T]] weights <statistic = absmax, granularity = row, eps = 1.0E-30> {tern.origin = "raised"}
// REMARK: remark: {{.*}}Passed{{.*}}Function=columns{{.*}}raised to tern.bitlinear
// EXCLUDE-LABEL: func @columns
// EXCLUDE: linalg.matmul {tern.float = "excluded by '^fc1.weight$'"}
func.func @columns(%x: tensor<2x8xf32>, %codes: tensor<8x4xi8> {tern.param = "fc1.weight_quantized"}, %scale: tensor<4xf32> {tern.param = "s"}) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<8x4xf32>
  %w = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%codes, %scale : tensor<8x4xi8>, tensor<4xf32>) outs(%e1 : tensor<8x4xf32>) attrs = {tern.ternary = "axis:1"} {
    ^bb0(%c: i8, %s: f32, %out: f32):
      %f = arith.sitofp %c : i8 to f32
      %v = arith.mulf %f, %s : f32
      linalg.yield %v : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// A scale for each input would have to stand inside the sum.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @inputs
// CHECK-NOT: tern.bitlinear
// CHECK: linalg.matmul {tern.float = "the weights are ternary, but scales are not shared per tensor, row or group"}
// REMARK: remark: {{.*}}Missed{{.*}}Function=inputs{{.*}}scales are not shared per tensor, row or group
func.func @inputs(%x: tensor<2x8xf32>, %codes: tensor<8x4xi8> {tern.param = "c"}, %scale: tensor<8xf32> {tern.param = "s"}) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<8x4xf32>
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%codes, %scale : tensor<8x4xi8>, tensor<8xf32>) outs(%e1 : tensor<8x4xf32>) attrs = {tern.ternary = "axis:0"} {
    ^bb0(%c: i8, %s: f32, %out: f32):
      %f = arith.sitofp %c : i8 to f32
      %v = arith.mulf %f, %s : f32
      linalg.yield %v : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Blocks along the inputs; in f16, converted for the layer. Who makes the latent weights says what they are.
#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func @blocks
// CHECK: %[[H:.*]] = linalg.generic {{.*}} attrs = {tern.ternary = "group:4:0"}
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%[[H]] : tensor<8x4xf16>) {{.*}} attrs = {tern.ternary = "group:4:0"}
// CHECK: tern.bitlinear %{{.*}} weights <statistic = absmax, granularity = group, group_size = 4, eps = 1.0E-30>
// REMARK: remark: {{.*}}Passed{{.*}}Function=blocks{{.*}}raised to tern.bitlinear
func.func @blocks(%x: tensor<2x8xf32>, %codes: tensor<8x4xi8> {tern.param = "c"}, %scale: tensor<8x4xf16> {tern.param = "s"}) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<8x4xf16>
  %h = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%codes, %scale : tensor<8x4xi8>, tensor<8x4xf16>) outs(%e0 : tensor<8x4xf16>) attrs = {tern.ternary = "group:4:0"} {
    ^bb0(%c: i8, %s: f16, %out: f16):
      %f = arith.sitofp %c : i8 to f16
      %v = arith.mulf %f, %s : f16
      linalg.yield %v : f16
  } -> tensor<8x4xf16>
  %e1 = tensor.empty() : tensor<8x4xf32>
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%h : tensor<8x4xf16>) outs(%e1 : tensor<8x4xf32>) {
    ^bb0(%c: f16, %out: f32):
      %f = arith.extf %c : f16 to f32
      linalg.yield %f : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Nothing is known about these.
#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func @int8
// CHECK-NOT: tern.bitlinear
// CHECK: linalg.matmul {tern.float = "the weights are quantized to more than three values, or to values that are not {-s, 0, s}"}
// REMARK: remark: {{.*}}Missed{{.*}}Function=int8{{.*}}the weights are quantized to more than three values
func.func @int8(%x: tensor<2x8xf32>, %codes: tensor<8x4xi8> {tern.param = "c"}) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<8x4xf32>
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%codes : tensor<8x4xi8>) outs(%e1 : tensor<8x4xf32>) {
    ^bb0(%c: i8, %out: f32):
      %f = arith.sitofp %c : i8 to f32
      linalg.yield %f : f32
  } -> tensor<8x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x8xf32>, tensor<8x4xf32>) outs(%z2 : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// An integer product whose activations have a scale of the model's.
#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func @static
// CHECK-NOT: tern.bitlinear
// CHECK: linalg.matmul {tern.float = "activations of an integer product are not quantized by DynamicQuantizeLinear"}
// REMARK: remark: {{.*}}Missed{{.*}}Function=static{{.*}}not quantized by DynamicQuantizeLinear
func.func @static(%x: tensor<2x8xi8>, %zp: tensor<2x8xi8>, %codes: tensor<8x4xi8> {tern.param = "c"}) -> tensor<2x4xi32> {
  %zero = arith.constant 0 : i32
  %e0 = tensor.empty() : tensor<2x8xi32>
  %xi = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %zp : tensor<2x8xi8>, tensor<2x8xi8>) outs(%e0 : tensor<2x8xi32>) {
    ^bb0(%c: i8, %z: i8, %out: i32):
      %f = arith.extui %c : i8 to i32
      %g = arith.extui %z : i8 to i32
      %d = arith.subi %f, %g : i32
      linalg.yield %d : i32
  } -> tensor<2x8xi32>
  %e1 = tensor.empty() : tensor<8x4xi32>
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%codes : tensor<8x4xi8>) outs(%e1 : tensor<8x4xi32>) attrs = {tern.ternary = "tensor"} {
    ^bb0(%c: i8, %out: i32):
      %f = arith.extsi %c : i8 to i32
      linalg.yield %f : i32
  } -> tensor<8x4xi32>
  %e2 = tensor.empty() : tensor<2x4xi32>
  %z2 = linalg.fill ins(%zero : i32) outs(%e2 : tensor<2x4xi32>) -> tensor<2x4xi32>
  %y = linalg.matmul ins(%xi, %w : tensor<2x8xi32>, tensor<8x4xi32>) outs(%z2 : tensor<2x4xi32>) -> tensor<2x4xi32>
  return %y : tensor<2x4xi32>
}
