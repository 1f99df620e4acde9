// RUN: tern-opt %s --tern-bound-scalars --split-input-file --verify-diagnostics | FileCheck %s
// RUN: tern-opt %s --tern-bound-scalars --tern-materialize-shapes --canonicalize --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=CHECKS

// All that reads the scalar reads it within its bounds, also in a loop; a scalar
// without bounds stays.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[N:[^:]*]]: tensor<i32> {tern.bound = [1, "room"], tern.scalar = "n"}, %[[M:[^:]*]]: tensor<i64>
// CHECK: %[[ROOM:.*]] = tensor.dim %[[CACHE:.*]], %{{.*}} : tensor<?x4xf32>
// CHECK: %[[LEAST:.*]] = arith.constant 1 : index
// CHECK: %[[GIVEN:.*]] = tensor.extract %[[N]][]
// CHECK: %[[INDEX:.*]] = arith.index_cast %[[GIVEN]] : i32 to index
// CHECK: %[[GE:.*]] = arith.cmpi sge, %[[INDEX]], %[[LEAST]]
// CHECK: %[[LE:.*]] = arith.cmpi sle, %[[INDEX]], %[[ROOM]]
// CHECK: %[[FITS:.*]] = arith.andi %[[GE]], %[[LE]]
// CHECK: cf.assert %[[FITS]], "scalar 'n' must be from 1 to 'room'"
// CHECK: %[[MAX:.*]] = affine.max {{.*}}[[INDEX]], %[[LEAST]])
// CHECK: %[[MIN:.*]] = affine.min {{.*}}[[MAX]], %[[ROOM]])
// CHECK: %[[WITHIN:.*]] = arith.index_cast %[[MIN]] : index to i32
// CHECK-NOT: tensor.extract %[[N]]
// CHECK: scf.for
// CHECK: arith.addi %{{.*}}, %[[WITHIN]]
// CHECK: tensor.extract %[[M]]
//
// The check is answered from the extent and both scalars' values, before
// anything else is; it needs no result.
// CHECKS-LABEL: func.func @main
// CHECKS-NOT: tern.failed_check
// CHECKS-SAME: attributes {tern.element_checks = ["scalar 'n' must be from 1 to 'room'"], tern.scalar_checks = 1 : i64}
// CHECKS-NOT: cf.assert
// CHECKS: func.func private @main_scalar_checks(%[[ROOM:[^:]*]]: index, %[[N:[^:]*]]: i32, %{{[^:]*}}: i64) -> index
// CHECKS-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECKS-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECKS: %[[INDEX:.*]] = arith.index_cast %[[N]]
// CHECKS: %[[GE:.*]] = arith.cmpi sge, %[[INDEX]], %[[C1]]
// CHECKS: %[[LE:.*]] = arith.cmpi sle, %[[INDEX]], %[[ROOM]]
// CHECKS: %[[FITS:.*]] = arith.andi %[[GE]], %[[LE]]
// CHECKS: %[[FAILED:.*]] = arith.select %[[FITS]], %[[C0]], %[[C1]]
// CHECKS: return %[[FAILED]]
func.func @main(%n: tensor<i32> {tern.scalar = "n", tern.bound = [1, "room"]}, %m: tensor<i64> {tern.scalar = "m"},
                %cache: tensor<?x4xf32> {tern.state = "cache", tern.shape = ["room", 4], tern.init = 0.0 : f32})
    -> tensor<2xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %e = tensor.empty() : tensor<2xi32>
  %r = scf.for %i = %c0 to %c2 step %c1 iter_args(%t = %e) -> tensor<2xi32> {
    %v = tensor.extract %n[] : tensor<i32>
    %s = arith.addi %v, %v : i32
    %u = tensor.insert %s into %t[%i] : tensor<2xi32>
    scf.yield %u : tensor<2xi32>
  }
  %o = tensor.extract %m[] : tensor<i64>
  %k = arith.trunci %o : i64 to i32
  %q = tensor.insert %k into %r[%c0] : tensor<2xi32>
  return %q : tensor<2xi32>
}

// -----

// Whoever has a shapes function has its checks.
// CHECK-LABEL: func.func @main
// CHECK-NOT: cf.assert
func.func @main(%n: tensor<i64> {tern.scalar = "n", tern.bound = [0, 4]}) -> tensor<1xi64> {
  %v = tensor.extract %n[] : tensor<i64>
  %r = tensor.from_elements %v : tensor<1xi64>
  return %r : tensor<1xi64>
}
func.func private @main_shapes() -> index {
  %c1 = arith.constant 1 : index
  return %c1 : index
}

// -----

// expected-error @+1 {{scalar 'n' is bounded by 'room', which is no extent of an argument}}
func.func @main(%n: tensor<i64> {tern.scalar = "n", tern.bound = [0, "room"]}, %x: tensor<?xf32> {tern.shape = ["rooms"]})
    -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
