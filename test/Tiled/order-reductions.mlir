// RUN: tern-opt %s --tern-order-reductions --split-input-file | FileCheck %s
// RUN: tern-opt %s --tern-order-reductions --split-input-file --mlir-print-op-generic | tern-opt --split-input-file | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>

// The innermost axis is reduced: a row.
// CHECK-LABEL: func @row
// CHECK: arith.addf {{.*}} {tern.order = "lanes"} : f32
func.func @row(%x: tensor<?x8xf32>, %e: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %0 = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x8xf32>) outs(%0 : tensor<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %n = arith.addf %a, %s : f32
    linalg.yield %n : f32
  } -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// The innermost axis stays: columns. A product of two operands that lie alike is no matrix product.
// CHECK-LABEL: func @columns
// CHECK: arith.mulf
// CHECK-NEXT: arith.addf {{.*}} {tern.order = "ascending"} : f64
func.func @columns(%x: tensor<?x8xf64>, %y: tensor<?x8xf64>) -> tensor<8xf64> {
  %zero = arith.constant dense<0.0> : tensor<8xf64>
  %1 = linalg.generic {indexing_maps = [#id, #id, #column], iterator_types = ["reduction", "parallel"]}
      ins(%x, %y : tensor<?x8xf64>, tensor<?x8xf64>) outs(%zero : tensor<8xf64>) {
  ^bb0(%a: f64, %b: f64, %s: f64):
    %p = arith.mulf %a, %b : f64
    %n = arith.addf %s, %p : f64
    linalg.yield %n : f64
  } -> tensor<8xf64>
  return %1 : tensor<8xf64>
}

// Loops of a gradient come with the parallel ones first: the axes of what is summed decide.
// CHECK-LABEL: func @bias
// CHECK: arith.addf {{.*}} {tern.order = "ascending"} : f32
func.func @bias(%x: tensor<?x8xf32>) -> tensor<8xf32> {
  %zero = arith.constant dense<0.0> : tensor<8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(j, i) -> (i, j)>, affine_map<(j, i) -> (j)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x8xf32>) outs(%zero : tensor<8xf32>) {
  ^bb0(%a: f32, %s: f32):
    %n = arith.addf %s, %a : f32
    linalg.yield %n : f32
  } -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

// -----

// Reduction loops come in the order of the axes.
// CHECK-DAG: #[[$X:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func @transposed
// CHECK: linalg.generic {indexing_maps = [#[[$X]], #{{.*}}], iterator_types = ["reduction", "reduction"]}
// CHECK: {tern.order = "lanes"}
func.func @transposed(%x: tensor<3x2xf32>) -> tensor<f32> {
  %zero = arith.constant dense<0.0> : tensor<f32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%x : tensor<3x2xf32>) outs(%zero : tensor<f32>) {
  ^bb0(%a: f32, %s: f32):
    %n = arith.addf %s, %a : f32
    linalg.yield %n : f32
  } -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// What a sum started from is added afterwards.
// CHECK-LABEL: func @started
// CHECK-SAME: %[[X:.*]]: tensor<8xf32>, %[[INIT:.*]]: tensor<f32>
// CHECK: %[[ONE:.*]] = arith.constant 1.0
// CHECK: %[[START:.*]] = linalg.fill ins(%[[ONE]] : f32)
// CHECK: %[[PRODUCT:.*]] = linalg.generic {{.*}} outs(%[[START]] : tensor<f32>)
// CHECK: arith.mulf {{.*}} {tern.order = "lanes"}
// CHECK: %[[RESULT:.*]] = linalg.generic {{.*}} ins(%[[PRODUCT]] : tensor<f32>) outs(%[[INIT]] : tensor<f32>)
// CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: return %[[RESULT]]
func.func @started(%x: tensor<8xf32>, %init: tensor<f32>) -> tensor<f32> {
  %1 = linalg.reduce ins(%x : tensor<8xf32>) outs(%init : tensor<f32>) dimensions = [0]
    (%a: f32, %s: f32) {
      %n = arith.mulf %a, %s : f32
      linalg.yield %n : f32
    }
  return %1 : tensor<f32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// Of two results each is its own; a maximum has no order.
// CHECK-LABEL: func @two
// CHECK: linalg.generic
// CHECK: arith.addf {{.*}} {tern.order = "lanes"}
// CHECK-NEXT: linalg.yield %{{.*}} : f32
// CHECK: linalg.generic
// CHECK-NOT: tern.order
// CHECK: arith.maximumf
// CHECK-NEXT: linalg.yield %{{.*}} : f32
func.func @two(%x: tensor<2x8xf32>, %m: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %zero = arith.constant dense<0.0> : tensor<2xf32>
  %1:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x8xf32>) outs(%zero, %m : tensor<2xf32>, tensor<2xf32>) {
  ^bb0(%a: f32, %s: f32, %t: f32):
    %n = arith.addf %s, %a : f32
    %o = arith.maximumf %t, %a : f32
    linalg.yield %n, %o : f32, f32
  } -> (tensor<2xf32>, tensor<2xf32>)
  return %1#0, %1#1 : tensor<2xf32>, tensor<2xf32>
}

// -----

// Windows are rows, unless channels are the innermost axis.
// CHECK-LABEL: func @pool
// CHECK: {tern.order = "lanes"}
// CHECK: {tern.order = "ascending"}
func.func @pool(%x: tensor<1x2x8x8xf32>, %y: tensor<1x8x8x2xf32>, %w: tensor<3x3xf32>) -> (tensor<1x2x6x6xf32>, tensor<1x6x6x2xf32>) {
  %zero = arith.constant dense<0.0> : tensor<1x2x6x6xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(c, y, x, k, l) -> (0, c, y + k, x + l)>, affine_map<(c, y, x, k, l) -> (k, l)>,
                                        affine_map<(c, y, x, k, l) -> (0, c, y, x)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x2x8x8xf32>, tensor<3x3xf32>) outs(%zero : tensor<1x2x6x6xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %n = arith.addf %s, %a : f32
    linalg.yield %n : f32
  } -> tensor<1x2x6x6xf32>
  %also = arith.constant dense<0.0> : tensor<1x6x6x2xf32>
  %2 = linalg.pooling_nhwc_sum ins(%y, %w : tensor<1x8x8x2xf32>, tensor<3x3xf32>) outs(%also : tensor<1x6x6x2xf32>) -> tensor<1x6x6x2xf32>
  return %1, %2 : tensor<1x2x6x6xf32>, tensor<1x6x6x2xf32>
}

// -----

// Matrix products, convolutions, integers, maxima, two additions and sums that
// overlap stay as they are.
// CHECK-LABEL: func @none
// CHECK-NOT: tern.order
func.func @none(%x: tensor<4x8xf32>, %w: tensor<8x5xf32>, %i: tensor<4x8xi32>, %k: tensor<3xf32>, %v: tensor<8xf32>)
    -> (tensor<4x5xf32>, tensor<4xi32>, tensor<4xf32>, tensor<6xf32>, tensor<4xf32>, tensor<8xf32>) {
  %y = arith.constant dense<0.0> : tensor<4x5xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x5xf32>) outs(%y : tensor<4x5xf32>) -> tensor<4x5xf32>
  %s = arith.constant dense<0> : tensor<4xi32>
  %1 = linalg.reduce { arith.addi } ins(%i : tensor<4x8xi32>) outs(%s : tensor<4xi32>) dimensions = [1]
  %z = arith.constant dense<0.0> : tensor<4xf32>
  %2 = linalg.reduce { arith.maximumf } ins(%x : tensor<4x8xf32>) outs(%z : tensor<4xf32>) dimensions = [1]
  %c = arith.constant dense<0.0> : tensor<6xf32>
  %3 = linalg.conv_1d ins(%v, %k : tensor<8xf32>, tensor<3xf32>) outs(%c : tensor<6xf32>) -> tensor<6xf32>
  %4 = linalg.reduce ins(%x : tensor<4x8xf32>) outs(%z : tensor<4xf32>) dimensions = [1]
    (%a: f32, %b: f32) {
      %d = arith.addf %b, %a : f32
      %e = arith.addf %d, %a : f32
      linalg.yield %e : f32
    }
  %f = arith.constant dense<0.0> : tensor<8xf32>
  %5 = linalg.generic {indexing_maps = [affine_map<(x, k) -> (x)>, affine_map<(x, k) -> (k)>, affine_map<(x, k) -> (x + k)>],
                       iterator_types = ["reduction", "reduction"]}
      ins(%c, %k : tensor<6xf32>, tensor<3xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %t: f32):
    %n = arith.addf %t, %a : f32
    linalg.yield %n : f32
  } -> tensor<8xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<4x5xf32>, tensor<4xi32>, tensor<4xf32>, tensor<6xf32>, tensor<4xf32>, tensor<8xf32>
}

// -----

#p = affine_map<(b, m, k) -> (b, m, k)>
#s = affine_map<(b, m, k) -> (b, m)>

// A product with a softmax, along whose axis it adds, through views, casts and masks.
// CHECK-LABEL: func @attention
// CHECK: arith.addf {{.*}} {tern.order = "lanes"} : f32
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK: arith.mulf
// CHECK-NEXT: arith.addf {{.*}} {tern.order = "chunks"} : f32
// The gradient of the values adds along another axis.
// CHECK: linalg.generic
// CHECK: arith.mulf
// CHECK-NEXT: arith.addf %{{[^{]*}} : f32
func.func @attention(%x: tensor<2x?x7xf32>, %mask: tensor<2x?x7xf32>, %v: tensor<2x7x16xf32>, %dy: tensor<2x?x16xf32>, %d: index) -> (tensor<2x?x16xf32>, tensor<2x7x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty(%d) : tensor<2x?x7xf32>
  %exp = linalg.generic {indexing_maps = [#p, #p], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<2x?x7xf32>) outs(%e0 : tensor<2x?x7xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = math.exp %a : f32
    linalg.yield %n : f32
  } -> tensor<2x?x7xf32>
  %e1 = tensor.empty(%d) : tensor<2x?xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<2x?xf32>) -> tensor<2x?xf32>
  %sum = linalg.generic {indexing_maps = [#p, #s], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%exp : tensor<2x?x7xf32>) outs(%f1 : tensor<2x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.addf %o, %a : f32
    linalg.yield %n : f32
  } -> tensor<2x?xf32>
  %softmax = linalg.generic {indexing_maps = [#p, #s, #p], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%exp, %sum : tensor<2x?x7xf32>, tensor<2x?xf32>) outs(%e0 : tensor<2x?x7xf32>) {
  ^bb0(%a: f32, %t: f32, %o: f32):
    %n = arith.divf %a, %t : f32
    linalg.yield %n : f32
  } -> tensor<2x?x7xf32>
  %masked = linalg.generic {indexing_maps = [#p, #p, #p], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%softmax, %mask : tensor<2x?x7xf32>, tensor<2x?x7xf32>) outs(%e0 : tensor<2x?x7xf32>) {
  ^bb0(%a: f32, %t: f32, %o: f32):
    %n = arith.mulf %a, %t : f32
    linalg.yield %n : f32
  } -> tensor<2x?x7xf32>
  %view = tensor.expand_shape %masked [[0, 1], [2], [3]] output_shape [1, 2, %d, 7] : tensor<2x?x7xf32> into tensor<1x2x?x7xf32>
  %p = tensor.collapse_shape %view [[0, 1], [2], [3]] : tensor<1x2x?x7xf32> into tensor<2x?x7xf32>
  %e2 = tensor.empty(%d) : tensor<2x?x16xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x?x16xf32>) -> tensor<2x?x16xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x?x7xf32>, tensor<2x7x16xf32>) outs(%f2 : tensor<2x?x16xf32>) -> tensor<2x?x16xf32>
  %e3 = tensor.empty() : tensor<2x7x16xf32>
  %f3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<2x7x16xf32>) -> tensor<2x7x16xf32>
  %dv = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, k, m)>, affine_map<(b, m, n, k) -> (b, k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>],
                        iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %dy : tensor<2x?x7xf32>, tensor<2x?x16xf32>) outs(%f3 : tensor<2x7x16xf32>) {
  ^bb0(%a: f32, %t: f32, %o: f32):
    %m = arith.mulf %a, %t : f32
    %n = arith.addf %o, %m : f32
    linalg.yield %n : f32
  } -> tensor<2x7x16xf32>
  return %y, %dv : tensor<2x?x16xf32>, tensor<2x7x16xf32>
}

// -----

// Exponentials over the sum of others, or along another axis, are no softmax.
#p = affine_map<(m, k) -> (m, k)>
#s = affine_map<(m, k) -> (m)>
// CHECK-LABEL: func @no_softmax
// CHECK-NOT: "chunks"
func.func @no_softmax(%x: tensor<5x5xf32>, %t: tensor<5xf32>, %v: tensor<5x16xf32>) -> tensor<5x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<5x5xf32>
  %exp = linalg.exp ins(%x : tensor<5x5xf32>) outs(%e0 : tensor<5x5xf32>) -> tensor<5x5xf32>
  %e1 = tensor.empty() : tensor<5xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<5xf32>) -> tensor<5xf32>
  %sum = linalg.generic {indexing_maps = [#p, affine_map<(m, k) -> (k)>], iterator_types = ["reduction", "parallel"]}
      ins(%exp : tensor<5x5xf32>) outs(%f1 : tensor<5xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.addf %o, %a : f32
    linalg.yield %n : f32
  } -> tensor<5xf32>
  %q = linalg.generic {indexing_maps = [#p, #s, #s, #p], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum, %t : tensor<5x5xf32>, tensor<5xf32>, tensor<5xf32>) outs(%e0 : tensor<5x5xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %d = arith.divf %a, %b : f32
    %n = arith.divf %d, %c : f32
    linalg.yield %n : f32
  } -> tensor<5x5xf32>
  %e2 = tensor.empty() : tensor<5x16xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<5x16xf32>) -> tensor<5x16xf32>
  %y = linalg.matmul ins(%q, %v : tensor<5x5xf32>, tensor<5x16xf32>) outs(%f2 : tensor<5x16xf32>) -> tensor<5x16xf32>
  return %y : tensor<5x16xf32>
}
