// RUN: tern-opt %s --tern-materialize-shapes --split-input-file --verify-diagnostics | FileCheck %s

#rows = affine_map<(d0, d1) -> (d0, d1)>

// Static extents are returned too; equal names are one dim.
// CHECK-LABEL: func.func @main
// CHECK: func.func private @main_shapes(%[[B:.*]]: index, %[[S:.*]]: index) -> (index, index, index, index) {
// CHECK-DAG: %[[C10:.*]] = arith.constant 10 : index
// CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
// CHECK: %[[D:.*]] = arith.muli %[[S]], %[[C2]]
// CHECK-NEXT: return %[[B]], %[[C10]], %[[B]], %[[D]]
func.func @main(%x: tensor<?x?xf32> {tern.shape = ["batch", "seq"]}, %y: tensor<?x10xf32> {tern.shape = ["batch", 10]})
    -> (tensor<?x10xf32>, tensor<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %s = tensor.dim %x, %c1 : tensor<?x?xf32>
  %d = arith.muli %s, %c2 : index
  %c0 = arith.constant 0 : index
  %b = tensor.dim %y, %c0 : tensor<?x10xf32>
  %e = tensor.empty(%b) : tensor<?x10xf32>
  %r = linalg.exp ins(%y : tensor<?x10xf32>) outs(%e : tensor<?x10xf32>) -> tensor<?x10xf32>
  %e2 = tensor.empty(%b, %d) : tensor<?x?xf32>
  return %r, %e2 : tensor<?x10xf32>, tensor<?x?xf32>
}

// Private functions are not entry functions.
// CHECK-NOT: @helper_shapes
func.func private @helper(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// Nameless extents get names of their own; what is there stays.
// CHECK: func.func private @main_shapes(%{{.*}}: index) -> index
// CHECK-NOT: _shapes_shapes
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

func.func @main(%x: tensor<?xf32>, %n: tensor<1xindex>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{an extent of a result of 'main' depends on data: it must follow from the extents of the inputs}}
  %d = tensor.extract %n[%c0] : tensor<1xindex>
  %e = tensor.empty(%d) : tensor<?xf32>
  return %e : tensor<?xf32>
}

// -----

// Assertions are for the caller to ask about; they leave the function.
// CHECK: func.func @main{{.*}} attributes {tern.checks = ["rows differ"]}
// CHECK-NOT: cf.assert
// CHECK: func.func private @main_shapes(%[[A:.*]]: index, %[[B:.*]]: index) -> (index, index) {
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK: %[[IS:.*]] = arith.cmpi eq, %[[A]], %[[B]]
// CHECK: %[[ANSWER:.*]] = arith.select %[[IS]], %[[C1]], %[[C0]]
// CHECK: return %[[A]], %[[ANSWER]]
func.func @main(%x: tensor<?xf32> {tern.shape = ["a"]}, %y: tensor<?xf32> {tern.shape = ["b"]}) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %a = tensor.dim %x, %c0 : tensor<?xf32>
  %b = tensor.dim %y, %c0 : tensor<?xf32>
  %is = arith.cmpi eq, %a, %b : index
  cf.assert %is, "rows differ"
  return %x : tensor<?xf32>
}

// -----

// Of elements they are known once the function has run: it returns which of
// them was the first to fail.
// CHECK: func.func @main(%{{.*}}: tensor<?xf32> {{.*}}, %[[I:.*]]: tensor<2xi1>) -> (tensor<?xf32>, tensor<i32> {tern.failed_check})
// CHECK-SAME: attributes {tern.element_checks = ["first", "second"]}
// CHECK-DAG: %[[TWO:.*]] = arith.constant 2 : i32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK: %[[SECOND:.*]] = arith.select %{{.*}}, %[[ZERO]], %[[TWO]] : i32
// CHECK: %[[ONE:.*]] = arith.constant 1 : i32
// CHECK: %[[FIRST:.*]] = arith.select %{{.*}}, %[[SECOND]], %[[ONE]] : i32
// CHECK: %[[FAILED:.*]] = tensor.from_elements %[[FIRST]] : tensor<i32>
// CHECK: return %{{.*}}, %[[FAILED]]
// CHECK: func.func private @main_shapes(%[[N:.*]]: index) -> index {
// CHECK: return %[[N]]
func.func @main(%x: tensor<?xf32> {tern.shape = ["n"]}, %i: tensor<2xi1>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %first = tensor.extract %i[%c0] : tensor<2xi1>
  cf.assert %first, "first"
  %second = tensor.extract %i[%c1] : tensor<2xi1>
  cf.assert %second, "second"
  return %x : tensor<?xf32>
}

// -----

// A loop that writes elements keeps its extents.
// CHECK: func.func private @main_shapes(%[[N:.*]]: index) -> index {
// CHECK: return %[[N]]
func.func @main(%x: tensor<?xf32> {tern.shape = ["n"]}, %i: tensor<4xindex>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %f = arith.constant 1.0 : f32
  %r = scf.for %k = %c0 to %c4 step %c1 iter_args(%t = %x) -> tensor<?xf32> {
    %at = tensor.extract %i[%k] : tensor<4xindex>
    %next = tensor.insert %f into %t[%at] : tensor<?xf32>
    scf.yield %next : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// So does what is computed from the result of one, whose extents are asked
// only as those of the last operation are followed.
// CHECK: func.func private @main_shapes(%[[N:.*]]: index) -> (index, index) {
// CHECK: return %[[N]], %
func.func @main(%x: tensor<?x4xf32> {tern.shape = ["n", 4]}) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %empty = tensor.empty(%n) : tensor<?x4xf32>
  %sum = tensor.empty() : tensor<1x4xf32>
  %r:2 = scf.for %k = %c0 to %n step %c1 iter_args(%t = %empty, %s = %sum) -> (tensor<?x4xf32>, tensor<1x4xf32>) {
    %row = tensor.extract_slice %x[%k, 0] [1, 4] [1, 1] : tensor<?x4xf32> to tensor<1x4xf32>
    %next = tensor.insert_slice %row into %t[%k, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<?x4xf32>
    scf.yield %next, %row : tensor<?x4xf32>, tensor<1x4xf32>
  }
  %n2 = tensor.dim %r#0, %c0 : tensor<?x4xf32>
  %out = tensor.empty(%n2) : tensor<?x4xf32>
  %y = linalg.exp ins(%r#0 : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// What a branch yields depends on elements where something in it does.
// CHECK-LABEL: func.func @branch
// CHECK-SAME: tern.checks = ["extent"]
// CHECK-SAME: tern.element_checks = ["element"]
func.func @branch(%x: tensor<?xf32> {tern.shape = ["n"]}, %t: tensor<i1>) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %yes = arith.constant true
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %c = arith.cmpi eq, %n, %c0 : index
  %a = scf.if %c -> i1 {
    %e = tensor.extract %t[] : tensor<i1>
    scf.yield %e : i1
  } else {
    scf.yield %yes : i1
  }
  %b = scf.if %c -> i1 {
    %m = tensor.dim %x, %c0 : tensor<?xf32>
    %e = arith.cmpi eq, %m, %n : index
    scf.yield %e : i1
  } else {
    scf.yield %yes : i1
  }
  cf.assert %a, "element"
  cf.assert %b, "extent"
  %e = tensor.empty() : tensor<f32>
  return %e : tensor<f32>
}

// -----

#map = affine_map<(d0, d1) -> (d0, d1)>

// What a loop carries has one extent, though each value is a tensor of its own.
// CHECK-LABEL: func.func private @main_shapes
// CHECK-SAME: (%[[N:.*]]: index)
// CHECK: return %[[N]], %{{c4.*}} : index, index
func.func @main(%x: tensor<3x?x4xf32> {tern.name = "x", tern.shape = [3, "n", 4]}) -> (tensor<?x4xf32> {tern.name = "y"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c1 : tensor<3x?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %h = scf.for %t = %c0 to %c3 step %c1 iter_args(%s = %init) -> tensor<?x4xf32> {
    %f = tensor.empty(%n) : tensor<?x4xf32>
    %next = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<?x4xf32>) outs(%f : tensor<?x4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %b = arith.addf %a, %a : f32
      linalg.yield %b : f32
    } -> tensor<?x4xf32>
    scf.yield %next : tensor<?x4xf32>
  }
  return %h : tensor<?x4xf32>
}

// -----

// One that grows depends on how often the loop runs.
func.func @main(%x: tensor<?xf32> {tern.name = "x", tern.shape = ["n"]}) -> (tensor<?xf32> {tern.name = "y"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %h = scf.for %t = %c0 to %c3 step %c1 iter_args(%s = %x) -> tensor<?xf32> {
    // expected-error @+1 {{an extent of a result of 'main' depends on data: it must follow from the extents of the inputs}}
    %n = tensor.dim %s, %c0 : tensor<?xf32>
    %m = arith.addi %n, %c1 : index
    %next = tensor.empty(%m) : tensor<?xf32>
    scf.yield %next : tensor<?xf32>
  }
  return %h : tensor<?xf32>
}

// -----

// Checks of scalars and extents are answered ahead; they come before those of
// elements, which count on from them.
// CHECK: func.func @main(%{{.*}}: tensor<?xf32> {{.*}}, %[[I:.*]]: tensor<2xi1>, %{{.*}}: tensor<i64> {{.*}}) -> (tensor<?xf32>, tensor<i32> {tern.failed_check})
// CHECK-SAME: attributes {tern.checks = ["extents"], tern.element_checks = ["scalar", "element"], tern.scalar_checks = 1 : i64}
// CHECK-NOT: cf.assert
// CHECK: %[[TWO:.*]] = arith.constant 2 : i32
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[TWO]] : i32
// CHECK: func.func private @main_shapes(%{{.*}}: index) -> (index, index)
// CHECK: func.func private @main_scalar_checks(%[[A:[^:]*]]: index, %[[N:[^:]*]]: i64) -> index
// CHECK: %[[INDEX:.*]] = arith.index_cast %[[N]]
// CHECK: arith.cmpi sle, %[[INDEX]], %[[A]]
func.func @main(%x: tensor<?xf32> {tern.shape = ["a"]}, %i: tensor<2xi1>, %n: tensor<i64> {tern.scalar = "n"}) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c7 = arith.constant 7 : index
  %a = tensor.dim %x, %c0 : tensor<?xf32>
  %element = tensor.extract %i[%c0] : tensor<2xi1>
  cf.assert %element, "element"
  %value = tensor.extract %n[] : tensor<i64>
  %index = arith.index_cast %value : i64 to index
  %fits = arith.cmpi sle, %index, %a : index
  cf.assert %fits, "scalar"
  %few = arith.cmpi sle, %a, %c7 : index
  cf.assert %few, "extents"
  return %x : tensor<?xf32>
}
