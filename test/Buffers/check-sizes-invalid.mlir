// RUN: tern-opt %s --tern-check-sizes --split-input-file --verify-diagnostics

func.func @main(%a: memref<?xf32>) {
  return
}
// expected-error @+1 {{expected a function from 1 extents, those of 'main', to indices}}
func.func private @main_shapes(index)
func.func private @main_arena_size(index) -> index

// -----

func.func @main(%a: memref<?xf32>) {
  return
}
func.func private @main_shapes(%n: index) {
  return
}
// expected-error @+1 {{expected a function from 1 extents, those of 'main', to 1 indices}}
func.func private @main_arena_size(%n: index, %k: index) -> index {
  %m = arith.muli %n, %k : index
  return %m : index
}

// -----

// The extents of others than its own, or of another function.
func.func @main(%a: memref<?x?xf32>, %b: memref<?xf32> {tern.result}) {
  return
}
func.func private @main_shapes(%n: index, %m: index) -> index {
  return %n : index
}
func.func private @main_arena_size(%n: index, %m: index) -> index {
  // expected-error @+1 {{is more than arithmetic and branches: sizes that 'main_arena_size' computes so cannot be checked}}
  %e = func.call @main_shapes(%m, %n) : (index, index) -> index
  return %e : index
}

// -----

func.func @main(%a: memref<?xf32>, %b: memref<?xf32> {tern.result}) {
  return
}
func.func private @other(%n: index) -> index {
  %m = arith.muli %n, %n : index
  return %m : index
}
func.func private @main_shapes(%n: index) -> index {
  return %n : index
}
func.func private @main_arena_size(%n: index) -> index {
  // expected-error @+1 {{is more than arithmetic and branches}}
  %e = func.call @other(%n) : (index) -> index
  return %e : index
}

// -----

func.func @main(%a: memref<?xf32>, %b: memref<?xf32> {tern.result}) {
  return
}
func.func private @main_shapes(%n: index) -> index {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{is more than arithmetic and branches: sizes that 'main_shapes' computes so cannot be checked}}
  %power = scf.for %i = %c0 to %n step %c1 iter_args(%p = %c1) -> index {
    %next = arith.muli %p, %n : index
    scf.yield %next : index
  }
  return %power : index
}
func.func private @main_arena_size(%n: index) -> index {
  return %n : index
}
