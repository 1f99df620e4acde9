// RUN: tern-opt %s --split-input-file --verify-diagnostics

func.func @bitlinear_k(%x: tensor<?x783xf32>, %w: tensor<256x784xf32>) {
  // expected-error @below {{(C1) the last extent of x is 783, but w has K = 784}}
  %0 = tern.bitlinear %x, %w weights <statistic = absmean> : (tensor<?x783xf32>, tensor<256x784xf32>) -> tensor<?x256xf32>
  return
}

// -----

func.func @bitlinear_result(%x: tensor<?x784xf32>, %w: tensor<256x784xf32>) {
  // expected-error @below {{failed to infer returned types}}
  // expected-error @below {{inferred type(s) 'tensor<?x256xf32>' are incompatible with return type(s)}}
  %0 = tern.bitlinear %x, %w weights <statistic = absmean> : (tensor<?x784xf32>, tensor<256x784xf32>) -> tensor<?x255xf32>
  return
}

// -----

func.func @bitlinear_bias(%x: tensor<?x784xf32>, %w: tensor<256x784xf32>, %b: tensor<255xf32>) {
  // expected-error @below {{(C2) bias has 255 elements, but w has N = 256}}
  %0 = tern.bitlinear %x, %w bias %b weights <statistic = absmean> : (tensor<?x784xf32>, tensor<256x784xf32>, tensor<255xf32>) -> tensor<?x256xf32>
  return
}

// -----

func.func @bitlinear_alpha(%x: tensor<?x784xf32>, %w: tensor<256x784xf32>) {
  // expected-error @below {{(C3) a learned scale needs the operand alpha}}
  %0 = tern.bitlinear %x, %w weights <statistic = learned> : (tensor<?x784xf32>, tensor<256x784xf32>) -> tensor<?x256xf32>
  return
}

// -----

func.func @quantize_alpha(%w: tensor<256x784xf32>, %a: tensor<f32>) {
  // expected-error @below {{(C1) alpha is for statistic = learned}}
  %c, %s = tern.quantize_weights %w alpha %a <statistic = absmean> : (tensor<256x784xf32>, tensor<f32>) -> (tensor<256x784xi8>, tensor<f32>)
  return
}

// -----

func.func @quantize_alpha_shape(%w: tensor<256x784xf32>, %a: tensor<255xf32>) {
  // expected-error @below {{(C1) alpha has type 'tensor<255xf32>', not the shape of the scales}}
  %c, %s = tern.quantize_weights %w alpha %a <statistic = learned, granularity = row> : (tensor<256x784xf32>, tensor<255xf32>) -> (tensor<256x784xi8>, tensor<256xf32>)
  return
}

// -----

// expected-error @below {{group_size must be positive with granularity = group, and absent without}}
#q = #tern.weight_quantizer<statistic = absmean, group_size = 32>

// -----

// expected-error @below {{eps and threshold must be finite and not negative}}
#q = #tern.weight_quantizer<statistic = absmean, eps = -1.0>

// -----

// expected-error @below {{eps_mode = clamp_scale is for activations}}
#q = #tern.weight_quantizer<statistic = absmean, eps_mode = clamp_scale>

// -----

// expected-error @below {{eps_mode = add is for weights}}
#q = #tern.activation_quantizer<eps_mode = add>

// -----

// expected-error @below {{lanes must be between 1 and 256}}
#l = #tern.bits2<lanes = 0>

// -----

// expected-error @below {{rows must be between 1 and 64}}
#l = #tern.base3<rows = 65>

// -----

func.func @quantize_width(%x: tensor<2x784xf32>) {
  // expected-error @below {{(C1) q has type 'tensor<2x784xi8>', but x rounded up to multiples of 128 would be 'tensor<2x896xi8>'}}
  %q, %s = tern.quantize_activations %x <> padded_to 128 : tensor<2x784xf32> -> tensor<2x784xi8>, tensor<2xf32>
  return
}

// -----

func.func @quantize_scale(%x: tensor<2x784xf32>) {
  // expected-error @below {{(C2) scale has type 'tensor<3xf32>', not one element per token}}
  %q, %s = tern.quantize_activations %x <> : tensor<2x784xf32> -> tensor<2x784xi8>, tensor<3xf32>
  return
}

// -----

func.func @unpack(%p: tensor<64x7x4x32xi8>) {
  // expected-error @below {{(C2) the packed type is 'tensor<64x7x4x32xi8>', but 'tensor<260x784xi8>' packs to 'tensor<65x7x4x32xi8>'}}
  %u = tern.unpack #tern.bits2 %p : tensor<64x7x4x32xi8> -> tensor<260x784xi8>
  return
}

// -----

func.func @unpack_extents(%p: tensor<64x7x4x32xi8>) {
  // expected-error @below {{(C1) has 0 extents, but the result has 1 dynamic ones}}
  %u = tern.unpack #tern.bits2 %p : tensor<64x7x4x32xi8> -> tensor<?x784xi8>
  return
}

// -----

func.func @matmul_block(%q: tensor<7x784xi8>, %p: tensor<64x7x4x32xi8>, %o: tensor<7x256xi32>) {
  // expected-error @below {{(C1) the activations' K is 784, not a multiple of the layout's tile, 128}}
  %y = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<7x784xi8>, tensor<64x7x4x32xi8>) outs(%o : tensor<7x256xi32>) -> tensor<7x256xi32>
  return
}

// -----

func.func @matmul_k(%q: tensor<7x768xi8>, %p: tensor<64x7x4x32xi8>, %o: tensor<7x256xi32>) {
  // expected-error @below {{(C2) the packed type is 'tensor<64x7x4x32xi8>', but 'tensor<256x768xi8>' packs to 'tensor<64x6x4x32xi8>'}}
  %y = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<7x768xi8>, tensor<64x7x4x32xi8>) outs(%o : tensor<7x256xi32>) -> tensor<7x256xi32>
  return
}

// -----

func.func @matmul_tile(%q: tensor<7x896xi8>, %p: tensor<64x7x4x32xi8>, %o: tensor<7x256xi32>) {
  // expected-error @below {{(C2) the packed type is 'tensor<64x7x4x32xi8>', but 'tensor<256x896xi8>' packs to 'tensor<32x7x8x32xi8>'}}
  %y = tern.packed_matmul #tern.bits2<rows = 8> ins(%q, %p : tensor<7x896xi8>, tensor<64x7x4x32xi8>) outs(%o : tensor<7x256xi32>) -> tensor<7x256xi32>
  return
}

// -----

func.func @matmul_n(%q: tensor<7x896xi8>, %p: tensor<64x7x4x32xi8>, %o: tensor<7x250xi32>) {
  // expected-error @below {{(C2) the packed type is 'tensor<64x7x4x32xi8>', but 'tensor<250x896xi8>' packs to 'tensor<63x7x4x32xi8>'}}
  %y = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<7x896xi8>, tensor<64x7x4x32xi8>) outs(%o : tensor<7x250xi32>) -> tensor<7x250xi32>
  return
}

// -----

func.func @matmul_types(%q: tensor<7x896xi8>, %p: tensor<64x7x4x32xi8>, %o: tensor<7x256xf32>) {
  // expected-error @below {{(C3) 'i8' activations into 'f32' without scales}}
  %y = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<7x896xi8>, tensor<64x7x4x32xi8>) outs(%o : tensor<7x256xf32>) -> tensor<7x256xf32>
  return
}

// -----

func.func @matmul_group(%q: tensor<7x896xi8>, %p: tensor<64x7x4x32xi8>, %s: tensor<256x19xf32>, %o: tensor<7x256xf32>) {
  // expected-error @below {{(C4) group is 48, which layout #tern.bits2 does not fit}}
  %y = tern.packed_matmul #tern.bits2 group 48 ins(%q, %p : tensor<7x896xi8>, tensor<64x7x4x32xi8>) scales(%s : tensor<256x19xf32>) outs(%o : tensor<7x256xf32>) -> tensor<7x256xf32>
  return
}

// -----

// expected-error @below {{argument 0: 'tern.param' must be a string}}
func.func private @param(tensor<1xf32> {tern.param = 1})

// -----

// expected-error @below {{argument 0: 'tern.ternary' must be "tensor", "row" or "group:G"}}
func.func private @ternary(tensor<1xf32> {tern.ternary = "group:0"})

// -----

// expected-error @below {{argument 0: 'tern.shape' must have one entry per dimension}}
func.func private @shape(tensor<?x2xf32> {tern.shape = ["batch"]})

// -----

// expected-error @below {{'tern.target' must be a target, such as #tern.generic}}
module attributes {tern.target = "x86"} {}

// -----

func.func @update(%x: tensor<4xf32> {tern.name = "x"}, %new: tensor<4xf32>) {
  // expected-error @below {{(C1) the parameter is no argument with 'tern.param'}}
  tern.update_parameter %x to %new : tensor<4xf32>
  return
}

// -----

func.func @mask_extents(%n: index) {
  // expected-error @below {{(C1) has 1 extents, but the result has 2 dynamic ones}}
  %m = tern.keep_mask(%n) ratio 0.1 stream 0 : tensor<?x?xi1>
  return
}

// -----

func.func @mask_ratio() {
  // expected-error @below {{(C2) the ratio must be at least 0 and less than 1}}
  %m = tern.keep_mask() ratio 1.0 stream 0 : tensor<4xi1>
  return
}

// -----

// expected-error @below {{scheme = dynamic_u8_tensor has no other parameters}}
#q = #tern.activation_quantizer<scheme = dynamic_u8_tensor, eps = 1.0e-3>

// -----

func.func @bitlinear_zero_point(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) {
  // expected-error @below {{(C4) activations with a zero point need weights whose scales are not in groups}}
  %0 = tern.bitlinear %x, %w weights <statistic = absmean, granularity = group, group_size = 32> activations <scheme = dynamic_u8_tensor> : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @zero_missing(%x: tensor<2x784xf32>) {
  // expected-error @below {{(C3) scheme dynamic_u8_tensor has a zero point, a third result}}
  %q, %s = tern.quantize_activations %x <scheme = dynamic_u8_tensor> : tensor<2x784xf32> -> tensor<2x784xi8>, tensor<f32>
  return
}

// -----

func.func @zero_of_symmetric(%x: tensor<2x784xf32>) {
  // expected-error @below {{(C3) scheme absmax_token has no zero point}}
  %q, %s, %z = tern.quantize_activations %x <> : tensor<2x784xf32> -> tensor<2x784xi8>, tensor<2xf32>, tensor<i32>
  return
}

// -----

func.func @zero_per_token(%x: tensor<2x784xf32>) {
  // expected-error @below {{(C3) zero has type 'tensor<2xi32>', not tensor<i32>}}
  %q, %s, %z = tern.quantize_activations %x <scheme = dynamic_u8_tensor> : tensor<2x784xf32> -> tensor<2x784xi8>, tensor<f32>, tensor<2xi32>
  return
}

// -----

func.func @scale_per_token(%x: tensor<2x784xf32>) {
  // expected-error @below {{(C2) scale has type 'tensor<2xf32>', not one element for all of 'tensor<2x784xf32>'}}
  %q, %s, %z = tern.quantize_activations %x <scheme = dynamic_u8_tensor> : tensor<2x784xf32> -> tensor<2x784xi8>, tensor<2xf32>, tensor<i32>
  return
}

// -----

func.func @fact(%w: tensor<4x8xf32>, %e: tensor<8x4xf32>) {
  // expected-error @below {{'tern.ternary' must be "tensor", "axis:A" or, for a matrix, "group:G:A"}}
  %0 = linalg.transpose ins(%w : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0] {tern.ternary = "axis:2"}
  return
}

// -----

func.func @fact_group(%w: tensor<4x8xf32>, %e: tensor<8x4xf32>) {
  // expected-error @below {{'tern.ternary' must be}}
  %0 = linalg.transpose ins(%w : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0] {tern.ternary = "group:0:1"}
  return
}

// -----

// expected-error @below {{'<garbage>' follows #tern.generic, which ends there}}
module attributes {tern.target = #tern.generic<garbage>} {}

// -----

// expected-error @below {{'<>' follows #tern.generic, which ends there}}
module attributes {tern.target = #tern.generic<>} {}

// -----

// expected-error @below {{'x <z>' follows #tern.bits2, which ends there}}
#layout = #tern<bits2<rows = 4, lanes = 16> x <z>>

// -----

// expected-error @below {{unknown attribute 'x68' of dialect 'tern'; known are: weight_quantizer, activation_quantizer, bits2, base3, generic, x86, kernel; did you mean 'x86'?}}
module attributes {tern.target = #tern.x68} {}

// -----

// expected-error @below {{unknown attribute 'sparc' of dialect 'tern'; known are: weight_quantizer, activation_quantizer, bits2, base3, generic, x86}}
module attributes {tern.target = #tern.sparc} {}
