// RUN: tern-opt %s --pass-pipeline='builtin.module(func.func(tern-lower-linalg))' --split-input-file --verify-diagnostics

// An order is stated of what has none.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// The accumulator is no operand.
func.func @maximum(%x: memref<4x8xf32>, %y: memref<4xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x8xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %s: f32):
    %m = arith.maximumf %s, %a : f32
    // expected-error @+1 {{states 'tern.order' but does not fold terms of their own into the elements of the operation's only result}}
    %n = arith.addf %m, %a {tern.order = "lanes"} : f32
    linalg.yield %n : f32
  }
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// Both operands are.
func.func @twice(%x: memref<4x8xf32>, %y: memref<4xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x8xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %s: f32):
    // expected-error @+1 {{states 'tern.order' but does not fold terms}}
    %n = arith.addf %s, %s {tern.order = "ascending"} : f32
    linalg.yield %n : f32
  }
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// It is no operation that is yielded.
func.func @inside(%x: memref<4x8xf32>, %y: memref<4xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x8xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %s: f32):
    // expected-error @+1 {{states 'tern.order' but does not fold terms}}
    %t = arith.addf %a, %a {tern.order = "lanes"} : f32
    %n = arith.addf %s, %t : f32
    linalg.yield %n : f32
  }
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#sum = affine_map<(i, j) -> (i + j)>

// Several iterations of the parallel loop meet in an element.
func.func @shared(%x: memref<4x8xf32>, %y: memref<11xf32>) {
  linalg.generic {indexing_maps = [#id, #sum], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x8xf32>) outs(%y : memref<11xf32>) {
  ^bb0(%a: f32, %s: f32):
    // expected-error @+1 {{states 'tern.order' but does not fold terms}}
    %n = arith.addf %s, %a {tern.order = "lanes"} : f32
    linalg.yield %n : f32
  }
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// There are two results.
func.func @two(%x: memref<4x8xf32>, %y: memref<4xf32>, %z: memref<4xf32>) {
  linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x8xf32>) outs(%y, %z : memref<4xf32>, memref<4xf32>) {
  ^bb0(%a: f32, %s: f32, %t: f32):
    // expected-error @+1 {{states 'tern.order' but does not fold terms}}
    %n = arith.addf %s, %a {tern.order = "lanes"} : f32
    %m = arith.mulf %t, %a : f32
    linalg.yield %n, %m : f32, f32
  }
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// The body writes.
func.func @writes(%x: memref<4x8xf32>, %y: memref<4xf32>, %log: memref<f32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x8xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %s: f32):
    memref.store %a, %log[] : memref<f32>
    // expected-error @+1 {{states 'tern.order' but does not fold terms}}
    %n = arith.addf %s, %a {tern.order = "lanes"} : f32
    linalg.yield %n : f32
  }
  return
}
