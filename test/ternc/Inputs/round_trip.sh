# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Each file given reads the same after a way through text and bytecode.
for file; do
  tern-opt "$file" --mlir-print-debuginfo -o once.mlir
  tern-opt once.mlir --emit-bytecode -o once.mlirbc
  tern-opt once.mlirbc --mlir-print-debuginfo -o twice.mlir
  cmp once.mlir twice.mlir
done
