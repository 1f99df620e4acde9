// RUN: tern-opt %s --pass-pipeline='builtin.module(func.func(tern-lower-contractions,canonicalize,cse))' --split-input-file --verify-diagnostics | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

module attributes {tern.target = #tern.x86<features = ["avx2", "fma"]>} {
  // Six rows by sixteen columns in registers, then four rows, then one; K is
  // the contiguous axis of both, so squares of it are transposed.
  // CHECK-LABEL: func.func @transposed
  // CHECK: scf.parallel (%[[M:.*]], %[[N:.*]]) =
  // CHECK-DAG: %[[PANELS:.*]] = memref.alloc() {alignment = 64 : i64} : memref<8x192x16xf32>
  // CHECK-DAG: %[[ROWS:.*]] = memref.alloc() {alignment = 64 : i64} : memref<24192xf32>
  // CHECK-COUNT-48: vector.shuffle
  // CHECK: vector.store %{{.*}}, %[[PANELS]]
  // CHECK: vector.store %{{.*}}, %[[ROWS]]{{.*}} vector<6xf32>
  // CHECK: vector.store %{{.*}}, %[[ROWS]]{{.*}} vector<4xf32>
  // CHECK-COUNT-6: vector.transfer_read %arg2
  // CHECK: scf.for {{.*}} iter_args
  // CHECK: vector.load %[[PANELS]]{{.*}} : memref<8x192x16xf32>, vector<16xf32>
  // CHECK-COUNT-6: math.fma %{{.*}} : vector<16xf32>
  // CHECK-COUNT-6: vector.transfer_write {{.*}} : vector<16xf32>
  // CHECK-COUNT-4: math.fma
  // CHECK-COUNT-1: math.fma
  // CHECK-NOT: math.fma
  // CHECK-NOT: linalg.
  func.func @transposed(%x: memref<?x?xf32>, %w: memref<?x?xf32>, %y: memref<?x?xf32>) {
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x, %w : memref<?x?xf32>, memref<?x?xf32>) outs(%y : memref<?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }

  // Codes become floats while they are packed; a batch is an outer loop.
  // CHECK-LABEL: func.func @codes
  // CHECK: scf.parallel (%{{.*}}) =
  // CHECK: vector.transfer_read {{.*}} : memref<3x32x16xi8>, vector<16xi8>
  // CHECK-NEXT: arith.sitofp %{{.*}} : vector<16xi8> to vector<16xf32>
  func.func @codes(%x: memref<3x8x32xf32>, %w: memref<3x32x16xi8>, %y: memref<3x8x16xf32>) {
    linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>],
                    iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%x, %w : memref<3x8x32xf32>, memref<3x32x16xi8>) outs(%y : memref<3x8x16xf32>) {
    ^bb0(%a: f32, %b: i8, %c: f32):
      %f = arith.sitofp %b : i8 to f32
      %p = arith.mulf %a, %f : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// Other targets: four rows by eight columns, and no fused operations.
// CHECK-LABEL: func.func @generic
// CHECK-COUNT-4: arith.mulf %{{.*}} : vector<8xf32>
// CHECK-NOT: math.fma
func.func @generic(%x: memref<8x32xf32>, %w: memref<32x16xf32>, %y: memref<8x16xf32>) {
  linalg.matmul ins(%x, %w : memref<8x32xf32>, memref<32x16xf32>) outs(%y : memref<8x16xf32>)
  return
}

// -----

// Not matrix products of floats: something else is added, there are no columns,
// the product is of integers, the result has gaps.
// CHECK-LABEL: func.func @other
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK: linalg.matvec
// CHECK: linalg.matmul
// CHECK: linalg.matmul
func.func @other(%x: memref<8x32xf32>, %w: memref<32x16xf32>, %y: memref<8x16xf32>, %v: memref<32xf32>, %u: memref<8xf32>,
                 %q: memref<8x32xi32>, %c: memref<32x16xi32>, %z: memref<8x16xi32>, %g: memref<8x16xf32, strided<[32, 2]>>) {
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<8x32xf32>, memref<32x16xf32>) outs(%y : memref<8x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %e = math.exp %p : f32
    %s = arith.addf %o, %e : f32
    linalg.yield %s : f32
  }
  linalg.matvec ins(%x, %v : memref<8x32xf32>, memref<32xf32>) outs(%u : memref<8xf32>)
  linalg.matmul ins(%q, %c : memref<8x32xi32>, memref<32x16xi32>) outs(%z : memref<8x16xi32>)
  linalg.matmul ins(%x, %w : memref<8x32xf32>, memref<32x16xf32>) outs(%g : memref<8x16xf32, strided<[32, 2]>>)
  return
}

// -----

// A sum in lanes is none that goes in ascending order.
// CHECK-LABEL: func.func @ordered
// CHECK: linalg.generic
// CHECK: arith.addf {{.*}} {tern.order = "lanes"}
func.func @ordered(%x: memref<8x32xf32>, %w: memref<32x16xf32>, %y: memref<8x16xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<8x32xf32>, memref<32x16xf32>) outs(%y : memref<8x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p {tern.order = "lanes"} : f32
    linalg.yield %s : f32
  }
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>

module attributes {tern.target = #tern.x86<features = ["avx2", "fma"]>} {
  // Chunks of 512, two blocks each: sums start at zero and are added to the result after the chunk.
  // CHECK-LABEL: func.func @chunks
  // CHECK-SAME: %[[Y:[a-z0-9]*]]: memref<?x64xf32>) {
  // CHECK-DAG: %[[PANELS:.*]] = memref.alloc() {alignment = 64 : i64} : memref<4x256x16xf32>
  // CHECK-DAG: %[[SUMS:.*]] = memref.alloc() {alignment = 64 : i64} : memref<126x64xf32>
  // CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c512
  // CHECK: vector.store %{{.*}}, %[[SUMS]]
  // CHECK: scf.for %{{.*}} step %c256
  // CHECK-COUNT-6: vector.load %[[SUMS]]
  // CHECK-COUNT-6: math.fma %{{.*}} : vector<16xf32>
  // CHECK-COUNT-6: vector.store %{{.*}}, %[[SUMS]]
  // CHECK: %[[BEFORE:.*]] = vector.transfer_read %[[Y]]
  // CHECK-NEXT: %[[SUM:.*]] = vector.load %[[SUMS]]
  // CHECK-NEXT: %[[AFTER:.*]] = arith.addf %[[BEFORE]], %[[SUM]]
  // CHECK-NEXT: vector.transfer_write %[[AFTER]], %[[Y]]
  // CHECK-NOT: linalg.
  func.func @chunks(%x: memref<?x?xf32>, %w: memref<?x64xf32>, %y: memref<?x64xf32>) {
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x, %w : memref<?x?xf32>, memref<?x64xf32>) outs(%y : memref<?x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p {tern.order = "chunks"} : f32
      linalg.yield %s : f32
    }
    return
  }

  // One chunk is one sequence, added to the result as it goes.
  // CHECK-LABEL: func.func @one_chunk
  // CHECK: memref.alloc() {{.*}} : memref<4x192x16xf32>
  // CHECK-NOT: memref.alloc()
  // CHECK: math.fma
  // CHECK: return
  func.func @one_chunk(%x: memref<?x512xf32>, %w: memref<512x64xf32>, %y: memref<?x64xf32>) {
    linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x, %w : memref<?x512xf32>, memref<512x64xf32>) outs(%y : memref<?x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p {tern.order = "chunks"} : f32
      linalg.yield %s : f32
    }
    return
  }
}
