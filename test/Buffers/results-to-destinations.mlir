// RUN: tern-opt %s --tern-results-to-destinations --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?xf32> {bufferization.writable = false, tern.name = "x"}
// CHECK-SAME: %[[P:.*]]: tensor<2xi8> {bufferization.writable = false, tern.param = "p"}
// CHECK-SAME: %[[Y:.*]]: memref<?xf32> {tern.name = "y", tern.result, tern.shape = ["n"]}
// CHECK-SAME: %[[Q:.*]]: memref<2xi8> {tern.result}) {
// CHECK: bufferization.materialize_in_destination %[[X]] in restrict writable %[[Y]]
// CHECK: bufferization.materialize_in_destination %[[P]] in restrict writable %[[Q]]
// CHECK: return{{$}}
func.func @main(%x: tensor<?xf32> {tern.name = "x"}, %p: tensor<2xi8> {tern.param = "p"})
    -> (tensor<?xf32> {tern.name = "y", tern.shape = ["n"]}, tensor<2xi8>) {
  return %x, %p : tensor<?xf32>, tensor<2xi8>
}

// CHECK: func.func private @shapes(%{{.*}}: index) -> index
func.func private @shapes(%n: index) -> index {
  return %n : index
}

// -----

// expected-error @+1 {{result #0 is of type 'f32', expected a ranked tensor}}
func.func @main(%x: f32) -> f32 {
  return %x : f32
}
