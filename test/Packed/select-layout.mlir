// RUN: tern-opt %s --tern-decompose-bitlinear --tern-select-layout --cse | FileCheck %s --check-prefixes=CHECK,TARGET
// RUN: tern-opt %s --tern-decompose-bitlinear --tern-select-layout="layout=#tern.base3<rows=2,lanes=64>" --cse | FileCheck %s --check-prefixes=CHECK,FORCED
// RUN: not tern-opt %s --tern-select-layout="layout=#tern.generic" 2>&1 | FileCheck %s --check-prefix=BAD

// BAD: error: tern-select-layout: '#tern.generic' is not a layout, such as #tern.bits2

module attributes {tern.target = #tern.x86<features = ["avx2"]>} {
  // Two layers share one quantization, also after it is padded anew.
  // CHECK-LABEL: func @shared
  func.func @shared(%x: tensor<?x1024xf32>, %w: tensor<30x1024xf32>, %v: tensor<30x1024xf32>) -> (tensor<?x30xf32>, tensor<?x30xf32>) {
    // TARGET-DAG: tern.pack #tern.bits2 %{{.*}} : (tensor<30x1024xi8>) -> tensor<8x8x4x32xi8>
    // TARGET: tern.quantize_activations %{{.*}} <> padded_to 128
    // TARGET-NOT: tern.quantize_activations
    // TARGET: tern.packed_matmul #tern.bits2 ins
    // TARGET: tern.packed_matmul #tern.bits2 ins
    // FORCED: tern.quantize_activations %{{.*}} <> padded_to 320
    // FORCED-NOT: tern.quantize_activations
    // FORCED: tern.packed_matmul #tern.base3<rows = 2, lanes = 64> ins
    %y = tern.bitlinear %x, %w weights <statistic = absmean> activations <>
       : (tensor<?x1024xf32>, tensor<30x1024xf32>) -> tensor<?x30xf32>
    %z = tern.bitlinear %x, %v weights <statistic = absmean> activations <>
       : (tensor<?x1024xf32>, tensor<30x1024xf32>) -> tensor<?x30xf32>
    return %y, %z : tensor<?x30xf32>, tensor<?x30xf32>
  }

  // A half-empty last block is not worth its bytes.
  // CHECK-LABEL: func @short
  func.func @short(%x: tensor<?x784xf32>, %w: tensor<30x784xf32>) -> tensor<?x30xf32> {
    // TARGET: tensor.pad %{{.*}} low[0, 0] high[0, 48]
    // TARGET-NOT: tensor.pad
    // TARGET: tern.packed_matmul #tern.bits2<lanes = 16> ins
    %y = tern.bitlinear %x, %w weights <statistic = absmean>
       : (tensor<?x784xf32>, tensor<30x784xf32>) -> tensor<?x30xf32>
    return %y : tensor<?x30xf32>
  }

  // Lanes divide the group.
  // CHECK-LABEL: func @group
  func.func @group(%x: tensor<?x1024xf32>, %w: tensor<30x1024xf32>) -> tensor<?x30xf32> {
    // TARGET: tern.packed_matmul #tern.bits2<lanes = 8> group 24 ins
    // FORCED: tern.packed_matmul #tern.base3<rows = 2, lanes = 24> group 24 ins
    %y = tern.bitlinear %x, %w weights <statistic = absmean, granularity = group, group_size = 24>
       : (tensor<?x1024xf32>, tensor<30x1024xf32>) -> tensor<?x30xf32>
    return %y : tensor<?x30xf32>
  }

  // CHECK-LABEL: func @prepare
  func.func @prepare(%x: tensor<?x1024xi8>, %c: tensor<30x1024xi8>, %o: tensor<?x30xi32>) -> tensor<?x30xi32> attributes {tern.prepare} {
    // CHECK: tern.pack #tern.bits2<lanes = 4>
    %p = tern.pack #tern.bits2<lanes = 4> %c : (tensor<30x1024xi8>) -> tensor<8x64x4x4xi8>
    %y = tern.packed_matmul #tern.bits2<lanes = 4> ins(%x, %p : tensor<?x1024xi8>, tensor<8x64x4x4xi8>) outs(%o : tensor<?x30xi32>) -> tensor<?x30xi32>
    return %y : tensor<?x30xi32>
  }
}
