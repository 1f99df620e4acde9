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

  // Float activations: squares of 16 bytes are transposed, base-3 digits come out by comparison, and codes are stored
  // as bytes with 16 rows side by side. Blocks of 160 cut chunks of 128, of which the sums stay in memory.
  // CHECK-LABEL: func @base3_float
  func.func @base3_float(%x: tensor<5x320xf32>, %p: tensor<2x2x4x32xi8>, %o: tensor<5x8xf32>) -> tensor<5x8xf32> attributes {tern.target = #tern.x86<features = ["sse4.1"]>} {
    // CHECK: scf.for %[[BLOCK:.*]] = %c0 to %c2 step %c1 iter_args
    // CHECK-COUNT-16: vector.transfer_read %arg1
    // CHECK-COUNT-64: vector.shuffle %{{.*}} : vector<16xi8>, vector<16xi8>
    // CHECK: arith.cmpi uge
    // CHECK: vector.transfer_write %{{.*}} : vector<16xi8>, tensor<160x16xi8>
    // CHECK: %[[ENDS:.*]] = arith.cmpi eq
    // Four tokens at a time, then one with all rows.
    // CHECK-COUNT-4: vector.transfer_read %{{.*}} : tensor<32x16xf32>, vector<8xf32>
    // CHECK: scf.for %[[K:[a-z0-9]+]] = {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
    // CHECK: %[[CODE:.*]] = arith.sitofp %{{.*}} : vector<8xi8> to vector<8xf32>
    // CHECK: %[[X:.*]] = tensor.extract %arg0[%{{.*}}, %[[K]]]
    // CHECK: %[[SPLAT:.*]] = vector.broadcast %[[X]]
    // CHECK: %[[PRODUCT:.*]] = arith.mulf %[[SPLAT]], %[[CODE]] : vector<8xf32>
    // CHECK: arith.addf %{{.*}}, %[[PRODUCT]] : vector<8xf32>
    // CHECK: arith.select %[[ENDS]], %{{.*}}, %{{.*}} : vector<8xf32>
    // CHECK: scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>)
    // CHECK-NOT: f64
    // CHECK-NOT: fastmath
    // CHECK: return
    %y = tern.packed_matmul #tern.base3 ins(%x, %p : tensor<5x320xf32>, tensor<2x2x4x32xi8>) outs(%o : tensor<5x8xf32>) -> tensor<5x8xf32>
    return %y : tensor<5x8xf32>
  }

  // A chunk of 128 is a block: the sums of a group of 256 are two chunks', scaled once.
  // CHECK-LABEL: func @group_float
  func.func @group_float(%x: tensor<1x256xf32>, %p: tensor<2x2x4x32xi8>, %s: tensor<8x1xf32>, %o: tensor<1x8xf32>) -> tensor<1x8xf32> attributes {tern.target = #tern.x86<features = ["avx2", "fma"]>} {
    // CHECK: vector.from_elements
    // CHECK: %[[ENDS:.*]] = arith.cmpi eq
    // CHECK: math.fma {{.*}} : vector<16xf32>
    // CHECK: %[[GROUP:.*]] = arith.addf {{.*}} : vector<16xf32>
    // CHECK: %[[SCALED:.*]] = math.fma %[[GROUP]], %{{.*}}, %[[BEFORE:.*]] : vector<16xf32>
    // CHECK: arith.select %[[ENDS]], %[[SCALED]], %[[BEFORE]] : vector<16xf32>
    %y = tern.packed_matmul #tern.bits2 group 256 ins(%x, %p : tensor<1x256xf32>, tensor<2x2x4x32xi8>) scales(%s : tensor<8x1xf32>) outs(%o : tensor<1x8xf32>) -> tensor<1x8xf32>
    return %y : tensor<1x8xf32>
  }

  // Activations outside the group are masked.
  // CHECK-LABEL: func @group
  func.func @group(%q: tensor<1x128xi8>, %p: tensor<2x1x4x32xi8>, %s: tensor<8x2xf32>, %o: tensor<1x8xf32>) -> tensor<1x8xf32> {
    // CHECK: %[[IN:.*]] = arith.cmpi eq
    // CHECK: arith.select %[[IN]], %{{.*}} : vector<32xi8>
    // CHECK: %[[SUM:.*]] = arith.sitofp %{{.*}} : i32 to f32
    // CHECK: %[[SCALE:.*]] = tensor.extract %{{.*}} : tensor<8x2xf32>
    // CHECK: math.fma %[[SUM]], %[[SCALE]], %{{.*}} : f32
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
