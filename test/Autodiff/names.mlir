// RUN: tern-opt %s --split-input-file --tern-differentiate=function=f -verify-diagnostics

// expected-error @+1 {{there is a function 'f_gradient' already}}
func.func @f(%x: f32) -> f32 {
  return %x : f32
}
func.func @f_gradient(%x: f32) -> f32 {
  return %x : f32
}

// -----

func.func @f(%x: f32) -> f32 {
  return %x : f32
}
// expected-error @+1 {{the gradient has type '(f32) -> (f32, f32)'}}
func.func private @f_gradient(f32) -> f32

// -----

// A function that calls itself has no end to inline.
func.func @f(%x: f32) -> f32 {
  // expected-error @+1 {{'func.call' cannot be differentiated}}
  %y = call @f(%x) : (f32) -> f32
  return %y : f32
}
