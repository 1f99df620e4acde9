# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX's narrow element types in NumPy, from their definitions: values of all codes, packing, conversion."""
import numpy as np


def pack_bits(codes, width):
    """Unsigned codes, the first in the low bits, as bytes; the unused bits of the last one are set."""
    bits = (np.asarray(codes, np.uint8).reshape(-1, 1) >> np.arange(width)) & 1
    bits = bits.ravel()
    padding = np.ones(-len(bits) % 8, np.uint8)
    return np.packbits(np.concatenate([bits, padding]).astype(np.uint8), bitorder="little")


class Integer:
    def __init__(self, number, width, signed):
        self.number, self.width, self.signed = number, width, signed
        self.dtype = np.int8 if signed else np.uint8
        self.low = -(2 ** (width - 1)) if signed else 0
        self.high = self.low + 2**width - 1

    def wrap(self, values):
        """Integers, of which the low bits are kept."""
        return ((np.asarray(values, np.int64) - self.low) % 2**self.width + self.low).astype(self.dtype)

    def decode(self, codes):
        """The values of bytes, of which the low bits count, as int64."""
        return self.wrap(codes.astype(np.int64)).astype(np.int64)

    def random(self, rng, shape):
        return rng.integers(self.low, self.high + 1, shape).astype(self.dtype)

    def pack(self, codes):
        return pack_bits(np.ravel(codes).astype(np.int64) & (2**self.width - 1), self.width)

    def int32(self, codes):
        """What is in int32_data: packed bytes."""
        return self.pack(codes)


INTEGERS = {"u4": Integer(21, 4, False), "i4": Integer(22, 4, True), "u2": Integer(25, 2, False), "i2": Integer(26, 2, True)}
NARROW = dict(INTEGERS)


def bf16_bits(x):
    """Doubles rounded to bfloat16, ties to even, by exact arithmetic on the doubles; NaNs are one."""
    x = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        exponent = np.maximum(np.frexp(np.where(np.isfinite(x), x, 0))[1], -125)  # Subnormals share the least one's.
        unit = np.ldexp(1.0, exponent - 8)
        rounded = np.where(np.isfinite(x), np.rint(x / unit) * unit, x)
        bits = (rounded.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return np.where(np.isnan(x), np.uint16(0x7FC0), bits)


def from_bf16(bits):
    """The values of bfloat16 bits as doubles."""
    wide = np.atleast_1d(np.asarray(bits, np.uint16)).astype(np.uint32) << 16
    return wide.view(np.float32).astype(np.float64).reshape(np.shape(bits))
