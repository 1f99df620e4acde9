// RUN: tern-opt %s --tern-skip-empty-loops --canonicalize --split-input-file | FileCheck %s

// One condition in front of the nest says all: the loops inside have none.
// CHECK-LABEL: func @nest
// CHECK-SAME: %[[A:[^:]*]]: index, %[[B:[^:]*]]: index, %[[C:[^:]*]]: index
// CHECK-DAG: %[[SOME_B:.*]] = arith.cmpi sgt, %[[B]], %c0
// CHECK-DAG: %[[SOME_C:.*]] = arith.cmpi sgt, %[[C]], %c0
// CHECK: %[[SOME:.*]] = arith.andi %[[SOME_B]], %[[SOME_C]]
// CHECK: scf.if %[[SOME]] {
// CHECK-NEXT: scf.parallel (%{{.*}}) = (%c0) to (%[[A]])
// CHECK-NEXT: scf.for %{{.*}} = %c0 to %[[B]]
// CHECK-NEXT: scf.for %{{.*}} = %c0 to %[[C]]
// CHECK-NOT: scf.if
func.func @nest(%a: index, %b: index, %c: index, %m: memref<?x?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f = arith.constant 0.0 : f32
  scf.parallel (%i) = (%c0) to (%a) step (%c1) {
    scf.for %j = %c0 to %b step %c1 {
      scf.for %k = %c0 to %c step %c1 {
        memref.store %f, %m[%i, %j, %k] : memref<?x?x?xf32>
      }
    }
  }
  return
}

// -----

// The bounds of a tile are known inside only; nothing depends on that.
// CHECK-LABEL: func @tiles
// CHECK: %[[SOME:.*]] = arith.cmpi sgt, %arg1, %c0
// CHECK: scf.if %[[SOME]] {
// CHECK-NEXT: scf.for
// CHECK-NOT: scf.if
func.func @tiles(%a: index, %b: index, %m: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %f = arith.constant 0.0 : f32
  scf.for %i = %c0 to %a step %c8 {
    %end = affine.min affine_map<(d0)[s0] -> (d0 + 8, s0)>(%i)[%a]
    scf.for %j = %i to %end step %c1 {
      scf.for %k = %c0 to %b step %c1 {
        memref.store %f, %m[%j, %k] : memref<?x?xf32>
      }
    }
  }
  return
}

// -----

// Two nests: one may have iterations while the other has none.
// CHECK-LABEL: func @two
// CHECK: %[[ANY:.*]] = arith.ori
// CHECK: scf.if %[[ANY]] {
// CHECK-NEXT: scf.for
// CHECK: scf.if %{{.*}} {
// CHECK-NEXT: scf.for %{{.*}} = %c0 to %arg1
// CHECK: scf.if %{{.*}} {
// CHECK-NEXT: scf.for %{{.*}} = %c0 to %arg1
func.func @two(%a: index, %b: index, %c: index, %d: index, %m: memref<?x?xf32>, %n: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f = arith.constant 0.0 : f32
  scf.for %i = %c0 to %a step %c1 {
    scf.for %j = %c0 to %b step %c1 {
      scf.for %k = %c0 to %c step %c1 {
        memref.store %f, %m[%j, %k] : memref<?x?xf32>
      }
    }
    scf.for %j = %c0 to %b step %c1 {
      scf.for %k = %c0 to %d step %c1 {
        memref.store %f, %n[%j, %k] : memref<?x?xf32>
      }
    }
  }
  return
}

// -----

// The outer loop writes by itself; the inner one always has iterations.
// CHECK-LABEL: func @busy
// CHECK-NOT: scf.if
// CHECK: return
func.func @busy(%a: index, %b: index, %m: memref<?xf32>, %n: memref<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %f = arith.constant 0.0 : f32
  scf.for %i = %c0 to %a step %c1 {
    memref.store %f, %m[%i] : memref<?xf32>
    scf.for %k = %c0 to %b step %c1 {
      memref.store %f, %m[%k] : memref<?xf32>
    }
  }
  scf.for %i = %c0 to %a step %c1 {
    scf.for %k = %c0 to %c4 step %c1 {
      memref.store %f, %n[%i, %k] : memref<?x4xf32>
    }
  }
  return
}

// -----

// One side of a branch writes by itself: without iterations of the loop on the
// other side there still is something to do.
// CHECK-LABEL: func @side
// CHECK-NEXT: arith.constant
// CHECK-NEXT: arith.constant
// CHECK-NEXT: scf.for
// CHECK-NEXT: scf.if %arg2 {
func.func @side(%a: index, %b: index, %p: i1, %m: memref<?xf32>, %n: memref<?xf32>, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %a step %c1 {
    scf.if %p {
      memref.store %f, %m[%i] : memref<?xf32>
    } else {
      scf.for %j = %c0 to %b step %c1 {
        memref.store %f, %n[%j] : memref<?xf32>
      }
    }
  }
  return
}

// -----

// So it is where the loop is first, or the branch stands in another one.
// CHECK-LABEL: func @other_side
// CHECK-NEXT: arith.constant
// CHECK-NEXT: arith.constant
// CHECK-NEXT: scf.for
// CHECK-NEXT: scf.if %arg2 {
// CHECK-NEXT: scf.if %arg3 {
func.func @other_side(%a: index, %b: index, %p: i1, %q: i1, %m: memref<?xf32>, %n: memref<?xf32>, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %a step %c1 {
    scf.if %p {
      scf.if %q {
        scf.for %j = %c0 to %b step %c1 {
          memref.store %f, %n[%j] : memref<?xf32>
        }
      } else {
        memref.store %f, %m[%i] : memref<?xf32>
      }
      scf.for %j = %c0 to %b step %c1 {
        memref.store %f, %n[%j] : memref<?xf32>
      }
    }
  }
  return
}

// -----

// Both sides are loops: the outer one runs if either has iterations.
// CHECK-LABEL: func @sides
// CHECK-DAG: %[[SOME_B:.*]] = arith.cmpi sgt, %arg1, %c0
// CHECK-DAG: %[[SOME_C:.*]] = arith.cmpi sgt, %arg2, %c0
// CHECK: %[[ANY:.*]] = arith.ori %[[SOME_B]], %[[SOME_C]]
// CHECK: scf.if %[[ANY]] {
// CHECK-NEXT: scf.for
func.func @sides(%a: index, %b: index, %c: index, %p: i1, %m: memref<?xf32>, %n: memref<?xf32>, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %a step %c1 {
    scf.if %p {
      scf.for %j = %c0 to %b step %c1 {
        memref.store %f, %m[%j] : memref<?xf32>
      }
    } else {
      scf.for %j = %c0 to %c step %c1 {
        memref.store %f, %n[%j] : memref<?xf32>
      }
    }
  }
  return
}

// -----

// A loop that counts without a sign has iterations to 2^64 - 1, too.
// CHECK-LABEL: func @unsigned
// CHECK: %[[SOME:.*]] = arith.cmpi u{{[lg]}}t, {{.*}}%arg1
// CHECK: scf.if %[[SOME]] {
func.func @unsigned(%a: index, %b: index, %m: memref<?xf32>, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %a step %c1 {
    scf.for unsigned %j = %c0 to %b step %c1 {
      memref.store %f, %m[%j] : memref<?xf32>
    }
  }
  return
}
