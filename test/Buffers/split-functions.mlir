// RUN: tern-opt %s --tern-split-functions="max-loops=2" --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-split-functions="max-loops=2" --split-input-file | tern-opt --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-split-functions --split-input-file | FileCheck %s --check-prefix=SHORT
// RUN: not tern-opt %s --tern-split-functions="max-loops=0" --split-input-file 2>&1 | FileCheck %s --check-prefix=ZERO

// SHORT-NOT: tern.part
// ZERO: error: 'max-loops' must be positive

// Views and constants are made again; scalars that are read go in and out; what
// is computed of them comes behind the call.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: memref<8xf32>, %[[Y:.*]]: memref<8xf32>)
// CHECK-NOT: scf.for
// CHECK: %[[R:.*]] = call @main_part0(%[[X]], %[[Y]]) {tern.part} : (memref<8xf32>, memref<8xf32>) -> f32
// CHECK-NEXT: %[[TWICE:.*]] = arith.addf %[[R]], %[[R]]
// CHECK: call @main_part1(%[[R]], %[[Y]]) {tern.part} : (f32, memref<8xf32>) -> ()
// CHECK: scf.for
// CHECK: memref.store %[[TWICE]]
// CHECK: return

// CHECK: func.func private @main_part1(%[[V:.*]]: f32, %[[OUT:.*]]: memref<8xf32>)
// CHECK: arith.addf %[[V]], %[[V]]
// CHECK-COUNT-2: scf.for

// CHECK: func.func private @main_part0(%[[IN:.*]]: memref<8xf32>, %[[OUT:.*]]: memref<8xf32>) -> f32
// CHECK: %[[HALF:.*]] = memref.subview %[[IN]][4] [4] [1]
// CHECK: scf.for
// CHECK: memref.load %[[HALF]]
// CHECK: %[[READ:.*]] = memref.load %[[OUT]]
// CHECK: scf.for
// CHECK: return %[[READ]] : f32
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %half = memref.subview %x[4] [4] [1] : memref<8xf32> to memref<4xf32, strided<[1], offset: 4>>
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %half[%i] : memref<4xf32, strided<[1], offset: 4>>
    memref.store %v, %y[%i] : memref<8xf32>
  }
  %read = memref.load %y[%c0] : memref<8xf32>
  %twice = arith.addf %read, %read : f32
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %read, %y[%i] : memref<8xf32>
  }
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %twice, %y[%i] : memref<8xf32>
  }
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %read, %y[%i] : memref<8xf32>
  }
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %twice, %y[%i] : memref<8xf32>
  }
  return
}

// -----

// Calls, also inside loops, and stack buffers stay.
// CHECK-LABEL: func.func @calls(
// CHECK: %[[STACK:.*]] = memref.alloca
// CHECK: call @calls_part0(%[[STACK]]) {tern.part}
// CHECK-NEXT: call @body({{.*}}) {tern.parallel = "body"}
// CHECK-NEXT: scf.for
// CHECK-NEXT: func.call @body({{.*}}) {tern.parallel = "body"}
// CHECK: call @calls_part1(%[[STACK]]) {tern.part}
func.func @calls() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %stack = memref.alloca() : memref<4xf32>
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %zero, %stack[%i] : memref<4xf32>
  }
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %zero, %stack[%i] : memref<4xf32>
  }
  call @body(%c0, %c4, %stack) {tern.parallel = "body"} : (index, index, memref<4xf32>) -> ()
  scf.for %i = %c0 to %c4 step %c1 {
    func.call @body(%c0, %c4, %stack) {tern.parallel = "body"} : (index, index, memref<4xf32>) -> ()
  }
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %zero, %stack[%i] : memref<4xf32>
  }
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %zero, %stack[%i] : memref<4xf32>
  }
  return
}
func.func private @body(%begin: index, %end: index, %y: memref<4xf32>) {
  return
}
