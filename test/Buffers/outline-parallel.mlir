// RUN: tern-opt %s --tern-outline-parallel="min-work=8" --canonicalize --split-input-file --verify-diagnostics | FileCheck %s
// RUN: tern-opt %s --tern-outline-parallel="min-work=1000000" --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=TINY

// TINY-NOT: scf.parallel
// TINY-NOT: tern.parallel

// One dimension, light: the range is the loop. Views and constants are made in
// the body, buffers are passed.
// CHECK-LABEL: func.func @light(
// CHECK-SAME: %[[X:.*]]: memref<8x64xf32>, %[[Y:.*]]: memref<64xf32> {tern.result})
// CHECK: call @light_par0(%c0, %c64, %[[X]], %[[Y]]) {tern.parallel = "relu_1"}
// CHECK: func.func private @light_par0(
// CHECK-SAME: %[[B:.*]]: index, %[[E:.*]]: index, %[[X:.*]]: memref<8x64xf32> {llvm.noalias}, %[[Y:.*]]: memref<64xf32> {llvm.noalias})
// CHECK: %[[ROW:.*]] = memref.subview %[[X]][3, 0]
// CHECK: scf.for %[[I:.*]] = %[[B]] to %[[E]] step %c1
// CHECK: memref.load %[[ROW]][%[[I]]]
// CHECK: memref.store %{{.*}}, %[[Y]][%[[I]]]
func.func @light(%x: memref<8x64xf32>, %y: memref<64xf32> {tern.result}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %row = memref.subview %x[3, 0] [1, 64] [1, 1] : memref<8x64xf32> to memref<64xf32, strided<[1], offset: 192>>
  scf.parallel (%i) = (%c0) to (%c64) step (%c1) {
    %v = memref.load %row[%i] : memref<64xf32, strided<[1], offset: 192>>
    memref.store %v, %y[%i] : memref<64xf32>
    scf.reduce
  } loc("relu_1")
  return
}

// -----

// Light with two dimensions: the inner stays a loop, for LLVM to vectorize.
// CHECK-LABEL: func.func @inner(
// CHECK: call @inner_par0(%c0, %c8, %{{.*}}) {tern.parallel = "inner_par0"}
// CHECK: func.func private @inner_par0(
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %c1
// CHECK-NEXT: scf.for %[[J:.*]] = %c0 to %c64 step %c1
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[I]], %[[J]]]
func.func @inner(%x: memref<8x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  %f = arith.constant 1.0 : f32
  scf.parallel (%i, %j) = (%c0, %c0) to (%c8, %c64) step (%c1, %c1) {
    memref.store %f, %x[%i, %j] : memref<8x64xf32>
    scf.reduce
  }
  return
}

// -----

// Heavy with two dimensions: tiles are numbered. Nested parallel loops and
// stack buffers end up plain, the latter at the entry.
// CHECK-LABEL: func.func @tiles(
// CHECK-SAME: %[[X:.*]]: memref<?x64xf32>
// CHECK: %[[N:.*]] = memref.dim %[[X]], %c0
// CHECK: %[[T:.*]] = arith.ceildivsi %[[N]], %c4
// CHECK: %[[T0:.*]] = arith.maxsi %[[T]], %c0
// CHECK: %[[TOTAL:.*]] = arith.muli %[[T0]], %c8
// CHECK: call @tiles_par0(%c0, %[[TOTAL]],
// CHECK: func.func private @tiles_par0(
// CHECK-NOT: scf.for
// CHECK: memref.alloca
// CHECK: scf.for %[[L:.*]] = %{{.*}} to %{{.*}} step %c1
// CHECK-DAG: %[[J:.*]] = arith.remsi %[[L]], %c8
// CHECK-DAG: %[[I:.*]] = arith.divsi %[[L]], %c8
// CHECK-DAG: arith.muli %[[J]], %c8
// CHECK-DAG: arith.muli %[[I]], %c4
// CHECK-NOT: scf.parallel
// CHECK: scf.for
func.func @tiles(%x: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %x, %c0 : memref<?x64xf32>
  scf.parallel (%i, %j) = (%c0, %c0) to (%n, %c64) step (%c4, %c8) {
    %a = memref.alloca() : memref<8xf32>
    scf.parallel (%k) = (%c0) to (%c8) step (%c1) {
      %f = memref.load %a[%k] : memref<8xf32>
      %jk = arith.addi %j, %k : index
      memref.store %f, %x[%i, %jk] : memref<?x64xf32>
      scf.reduce
    }
    scf.reduce
  }
  return
}

// -----

// Buffers of loops that follow each other share the stack; those in use at a
// time do not, and small ones may become registers.
// CHECK-LABEL: func.func @stack(
// CHECK-DAG: memref.alloca() : memref<8xf32>
// CHECK-DAG: %[[FIRST:.*]] = memref.alloca() {alignment = 64 : i64} : memref<1024xi8>
// CHECK-DAG: %[[A:.*]] = memref.view %[[FIRST]][%c0][] : memref<1024xi8> to memref<256xf32>
// CHECK-DAG: %[[C:.*]] = memref.view %[[FIRST]][%c0][] : memref<1024xi8> to memref<512xi8>
// CHECK-DAG: %[[B:.*]] = memref.alloca() : memref<128xf64>
// CHECK: scf.for
// CHECK: memref.store %{{.*}}, %[[A]]
// CHECK: memref.store %{{.*}}, %[[B]]
// CHECK: scf.for
// CHECK: memref.store %{{.*}}, %[[C]]
func.func @stack(%x: memref<3xf32>, %y: memref<3xf64>, %z: memref<3xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  scf.for %i = %c0 to %c3 step %c1 {
    %small = memref.alloca() : memref<8xf32>
    %a = memref.alloca() : memref<256xf32>
    %f = memref.load %x[%i] : memref<3xf32>
    memref.store %f, %small[%i] : memref<8xf32>
    memref.store %f, %a[%i] : memref<256xf32>
    scf.for %j = %c0 to %c3 step %c1 {
      %b = memref.alloca() : memref<128xf64>
      %g = memref.load %y[%j] : memref<3xf64>
      memref.store %g, %b[%i] : memref<128xf64>
      %h = memref.load %b[%j] : memref<128xf64>
      memref.store %h, %y[%i] : memref<3xf64>
    }
    %s = memref.load %small[%c0] : memref<8xf32>
    %t = memref.load %a[%c0] : memref<256xf32>
    %u = arith.addf %s, %t : f32
    memref.store %u, %x[%i] : memref<3xf32>
  }
  scf.for %i = %c0 to %c3 step %c1 {
    %c = memref.alloca() : memref<512xi8>
    %f = memref.load %z[%i] : memref<3xi8>
    memref.store %f, %c[%i] : memref<512xi8>
    %g = memref.load %c[%c0] : memref<512xi8>
    memref.store %g, %z[%i] : memref<3xi8>
  }
  return
}

// -----

// What a branch or a loop yields may be the buffer, and so may memory without a rank: each has a place of its own, as has
// another memory space.
// CHECK-LABEL: func.func @escapes(
// CHECK-NOT: memref.view
// CHECK: return
func.func @escapes(%x: memref<8xf32>, %y: memref<256xf32>, %c: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c8 step %c1 {
    %f = memref.load %x[%i] : memref<8xf32>
    %a = memref.alloca() : memref<256xf32>
    memref.store %f, %a[%c0] : memref<256xf32>
    %r = scf.if %c -> memref<256xf32> {
      scf.yield %a : memref<256xf32>
    } else {
      %own = memref.alloca() : memref<256xf32>
      memref.store %f, %own[%c0] : memref<256xf32>
      scf.yield %own : memref<256xf32>
    }
    %d = memref.alloca() : memref<256xf32>
    memref.store %f, %d[%c0] : memref<256xf32>
    %s = scf.for %j = %c0 to %c8 step %c1 iter_args(%p = %y) -> memref<256xf32> {
      memref.store %f, %p[%j] : memref<256xf32>
      scf.yield %d : memref<256xf32>
    }
    %e = memref.alloca() : memref<256xf32>
    memref.store %f, %e[%c0] : memref<256xf32>
    %u = memref.cast %e : memref<256xf32> to memref<*xf32>
    %b = memref.alloca() : memref<256xf32>
    memref.store %zero, %b[%c0] : memref<256xf32>
    %t = memref.cast %u : memref<*xf32> to memref<256xf32>
    %0 = memref.load %r[%c0] : memref<256xf32>
    %1 = memref.load %s[%c0] : memref<256xf32>
    %2 = memref.load %t[%c0] : memref<256xf32>
    %3 = memref.load %b[%c0] : memref<256xf32>
    %4 = arith.addf %0, %1 : f32
    %5 = arith.addf %2, %3 : f32
    %6 = arith.addf %4, %5 : f32
    memref.store %6, %x[%i] : memref<8xf32>
    %far = memref.alloca() : memref<256xf32, 1>
    memref.store %6, %far[%c0] : memref<256xf32, 1>
  }
  return
}

// -----

// The arena itself is passed beside a view of it: no promise of disjointness.
// CHECK-LABEL: func.func private @alias_par0
// CHECK-NOT: llvm.noalias
// CHECK: return
func.func @alias(%arena: memref<?xi8> {tern.arena}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %v = memref.view %arena[%c0][] : memref<?xi8> to memref<64xi8>
  scf.parallel (%i) = (%c0) to (%c64) step (%c1) {
    %x = memref.load %arena[%i] : memref<?xi8>
    memref.store %x, %v[%i] : memref<64xi8>
    scf.reduce
  }
  return
}

// -----

func.func @reduction(%x: memref<8xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %f = arith.constant 0.0 : f32
  // expected-error @+1 {{parallel loops with reductions are not supported}}
  %s = scf.parallel (%i) = (%c0) to (%c8) step (%c1) init (%f) -> f32 {
    %v = memref.load %x[%i] : memref<8xf32>
    scf.reduce(%v : f32) {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %a, %b : f32
      scf.reduce.return %r : f32
    }
  }
  return %s : f32
}

// -----

// Equal loops share a function, whichever buffers they are called with.
// CHECK-LABEL: func.func @shared
// CHECK: call @shared_par0({{.*}}, %arg0) {tern.parallel = {{.*}}}
// CHECK: call @shared_par0({{.*}}, %arg1) {tern.parallel = {{.*}}}
// CHECK: call @shared_par2({{.*}}, %arg2) {tern.parallel = {{.*}}}
func.func @shared(%x: memref<100000xf32>, %y: memref<100000xf32>, %z: memref<200000xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 100000 : index
  %n2 = arith.constant 200000 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %zero, %x[%i] : memref<100000xf32>
  }
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %zero, %y[%i] : memref<100000xf32>
  }
  scf.parallel (%i) = (%c0) to (%n2) step (%c1) {
    memref.store %zero, %z[%i] : memref<200000xf32>
  }
  return
}
