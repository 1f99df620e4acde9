// RUN: tern-opt %s --tern-decompose-bitlinear --cse | FileCheck %s

// CHECK: #[[$ID:.+]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK: #[[$M:.+]] = affine_map<(d0, d1) -> (d0)>
// CHECK: #[[$S:.+]] = affine_map<(d0, d1) -> ()>
// CHECK: #[[$N:.+]] = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: func @int8
// CHECK-SAME: %[[X:.*]]: tensor<?x100xf32>, %[[W:.*]]: tensor<30x100xf32>, %[[B:.*]]: tensor<30xf32>
func.func @int8(%x: tensor<?x100xf32>, %w: tensor<30x100xf32>, %b: tensor<30xf32>) -> tensor<?x30xf32> {
  // CHECK: %[[C:.*]], %[[WS:.*]] = tern.quantize_weights %[[W]] <statistic = absmean>
  // CHECK: %[[P:.*]] = tern.pack #tern.bits2<lanes = 16> %[[C]] : (tensor<30x100xi8>) -> tensor<8x2x4x16xi8>
  // CHECK: %[[Q:.*]], %[[XS:.*]] = tern.quantize_activations %[[X]] <> padded_to 64 : tensor<?x100xf32> -> tensor<?x128xi8>, tensor<?xf32>
  // CHECK: %[[ACC:.*]] = tern.packed_matmul #tern.bits2<lanes = 16> ins(%[[Q]], %[[P]] : {{.*}}) outs(%{{.*}}) -> tensor<?x30xi32>
  // CHECK: linalg.generic
  // CHECK-SAME: indexing_maps = [#[[$ID]], #[[$M]], #[[$S]], #[[$N]], #[[$ID]]]
  // CHECK-SAME: ins(%[[ACC]], %[[XS]], %[[WS]], %[[B]] :
  // CHECK: arith.sitofp
  // CHECK: arith.mulf
  // CHECK: arith.mulf
  // CHECK: arith.addf
  %y = tern.bitlinear %x, %w bias %b weights <statistic = absmean> activations <>
     : (tensor<?x100xf32>, tensor<30x100xf32>, tensor<30xf32>) -> tensor<?x30xf32>
  return %y : tensor<?x30xf32>
}

// Float activations are padded with zeros to whole blocks; more axes become
// tokens and come back.
// CHECK-LABEL: func @float
// CHECK-SAME: %[[X:.*]]: tensor<2x?x100xf32>
func.func @float(%x: tensor<2x?x100xf32>, %w: tensor<30x100xf32>) -> tensor<2x?x30xf32> {
  // CHECK: %[[T:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]]
  // CHECK: %[[PADDED:.*]] = tensor.pad %[[T]] low[0, 0] high[0, 28]
  // CHECK: %[[ACC:.*]] = tern.packed_matmul {{.*}} ins(%[[PADDED]], %{{.*}}) outs(%{{.*}} : tensor<?x30xf32>)
  // CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[ACC]], %{{.*}} : tensor<?x30xf32>, tensor<30xf32>)
  // CHECK: tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]]
  %y = tern.bitlinear %x, %w weights <statistic = absmean, granularity = row>
     : (tensor<2x?x100xf32>, tensor<30x100xf32>) -> tensor<2x?x30xf32>
  return %y : tensor<2x?x30xf32>
}

// Groups are scaled within the product; one token without a batch.
// CHECK-LABEL: func @group
func.func @group(%x: tensor<100xf32>, %w: tensor<30x100xf32>) -> tensor<30xf32> {
  // CHECK: tensor.expand_shape
  // CHECK: tern.packed_matmul #tern.bits2<lanes = 8> group 24 ins({{.*}}) scales(%{{.*}} : tensor<30x5xf32>) outs(%{{.*}} : tensor<1x30xf32>)
  // CHECK: tensor.collapse_shape
  %y = tern.bitlinear %x, %w weights <statistic = absmean, granularity = group, group_size = 24> activations <>
     : (tensor<100xf32>, tensor<30x100xf32>) -> tensor<30xf32>
  return %y : tensor<30xf32>
}

// A float layer is not this pass's to touch; neither are quantizers outside one.
// CHECK-LABEL: func @other
// CHECK-NOT: tern.packed_matmul
// CHECK: linalg.matmul
// CHECK: tern.quantize_weights
// CHECK-NOT: tern.pack #
// CHECK: return
func.func @other(%x: tensor<?x100xf32>, %w: tensor<100x30xf32>, %o: tensor<?x30xf32>) -> (tensor<?x30xf32>, tensor<100x30xi8>) {
  %y = linalg.matmul ins(%x, %w : tensor<?x100xf32>, tensor<100x30xf32>) outs(%o : tensor<?x30xf32>) -> tensor<?x30xf32>
  %c, %s = tern.quantize_weights %w <statistic = absmean> : (tensor<100x30xf32>) -> (tensor<100x30xi8>, tensor<f32>)
  return %y, %c : tensor<?x30xf32>, tensor<100x30xi8>
}

// A zero point: what the product of codes has too much is a sum of codes for each output, in integers.
// CHECK-LABEL: func @dynamic
func.func @dynamic(%x: tensor<?x100xf32>, %w: tensor<30x100xf32>, %b: tensor<30xf32>) -> tensor<?x30xf32> {
  // CHECK: %[[CODES:.*]], %[[SCALE:.*]] = tern.quantize_weights
  // CHECK: %[[Q:.*]], %[[S:.*]], %[[ZERO:.*]] = tern.quantize_activations %{{.*}} <scheme = dynamic_u8_tensor> padded_to 64
  // CHECK-SAME: -> tensor<?x128xi8>, tensor<f32>, tensor<i32>
  // CHECK: %[[ACC:.*]] = tern.packed_matmul {{.*}} ins(%[[Q]], %{{.*}} : tensor<?x128xi8>, {{.*}} outs(%{{.*}} : tensor<?x30xi32>)
  // CHECK: %[[SUMS:.*]] = linalg.generic {{.*}} ins(%[[CODES]] : tensor<30x100xi8>) outs(%{{.*}} : tensor<30xi32>)
  // CHECK: %[[EXACT:.*]] = linalg.generic {{.*}} ins(%[[ACC]], %[[ZERO]], %[[SUMS]] : tensor<?x30xi32>, tensor<i32>, tensor<30xi32>)
  // CHECK: arith.muli
  // CHECK: arith.subi
  // CHECK: linalg.generic {{.*}} ins(%[[EXACT]], %[[S]], %[[SCALE]], %{{.*}} : tensor<?x30xi32>, tensor<f32>, tensor<f32>, tensor<30xf32>)
  %y = tern.bitlinear %x, %w bias %b weights <statistic = absmean> activations <scheme = dynamic_u8_tensor>
     : (tensor<?x100xf32>, tensor<30x100xf32>, tensor<30xf32>) -> tensor<?x30xf32>
  return %y : tensor<?x30xf32>
}
