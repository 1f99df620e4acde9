# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The order in which reductions add: what `tern.order` says, in NumPy."""
import numpy as np

CHUNK, LANES = 4096, 32


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
