// RUN: tern-opt %s --split-input-file --tern-bfloats-as-integers --verify-diagnostics | FileCheck %s

// Types, constants, globals and addresses; no bf16 is left.
// CHECK-NOT: bf16
// CHECK: llvm.mlir.global private constant @w(dense<[16256, -16384]> : tensor<2xi16>) {{.*}} : !llvm.array<2 x i16>
llvm.mlir.global private constant @w(dense<[1.0, -2.0]> : tensor<2xbf16>) {addr_space = 0 : i32} : !llvm.array<2 x bf16>

// CHECK-LABEL: llvm.func @moves(
// CHECK-SAME: i16) -> vector<2xi16>
// CHECK: llvm.mlir.constant(dense<32704> : vector<2xi16>) : vector<2xi16>
// CHECK: llvm.mlir.constant(16256 : i16) : i16
// CHECK: llvm.getelementptr {{.*}} -> !llvm.ptr, i16
// CHECK: llvm.intr.masked.load {{.*}} -> vector<2xi16>
// CHECK: llvm.select {{.*}} : vector<2xi1>, vector<2xi16>
llvm.func @moves(%p: !llvm.ptr, %i: i64, %mask: vector<2xi1>, %x: bf16) -> vector<2xbf16> {
  %nan = llvm.mlir.constant(dense<0x7FC0> : vector<2xbf16>) : vector<2xbf16>
  %one = llvm.mlir.constant(1.0 : bf16) : bf16
  %zero = llvm.mlir.constant(0 : i32) : i32
  %a = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, bf16
  llvm.store %x, %a : bf16, !llvm.ptr
  %l = llvm.intr.masked.load %a, %mask, %nan {alignment = 2 : i32} : (!llvm.ptr, vector<2xi1>, vector<2xbf16>) -> vector<2xbf16>
  %s = llvm.select %mask, %l, %nan : vector<2xi1>, vector<2xbf16>
  %r = llvm.insertelement %one, %s[%zero : i32] : vector<2xbf16>
  llvm.return %r : vector<2xbf16>
}

// -----

llvm.func @arithmetic(%x: f64) -> bf16 {
  // expected-error @+1 {{computes with bf16, which has to be expanded before}}
  %y = llvm.fptrunc %x : f64 to bf16
  llvm.return %y : bf16
}
