# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A module with a function for each of those on f32 that Tern computes itself."""
UNARY = ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "tanh", "erf", "rsqrt")

print('module attributes {tern.target = #tern.x86<features = ["avx2", "fma"]>} {')
for name in UNARY:
    print(f"func.func @{name}(%x: f32) -> f32 {{\n  %r = math.{name} %x : f32\n  return %r : f32\n}}")
print("func.func @powf(%x: f32, %y: f32) -> f32 {\n  %r = math.powf %x, %y : f32\n  return %r : f32\n}\n}")
