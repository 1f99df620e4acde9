// RUN: tern-opt %s --tern-lower-quantizers --cse | FileCheck %s
// RUN: tern-opt %s --tern-lower-quantizers=whole-tensors | FileCheck %s --check-prefix=WHOLE

// CHECK-LABEL: func @activations
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x100xf32>
func.func @activations(%x: tensor<?x100xf32>) -> (tensor<?x128xi8>, tensor<?xf32>) {
  // CHECK: %[[G:.*]] = linalg.generic {{.*}} ins(%[[X]]
  // CHECK: math.absf
  // CHECK: arith.maximumf
  // CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[G]]
  // CHECK: arith.maximumf
  // CHECK: arith.divf %{{.*}}, %cst
  // CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[G]]
  // CHECK: arith.divf %cst{{.*}}, %{{.*}}
  // CHECK: linalg.fill {{.*}} -> tensor<?x128xi8>
  // CHECK: linalg.generic {{.*}} ins(%[[X]], %[[R]]
  // CHECK: arith.mulf
  // CHECK: math.roundeven
  // CHECK: arith.maxnumf
  // CHECK: arith.minnumf
  // CHECK: arith.fptosi
  // CHECK: tensor.insert_slice
  %q, %s = tern.quantize_activations %x <> padded_to 128 : tensor<?x100xf32> -> tensor<?x128xi8>, tensor<?xf32>
  return %q, %s : tensor<?x128xi8>, tensor<?xf32>
}

// One scale for all tokens, and what 0.0 is. Tokens have no part in it, so it
// can be lowered before they are divided into tiles.
// CHECK-LABEL: func @zero_point
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x100xf32>
// WHOLE-LABEL: func @zero_point
func.func @zero_point(%x: tensor<?x100xf32>, %t: tensor<?x100xf32>) -> (tensor<?x128xi8>, tensor<f32>, tensor<i32>, tensor<?x100xi8>) {
  // CHECK: %[[LOW:.*]] = linalg.generic {{.*}} ins(%[[X]]
  // CHECK: arith.minimumf
  // CHECK: %[[HIGH:.*]] = linalg.generic {{.*}} ins(%[[X]]
  // CHECK: arith.maximumf
  // CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[LOW]], %[[HIGH]]
  // CHECK: arith.divf
  // CHECK: %[[OFFSET:.*]] = linalg.generic {{.*}} ins(%[[LOW]], %[[S]]
  // CHECK: math.roundeven
  // CHECK: %[[Z:.*]] = linalg.generic {{.*}} ins(%[[OFFSET]]
  // CHECK: arith.fptosi {{.*}} to i32
  // CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[S]], %[[Z]]
  // CHECK: arith.fptosi {{.*}} to i8
  // CHECK: %[[PADDED:.*]] = tensor.pad %[[Q]]
  // CHECK: return %[[PADDED]], %[[S]], %[[Z]]
  // WHOLE: tensor.pad
  // WHOLE: tern.quantize_activations %{{.*}} <> : tensor<?x100xf32> -> tensor<?x100xi8>, tensor<?xf32>
  %q, %s, %z = tern.quantize_activations %x <scheme = dynamic_u8_tensor> padded_to 128
    : tensor<?x100xf32> -> tensor<?x128xi8>, tensor<f32>, tensor<i32>
  %p, %u = tern.quantize_activations %t <> : tensor<?x100xf32> -> tensor<?x100xi8>, tensor<?xf32>
  return %q, %s, %z, %p : tensor<?x128xi8>, tensor<f32>, tensor<i32>, tensor<?x100xi8>
}

// The mean is summed in f64 and rounded once; its reciprocal multiplies.
// CHECK-LABEL: func @absmean
func.func @absmean(%w: tensor<8x100xf32>) -> (tensor<8x100xi8>, tensor<f32>) {
  // CHECK: arith.extf %{{.*}} : f32 to f64
  // CHECK: arith.addf %{{.*}} : f64
  // CHECK: arith.divf %{{.*}} : f64
  // CHECK: arith.truncf
  // CHECK: arith.divf
  // CHECK: arith.mulf
  // CHECK: math.roundeven
  %c, %s = tern.quantize_weights %w <statistic = absmean> : (tensor<8x100xf32>) -> (tensor<8x100xi8>, tensor<f32>)
  return %c, %s : tensor<8x100xi8>, tensor<f32>
}

// CHECK-LABEL: func @median_groups
func.func @median_groups(%w: tensor<8x100xf32>) -> (tensor<8x100xi8>, tensor<8x4xf32>) {
  // CHECK: tensor.pad
  // CHECK: scf.for
  // CHECK: arith.cmpi ult
  // CHECK: tensor.extract_slice
  %c, %s = tern.quantize_weights %w <statistic = absmedian, granularity = group, group_size = 32> : (tensor<8x100xf32>) -> (tensor<8x100xi8>, tensor<8x4xf32>)
  return %c, %s : tensor<8x100xi8>, tensor<8x4xf32>
}

// CHECK-LABEL: func @packing
func.func @packing(%c: tensor<8x100xi8>) -> (tensor<2x1x4x32xi8>, tensor<8x100xi8>) {
  // CHECK-NOT: tern.pack
  // CHECK: tensor.pad
  // CHECK: arith.shli
  // CHECK: arith.ori
  %p = tern.pack #tern.bits2 %c : (tensor<8x100xi8>) -> tensor<2x1x4x32xi8>
  // CHECK: arith.shrui
  // CHECK: tensor.extract_slice %{{.*}} : tensor<8x128xi8> to tensor<8x100xi8>
  %t = tensor.cast %p : tensor<2x1x4x32xi8> to tensor<2x1x4x32xi8>
  %u = tern.unpack #tern.bits2 %t : tensor<2x1x4x32xi8> -> tensor<8x100xi8>
  return %p, %u : tensor<2x1x4x32xi8>, tensor<8x100xi8>
}

// CHECK-LABEL: func @straight_through
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[Q:.*]]: tensor<4xf32>
func.func @straight_through(%x: tensor<4xf32>, %q: tensor<4xf32>, %l: tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %a = tern.straight_through %x, %q : tensor<4xf32>
  // CHECK: %[[B:.*]] = linalg.generic
  // CHECK: arith.cmpf oeq
  // CHECK: arith.select
  %b = tern.straight_through %x, %q lambda %l : tensor<4xf32>, tensor<f32>
  // CHECK: return %[[Q]], %[[B]]
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}

// The layer and the packed product have passes of their own.
// CHECK-LABEL: func @other
// CHECK: tern.bitlinear
// CHECK: tern.packed_matmul
func.func @other(%x: tensor<3x100xf32>, %w: tensor<8x100xf32>, %q: tensor<3x128xi8>, %p: tensor<2x1x4x32xi8>, %o: tensor<3x8xi32>)
    -> (tensor<3x8xf32>, tensor<3x8xi32>) {
  %y = tern.bitlinear %x, %w weights <statistic = absmean> : (tensor<3x100xf32>, tensor<8x100xf32>) -> tensor<3x8xf32>
  %m = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<3x128xi8>, tensor<2x1x4x32xi8>) outs(%o : tensor<3x8xi32>) -> tensor<3x8xi32>
  return %y, %m : tensor<3x8xf32>, tensor<3x8xi32>
}
