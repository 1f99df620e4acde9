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


class Float:
    """A sign, an exponent and a mantissa; `special` maps codes without the sign to what they stand for.

    The magnitudes are ordered like their codes. One that is greater than all is rounded as if codes went on.
    """

    dtype = np.uint8

    def __init__(self, number, width, mantissa, bias, special=(), one_zero=False, overflow=None, nan=None):
        self.number, self.width, self.one_zero = number, width, one_zero
        self.sign = 2 ** (width - 1)
        codes = np.arange(self.sign + 1)  # One more than there are, for what is rounded up from the last.
        exponents = codes >> mantissa
        magnitudes = np.where(exponents == 0, np.ldexp(codes / 2**mantissa, 1 - bias),
                              np.ldexp(1 + codes % 2**mantissa / 2**mantissa, exponents - bias))
        self.table = magnitudes[: self.sign].copy()
        for code, value in dict(special).items():
            self.table[code] = value
        # The codes of numbers, and the one after them.
        self.greatest = int(np.flatnonzero(np.isfinite(self.table))[-1])
        self.magnitudes = magnitudes[: self.greatest + 2]
        self.overflow = self.greatest if overflow is None else overflow
        self.nan = nan

    def decode(self, codes):
        """The values of bytes, of which the low bits count, as float64."""
        codes = np.asarray(codes, np.uint8) & (2 * self.sign - 1)
        values = np.where(codes >= self.sign, -1.0, 1.0) * self.table[codes % self.sign]
        return np.where(codes == self.sign, np.nan, values) if self.one_zero else values

    def encode(self, x, saturate=True, mode=None):
        """Doubles rounded to the nearest, ties to the even code."""
        x = np.asarray(x, np.float64)
        magnitude = np.where(np.isnan(x), 0, np.abs(x))
        upper = np.minimum(np.searchsorted(self.magnitudes, magnitude), self.greatest + 1)
        lower = np.maximum(upper - 1, 0)
        middle = (self.magnitudes[lower] + self.magnitudes[upper]) / 2
        is_upper = (magnitude > middle) | ((magnitude == middle) & (upper % 2 == 0))
        codes = np.where(is_upper, upper, lower)
        codes = np.where(codes > self.greatest, self.greatest if saturate else self.overflow, codes)
        codes = np.where(np.isnan(x), self.nan, codes)
        signed = codes | np.where(np.signbit(x), self.sign, 0)
        return np.where(self.one_zero & (codes == 0), codes, signed).astype(np.uint8)

    def interesting(self):
        """All numbers, and what is halfway between neighbours, the last and beyond included."""
        beyond = 2 * self.magnitudes[-1] - self.magnitudes[-2]
        values = np.append(self.magnitudes, beyond)
        values = np.concatenate([values, (values[1:] + values[:-1]) / 2, values * 2, values / 4])
        return np.concatenate([values, -values])

    def random(self, rng, shape):
        return rng.integers(0, 2 * self.sign, shape).astype(np.uint8)

    def pack(self, codes):
        return pack_bits(np.ravel(codes) & (2 * self.sign - 1), self.width)

    def int32(self, codes):
        """What is in int32_data: packed bytes, but for 6 bits."""
        return np.ravel(codes) if self.width == 6 else self.pack(codes)


class Power:
    """float8e8m0: the powers of two from -127 to 127, and NaN."""

    dtype, number, width = np.uint8, 24, 8

    def decode(self, codes):
        codes = np.asarray(codes, np.uint8).astype(np.int64)
        return np.where(codes == 255, np.nan, np.ldexp(1.0, codes - 127))

    def encode(self, x, saturate=True, mode="up"):
        x = np.asarray(x, np.float64)
        fraction, exponent = np.frexp(np.where(np.isfinite(x) & (x != 0), x, 1))
        step = {"up": fraction > 0.5, "down": False, "nearest": fraction >= 0.75}[mode]
        codes = np.clip(exponent - 1 + step + 127, 0, 254)
        codes = np.where(x == np.inf, 254, np.where(x == 0, 0, codes))
        bad = np.isnan(x) | (x < 0)
        if not saturate:
            bad |= (x < 2.0**-127) | (x > 2.0**127)
        return np.where(bad, 255, codes).astype(np.uint8)

    def interesting(self):
        powers = np.ldexp(1.0, np.arange(-150, 129))
        return np.concatenate([powers, powers * 1.5, powers * 1.25, powers * 1.75, -powers])

    def random(self, rng, shape):
        return rng.integers(0, 256, shape).astype(np.uint8)

    def pack(self, codes):
        return np.ravel(codes)

    int32 = pack


INTEGERS = {"u4": Integer(21, 4, False), "i4": Integer(22, 4, True), "u2": Integer(25, 2, False), "i2": Integer(26, 2, True)}
FLOATS = {
    "f8e4m3fn": Float(17, 8, 3, 7, {0x7F: np.nan}, overflow=0x7F, nan=0x7F),
    "f8e4m3fnuz": Float(18, 8, 3, 8, one_zero=True, overflow=0x80, nan=0x80),
    "f8e5m2": Float(19, 8, 2, 15, {0x7C: np.inf, 0x7D: np.nan, 0x7E: np.nan, 0x7F: np.nan}, overflow=0x7C, nan=0x7E),
    "f8e5m2fnuz": Float(20, 8, 2, 16, one_zero=True, overflow=0x80, nan=0x80),
    "f4e2m1": Float(23, 4, 1, 1, nan=0x8),
    "f6e2m3": Float(27, 6, 3, 1, nan=0x20),
    "f6e3m2": Float(28, 6, 2, 3, nan=0x20),
    "f8e8m0": Power(),
}
NARROW = {**INTEGERS, **FLOATS}


def bf16_bits(x):
    """Doubles rounded to bfloat16, ties to even, by exact arithmetic on the doubles; NaNs are one."""
    x = np.asarray(x, np.float64)
    exponent = np.maximum(np.frexp(np.where(np.isfinite(x), x, 0))[1], -125)  # Subnormals share the least one's.
    unit = np.ldexp(1.0, exponent - 8)
    rounded = np.where(np.isfinite(x), np.rint(x / unit) * unit, x)
    bits = (rounded.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return np.where(np.isnan(x), np.uint16(0x7FC0), bits)


def from_bf16(bits):
    """The values of bfloat16 bits as doubles."""
    wide = np.atleast_1d(np.asarray(bits, np.uint16)).astype(np.uint32) << 16
    return wide.view(np.float32).astype(np.float64).reshape(np.shape(bits))
