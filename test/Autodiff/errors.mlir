// RUN: tern-opt %s --split-input-file --tern-differentiate -verify-diagnostics
// RUN: not tern-opt %s --split-input-file --tern-differentiate=function=missing 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not tern-opt %s --split-input-file --tern-differentiate=wrt=7 2>&1 | FileCheck %s --check-prefix=WRT
// MISSING: error: there is no function 'missing'
// WRT: error: there is no argument 7 to differentiate with respect to

func.func @round(%x: f32) -> f32 {
  // expected-error @+1 {{'math.roundeven' cannot be differentiated: its derivative is zero; --tern-raise-bitlinear makes layers of fake quantization whose gradient passes straight through}}
  %y = math.roundeven %x : f32
  return %y : f32
}

// -----

// Named by the node it comes from.
#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
func.func @floor(%x: tensor<4xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %y = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%x : tensor<4xf32>) outs(%z : tensor<f32>) {
    ^bb0(%v: f32, %s: f32):
      // expected-error @+1 {{'math.floor' cannot be differentiated}}
      %f = math.floor %v : f32
      %t = arith.addf %s, %f : f32
      linalg.yield %t : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
func.func @recurrence(%x: tensor<4xf32>, %i: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'linalg.generic' cannot be differentiated: its reduction is not a sum, a product, an extremum or a search}}
  %y = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%x : tensor<4xf32>) outs(%i : tensor<f32>) {
    ^bb0(%v: f32, %s: f32):
      %t = arith.subf %v, %s : f32
      linalg.yield %t : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

func.func private @external(f32) -> f32
func.func @call(%x: f32) -> f32 {
  // expected-error @+1 {{'func.call' cannot be differentiated}}
  %y = call @external(%x) : (f32) -> f32
  return %y : f32
}

// -----

func.func @pad(%x: tensor<4xf32>, %s: f32) -> tensor<f32> {
  // expected-error @+1 {{'tensor.pad' cannot be differentiated: what it pads with is not a constant}}
  %p = tensor.pad %x low[1] high[0] {
    ^bb0(%i: index):
      tensor.yield %s : f32
  } : tensor<4xf32> to tensor<5xf32>
  %y = tensor.extract_slice %p[0] [1] [1] : tensor<5xf32> to tensor<f32>
  return %y : tensor<f32>
}

// -----

// expected-error @+1 {{needs one 0-d float result that depends on the arguments, the loss, but has 2; with seeds=arguments results of any shape are differentiated}}
func.func @two(%x: f32) -> (f32, f32) {
  %y = math.exp %x : f32
  return %x, %y : f32, f32
}

// -----

// expected-error @+1 {{needs one 0-d float result that depends on the arguments, the loss, but has 0}}
func.func @none(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{cannot be differentiated: it has more than one block}}
func.func @blocks(%x: f32, %c: i1) -> f32 {
  cf.cond_br %c, ^a, ^b
^a:
  return %x : f32
^b:
  return %x : f32
}

// -----

func.func @codes(%x: f32) -> f32 {
  %i = arith.fptosi %x : f32 to i32
  %q = tern.surrogate %i derivative %x : i32, f32
  // expected-error @+1 {{'math.absi' cannot be differentiated}}
  %a = math.absi %q : i32
  %y = arith.sitofp %a : i32 to f32
  return %y : f32
}

// -----

func.func @wraps(%x: f32, %k: i8) -> f32 {
  %i = arith.fptosi %x : f32 to i8
  %q = tern.surrogate %i derivative %x : i8, f32
  // expected-error @+1 {{'arith.muli' cannot be differentiated: a product of integers of less than 32 bits wraps}}
  %a = arith.muli %q, %k : i8
  %y = arith.sitofp %a : i8 to f32
  return %y : f32
}
