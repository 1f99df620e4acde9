// RUN: tern-opt %s --tern-ternarize=mode=all 2>&1 | FileCheck %s
// RUN: tern-opt %s --tern-ternarize="mode=all activations=float quantizer=absmean-row" | FileCheck %s --check-prefix=FLOAT
// RUN: tern-opt %s --tern-ternarize="mode=all quantizer={<statistic = absmedian>}" | FileCheck %s --check-prefix=MEDIAN
// RUN: tern-opt %s --tern-ternarize="mode=all exclude=fc[12],nothing" 2>&1 | FileCheck %s --check-prefix=EXCLUDE
// RUN: tern-opt %s --tern-ternarize="activations=int8 exclude=fc1" 2>&1 | FileCheck %s --check-prefix=AUTO
// RUN: tern-opt %s --tern-ternarize="mode=none activations=int8 exclude=nothing" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not tern-opt %s --tern-ternarize=exclude=[a 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: not tern-opt %s --tern-ternarize=quantizer=absmin 2>&1 | FileCheck %s --check-prefix=QUANTIZER
// RUN: tern-opt %s --tern-ternarize="mode=all quantizer=threshold" | FileCheck %s --check-prefix=LEARNED

// REGEX: error: exclude pattern '[a' is no regular expression: brackets ([ ]) not balanced
// QUANTIZER: error: 'absmin' is no weight quantizer: {{.+}}; use absmean,

// A learned scale is a parameter, and a function says what it begins with.
// LEARNED-LABEL: func.func @main
// LEARNED-SAME: %[[A1:[^:]*]]: tensor<f32> {tern.param = "fc1.alpha"}, %[[A2:[^:]*]]: tensor<f32> {tern.param = "fc2.alpha"}
// LEARNED: tern.bitlinear %{{.*}}, %{{.*}} bias %{{.*}} alpha %[[A1]] weights <statistic = learned, rule = strict_threshold> activations <> {tern.origin = "converted"}
// LEARNED: tern.bitlinear %{{.*}}, %{{.*}} alpha %[[A2]] weights <statistic = learned, rule = strict_threshold>
// LEARNED: func.func @initial_0(%[[W:.*]]: tensor<6x8xf32> {tern.param = "fc1.weight"}) -> (tensor<f32> {tern.param = "fc1.alpha"}) attributes {tern.initial, tern.prepare, tern.target = #tern.generic}
// LEARNED: %{{.*}}, %[[SCALE:.*]] = tern.quantize_weights %[[W]] <statistic = absmean>
// LEARNED: return %[[SCALE]]
// LEARNED: func.func @initial_1(
// LEARNED: linalg.transpose

// Gemm, whose bias comes after; MatMul, whose weight is [K, N]; attention,
// which has no weight; a head.
#id = affine_map<(d0, d1) -> (d0, d1)>
#col = affine_map<(d0, d1) -> (d1)>
// CHECK-NOT: warning
// CHECK-LABEL: func @main
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32> {tern.name = "x"}, %[[W1:.*]]: tensor<6x8xf32> {tern.param = "fc1.weight"}, %[[B1:.*]]: tensor<6xf32> {tern.param = "fc1.bias"}, %[[W2:.*]]: tensor<6x6xf32> {tern.param = "fc2.weight"}
// CHECK: %[[Y1:.*]] = tern.bitlinear %[[X]], %[[W1]] bias %[[B1]] weights <statistic = absmean> activations <> {tern.origin = "converted"}
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W2]] :
// CHECK: %[[Y2:.*]] = tern.bitlinear %[[Y1]], %[[T]] weights <statistic = absmean> activations <> {tern.origin = "converted"}
// CHECK: linalg.matmul ins(%[[Y2]],
// CHECK: linalg.matmul {tern.float = "excluded by default: 'lm_head'"}
// CHECK: tern.bitlinear %{{.*}}, %{{.*}} weights <statistic = absmax> {tern.origin = "raised"}

// FLOAT: tern.bitlinear {{.*}} weights <statistic = absmean, granularity = row, rule = threshold, eps = 1.0E-8> {tern.origin = "converted"}
// MEDIAN: tern.bitlinear {{.*}} weights <statistic = absmedian> activations

// EXCLUDE: warning: exclude pattern 'nothing' matches no layer; there are: fc1.weight, fc2.weight, lm_head.weight, t.weight
// EXCLUDE-NOT: tern.bitlinear
// EXCLUDE: linalg.matmul {tern.float = "excluded by 'fc[12]'"}
// EXCLUDE: linalg.matmul {tern.float = "excluded by 'fc[12]'"}

// AUTO-NOT: warning
// AUTO-COUNT-4: linalg.matmul ins
// AUTO: tern.bitlinear {{.*}} weights <statistic = absmax> activations <> {tern.origin = "raised"}

// NONE-NOT: warning
// NONE-COUNT-4: linalg.matmul ins
// NONE: tern.bitlinear {{.*}} weights <statistic = absmax> {tern.origin = "raised"}
func.func @main(%x: tensor<4x8xf32> {tern.name = "x"}, %w1: tensor<6x8xf32> {tern.param = "fc1.weight"},
                %b1: tensor<6xf32> {tern.param = "fc1.bias"}, %w2: tensor<6x6xf32> {tern.param = "fc2.weight"},
                %w3: tensor<6x6xf32> {tern.param = "lm_head.weight"},
                %w4: tensor<6x6xf32> {tern.param = "t.weight"}) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %e1 = tensor.empty() : tensor<8x6xf32>
  %w1t = linalg.transpose ins(%w1 : tensor<6x8xf32>) outs(%e1 : tensor<8x6xf32>) permutation = [1, 0]
  %p1 = linalg.matmul ins(%x, %w1t : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y1 = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p1, %b1 : tensor<4x6xf32>, tensor<6xf32>) outs(%e : tensor<4x6xf32>) {
    ^bb0(%v: f32, %b: f32, %out: f32):
      %s = arith.addf %v, %b : f32
      linalg.yield %s : f32
  } -> tensor<4x6xf32>
  %y2 = linalg.matmul ins(%y1, %w2 : tensor<4x6xf32>, tensor<6x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %e2 = tensor.empty() : tensor<6x4xf32>
  %k = linalg.transpose ins(%y2 : tensor<4x6xf32>) outs(%e2 : tensor<6x4xf32>) permutation = [1, 0]
  %e3 = tensor.empty() : tensor<4x4xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<4x4xf32>) -> tensor<4x4xf32>
  %qk = linalg.matmul ins(%y2, %k : tensor<4x6xf32>, tensor<6x4xf32>) outs(%z3 : tensor<4x4xf32>) -> tensor<4x4xf32>
  %c0 = arith.constant 0 : index
  %e4 = tensor.extract_slice %qk[0, 0] [4, 4] [1, 1] : tensor<4x4xf32> to tensor<4x4xf32>
  %low = tensor.pad %e4 low[0, 0] high[0, 2] {
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : f32
  } : tensor<4x4xf32> to tensor<4x6xf32>
  %y3 = linalg.matmul ins(%low, %w3 : tensor<4x6xf32>, tensor<6x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y4 = tern.bitlinear %y3, %w4 weights <statistic = absmax> {tern.origin = "raised"} : (tensor<4x6xf32>, tensor<6x6xf32>) -> tensor<4x6xf32>
  return %y4 : tensor<4x6xf32>
}
