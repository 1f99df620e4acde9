# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of samples of images at positions between elements."""
from onnx_fuzz_draw import generator


@generator("GridSample")
def grid_sample(d):
    d.opset = d.choice((16, 20, 22))
    mode = d.choice(("nearest", "linear", "cubic", None))
    rank = 3 if d.opset >= 20 and mode != "cubic" and d.flip(0.4) else 2
    if d.opset < 20:
        mode = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    batch, channels = d.size(3), d.size(3)
    largest = 7 if rank == 3 else 17
    # ONNX Runtime reflects at corners of one element by dividing by 0.
    x = d.array([batch, channels, *(d.size(largest, 2) for _ in range(rank))])
    reach = d.choice((1.1, 1.1, 4.0))
    grid = d.array([batch, *(d.size(largest) for _ in range(rank)), rank], "f4", -reach, reach)
    d.node("GridSample", [d.input(x), d.input(grid)], mode=mode, padding_mode=d.choice((None, "zeros", "border", "reflection")),
           align_corners=d.choice((None, 0, 1)))
