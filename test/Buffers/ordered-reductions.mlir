// RUN: tern-opt %s --pass-pipeline='builtin.module(func.func(tern-lower-linalg,canonicalize))' --split-input-file | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A row of 70: two vectors of 32 terms, what is left in the first lanes, and halves folded five times.
// CHECK-LABEL: func @row
// CHECK-NOT: tern.order
// CHECK: scf.parallel
// CHECK: %[[LANES:.*]] = scf.for {{.*}} -> (vector<32xf64>)
// CHECK: vector.load {{.*}} vector<32xf32>
// CHECK: arith.extf {{.*}} vector<32xf32> to vector<32xf64>
// CHECK: arith.mulf
// CHECK: arith.addf {{.*}} vector<32xf64>
// CHECK: vector.extract_strided_slice %[[LANES]] {offsets = [0], sizes = [6], strides = [1]}
// CHECK: vector.load {{.*}} vector<6xf32>
// CHECK: vector.insert_strided_slice
// CHECK: sizes = [16]
// CHECK: sizes = [8]
// CHECK: sizes = [4]
// CHECK: sizes = [2]
// CHECK: sizes = [1]
// CHECK: memref.store
func.func @row(%x: memref<?x70xf32>, %y: memref<?xf64>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<?x70xf32>) outs(%y : memref<?xf64>) {
  ^bb0(%a: f32, %s: f64):
    %w = arith.extf %a : f32 to f64
    %p = arith.mulf %w, %w : f64
    %n = arith.addf %s, %p {tern.order = "lanes"} : f64
    linalg.yield %n : f64
  }
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// An operand that a vector and a scalar step read is both.
// CHECK-LABEL: func @both
// CHECK: %[[SCALE:.*]] = memref.load %{{.*}} : memref<?xf32>
// CHECK-DAG: arith.mulf %[[SCALE]], %[[SCALE]] : f32
// CHECK-DAG: vector.broadcast %[[SCALE]] : f32 to vector<32xf32>
func.func @both(%x: memref<?x64xf32>, %s: memref<?xf32>, %y: memref<?xf32>) {
  linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %s : memref<?x64xf32>, memref<?xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %b: f32, %t: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.mulf %b, %b : f32
    %r = arith.subf %p, %q : f32
    %n = arith.addf %t, %r {tern.order = "lanes"} : f32
    linalg.yield %n : f32
  }
  return
}

// -----

// A row whose extent only a run knows goes by chunks.
// CHECK-LABEL: func @long
// CHECK-DAG: %[[CHUNK:.*]] = arith.constant 4096 : index
// CHECK-DAG: %[[WIDTH:.*]] = arith.constant 32 : index
// CHECK: memref.alloca() {{.*}} : memref<32xf32>
// CHECK: scf.for {{.*}} step %[[CHUNK]]
// CHECK: scf.for {{.*}} step %[[WIDTH]]
func.func @long(%x: memref<?xf32>, %y: memref<f32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x : memref<?xf32>) outs(%y : memref<f32>) {
  ^bb0(%a: f32, %s: f32):
    %n = arith.addf %s, %a {tern.order = "lanes"} : f32
    linalg.yield %n : f32
  }
  return
}

// -----

#window = affine_map<(i, k) -> (i + k)>
#kernel = affine_map<(i, k) -> (k)>
#out = affine_map<(i, k) -> (i)>

// Windows of three terms: no loop, and no lanes.
// CHECK-LABEL: func @short
// CHECK: scf.parallel
// CHECK-NOT: scf.for
// CHECK-NOT: vector
// CHECK-COUNT-3: arith.addf
// CHECK: memref.store
func.func @short(%x: memref<10xf32>, %k: memref<3xf32>, %y: memref<8xf32>) {
  linalg.generic {indexing_maps = [#window, #kernel, #out], iterator_types = ["parallel", "reduction"]}
      ins(%x, %k : memref<10xf32>, memref<3xf32>) outs(%y : memref<8xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %n = arith.addf %s, %a {tern.order = "lanes"} : f32
    linalg.yield %n : f32
  }
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>

// No more terms than a chunk has are added one after another as ever.
// CHECK-LABEL: func @few
// CHECK-NOT: tern.order
// CHECK-NOT: memref.alloca
// CHECK: scf.for
// CHECK: scf.for
func.func @few(%x: memref<4096x9xf32>, %y: memref<9xf32>) {
  linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
      ins(%x : memref<4096x9xf32>) outs(%y : memref<9xf32>) {
  ^bb0(%a: f32, %s: f32):
    %n = arith.addf %s, %a {tern.order = "ascending"} : f32
    linalg.yield %n : f32
  }
  return
}

// Strips of columns, chunks, rows, columns.
// CHECK-LABEL: func @many
// CHECK-DAG: %[[STRIP:.*]] = arith.constant 512 : index
// CHECK-DAG: %[[CHUNK:.*]] = arith.constant 4096 : index
// CHECK: scf.parallel {{.*}} step (%[[STRIP]])
// CHECK: memref.alloca() {{.*}} : memref<512xf32>
// CHECK: scf.for {{.*}} step %[[CHUNK]]
func.func @many(%x: memref<?x1000xf32>, %y: memref<1000xf32>) {
  linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
      ins(%x : memref<?x1000xf32>) outs(%y : memref<1000xf32>) {
  ^bb0(%a: f32, %s: f32):
    %n = arith.addf %s, %a {tern.order = "ascending"} : f32
    linalg.yield %n : f32
  }
  return
}

// -----

#id = affine_map<(i) -> (i)>

// One term has any order.
// CHECK-LABEL: func @single
// CHECK-NOT: tern.order
// CHECK: scf.parallel
// CHECK-COUNT-1: arith.addf
// CHECK-NOT: arith.addf
// CHECK: return
func.func @single(%x: memref<?xf32>, %y: memref<?xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %n = arith.addf %s, %a {tern.order = "lanes"} : f32
    linalg.yield %n : f32
  }
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A region that reads the loop's index has no vectors.
// CHECK-LABEL: func @nested
// CHECK: scf.for %[[J:.*]] =
// CHECK: arith.index_cast {{.*}} : index to i32
// CHECK: scf.if %arg2 -> (f32) {
func.func @nested(%x: memref<?x8192xf32>, %y: memref<?xf32>, %c: i1) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<?x8192xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %j = linalg.index 1 : index
    %k = arith.index_cast %j : index to i32
    %t = scf.if %c -> f32 {
      %f = arith.sitofp %k : i32 to f32
      scf.yield %f : f32
    } else {
      scf.yield %a : f32
    }
    %n = arith.addf %s, %t {tern.order = "lanes"} : f32
    linalg.yield %n : f32
  }
  return
}

// -----

// A product in chunks that no kernel takes starts from zero after 512 terms.
// CHECK-LABEL: func @chunks
// CHECK: scf.for %[[FROM:.*]] = %c0 to %c600 step %c512
// CHECK: memref.store %{{.*}}, %[[SUMS:.*]][%{{.*}}] : memref<5xf32>
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: memref.store %{{.*}}, %[[SUMS]]
// CHECK: memref.store %{{.*}}, %arg2
func.func @chunks(%x: memref<600xf32>, %y: memref<600x5xf32>, %z: memref<5xf32>) {
  linalg.generic {indexing_maps = [affine_map<(n, k) -> (k)>, affine_map<(n, k) -> (k, n)>, affine_map<(n, k) -> (n)>], iterator_types = ["parallel", "reduction"]}
      ins(%x, %y : memref<600xf32>, memref<600x5xf32>) outs(%z : memref<5xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %p = arith.mulf %a, %b : f32
    %n = arith.addf %s, %p {tern.order = "chunks"} : f32
    linalg.yield %n : f32
  }
  return
}
