// RUN: tern-opt %s --tern-plan-memory=max-stack-bytes=16384 --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s

func.func private @use(memref<100xf32>)
func.func private @use2(memref<100xf32>, memref<100xf32>)

// %a is dead before %c is alive: they share memory. Offsets are multiples of 64.
// CHECK-LABEL: func.func @reuse(
// CHECK-SAME: %[[ARENA:.*]]: memref<?xi8> {tern.arena})
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C448:.*]] = arith.constant 448 : index
// CHECK-NOT: memref.alloc
// CHECK-DAG: %[[A:.*]] = memref.view %[[ARENA]][%[[C0]]][] : memref<?xi8> to memref<100xf32>
// CHECK-DAG: %[[B:.*]] = memref.view %[[ARENA]][%[[C448]]][] : memref<?xi8> to memref<100xf32>
// CHECK: call @use2(%[[A]], %[[B]])
// CHECK: call @use2(%[[B]], %[[A]])
// CHECK: func.func private @reuse_arena_size() -> index
// CHECK-NEXT: %[[SIZE:.*]] = arith.constant 896 : index
// CHECK-NEXT: return %[[SIZE]]
func.func @reuse() {
  %a = memref.alloc() : memref<100xf32>
  %b = memref.alloc() : memref<100xf32>
  %c = memref.alloc() : memref<100xf32>
  call @use2(%a, %b) : (memref<100xf32>, memref<100xf32>) -> ()
  call @use2(%b, %c) : (memref<100xf32>, memref<100xf32>) -> ()
  memref.dealloc %a : memref<100xf32>
  return
}

// -----

func.func private @use(memref<?x10xf32>, memref<?x20xf32>, memref<3xf32>)

// Static buffers first; those that grow with the same extent are one region in
// units of the extent: 64 and 128 bytes of each row, after 64 of the static.
// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME: %[[X:.*]]: memref<?x10xf32> {{.*}}, %{{.*}}: memref<?x4xf32> {{.*}}, %[[ARENA:.*]]: memref<?xi8> {tern.arena})
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
// CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
// CHECK-DAG: %[[N:.*]] = memref.dim %[[X]], %[[C0]]
// CHECK-DAG: %[[GROWN:.*]] = arith.muli %[[N]], %[[C128]]
// CHECK-DAG: %[[OFFSET:.*]] = arith.addi %[[GROWN]], %[[C64]]
// CHECK-DAG: memref.view %[[ARENA]][%[[OFFSET]]][%[[N]]] : memref<?xi8> to memref<?x10xf32>
// CHECK-DAG: memref.view %[[ARENA]][%[[C64]]][%[[N]]] : memref<?xi8> to memref<?x20xf32>
// CHECK-DAG: memref.view %[[ARENA]][%[[C0]]][] : memref<?xi8> to memref<3xf32>
// CHECK: func.func private @dynamic_arena_size(%[[DIM:.*]]: index) -> index
// CHECK: %[[BYTES:.*]] = arith.muli %[[DIM]], %{{.*}} : index
// CHECK: arith.addi %[[BYTES]], %{{.*}} : index
func.func @dynamic(%x: memref<?x10xf32> {tern.shape = ["n", 10]}, %y: memref<?x4xf32> {tern.shape = ["n", 4]}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x10xf32>
  %m = memref.dim %y, %c0 : memref<?x4xf32>
  %a = memref.alloc(%n) : memref<?x10xf32>
  %b = memref.alloc(%m) : memref<?x20xf32>
  %c = memref.alloc() : memref<3xf32>
  call @use(%a, %b, %c) : (memref<?x10xf32>, memref<?x20xf32>, memref<3xf32>) -> ()
  return
}

// -----

// An extent of a result is asked of the shapes function.
// CHECK-LABEL: func.func private @result_arena_size
// CHECK: call @result_shapes(%{{.*}}) : (index) -> (index, index)
func.func private @use(memref<?xf32>)
func.func private @result_shapes(%n: index) -> (index, index) {
  %c3 = arith.constant 3 : index
  return %c3, %n : index, index
}
func.func @result(%x: memref<?xf32>, %y: memref<3x?xf32> {tern.result}) {
  %c1 = arith.constant 1 : index
  %n = memref.dim %y, %c1 : memref<3x?xf32>
  %a = memref.alloc(%n) : memref<?xf32>
  call @use(%a) : (memref<?xf32>) -> ()
  return
}

// -----

// Views keep a buffer alive; %b must not take its place.
// CHECK-LABEL: func.func @views
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
// CHECK-DAG: memref.view %{{.*}}[%[[C0]]][] : memref<?xi8> to memref<4x4xf32>
// CHECK-DAG: memref.view %{{.*}}[%[[C64]]][] : memref<?xi8> to memref<4x4xf32>
func.func private @use(memref<4x4xf32>)
func.func private @useRow(memref<4xf32, strided<[1], offset: ?>>)
func.func @views(%i: memref<4xf32>) {
  %c1 = arith.constant 1 : index
  %a = memref.alloc() : memref<4x4xf32>
  %row = memref.subview %a[%c1, 0] [1, 4] [1, 1] : memref<4x4xf32> to memref<4xf32, strided<[1], offset: ?>>
  %b = memref.alloc() : memref<4x4xf32>
  call @use(%b) : (memref<4x4xf32>) -> ()
  call @useRow(%row) : (memref<4xf32, strided<[1], offset: ?>>) -> ()
  return
}

// -----

// What the iterations of a parallel loop need for themselves: little goes on
// the stack, much has a slice per iteration.
// CHECK-LABEL: func.func @parallel(
// CHECK-SAME: %[[ARENA:.*]]: memref<?xi8> {tern.arena})
// CHECK-DAG: %[[SLICE:.*]] = arith.constant 32768 : index
// CHECK: scf.parallel (%[[I:.*]]) =
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<16xf32>
// CHECK-DAG: %[[OFFSET:.*]] = arith.muli %[[I]], %[[SLICE]]
// CHECK-DAG: memref.view %[[ARENA]][%[[OFFSET]]][] : memref<?xi8> to memref<8192xf32>
// CHECK: func.func private @parallel_arena_size
// CHECK: arith.constant 131072 : index
func.func private @use(memref<16xf32>, memref<8192xf32>)
func.func @parallel() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
    %a = memref.alloc() : memref<16xf32>
    %b = memref.alloc() : memref<8192xf32>
    func.call @use(%a, %b) : (memref<16xf32>, memref<8192xf32>) -> ()
    scf.reduce
  }
  return
}

// -----

// The last tile of many is smaller: room is made for a whole one.
// CHECK: #[[$TILE:.*]] = affine_map<(d0)[s0] -> (-d0 + s0, 128)>
// CHECK-LABEL: func.func @tiles(
// CHECK-SAME: %{{.*}}: memref<?xf32> {{.*}}, %[[ARENA:.*]]: memref<?xi8> {tern.arena})
// CHECK-DAG: %[[SLICE:.*]] = arith.constant 131072 : index
// CHECK: scf.parallel (%[[I:.*]]) =
// CHECK-DAG: %[[SIZE:.*]] = affine.min #[[$TILE]](%[[I]])
// CHECK-DAG: %[[OFFSET:.*]] = arith.muli %{{.*}}, %[[SLICE]]
// CHECK: memref.view %[[ARENA]][%[[OFFSET]]][%[[SIZE]]] : memref<?xi8> to memref<?x256xf32>
func.func private @use(memref<?x256xf32>)
func.func @tiles(%x: memref<?xf32> {tern.shape = ["n"]}) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.parallel (%i) = (%c0) to (%n) step (%c128) {
    %size = affine.min affine_map<(d0)[s0] -> (-d0 + s0, 128)>(%i)[%n]
    %a = memref.alloc(%size) : memref<?x256xf32>
    func.call @use(%a) : (memref<?x256xf32>) -> ()
    scf.reduce
  }
  return
}

// -----

// A divisor that is not known to be other than 0 is divided by where the
// function does it anyway, but not ahead of a loop that may not run.
// CHECK-LABEL: func.func @quotient(
// CHECK: arith.divui
// CHECK: memref.view
func.func private @use(memref<?xf32>)
func.func @quotient(%x: memref<?xf32> {tern.shape = ["n"]}, %y: memref<?xf32> {tern.shape = ["m"]}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %size = arith.divui %n, %m : index
  %a = memref.alloc(%size) : memref<?xf32>
  call @use(%a) : (memref<?xf32>) -> ()
  return
}

// -----

func.func private @use(memref<?xf32>)
func.func @no_quotient(%x: memref<?xf32> {tern.shape = ["n"]}, %y: memref<?xf32> {tern.shape = ["m"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  scf.for %i = %c0 to %m step %c1 {
    // expected-note @+1 {{computed here}}
    %size = arith.divui %n, %m : index
    // expected-error @+1 {{the size of this buffer depends on data}}
    %a = memref.alloc(%size) : memref<?xf32>
    func.call @use(%a) : (memref<?xf32>) -> ()
  }
  return
}

// -----

func.func @data(%x: memref<1xindex>) {
  %c0 = arith.constant 0 : index
  // expected-note @+1 {{computed here}}
  %n = memref.load %x[%c0] : memref<1xindex>
  // expected-error @+1 {{the size of this buffer depends on data}}
  %a = memref.alloc(%n) : memref<?xf32>
  return
}

// -----

func.func @carried(%n: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %a = memref.alloc() : memref<4xf32>
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%m = %a) -> memref<4xf32> {
    // expected-error @+1 {{this buffer is carried from one iteration of a loop to the next}}
    %b = memref.alloc() : memref<4xf32>
    scf.yield %b : memref<4xf32>
  }
  return
}

// -----

func.func private @helper() {
  // expected-error @+1 {{allocation outside the public functions}}
  %a = memref.alloc() : memref<4xf32>
  return
}

// -----

func.func @huge() {
  // expected-error @+1 {{the size of this buffer overflows}}
  %a = memref.alloc() : memref<4611686018427387904x4xf32>
  return
}

// -----

func.func private @use(memref<?x64xf32>)

// The extent of a view follows from that of what it is a view of.
// CHECK-LABEL: func.func @view(
// CHECK-SAME: %[[X:.*]]: memref<?x?x3x5xf32> {{.*}}, %{{.*}}: memref<?xi8> {tern.arena})
// CHECK-NOT: memref.alloc
// CHECK: func.func private @view_arena_size(
// CHECK: arith.muli
func.func @view(%x: memref<?x?x3x5xf32> {tern.name = "x", tern.shape = ["batch", "seq", 3, 5]}) {
  %c0 = arith.constant 0 : index
  %rows = memref.collapse_shape %x [[0, 1, 2], [3]] : memref<?x?x3x5xf32> into memref<?x5xf32>
  %n = memref.dim %rows, %c0 : memref<?x5xf32>
  %padded = memref.alloc(%n) : memref<?x64xf32>
  call @use(%padded) : (memref<?x64xf32>) -> ()
  return
}

// -----

// A size that depends on a result's extent, which another function computes.
func.func @main(%a: memref<?xf32> {tern.shape = ["n"]}, %y: memref<?xf32> {tern.result}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?xf32>
  %b = memref.alloc(%n) : memref<?xf32>
  linalg.copy ins(%b : memref<?xf32>) outs(%y : memref<?xf32>)
  return
}
// expected-error @+1 {{expected a function from 1 extents, those of 'main', to 1 indices}}
func.func private @main_shapes(index, index)

// -----

func.func private @use(memref<?xf32>)

// Buffers of two branches share memory, and those of one after another. One for extents that a check refuses takes none.
// CHECK-LABEL: func.func @branches(
// CHECK: scf.if
// CHECK: %[[V:.*]] = memref.view %{{.*}}[%[[O:.*]]][%{{.*}}]
// CHECK: call @use(%[[V]])
// CHECK: call @use(%[[V]])
// CHECK: else
// CHECK: memref.view %{{.*}}[%[[O]]][%{{.*}}]
// CHECK: func.func private @branches_arena_size(%[[N:.*]]: index) -> index
// CHECK: %[[LESS:.*]] = arith.subi %[[N]], %{{.*}}
// CHECK: %[[FITS:.*]] = arith.cmpi sge, %[[LESS]]
// CHECK: arith.select %[[FITS]], %[[LESS]], %{{.*}} : index
func.func @branches(%x: memref<?xf32> {tern.shape = ["n"]}, %t: memref<i1>) {
  %c0 = arith.constant 0 : index
  %c100 = arith.constant 100 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %less = arith.subi %n, %c100 : index
  %fits = arith.cmpi sge, %less, %c0 : index
  %c = memref.load %t[] : memref<i1>
  scf.if %c {
    %a = memref.alloc(%n) : memref<?xf32>
    func.call @use(%a) : (memref<?xf32>) -> ()
    %b = memref.alloc(%n) : memref<?xf32>
    func.call @use(%b) : (memref<?xf32>) -> ()
  } else {
    %a = memref.alloc(%n) : memref<?xf32>
    func.call @use(%a) : (memref<?xf32>) -> ()
    scf.if %fits {
      %b = memref.alloc(%less) : memref<?xf32>
      func.call @use(%b) : (memref<?xf32>) -> ()
    }
  }
  return
}

// -----

func.func private @use(memref<?xf32>, memref<?xf32>)

// What a scalar says has room for the greatest that it may be, 32 and 2 * 32 + 1
// numbers, and is as long as it says; of iterations, too, there may be as many.
// CHECK-LABEL: func.func @bounded(
// CHECK-SAME: %[[N:[^:]*]]: memref<i64> {{{[^}]*}}}, %[[ARENA:[^:]*]]: memref<?xi8> {tern.arena})
// CHECK: %[[MIN:.*]] = affine.min
// CHECK: %[[MORE:.*]] = affine.apply {{.*}}[[MIN]]
// CHECK-DAG: memref.view %[[ARENA]][%{{.*}}][%[[MIN]]] : memref<?xi8> to memref<?xf32>
// CHECK-DAG: memref.view %[[ARENA]][%{{.*}}][%[[MORE]]] : memref<?xi8> to memref<?xf32>
// CHECK: scf.parallel (%[[I:.*]]) = (%{{.*}}) to (%[[MIN]])
// CHECK: memref.view %[[ARENA]][%{{.*}}][] : memref<?xi8> to memref<6400xf32>
// 128 + 32 * 25600, of which the second buffer takes some before.
// CHECK: func.func private @bounded_arena_size() -> index
// CHECK-NEXT: %[[SIZE:.*]] = arith.constant 819328 : index
// CHECK-NEXT: return %[[SIZE]]
func.func @bounded(%n: memref<i64> {tern.scalar = "n"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %v = memref.load %n[] : memref<i64>
  %i = arith.index_cast %v : i64 to index
  %least = affine.max affine_map<()[s0] -> (s0, 1)>()[%i]
  %l = affine.min affine_map<()[s0] -> (s0, 32)>()[%least]
  %m = affine.apply affine_map<()[s0] -> (s0 * 2 + 1)>()[%l]
  %a = memref.alloc(%l) : memref<?xf32>
  %b = memref.alloc(%m) : memref<?xf32>
  call @use(%a, %b) : (memref<?xf32>, memref<?xf32>) -> ()
  scf.parallel (%k) = (%c0) to (%l) step (%c1) {
    %s = memref.alloc() : memref<6400xf32>
    memref.store %zero, %s[%k] : memref<6400xf32>
    %r = memref.load %s[%k] : memref<6400xf32>
    memref.store %r, %a[%k] : memref<?xf32>
    scf.reduce
  }
  return
}

// -----

func.func private @use(memref<?xf32>)

// Without a bound there is no telling.
func.func @unbounded(%n: memref<i64> {tern.scalar = "n"}) {
  // expected-note @+1 {{computed here}}
  %v = memref.load %n[] : memref<i64>
  %i = arith.index_cast %v : i64 to index
  // expected-error @+1 {{the size of this buffer depends on data: it must follow from the extents of the arguments}}
  %a = memref.alloc(%i) : memref<?xf32>
  call @use(%a) : (memref<?xf32>) -> ()
  return
}
