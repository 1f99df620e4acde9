// RUN: tern-opt %s --tern-share-prepares | FileCheck %s
// RUN: tern-opt %s --tern-share-prepares --tern-share-prepares | tern-opt | FileCheck %s
// RUN: tern-opt %s --tern-tiled-pipeline --tern-buffers-pipeline \
// RUN:   --tern-emit-entry-points | FileCheck %s --check-prefix=PREPARES

// One function does for those that differ in names alone.
// CHECK: func.func @prepare_0(%{{.*}}: tensor<4xf32> {tern.param = "a"}) -> (tensor<4xf32> {tern.param = "a.prepared"})
// CHECK-SAME: tern.instances = {{\[\[}}"b", "b.prepared"], ["d", "d.prepared"]]
// CHECK-NOT: @prepare_1
// CHECK: func.func @prepare_2
// CHECK-NOT: tern.instances
// CHECK-NOT: @prepare_3
// CHECK: func.func @prepare_4

// The signature lists each.
// PREPARES: tern.prepares = [
// PREPARES-SAME: name = "a.prepared", shape = [4]}], params = [{dtype = "f32", name = "a", shape = [4]}], symbol = "tern_prepare_0"
// PREPARES-SAME: name = "b.prepared", shape = [4]}], params = [{dtype = "f32", name = "b", shape = [4]}], symbol = "tern_prepare_0"
// PREPARES-SAME: name = "d.prepared", shape = [4]}], params = [{dtype = "f32", name = "d", shape = [4]}], symbol = "tern_prepare_0"
// PREPARES-SAME: name = "c.prepared", shape = [4]}], params = [{dtype = "f32", name = "c", shape = [4]}], symbol = "tern_prepare_2"
module attributes {tern.prepare, tern.target = #tern.generic} {
  func.func @prepare_0(%w: tensor<4xf32> {tern.param = "a"}) -> (tensor<4xf32> {tern.param = "a.prepared"}) attributes {tern.prepare} {
    %e = tensor.empty() : tensor<4xf32>
    %y = linalg.abs ins(%w : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
  func.func @prepare_1(%w: tensor<4xf32> {tern.param = "b"}) -> (tensor<4xf32> {tern.param = "b.prepared"}) attributes {tern.prepare} {
    %e = tensor.empty() : tensor<4xf32>
    %y = linalg.abs ins(%w : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
  func.func @prepare_2(%w: tensor<4xf32> {tern.param = "c"}) -> (tensor<4xf32> {tern.param = "c.prepared"}) attributes {tern.prepare} {
    %e = tensor.empty() : tensor<4xf32>
    %y = linalg.sqrt ins(%w : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
  func.func @prepare_3(%w: tensor<4xf32> {tern.param = "d"}) -> (tensor<4xf32> {tern.param = "d.prepared"}) attributes {tern.prepare} {
    %e = tensor.empty() : tensor<4xf32>
    %y = linalg.abs ins(%w : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
  func.func @prepare_4(%w: tensor<5xf32> {tern.param = "e"}) -> (tensor<5xf32> {tern.param = "e.prepared"}) attributes {tern.prepare} {
    %e = tensor.empty() : tensor<5xf32>
    %y = linalg.abs ins(%w : tensor<5xf32>) outs(%e : tensor<5xf32>) -> tensor<5xf32>
    return %y : tensor<5xf32>
  }
}
