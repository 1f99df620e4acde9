// RUN: tern-opt %s --tern-materialize-shapes --tern-donate --tern-buffers-pipeline --split-input-file --verify-diagnostics -o /dev/null

// The old value is read after the new one is computed.
func.func @late(%g: tensor<4xf32>, %w: tensor<4xf32> {tern.param = "w", tern.donated = 0 : i64})
    -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{donated argument "w" cannot be updated in place: its old value is still needed when the new one is computed}}
  %new = linalg.sub ins(%w, %g : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.add ins(%w, %new : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %new, %sum : tensor<4xf32>, tensor<4xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>
#rev = affine_map<(d0) -> (3 - d0)>

// The old value is read in another order than the new one is written in.
func.func @order(%w: tensor<4xf32> {tern.state = "s", tern.donated = 0 : i64}) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{donated argument "s" cannot be updated in place}}
  %new = linalg.generic {indexing_maps = [#rev, #id], iterator_types = ["parallel"]}
      ins(%w : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<4xf32>
  return %new : tensor<4xf32>
}

// -----

// Two arguments cannot change places.
func.func @swap(
    // expected-error @+1 {{donated argument "b" cannot be updated in place}}
    %a: tensor<4xf32> {tern.state = "a", tern.donated = 0 : i64},
    // expected-error @+1 {{donated argument "a" cannot be updated in place}}
    %b: tensor<4xf32> {tern.state = "b", tern.donated = 1 : i64}) -> (tensor<4xf32>, tensor<4xf32>) {
  return %b, %a : tensor<4xf32>, tensor<4xf32>
}
