// RUN: tern-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func @unpack_of_pack
// CHECK-SAME: %[[C:.*]]: tensor<255x784xi8>
// CHECK-NEXT: return %[[C]]
func.func @unpack_of_pack(%c: tensor<255x784xi8>) -> tensor<255x784xi8> {
  %p = tern.pack #tern.bits2 %c : (tensor<255x784xi8>) -> tensor<64x7x4x32xi8>
  %u = tern.unpack #tern.bits2 %p : tensor<64x7x4x32xi8> -> tensor<255x784xi8>
  return %u : tensor<255x784xi8>
}

// Another layout, or another matrix of the same packed type, is not the same.
// CHECK-LABEL: func @other
// CHECK: tern.unpack #tern.bits2<rows = 8, lanes = 16>
// CHECK: tern.unpack #tern.bits2 %
func.func @other(%c: tensor<256x784xi8>) -> (tensor<128x448xi8>, tensor<253x784xi8>) {
  %p = tern.pack #tern.bits2<rows = 8, lanes = 16> %c : (tensor<256x784xi8>) -> tensor<32x13x8x16xi8>
  %s = tensor.extract_slice %p[0, 0, 0, 0] [16, 7, 8, 16] [1, 1, 1, 1] : tensor<32x13x8x16xi8> to tensor<16x7x8x16xi8>
  %u = tern.unpack #tern.bits2<rows = 8, lanes = 16> %s : tensor<16x7x8x16xi8> -> tensor<128x448xi8>
  %p4 = tern.pack #tern.bits2 %c : (tensor<256x784xi8>) -> tensor<64x7x4x32xi8>
  %v = tern.unpack #tern.bits2 %p4 : tensor<64x7x4x32xi8> -> tensor<253x784xi8>
  return %u, %v : tensor<128x448xi8>, tensor<253x784xi8>
}

// CHECK-LABEL: func @straight_through
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[Q:.*]]: tensor<4xf32>
// CHECK: %[[KEPT:.*]] = tern.straight_through %[[X]], %[[Q]] : tensor<4xf32>
// CHECK: return %[[X]], %[[X]], %[[KEPT]]
func.func @straight_through(%x: tensor<4xf32>, %q: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = arith.constant dense<0.0> : tensor<f32>
  %a = tern.straight_through %x, %q lambda %zero : tensor<4xf32>, tensor<f32>
  %b = tern.straight_through %x, %x : tensor<4xf32>
  %c = tern.straight_through %x, %q : tensor<4xf32>
  return %a, %b, %c : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func @in_training
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
// CHECK-NEXT: return %[[X]]
func.func @in_training(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = tern.in_training %x else %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// Of two derivatives the outer one counts; a value keeps the one that it has.
// CHECK-LABEL: func @surrogate
// CHECK-SAME: %[[V:.*]]: i8, %{{.*}}: f32, %[[G:.*]]: f32
// CHECK-NEXT: %[[KEPT:.*]] = tern.surrogate %[[V]] derivative %[[G]] : i8, f32
// CHECK-NEXT: return %[[KEPT]]
func.func @surrogate(%v: i8, %f: f32, %g: f32) -> i8 {
  %a = tern.surrogate %v derivative %f : i8, f32
  %b = tern.surrogate %a derivative %g : i8, f32
  return %b : i8
}
