# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The orders in which floats are added, in NumPy: what `tern.order` says of reductions, and `tern.packed_matmul` does."""
import numpy as np

CHUNK, LANES = 4096, 32
PRODUCT_CHUNK, PACKED_CHUNK = 512, 128


def fold(terms, in_lanes, op=np.add):
    """op over the last axis of terms, which is a row in row-major order."""
    neutral = terms.dtype.type(op.identity)
    total = np.full(terms.shape[:-1], neutral)
    for first in range(0, terms.shape[-1], CHUNK):
        chunk = terms[..., first:first + CHUNK]
        width = LANES if in_lanes else 1
        lanes = np.full((*total.shape, width), neutral)
        for i in range(0, chunk.shape[-1], width):
            part = chunk[..., i:i + width]
            lanes[..., :part.shape[-1]] = op(lanes[..., :part.shape[-1]], part)
        while width > 1:
            width //= 2
            lanes = op(lanes[..., :width], lanes[..., width:2 * width])
        total = op(total, lanes[..., 0])
    return total


def reduce(x, axes, op=np.add):
    """op over some axes of x: in lanes if the innermost is one of them."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    terms = np.ascontiguousarray(x.transpose(kept + sorted(axes)))
    terms = terms.reshape(*[x.shape[axis] for axis in kept], -1)
    return fold(terms, x.ndim - 1 in axes, op)


def fma(a, b, c):
    """a * b + c of f32, rounded once: the product is exact in f64, and a sum that is rounded to an odd last bit there
    rounds to f32 as the exact one does."""
    product, c = np.multiply(a, b, dtype=np.float64), np.float64(c)
    total = product + c
    part = total - product
    error = (product - (total - part)) + (c - part)
    odd = np.nextafter(total, np.copysign(np.inf, error))
    inexact = np.isfinite(total) & (error != 0) & (np.asarray(total).view(np.int64) % 2 == 0)
    return np.where(inexact, odd, total).astype(np.float32)


def product(p, v, chunk=None, fused=True):
    """p [.., m, k] times v [.., k, n] in f32: k ascending, anew in each chunk, by fused multiply-adds or without."""
    shape = np.broadcast_shapes(p.shape[:-2], v.shape[:-2]) + (p.shape[-2], v.shape[-1])
    total = np.zeros(shape, np.float32)
    length = p.shape[-1]
    for first in range(0, length, chunk or max(length, 1)):
        part = np.zeros(shape, np.float32)
        for k in range(first, min(first + (chunk or length), length)):
            a, b = p[..., :, k:k + 1], v[..., k:k + 1, :]
            part = fma(a, b, part) if fused else part + a * b
        total = total + part if chunk else part
    return total


def packed_product(x, codes, scales=None, group=0):
    """x [m, k], floats or 8-bit integers, times codes [n, k]; scales [n, groups]."""
    length = x.shape[1]
    group = group or length
    total = np.zeros((x.shape[0], codes.shape[0]), np.float32)
    for number, start in enumerate(range(0, length, group)):
        end = min(start + group, length)
        if x.dtype == np.int8:
            # Exact: below 2^53.
            part = (x[:, start:end].astype(np.float64) @ codes[:, start:end].T).astype(np.float32)
        else:
            part = product(x[:, start:end], codes[:, start:end].T.astype(np.float32), PACKED_CHUNK, fused=False)
        total = part if scales is None else fma(part, scales[:, number], total)
    return total
