// RUN: tern-opt %s --resolve-shaped-type-result-dims --canonicalize --cse | FileCheck %s

// Both branches write to one destination, or to two of one size, in whatever loops and branches.
// CHECK-LABEL: func.func @known
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x7xf32>
// CHECK: %[[C0:.*]] = arith.constant 0 : index
// CHECK: %[[N:.*]] = tensor.dim %[[X]], %[[C0]]
// CHECK: return %[[N]], %[[N]], %{{[^,]*}}, %[[N]]
func.func @known(%x: tensor<?x7xf32>, %m: index, %c: i1, %d: i1) -> (index, index, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x7xf32>
  %e = tensor.empty(%n) : tensor<?x7xf32>
  %shared = scf.if %c -> tensor<?x7xf32> {
    %a = linalg.copy ins(%x : tensor<?x7xf32>) outs(%e : tensor<?x7xf32>) -> tensor<?x7xf32>
    scf.yield %a : tensor<?x7xf32>
  } else {
    %a = linalg.fill ins(%zero : f32) outs(%e : tensor<?x7xf32>) -> tensor<?x7xf32>
    scf.yield %a : tensor<?x7xf32>
  }
  %two:2 = scf.if %c -> (tensor<?x7xf32>, tensor<?x?xf32>) {
    %k = tensor.dim %x, %c0 : tensor<?x7xf32>
    %own = tensor.empty(%k) : tensor<?x7xf32>
    %a = scf.forall (%i) = (0) to (%n) step (8) shared_outs(%o = %own) -> tensor<?x7xf32> {
      scf.forall.in_parallel {
      }
    }
    %f = tensor.empty(%n, %m) : tensor<?x?xf32>
    scf.yield %a, %f : tensor<?x7xf32>, tensor<?x?xf32>
  } else {
    %b = scf.if %d -> tensor<?x7xf32> {
      scf.yield %e : tensor<?x7xf32>
    } else {
      %a = scf.for %i = %c0 to %m step %c1 iter_args(%v = %e) -> tensor<?x7xf32> {
        scf.yield %v : tensor<?x7xf32>
      }
      scf.yield %a : tensor<?x7xf32>
    }
    %f = tensor.empty(%n, %m) : tensor<?x?xf32>
    scf.yield %b, %f : tensor<?x7xf32>, tensor<?x?xf32>
  }
  %0 = tensor.dim %shared, %c0 : tensor<?x7xf32>
  %1 = tensor.dim %two#0, %c0 : tensor<?x7xf32>
  %2 = tensor.dim %two#1, %c1 : tensor<?x?xf32>
  %3 = tensor.dim %two#1, %c0 : tensor<?x?xf32>
  return %0, %1, %2, %3 : index, index, index, index
}

// Two sizes, and one that is computed in a branch.
// CHECK-LABEL: func.func @unknown
// CHECK: %[[R:.*]]:2 = scf.if
// CHECK-DAG: tensor.dim %[[R]]#0
// CHECK-DAG: tensor.dim %[[R]]#1
func.func @unknown(%n: index, %m: index, %t: tensor<index>, %c: i1) -> (index, index) {
  %c0 = arith.constant 0 : index
  %r:2 = scf.if %c -> (tensor<?xf32>, tensor<?xf32>) {
    %e = tensor.empty(%n) : tensor<?xf32>
    %size = tensor.extract %t[] : tensor<index>
    %f = tensor.empty(%size) : tensor<?xf32>
    scf.yield %e, %f : tensor<?xf32>, tensor<?xf32>
  } else {
    %e = tensor.empty(%m) : tensor<?xf32>
    scf.yield %e, %e : tensor<?xf32>, tensor<?xf32>
  }
  %0 = tensor.dim %r#0, %c0 : tensor<?xf32>
  %1 = tensor.dim %r#1, %c0 : tensor<?xf32>
  return %0, %1 : index, index
}

// Buffers that branches allocate, once tensors are gone.
// CHECK-LABEL: func.func @buffers
// CHECK-SAME: %[[X:[^:]*]]: memref<?x7xf32>
// CHECK: %[[C0:.*]] = arith.constant 0 : index
// CHECK: %[[N:.*]] = memref.dim %[[X]], %[[C0]]
// CHECK: %[[OTHER:.*]] = scf.if
// CHECK: %[[D:.*]] = memref.dim %[[OTHER]], %[[C0]]
// CHECK: return %[[N]], %[[D]]
func.func @buffers(%x: memref<?x7xf32>, %c: i1) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?x7xf32>
  %equal = scf.if %c -> memref<?x7xf32> {
    %a = memref.alloc(%n) : memref<?x7xf32>
    scf.yield %a : memref<?x7xf32>
  } else {
    scf.yield %x : memref<?x7xf32>
  }
  %other = scf.if %c -> memref<?x7xf32> {
    %m = arith.addi %n, %c1 : index
    %a = memref.alloc(%m) : memref<?x7xf32>
    scf.yield %a : memref<?x7xf32>
  } else {
    scf.yield %x : memref<?x7xf32>
  }
  %d = memref.dim %equal, %c0 : memref<?x7xf32>
  %e = memref.dim %other, %c0 : memref<?x7xf32>
  return %d, %e : index, index
}

// Arguments whose extents have one name; `%z`'s has another, and those of `%u` and `%v` have none.
// CHECK-LABEL: func.func @named
// CHECK-SAME: %[[X:[^:]*]]: memref<?x?xf32>
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[N:.*]] = memref.dim %[[X]], %[[C1]]
// CHECK-DAG: %[[R:.*]] = arith.select %{{.*}}, %arg1, %arg2
// CHECK-DAG: %[[S:.*]] = arith.select %{{.*}}, %arg3, %arg4
// CHECK-DAG: %[[M:.*]] = memref.dim %[[R]]
// CHECK-DAG: %[[L:.*]] = memref.dim %[[S]]
// CHECK: return %[[N]], %[[M]], %[[L]]
func.func @named(%x: memref<?x?xf32> {tern.shape = ["k", "n"]}, %y: memref<?xf32> {tern.shape = ["n"]},
                 %z: memref<?xf32> {tern.shape = ["m"]}, %u: memref<?xf32> {tern.shape = [""]},
                 %v: memref<?xf32> {tern.shape = [""]}, %c: i1) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:3 = scf.if %c -> (memref<?xf32>, memref<?xf32>, memref<?xf32>) {
    %n = memref.dim %x, %c1 : memref<?x?xf32>
    %a = memref.alloc(%n) : memref<?xf32>
    scf.yield %a, %y, %u : memref<?xf32>, memref<?xf32>, memref<?xf32>
  } else {
    scf.yield %y, %z, %v : memref<?xf32>, memref<?xf32>, memref<?xf32>
  }
  %0 = memref.dim %r#0, %c0 : memref<?xf32>
  %1 = memref.dim %r#1, %c0 : memref<?xf32>
  %2 = memref.dim %r#2, %c0 : memref<?xf32>
  return %0, %1, %2 : index, index, index
}

// Of arguments made of results the shapes function knows the extents: %y's is n, %z's is not, whatever its name says.
// CHECK-LABEL: func.func @results
// CHECK-SAME: %[[X:[^:]*]]: memref<?xf32>
// CHECK-DAG: %[[N:.*]] = memref.dim %[[X]]
// CHECK-DAG: %[[R:.*]] = arith.select %{{.*}}, %arg0, %arg2
// CHECK-DAG: %[[M:.*]] = memref.dim %[[R]]
// CHECK: return %[[N]], %[[M]]
func.func @results(%x: memref<?xf32> {tern.shape = ["n"]}, %y: memref<?xf32> {tern.result, tern.shape = ["m"]},
                   %z: memref<?xf32> {tern.result, tern.shape = ["n"]}, %c: i1) -> (index, index) {
  %c0 = arith.constant 0 : index
  %r:2 = scf.if %c -> (memref<?xf32>, memref<?xf32>) {
    scf.yield %x, %x : memref<?xf32>, memref<?xf32>
  } else {
    scf.yield %y, %z : memref<?xf32>, memref<?xf32>
  }
  %0 = memref.dim %r#0, %c0 : memref<?xf32>
  %1 = memref.dim %r#1, %c0 : memref<?xf32>
  return %0, %1 : index, index
}
func.func private @results_shapes(%n: index) -> (index, index) {
  %c2 = arith.constant 2 : index
  %m = arith.muli %n, %c2 : index
  return %n, %m : index, index
}
