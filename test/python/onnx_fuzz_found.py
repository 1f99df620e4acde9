# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models that were once compiled to something else than the reference, or not at all."""
import numpy as np
from onnx_fuzz_draw import found


@found("slice-backwards-from-before-the-first")
def slice_backwards(d):
    x = d.input(d.array([3, d.size()]))
    # Starts are clamped to the first element, so that there is one.
    d.node("Slice", [x, *(d.constant([v], "i8") for v in (-16, -22, 0, -3))])
    d.node("Slice", [x, *(d.constant([v], "i8") for v in (-500, -600, 1, -3))])


@found("reduction-of-nothing")
def reduction_of_nothing(d):
    x = d.input(d.array([d.size(257)], "f8", 0.5, 1.5))
    d.opset = 18
    d.node("ReduceLogSum", [x, d.constant([], "i8")], noop_with_empty_axes=1)


@found("mean-of-integers")
def mean_of_integers(d):
    x = d.input(d.array([d.size(), d.size()], "i4"))
    d.opset = 18
    d.node("ReduceMean", [x, d.constant([1], "i8")], keepdims=0)


@found("variance-like-epsilon")
def small_variance(d):
    x = np.float32(1e-4) * d.array([d.size(), 3, d.size(), 7])
    d.node("MeanVarianceNormalization", [d.input(x)])


@found("transposed-window-larger-than-its-input")
def small_input(d):
    x = d.input(d.array([1, 3, d.size() + 1, 2]))
    d.node("ConvTranspose", [x, d.operand([3, 2, 3, 3])], dilations=[1, 2], strides=[2, 2], pads=[0, 0, 0, 1])


@found("one-time-in-both-directions")
def one_time(d):
    batch = d.size()
    x, w, r = d.operand([1, batch, 3]), d.operand([2, 5, 3]), d.operand([2, 5, 5])
    d.node("RNN", [x, w, r], 2, direction="bidirectional", hidden_size=5)


@found("range-of-i16")
def range_of_i16(d):
    d.node("Range", [d.constant(v, "i2") for v in (-3, 1000, 33)])


@found("statistics-of-doubles")
def statistics(d):
    x = d.input(d.array([d.size(), 7], "f8"))
    d.node("LayerNormalization", [x, d.constant(d.array([7], "f8", constant=True))], 3)


@found("resize-clamps-beyond-the-border")
def resize_antialias(d):
    d.opset = 18
    d.is_evaluated = True
    x = d.input(d.array([7, d.size() + 2, 5]))
    d.node("Resize", [x, None, d.constant([1, 2.6, 0.6], "f4")], antialias=1, mode="cubic")


@found("crop-that-keeps-the-extent")
def resize_crop(d):
    d.opset, d.is_evaluated = 18, True
    roi = d.constant([0.1, 0.2, 0.7, 0.9], "f4")
    d.node("Resize", [d.input(d.array([5, 7])), roi, d.constant([1, 1.5], "f4")], coordinate_transformation_mode="tf_crop_and_resize")


@found("gather-of-one")
def gather_one(d):
    d.node("Gather", [d.input(d.array([7, d.size()], "i2")), d.input(np.int64(-2))])


@found("nothing")
def nothing(d):
    none, n = np.zeros([0, 2, 5, 3], np.float32), d.size()
    d.node("CumSum", [d.input(none), d.constant(1, "i8")])
    d.node("MaxPool", [d.input(none)], kernel_shape=[3, 2], pads=[1, 1, 0, 0])
    d.node("ConvTranspose", [d.input(none), d.input(d.array([2, n, 3, 2]))], strides=[2, 1])
    d.node("Pad", [d.input(d.array([n, 0])), d.constant([0, 3, 0, 0], "i8")])


@found("rows-of-nothing")
def rows_of_nothing(d):
    rows, places = d.input(np.zeros([7, 0, d.size()], np.float32)), d.constant([[2], [-7]], "i8")
    d.node("GatherND", [rows, places])
    d.node("ScatterND", [rows, places, d.input(np.zeros([2, 0, d.inputs[rows].shape[2]], np.float32))])


@found("no-sequences")
def no_sequences(d):
    w, r = d.operand([2, 5, 3]), d.operand([2, 5, 5])
    d.node("RNN", [d.input(np.zeros([d.size(7), 0, 3], np.float32)), w, r], 2, direction="bidirectional", hidden_size=5)


@found("reduction-of-a-constant")
def reduction_of_a_constant(d):
    d.opset = 18
    d.node("ReduceLogSumExp", [d.constant(-2, "f4"), d.constant([], "i8")], keepdims=0)


@found("infinite-slope-at-zero")
def infinite_slope(d):
    # f(x) = x for x >= 0: zero times infinity is not asked for.
    x = d.input(np.array([[-2, -0.5, 0, 0, 1.5]] * d.size(), "f4"))
    d.node("PRelu", [x, d.constant(np.array([np.inf, 0.25, -np.inf, np.nan, np.inf], "f4"))])
    d.node("LeakyRelu", [x], alpha=np.inf)
    d.node("Elu", [x], alpha=np.inf)
