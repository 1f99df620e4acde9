// RUN: tern-opt %s | FileCheck %s
// RUN: tern-opt %s | tern-opt | FileCheck %s
// RUN: tern-opt %s --emit-bytecode | tern-opt | FileCheck %s
// RUN: tern-opt %s --mlir-print-op-generic | tern-opt | FileCheck %s

// CHECK-LABEL: func @bitlinear
// CHECK-SAME: {tern.name = "x", tern.shape = ["batch", 784]}
// CHECK-SAME: {tern.param = "w", tern.ternary = "group:64"}
func.func @bitlinear(%x: tensor<?x784xf32> {tern.name = "x", tern.shape = ["batch", 784]},
                     %w: tensor<256x784xf32> {tern.param = "w", tern.ternary = "group:64"},
                     %b: tensor<256xf32>, %alpha: tensor<256xf32>) -> tensor<?x256xf32> {
  // CHECK: tern.bitlinear %{{.*}}, %{{.*}} bias %{{.*}} weights <statistic = absmean> activations <> :
  %0 = tern.bitlinear %x, %w bias %b weights <statistic = absmean> activations <>
    : (tensor<?x784xf32>, tensor<256x784xf32>, tensor<256xf32>) -> tensor<?x256xf32>
  // CHECK: tern.bitlinear %{{.*}}, %{{.*}} alpha %{{.*}} weights <statistic = learned, granularity = row, rule = strict_threshold> :
  %1 = tern.bitlinear %x, %w alpha %alpha
      weights <statistic = learned, granularity = row, rule = strict_threshold>
    : (tensor<?x784xf32>, tensor<256x784xf32>, tensor<256xf32>) -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}

// CHECK-LABEL: func @quantizers
func.func @quantizers(%x: tensor<2x?x784xf32>, %w: tensor<256x784xf32>, %l: tensor<f32>) {
  // CHECK: <statistic = absmedian, granularity = group, group_size = 64, round = half_up, eps = 1.0E-9, eps_mode = add>
  %c, %s = tern.quantize_weights %w
      <statistic = absmedian, granularity = group, group_size = 64, round = half_up, eps = 1.0e-9, eps_mode = add>
    : (tensor<256x784xf32>) -> (tensor<256x784xi8>, tensor<256x13xf32>)
  // CHECK: tern.quantize_activations %{{.*}} <eps_mode = clamp_scale> padded_to 128 : tensor<2x?x784xf32> -> tensor<2x?x896xi8>, tensor<2x?xf32>
  %q, %xs = tern.quantize_activations %x <eps_mode = clamp_scale> padded_to 128
    : tensor<2x?x784xf32> -> tensor<2x?x896xi8>, tensor<2x?xf32>
  // CHECK: tern.quantize_activations %{{.*}} <scheme = dynamic_u8_tensor> padded_to 128 : tensor<2x?x784xf32> -> tensor<2x?x896xi8>, tensor<f32>, tensor<i32>
  %u, %us, %zero = tern.quantize_activations %x <scheme = dynamic_u8_tensor> padded_to 128
    : tensor<2x?x784xf32> -> tensor<2x?x896xi8>, tensor<f32>, tensor<i32>
  // CHECK: tern.straight_through %{{.*}}, %{{.*}} lambda %{{.*}} : tensor<256x784xf32>, tensor<f32>
  %t = tern.straight_through %w, %w lambda %l : tensor<256x784xf32>, tensor<f32>
  return
}

// CHECK-LABEL: func @surrogate
func.func @surrogate(%code: i8, %x: f32, %h: f16) -> (i8, f32) {
  // CHECK: tern.surrogate %{{.*}} derivative %{{.*}} : i8, f32
  %q = tern.surrogate %code derivative %x : i8, f32
  // CHECK: tern.surrogate %{{.*}} derivative %{{.*}} : f32, f16
  %y = tern.surrogate %x derivative %h : f32, f16
  // CHECK: tern.surrogate %{{.*}} : f32
  %s = tern.surrogate %y : f32
  return %q, %s : i8, f32
}

// CHECK-LABEL: func @training
func.func @training(%n: index, %batch: tensor<64xf32>, %running: tensor<64xf32> {tern.param = "bn.mean", tern.buffer}) -> tensor<64xf32> {
  // CHECK: %[[MEAN:.*]] = tern.in_training %{{.*}} else %{{.*}} : tensor<64xf32>
  %mean = tern.in_training %batch else %running : tensor<64xf32>
  // CHECK: tern.update_parameter %{{.*}} to %{{.*}} : tensor<64xf32>
  tern.update_parameter %running to %batch : tensor<64xf32>
  // CHECK: tern.keep_mask(%{{.*}}) ratio 1.000000e-01 stream 3 : tensor<?x128xi1>
  %keep = tern.keep_mask(%n) ratio 0.1 stream 3 : tensor<?x128xi1>
  // CHECK: tern.keep_mask() ratio 5.000000e-01 stream 0 : tensor<7xi1>
  %all = tern.keep_mask() ratio 0.5 stream 0 : tensor<7xi1>
  return %mean : tensor<64xf32>
}

// CHECK-LABEL: func @packed
func.func @packed(%c: tensor<255x784xi8>, %q: tensor<7x896xi8>, %qi: tensor<7x255xi32>,
                  %x: tensor<7x800xf32>, %s: tensor<255x25xf32>, %yi: tensor<7x255xf32>) {
  // CHECK: tern.pack #tern.bits2 %{{.*}} : (tensor<255x784xi8>) -> tensor<64x7x4x32xi8>
  %p = tern.pack #tern.bits2 %c : (tensor<255x784xi8>) -> tensor<64x7x4x32xi8>
  // CHECK: tern.pack #tern.base3<rows = 1> %{{.*}} : (tensor<255x784xi8>) -> tensor<255x5x1x32xi8>
  %p3 = tern.pack #tern.base3<rows = 1> %c : (tensor<255x784xi8>) -> tensor<255x5x1x32xi8>
  // CHECK: tern.packed_matmul #tern.bits2 ins(%{{.*}}, %{{.*}} : tensor<7x896xi8>, tensor<64x7x4x32xi8>) outs(%{{.*}} : tensor<7x255xi32>) -> tensor<7x255xi32>
  %y = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<7x896xi8>, tensor<64x7x4x32xi8>)
         outs(%qi : tensor<7x255xi32>) -> tensor<7x255xi32>
  // CHECK: tern.packed_matmul #tern.base3<rows = 1> group 32 ins({{.*}}) scales(%{{.*}} : tensor<255x25xf32>) outs({{.*}}) -> tensor<7x255xf32>
  %z = tern.packed_matmul #tern.base3<rows = 1> group 32
         ins(%x, %p3 : tensor<7x800xf32>, tensor<255x5x1x32xi8>) scales(%s : tensor<255x25xf32>)
         outs(%yi : tensor<7x255xf32>) -> tensor<7x255xf32>
  // CHECK: tern.unpack #tern.bits2 %{{.*}} : tensor<64x7x4x32xi8> -> tensor<255x784xi8>
  %u = tern.unpack #tern.bits2 %p : tensor<64x7x4x32xi8> -> tensor<255x784xi8>
  // CHECK: tern.unpack #tern.bits2 %{{.*}}[%{{.*}}] : tensor<64x7x4x32xi8> -> tensor<?x784xi8>
  %n = arith.constant 255 : index
  %v = tern.unpack #tern.bits2 %p[%n] : tensor<64x7x4x32xi8> -> tensor<?x784xi8>
  return
}

// CHECK-LABEL: func @targets
// CHECK-SAME: tern.prepare
// CHECK-SAME: tern.target = #tern.x86<features = ["avx2", "fma"]>
func.func @targets() attributes {tern.prepare, tern.target = #tern.x86<features = ["avx2", "fma"]>} {
  return
}

// CHECK-LABEL: func @dynamic_activations
func.func @dynamic_activations(%x: tensor<?x784xf32>, %w: tensor<256x784xf32>) -> tensor<?x256xf32> {
  // CHECK: tern.bitlinear %{{.*}}, %{{.*}} weights <statistic = absmean> activations <scheme = dynamic_u8_tensor> :
  %0 = tern.bitlinear %x, %w weights <statistic = absmean> activations <scheme = dynamic_u8_tensor>
     : (tensor<?x784xf32>, tensor<256x784xf32>) -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}
