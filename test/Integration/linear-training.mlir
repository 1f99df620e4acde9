// A training artifact from level `training`: linear regression by gradient
// descent with momentum, written by hand.
//
// RUN: cp %s %t.mlir && %python %S/Inputs/linear_training.py %t.weights.safetensors
// RUN: ternc %t.mlir --weights=%t.weights.safetensors -o %t.so
// RUN: %python %S/Inputs/linear_training.py %t.weights.safetensors %t.so
// RUN: llvm-nm -D --defined-only %t.so | FileCheck %s --check-prefix=SYMBOLS --implicit-check-not=tern
// SYMBOLS: T tern_model{{$}}

#id = affine_map<(d0, d1) -> (d0, d1)>
#v = affine_map<(d0) -> (d0)>
#s = affine_map<(d0) -> ()>
#row = affine_map<(d0, d1) -> (d0)>
#col = affine_map<(d0, d1) -> (d1)>
#sc2 = affine_map<(d0, d1) -> ()>
module attributes {tern.model = "linear", tern.level = "training",
    tern.training = {loss = "mse", optimizer = "momentum", fingerprint = "00"}} {
  func.func @forward(%x: tensor<?x33xf32> {tern.name = "x", tern.shape = ["batch", 33]},
                     %w: tensor<33xf32> {tern.param = "w"}) -> (tensor<?xf32> {tern.name = "y"}) {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x33xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %y = linalg.matvec ins(%x, %w : tensor<?x33xf32>, tensor<33xf32>) outs(%f : tensor<?xf32>) -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
  // w is viewed as [3, 11] on the way, m is a vector, t counts.
  func.func @train_step(%x: tensor<?x33xf32> {tern.name = "x", tern.shape = ["batch", 33]},
                     %t: tensor<?xf32> {tern.name = "target", tern.shape = ["batch"]},
                     %lr: tensor<f32> {tern.scalar = "lr", tern.default = 0.1 : f32},
                     %w: tensor<33xf32> {tern.param = "w", tern.donated = 1 : i64},
                     %m: tensor<33xf32> {tern.state = "w/momentum", tern.init = 0.0 : f32, tern.donated = 2 : i64})
      -> (tensor<f32> {tern.name = "loss"}, tensor<33xf32>, tensor<33xf32>) {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %two = arith.constant 2.0 : f32
    %beta = arith.constant 0.9 : f32
    %n = tensor.dim %x, %c0 : tensor<?x33xf32>
    %ni = arith.index_cast %n : index to i64
    %nf = arith.sitofp %ni : i64 to f32
    %e = tensor.empty(%n) : tensor<?xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %y = linalg.matvec ins(%x, %w : tensor<?x33xf32>, tensor<33xf32>) outs(%f : tensor<?xf32>) -> tensor<?xf32>
    %d = linalg.sub ins(%y, %t : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %e0 = tensor.empty() : tensor<f32>
    %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
    %loss = linalg.generic {indexing_maps = [#v, #s], iterator_types = ["reduction"]}
        ins(%d : tensor<?xf32>) outs(%f0 : tensor<f32>) {
    ^bb0(%a: f32, %o: f32):
      %q = arith.mulf %a, %a : f32
      %q2 = arith.divf %q, %nf : f32
      %r = arith.addf %o, %q2 : f32
      linalg.yield %r : f32
    } -> tensor<f32>
    %ew = tensor.empty() : tensor<33xf32>
    %fw = linalg.fill ins(%zero : f32) outs(%ew : tensor<33xf32>) -> tensor<33xf32>
    %g = linalg.generic {indexing_maps = [affine_map<(k, b) -> (b, k)>, affine_map<(k, b) -> (b)>, affine_map<(k, b) -> (k)>],
        iterator_types = ["parallel", "reduction"]}
        ins(%x, %d : tensor<?x33xf32>, tensor<?xf32>) outs(%fw : tensor<33xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %q = arith.mulf %a, %b : f32
      %q1 = arith.mulf %q, %two : f32
      %q2 = arith.divf %q1, %nf : f32
      %r = arith.addf %o, %q2 : f32
      linalg.yield %r : f32
    } -> tensor<33xf32>
    %l = tensor.extract %lr[] : tensor<f32>
    %w2 = tensor.expand_shape %w [[0, 1]] output_shape [3, 11] : tensor<33xf32> into tensor<3x11xf32>
    %g2 = tensor.expand_shape %g [[0, 1]] output_shape [3, 11] : tensor<33xf32> into tensor<3x11xf32>
    %m2 = tensor.expand_shape %m [[0, 1]] output_shape [3, 11] : tensor<33xf32> into tensor<3x11xf32>
    %en = tensor.empty() : tensor<3x11xf32>
    %new:2 = linalg.generic {indexing_maps = [#id, #id, #id, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%w2, %g2, %m2 : tensor<3x11xf32>, tensor<3x11xf32>, tensor<3x11xf32>)
        outs(%en, %en : tensor<3x11xf32>, tensor<3x11xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %o: f32, %p: f32):
      %c1 = arith.mulf %c, %beta : f32
      %c2 = arith.addf %c1, %b : f32
      %u = arith.mulf %l, %c2 : f32
      %r = arith.subf %a, %u : f32
      linalg.yield %r, %c2 : f32, f32
    } -> (tensor<3x11xf32>, tensor<3x11xf32>)
    %nw = tensor.collapse_shape %new#0 [[0, 1]] : tensor<3x11xf32> into tensor<33xf32>
    %nm = tensor.collapse_shape %new#1 [[0, 1]] : tensor<3x11xf32> into tensor<33xf32>
    return %loss, %nw, %nm : tensor<f32>, tensor<33xf32>, tensor<33xf32>
  }
}
