// RUN: tern-opt %s --tern-place-in-destinations --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-place-in-destinations --tern-bufferize --canonicalize --split-input-file | FileCheck %s --check-prefix=BUFFERS

// %b is what %a becomes. In %first it would be lost where %b is written there:
// %a starts in its own place, and is copied before it is changed.
// CHECK-LABEL: func @overwritten
// CHECK-SAME: %[[FIRST:[^:]*]]: memref<8xf32>, %[[SECOND:[^:]*]]: memref<8xf32>)
// CHECK: %[[PLACE:.*]] = bufferization.to_tensor %[[SECOND]] restrict writable
// CHECK: linalg.exp {{.*}} outs(%[[PLACE]] :
// BUFFERS-LABEL: func @overwritten
// BUFFERS-SAME: %[[FIRST:[^:]*]]: memref<8xf32>, %[[SECOND:[^:]*]]: memref<8xf32>)
// BUFFERS: linalg.exp {{.*}} outs(%[[SECOND]] :
// BUFFERS: %[[COPY:.*]] = memref.alloc
// BUFFERS: linalg.copy ins(%[[SECOND]] : {{.*}} outs(%[[COPY]] :
// BUFFERS: memref.store %{{.*}}, %[[COPY]]
// BUFFERS: linalg.copy ins(%[[COPY]] : {{.*}} outs(%[[FIRST]] :
// BUFFERS-NEXT: return
func.func @overwritten(%x: tensor<8xf32> {bufferization.writable = false}, %first: memref<8xf32>, %second: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %b = scf.for %i = %c0 to %c4 step %c1 iter_args(%t = %a) -> tensor<8xf32> {
    %v = tensor.extract %x[%i] : tensor<8xf32>
    %n = tensor.insert %v into %t[%i] : tensor<8xf32>
    scf.yield %n : tensor<8xf32>
  }
  bufferization.materialize_in_destination %b in restrict writable %first : (tensor<8xf32>, memref<8xf32>) -> ()
  bufferization.materialize_in_destination %a in restrict writable %second : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}

// -----

// Another part of the same memory is read late, so there is no place.
// CHECK-LABEL: func @part
// CHECK: %[[E:.*]] = tensor.empty() : tensor<8xf32>
// CHECK: linalg.exp {{.*}} outs(%[[E]] :
func.func @part(%x: tensor<8xf32> {bufferization.writable = false}, %first: memref<8xf32>, %second: memref<3xf32>) {
  %c0 = arith.constant 0 : index
  %f = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %part = tensor.extract_slice %a[2] [3] [1] : tensor<8xf32> to tensor<3xf32>
  %b = tensor.insert %f into %a[%c0] : tensor<8xf32>
  bufferization.materialize_in_destination %b in restrict writable %first : (tensor<8xf32>, memref<8xf32>) -> ()
  bufferization.materialize_in_destination %part in restrict writable %second : (tensor<3xf32>, memref<3xf32>) -> ()
  return
}

// -----

// What is read earlier only does not matter, and neither do other names of what
// is materialized.
// CHECK-LABEL: func @same
// CHECK-SAME: %[[FIRST:[^:]*]]: memref<8xf32>
// CHECK: %[[PLACE:.*]] = bufferization.to_tensor %[[FIRST]] restrict writable
// CHECK: linalg.exp {{.*}} outs(%[[PLACE]] :
// BUFFERS-LABEL: func @same
// BUFFERS-SAME: %[[FIRST:[^:]*]]: memref<8xf32>, %[[SECOND:[^:]*]]: memref<2x4xf32>, %[[THIRD:[^:]*]]: memref<8xf32>)
// BUFFERS-NOT: memref.alloc
// BUFFERS: memref.expand_shape %[[FIRST]]
// BUFFERS: linalg.copy {{.*}} outs(%[[SECOND]] :
// BUFFERS-NEXT: linalg.copy ins(%[[FIRST]] : {{.*}} outs(%[[THIRD]] :
// BUFFERS-NEXT: return
func.func @same(%x: tensor<8xf32> {bufferization.writable = false}, %first: memref<8xf32>, %second: memref<2x4xf32>, %third: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %f = tensor.extract %a[%c0] : tensor<8xf32>
  %b = tensor.insert %f into %a[%c0] : tensor<8xf32>
  %s = tensor.expand_shape %b [[0, 1]] output_shape [2, 4] : tensor<8xf32> into tensor<2x4xf32>
  bufferization.materialize_in_destination %b in restrict writable %first : (tensor<8xf32>, memref<8xf32>) -> ()
  bufferization.materialize_in_destination %s in restrict writable %second : (tensor<2x4xf32>, memref<2x4xf32>) -> ()
  bufferization.materialize_in_destination %b in restrict writable %third : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}

// -----

// Two values for one destination: one tensor, so only one of them is there.
// CHECK-LABEL: func @either
// CHECK-SAME: %[[Y:[^:]*]]: memref<8xf32>)
// CHECK: %[[PLACE:.*]] = bufferization.to_tensor %[[Y]] restrict writable
// CHECK-NOT: bufferization.to_tensor
// CHECK: linalg.exp {{.*}} outs(%[[PLACE]] :
// CHECK: linalg.log {{.*}} outs(%[[PLACE]] :
// BUFFERS-LABEL: func @either
// BUFFERS-SAME: %[[Y:[^:]*]]: memref<8xf32>)
// BUFFERS: linalg.exp {{.*}} outs(%[[EXP:.*]] :
// BUFFERS-NOT: linalg.log {{.*}} outs(%[[EXP]] :
// BUFFERS: linalg.log
func.func @either(%x: tensor<8xf32> {bufferization.writable = false}, %c: i1, %y: memref<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %f = tensor.empty() : tensor<8xf32>
  %b = linalg.log ins(%x : tensor<8xf32>) outs(%f : tensor<8xf32>) -> tensor<8xf32>
  %r = arith.select %c, %a, %b : tensor<8xf32>
  bufferization.materialize_in_destination %r in restrict writable %y : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}

// -----

// The old value of a donated argument is read when the new one has begun: it is
// the same tensor, so that is seen.
// CHECK-LABEL: func @donated
// CHECK-SAME: %[[W:[^:]*]]: memref<8xf32>)
// CHECK: %[[OLD:.*]] = bufferization.to_tensor %[[W]] restrict writable
// CHECK-NOT: bufferization.to_tensor
// CHECK: linalg.exp {{.*}} outs(%[[OLD]] :
// BUFFERS-LABEL: func @donated
// BUFFERS-SAME: %[[W:[^:]*]]: memref<8xf32>)
// BUFFERS-NOT: linalg.exp {{.*}} outs(%[[W]] :
// BUFFERS: memref.load %[[W]]
// BUFFERS: linalg.copy {{.*}} outs(%[[W]] :
func.func @donated(%g: tensor<8xf32> {bufferization.writable = false}, %w: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %old = bufferization.to_tensor %w restrict writable : memref<8xf32> to tensor<8xf32>
  %e = tensor.empty() : tensor<8xf32>
  %t = linalg.exp ins(%g : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %new = scf.for %i = %c0 to %c4 step %c1 iter_args(%acc = %t) -> tensor<8xf32> {
    %v = tensor.extract %old[%i] : tensor<8xf32>
    %n = tensor.insert %v into %acc[%i] : tensor<8xf32>
    scf.yield %n : tensor<8xf32>
  }
  bufferization.materialize_in_destination %new in restrict writable %w : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}

// -----

// What is materialized is written over later, itself or a part: it is not where
// it would be lost. It may be where the result of that is to be.
// CHECK-LABEL: func @changed
// CHECK-SAME: %[[FIRST:[^:]*]]: memref<8xf32>, %[[SECOND:[^:]*]]: memref<8xf32>)
// CHECK: %[[PLACE:.*]] = bufferization.to_tensor %[[SECOND]] restrict writable
// CHECK: linalg.exp {{.*}} outs(%[[PLACE]] :
// BUFFERS-LABEL: func @changed
// BUFFERS-SAME: %[[FIRST:[^:]*]]: memref<8xf32>, %[[SECOND:[^:]*]]: memref<8xf32>)
// BUFFERS-NEXT: linalg.exp {{.*}} outs(%[[SECOND]] :
// BUFFERS-NEXT: linalg.copy ins(%[[SECOND]] : {{.*}} outs(%[[FIRST]] :
// BUFFERS-NEXT: linalg.log {{.*}} outs(%[[SECOND]] :
// BUFFERS-NEXT: return
func.func @changed(%x: tensor<8xf32> {bufferization.writable = false}, %first: memref<8xf32>, %second: memref<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  bufferization.materialize_in_destination %a in restrict writable %first : (tensor<8xf32>, memref<8xf32>) -> ()
  %b = linalg.log ins(%x : tensor<8xf32>) outs(%a : tensor<8xf32>) -> tensor<8xf32>
  bufferization.materialize_in_destination %b in restrict writable %second : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}

// CHECK-LABEL: func @changed_part
// CHECK-SAME: %[[FIRST:[^:]*]]: memref<8xf32>, %[[SECOND:[^:]*]]: memref<3xf32>)
// CHECK-NOT: bufferization.to_tensor %[[FIRST]]
// CHECK: %[[E:.*]] = tensor.empty() : tensor<8xf32>
// CHECK: linalg.exp {{.*}} outs(%[[E]] :
func.func @changed_part(%x: tensor<8xf32> {bufferization.writable = false}, %first: memref<8xf32>, %second: memref<3xf32>) {
  %c0 = arith.constant 0 : index
  %f = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  bufferization.materialize_in_destination %a in restrict writable %first : (tensor<8xf32>, memref<8xf32>) -> ()
  %part = tensor.extract_slice %a[2] [3] [1] : tensor<8xf32> to tensor<3xf32>
  %b = tensor.insert %f into %part[%c0] : tensor<3xf32>
  bufferization.materialize_in_destination %b in restrict writable %second : (tensor<3xf32>, memref<3xf32>) -> ()
  return
}

// -----

// What is computed in any case is materialized in some only.
// CHECK-LABEL: func @sometimes
// CHECK-NOT: bufferization.to_tensor
// CHECK: return
func.func @sometimes(%x: tensor<8xf32> {bufferization.writable = false}, %c: i1, %y: memref<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  scf.if %c {
    bufferization.materialize_in_destination %a in restrict writable %y : (tensor<8xf32>, memref<8xf32>) -> ()
  }
  return
}

// -----

// Both branches write to one destination, also where another result is made of theirs, and comes last.
// CHECK-LABEL: func @branches
// CHECK-SAME: %[[FIRST:[^:]*]]: memref<?xf32>, %[[SECOND:[^:]*]]: memref<?xf32>)
// CHECK-NOT: to_tensor %[[SECOND]]
// CHECK: %[[T:.*]] = bufferization.to_tensor %[[FIRST]]
// CHECK: scf.if
// CHECK: linalg.exp {{.*}} outs(%[[T]] :
// CHECK: else
// CHECK: linalg.log {{.*}} outs(%[[T]] :
func.func @branches(%x: tensor<?xf32> {bufferization.writable = false}, %c: i1, %first: memref<?xf32>, %second: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %f = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %a = scf.if %c -> tensor<?xf32> {
    %p = linalg.exp ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %p : tensor<?xf32>
  } else {
    %q = linalg.log ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %q : tensor<?xf32>
  }
  %b = tensor.insert %f into %a[%c0] : tensor<?xf32>
  bufferization.materialize_in_destination %a in restrict writable %first : (tensor<?xf32>, memref<?xf32>) -> ()
  bufferization.materialize_in_destination %b in restrict writable %second : (tensor<?xf32>, memref<?xf32>) -> ()
  return
}
