// RUN: tern-opt %s --tern-lower-packed-matmul --canonicalize --split-input-file | FileCheck %s

// CHECK-LABEL: func @generic
func.func @generic(%q: tensor<3x64xi8>, %p: tensor<1x1x2x16xi8>, %o: tensor<3x1xi32>) -> tensor<3x1xi32> {
  // CHECK-NOT: llvm.call_intrinsic
  // CHECK: arith.extui %{{.*}} : vector<16xi8> to vector<16xi32>
  // CHECK: arith.extsi %{{.*}} : vector<16xi8> to vector<16xi32>
  // CHECK: arith.muli %{{.*}} : vector<16xi32>
  // CHECK: vector.reduction <add>, %{{.*}} : vector<16xi32> into i32
  // CHECK: arith.subi
  // One of the tile's two rows is past N: the write is not in bounds.
  // CHECK: vector.transfer_write %{{.*}} : vector<2xi32>, tensor<3x1xi32>
  // CHECK-NOT: tern.packed_matmul
  %y = tern.packed_matmul #tern.bits2<rows = 2, lanes = 16> ins(%q, %p : tensor<3x64xi8>, tensor<1x1x2x16xi8>) outs(%o : tensor<3x1xi32>) -> tensor<3x1xi32>
  return %y : tensor<3x1xi32>
}

// -----

module attributes {tern.target = #tern.x86<features = ["avx2"]>} {
  // CHECK-LABEL: func @avx2
  func.func @avx2(%q: tensor<?x2560xi8>, %p: tensor<2x20x4x32xi8>, %o: tensor<?x8xi32>) -> tensor<?x8xi32> {
    // Four tokens at a time, then the rest one by one.
    // CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c4
    // CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"({{.*}}) : (vector<32xi8>, vector<32xi8>) -> vector<16xi16>
    // CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"({{.*}}) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
    // CHECK: vector.transfer_write %{{.*}} {in_bounds = [true]} : vector<4xi32>, tensor<?x8xi32>
    // CHECK: scf.for %{{.*}} step %c1
    %y = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<?x2560xi8>, tensor<2x20x4x32xi8>) outs(%o : tensor<?x8xi32>) -> tensor<?x8xi32>
    return %y : tensor<?x8xi32>
  }

  // CHECK-LABEL: func @ssse3
  func.func @ssse3(%q: tensor<1x64xi8>, %p: tensor<2x1x4x16xi8>, %o: tensor<1x8xi32>) -> tensor<1x8xi32> attributes {tern.target = #tern.x86<features = ["ssse3"]>} {
    // CHECK: "llvm.x86.ssse3.pmadd.ub.sw.128"
    // CHECK: "llvm.x86.sse2.pmadd.wd"
    %y = tern.packed_matmul #tern.bits2<lanes = 16> ins(%q, %p : tensor<1x64xi8>, tensor<2x1x4x16xi8>) outs(%o : tensor<1x8xi32>) -> tensor<1x8xi32>
    return %y : tensor<1x8xi32>
  }

  // CHECK-LABEL: func @vnni
  func.func @vnni(%q: tensor<1x128xi8>, %p: tensor<2x1x4x32xi8>, %o: tensor<1x8xi32>) -> tensor<1x8xi32> attributes {tern.target = #tern.x86<features = ["avx512vl", "avx512vnni"]>} {
    // CHECK: "llvm.x86.avx512.vpdpbusd.256"({{.*}}) : (vector<8xi32>, vector<32xi8>, vector<32xi8>) -> vector<8xi32>
    %y = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<1x128xi8>, tensor<2x1x4x32xi8>) outs(%o : tensor<1x8xi32>) -> tensor<1x8xi32>
    return %y : tensor<1x8xi32>
  }

  // Base-3 digits come out by comparison, float activations multiply codes in
  // f64 and are rounded once.
  // CHECK-LABEL: func @base3_float
  func.func @base3_float(%x: tensor<1x160xf32>, %p: tensor<2x1x4x32xi8>, %o: tensor<1x8xf32>) -> tensor<1x8xf32> {
    // Eight lanes of one row at a time, whose sums are added in their order.
    // CHECK: scf.for %[[LANE:.*]] = %c0 to %c32 step %c8 iter_args(%[[BEFORE:.*]] = %{{.*}}) -> (vector<1xf64>)
    // CHECK: vector.transfer_read %{{.*}}[{{.*}}, %[[LANE]]]{{.*}} vector<8xi8>
    // CHECK: arith.cmpi uge
    // CHECK: %[[CODE:.*]] = arith.sitofp %{{.*}} : vector<8xi8> to vector<8xf64>
    // CHECK: %[[X:.*]] = arith.extf %{{.*}} : vector<8xf32> to vector<8xf64>
    // CHECK: arith.mulf %[[X]], %[[CODE]] : vector<8xf64>
    // CHECK: arith.addf %{{.*}} : vector<8xf64>
    // CHECK-NOT: fastmath
    // CHECK: vector.extract %{{.*}}[0] : f64 from vector<8xf64>
    // CHECK: arith.addf %[[BEFORE]], %{{.*}} : vector<1xf64>
    // CHECK: vector.extract %{{.*}}[7] : f64 from vector<8xf64>
    // CHECK: arith.truncf %{{.*}} : f64 to f32
    %y = tern.packed_matmul #tern.base3 ins(%x, %p : tensor<1x160xf32>, tensor<2x1x4x32xi8>) outs(%o : tensor<1x8xf32>) -> tensor<1x8xf32>
    return %y : tensor<1x8xf32>
  }

  // Activations outside the group are masked.
  // CHECK-LABEL: func @group
  func.func @group(%q: tensor<1x128xi8>, %p: tensor<2x1x4x32xi8>, %s: tensor<8x2xf32>, %o: tensor<1x8xf32>) -> tensor<1x8xf32> {
    // CHECK: %[[IN:.*]] = arith.cmpi eq
    // CHECK: arith.select %[[IN]], %{{.*}} : vector<32xi8>
    // CHECK: tensor.extract %{{.*}} : tensor<8x2xf32>
    // CHECK: arith.mulf %{{.*}} : f64
    // CHECK: arith.truncf %{{.*}} : f64 to f32
    %y = tern.packed_matmul #tern.bits2 group 64 ins(%q, %p : tensor<1x128xi8>, tensor<2x1x4x32xi8>) scales(%s : tensor<8x2xf32>) outs(%o : tensor<1x8xf32>) -> tensor<1x8xf32>
    return %y : tensor<1x8xf32>
  }
}

// -----

// Products of unpacked codes are linalg's, and packing stays for another pass.
// CHECK-LABEL: func @other
// CHECK-NOT: scf.for
// CHECK: tern.pack #tern.bits2
// CHECK: linalg.matmul
func.func @other(%x: tensor<3x8xi8>, %c: tensor<8x8xi8>, %o: tensor<3x8xi32>) -> (tensor<3x8xi32>, tensor<2x1x4x32xi8>) {
  %p = tern.pack #tern.bits2 %c : (tensor<8x8xi8>) -> tensor<2x1x4x32xi8>
  %y = linalg.matmul ins(%x, %c : tensor<3x8xi8>, tensor<8x8xi8>) outs(%o : tensor<3x8xi32>) -> tensor<3x8xi32>
  return %y, %p : tensor<3x8xi32>, tensor<2x1x4x32xi8>
}
