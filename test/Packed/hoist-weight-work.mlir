// RUN: tern-opt %s --tern-hoist-weight-work --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-hoist-weight-work --tern-hoist-weight-work --split-input-file | FileCheck %s

// Packing and scale share the quantizer, so they share a function.
// CHECK-LABEL: func @main
// CHECK-SAME: %{{.*}}: tensor<4x128xi8>
// CHECK-SAME: tensor<f32> {tern.param = "w.scale"}
// CHECK-SAME: tensor<2x1x4x32xi8> {tern.param = "w.packed"}
// CHECK-NOT: tern.quantize_weights
// CHECK-NOT: tern.pack #
// CHECK: tern.packed_matmul
// CHECK: func @prepare_0(%{{.*}}: tensor<8x100xf32> {tern.param = "w"})
// CHECK-SAME: -> (tensor<f32> {tern.param = "w.scale"}, tensor<2x1x4x32xi8> {tern.param = "w.packed"})
// CHECK-SAME: attributes {tern.prepare, tern.target = #tern.generic}
// CHECK-NEXT: %[[C:.*]], %[[S:.*]] = tern.quantize_weights
// CHECK-NEXT: %[[P:.*]] = tern.pack #tern.bits2 %[[C]]
// CHECK-NEXT: return %[[S]], %[[P]]
// CHECK-NOT: func @prepare_1
func.func @main(%q: tensor<4x128xi8>, %w: tensor<8x100xf32> {tern.param = "w"}) -> (tensor<4x8xi32>, tensor<f32>) {
  %c, %s = tern.quantize_weights %w <statistic = absmean> : (tensor<8x100xf32>) -> (tensor<8x100xi8>, tensor<f32>)
  %p = tern.pack #tern.bits2 %c : (tensor<8x100xi8>) -> tensor<2x1x4x32xi8>
  %e = tensor.empty() : tensor<4x8xi32>
  %y = tern.packed_matmul #tern.bits2 ins(%q, %p : tensor<4x128xi8>, tensor<2x1x4x32xi8>) outs(%e : tensor<4x8xi32>) -> tensor<4x8xi32>
  return %y, %s : tensor<4x8xi32>, tensor<f32>
}

// -----

// Two weights, two functions; a transposed weight that is used as it is too.
// CHECK-LABEL: func @two
// CHECK-SAME: tensor<8x5xf32> {tern.param = "a"}
// CHECK-SAME: tensor<5x8xf32> {tern.param = "a.prepared"}
// CHECK-SAME: tensor<5x8xf32> {tern.param = "b.prepared"}
// CHECK-NOT: {tern.param = "b"}
// CHECK: func @prepare_0({{.*}}tern.param = "a"
// CHECK: func @prepare_1({{.*}}tern.param = "b"
func.func @two(%x: tensor<?x8xf32>, %a: tensor<8x5xf32> {tern.param = "a"}, %b: tensor<8x5xf32> {tern.param = "b"})
    -> (tensor<5x8xf32>, tensor<5x8xf32>, tensor<8x5xf32>) {
  %e = tensor.empty() : tensor<5x8xf32>
  %at = linalg.transpose ins(%a : tensor<8x5xf32>) outs(%e : tensor<5x8xf32>) permutation = [1, 0]
  %bt = linalg.transpose ins(%b : tensor<8x5xf32>) outs(%e : tensor<5x8xf32>) permutation = [1, 0]
  return %at, %bt, %a : tensor<5x8xf32>, tensor<5x8xf32>, tensor<8x5xf32>
}

// -----

// Views and broadcasts stay; so does what meets an input, and a private function.
// CHECK-LABEL: func @stay
// CHECK: tensor.collapse_shape
// CHECK: linalg.broadcast
// CHECK: arith.addf
// CHECK-NOT: func @prepare
func.func @stay(%x: tensor<8x5xf32>, %w: tensor<8x5xf32> {tern.param = "w"}, %b: tensor<5xf32> {tern.param = "b"})
    -> (tensor<40xf32>, tensor<99x5xf32>, tensor<8x5xf32>) {
  %v = tensor.collapse_shape %w [[0, 1]] : tensor<8x5xf32> into tensor<40xf32>
  %e = tensor.empty() : tensor<99x5xf32>
  %bb = linalg.broadcast ins(%b : tensor<5xf32>) outs(%e : tensor<99x5xf32>) dimensions = [0]
  %s = arith.addf %x, %w : tensor<8x5xf32>
  return %v, %bb, %s : tensor<40xf32>, tensor<99x5xf32>, tensor<8x5xf32>
}
func.func private @private(%w: tensor<8x5xf32> {tern.param = "w"}) -> tensor<8x5xf32> {
  %s = arith.addf %w, %w : tensor<8x5xf32>
  return %s : tensor<8x5xf32>
}

// -----

// A loop writes its state over the copy of the initial one, so each call has to make that copy. What the copy is of, and
// what the loop only reads, is prepared.
// CHECK-LABEL: func @state
// CHECK-SAME: tensor<8x5xf32> {tern.param = "h.prepared"}
// CHECK-SAME: tensor<8x5xf32> {tern.param = "w.prepared"}
// CHECK: %[[COPY:.*]] = tensor.insert_slice %{{.*}} into
// CHECK: %[[INIT:.*]] = tensor.collapse_shape %[[COPY]]
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[INIT]])
// CHECK: func @prepare_0
// CHECK-NOT: tensor.insert_slice
// CHECK: func @prepare_1
// CHECK-NOT: tensor.insert_slice
func.func @state(%n: index, %h: tensor<5x8xf32> {tern.param = "h"}, %w: tensor<5x8xf32> {tern.param = "w"})
    -> tensor<8x5xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<8x5xf32>
  %ht = linalg.transpose ins(%h : tensor<5x8xf32>) outs(%e : tensor<8x5xf32>) permutation = [1, 0]
  %wt = linalg.transpose ins(%w : tensor<5x8xf32>) outs(%e : tensor<8x5xf32>) permutation = [1, 0]
  %spread = tensor.empty() : tensor<1x8x5xf32>
  %copy = tensor.insert_slice %ht into %spread[0, 0, 0] [1, 8, 5] [1, 1, 1] : tensor<8x5xf32> into tensor<1x8x5xf32>
  %init = tensor.collapse_shape %copy [[0, 1], [2]] : tensor<1x8x5xf32> into tensor<8x5xf32>
  %last = scf.for %i = %c0 to %n step %c1 iter_args(%state = %init) -> tensor<8x5xf32> {
    %sum = arith.addf %state, %wt : tensor<8x5xf32>
    %next = bufferization.materialize_in_destination %sum in %state : (tensor<8x5xf32>, tensor<8x5xf32>) -> tensor<8x5xf32>
    scf.yield %next : tensor<8x5xf32>
  }
  return %last : tensor<8x5xf32>
}

// -----

// Out of branches: what is stored is there, whichever is taken. Other work stays.
// CHECK-LABEL: func @branches
// CHECK-SAME: tensor<5x8xf32> {tern.param = "a.prepared"}
// CHECK: scf.if
// CHECK: scf.if
// CHECK: linalg.transpose
// CHECK: func @prepare_0({{.*}}tern.param = "a"
// CHECK: linalg.transpose
func.func @branches(%x: tensor<8x5xf32>, %a: tensor<8x5xf32> {tern.param = "a"}, %c: i1, %d: i1) -> tensor<5x8xf32> {
  %r = scf.if %c -> tensor<5x8xf32> {
    %s = scf.if %d -> tensor<5x8xf32> {
      %e = tensor.empty() : tensor<5x8xf32>
      %at = linalg.transpose ins(%a : tensor<8x5xf32>) outs(%e : tensor<5x8xf32>) permutation = [1, 0]
      scf.yield %at : tensor<5x8xf32>
    } else {
      %e = tensor.empty() : tensor<5x8xf32>
      %xt = linalg.transpose ins(%x : tensor<8x5xf32>) outs(%e : tensor<5x8xf32>) permutation = [1, 0]
      scf.yield %xt : tensor<5x8xf32>
    }
    scf.yield %s : tensor<5x8xf32>
  } else {
    %e = tensor.empty() : tensor<5x8xf32>
    scf.yield %e : tensor<5x8xf32>
  }
  return %r : tensor<5x8xf32>
}

// -----

// What two functions need alike is prepared once, and has one name in both; what
// only looks alike has a name of its own.
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: tensor<4xf32> {tern.param = "w.prepared"})
// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: tensor<4xf32> {tern.param = "w.prepared"}, %{{[^:]*}}: tensor<4xf32> {tern.param = "w.prepared.2"})
// CHECK: func.func @prepare_0(%{{.*}}: tensor<4xf32> {tern.param = "w"}) -> (tensor<4xf32> {tern.param = "w.prepared"})
// CHECK: math.exp
// CHECK: func.func @prepare_1(%{{.*}}: tensor<4xf32> {tern.param = "w"}) -> (tensor<4xf32> {tern.param = "w.prepared.2"})
// CHECK: math.sqrt
// CHECK-NOT: func.func @prepare
#all = affine_map<(d0) -> (d0)>
func.func @decode(%x: tensor<4xf32>, %w: tensor<4xf32> {tern.param = "w"}) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]} ins(%w : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %r = math.exp %i : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  %y = linalg.add ins(%x, %a : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func @prefill(%x: tensor<4xf32>, %w: tensor<4xf32> {tern.param = "w"}) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]} ins(%w : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %r = math.exp %i : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]} ins(%w : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %r = math.sqrt %i : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  %y = linalg.add ins(%x, %a : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %z = linalg.add ins(%y, %b : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}
