// RUN: tern-opt %s --tern-share-quantizers | FileCheck %s

// The padded codes of the forward pass serve the backward pass, too.
// CHECK-LABEL: func @padded
// CHECK-SAME: %[[X:.*]]: tensor<?x67xf32>
// CHECK: %[[Q:.*]], %[[S:.*]] = tern.quantize_activations %[[X]] <> padded_to 128
// CHECK-NOT: tern.quantize_activations
// CHECK: %[[PART:.*]] = tensor.extract_slice %[[Q]][0, 0] [%{{.*}}, 67] [1, 1] : tensor<?x128xi8> to tensor<?x67xi8>
// CHECK: return %[[Q]], %[[S]], %[[PART]], %[[S]]
func.func @padded(%x: tensor<?x67xf32>) -> (tensor<?x128xi8>, tensor<?xf32>, tensor<?x67xi8>, tensor<?xf32>) {
  %q, %s = tern.quantize_activations %x <> padded_to 128 : tensor<?x67xf32> -> tensor<?x128xi8>, tensor<?xf32>
  %p, %t = tern.quantize_activations %x <> : tensor<?x67xf32> -> tensor<?x67xi8>, tensor<?xf32>
  return %q, %s, %p, %t : tensor<?x128xi8>, tensor<?xf32>, tensor<?x67xi8>, tensor<?xf32>
}

// The widest may come last, or be as wide.
// CHECK-LABEL: func @order
// CHECK-SAME: %[[X:.*]]: tensor<3x64xf32>
// CHECK: %[[Q:.*]], %[[S:.*]] = tern.quantize_activations %[[X]] <> padded_to 128
// CHECK-NEXT: %[[P:.*]] = tensor.extract_slice %[[Q]][0, 0] [3, 64] [1, 1]
// CHECK-NEXT: %[[O:.*]] = tensor.extract_slice %[[Q]][0, 0] [3, 64] [1, 1]
// CHECK-NEXT: return %[[P]], %[[O]], %[[Q]]
func.func @order(%x: tensor<3x64xf32>) -> (tensor<3x64xi8>, tensor<3x64xi8>, tensor<3x128xi8>) {
  %p, %t = tern.quantize_activations %x <> : tensor<3x64xf32> -> tensor<3x64xi8>, tensor<3xf32>
  %o, %u = tern.quantize_activations %x <> padded_to 32 : tensor<3x64xf32> -> tensor<3x64xi8>, tensor<3xf32>
  %q, %s = tern.quantize_activations %x <> padded_to 128 : tensor<3x64xf32> -> tensor<3x128xi8>, tensor<3xf32>
  return %p, %o, %q : tensor<3x64xi8>, tensor<3x64xi8>, tensor<3x128xi8>
}

// A zero point is shared with the codes.
// CHECK-LABEL: func @zero_point
// CHECK: %[[Q:.*]], %[[S:.*]], %[[Z:.*]] = tern.quantize_activations {{.*}} padded_to 128
// CHECK-NOT: tern.quantize_activations
// CHECK: return %[[Q]], %[[S]], %[[Z]], %[[Z]]
func.func @zero_point(%x: tensor<3x67xf32>) -> (tensor<3x128xi8>, tensor<f32>, tensor<i32>, tensor<i32>) {
  %q, %s, %z = tern.quantize_activations %x <scheme = dynamic_u8_tensor> padded_to 128
    : tensor<3x67xf32> -> tensor<3x128xi8>, tensor<f32>, tensor<i32>
  %p, %t, %y = tern.quantize_activations %x <scheme = dynamic_u8_tensor>
    : tensor<3x67xf32> -> tensor<3x67xi8>, tensor<f32>, tensor<i32>
  return %q, %s, %z, %y : tensor<3x128xi8>, tensor<f32>, tensor<i32>, tensor<i32>
}

// Another quantizer, another tensor, or widths that are not known to be ordered.
// CHECK-LABEL: func @different
// CHECK-COUNT-4: tern.quantize_activations
func.func @different(%x: tensor<3x?xf32>, %y: tensor<3x?xf32>) -> (tensor<3x?xi8>, tensor<3x?xi8>, tensor<3x?xi8>, tensor<3x?xi8>) {
  %p, %t = tern.quantize_activations %x <eps_mode = clamp_scale> : tensor<3x?xf32> -> tensor<3x?xi8>, tensor<3xf32>
  %o, %u = tern.quantize_activations %x <> padded_to 32 : tensor<3x?xf32> -> tensor<3x?xi8>, tensor<3xf32>
  %q, %s = tern.quantize_activations %x <> padded_to 128 : tensor<3x?xf32> -> tensor<3x?xi8>, tensor<3xf32>
  %r, %v = tern.quantize_activations %y <> padded_to 128 : tensor<3x?xf32> -> tensor<3x?xi8>, tensor<3xf32>
  return %p, %o, %q, %r : tensor<3x?xi8>, tensor<3x?xi8>, tensor<3x?xi8>, tensor<3x?xi8>
}
