# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of ONNX Runtime's own operators (domain com.microsoft) of floats."""
from onnx_fuzz_draw import generator

DOMAIN = "com.microsoft"


@generator("FusedMatMul")
def fused_matmul(d):
    rank = d.integer(2, 4)
    m, k, n, batch = d.size(), d.size(), d.size(), [d.size(5) for _ in range(rank - 2)]
    flags = {name: int(d.flip()) for name in ("transA", "transB")}
    moves = {name: int(rank > 2 and d.flip(0.3)) for name in ("transBatchA", "transBatchB")}

    def shape(rows, columns, swaps, moves_first):
        matrix = [columns, rows] if swaps else [rows, columns]
        return [matrix[0], *batch, matrix[1]] if moves_first else [*batch, *matrix]

    # A batch that is moved takes the place of the first of the last two before these are swapped.
    def operand(rows, columns, swaps, moved):
        if not moved:
            return d.operand(shape(rows, columns, swaps, False))
        last = [columns, rows] if swaps else [rows, columns]
        return d.operand([last[0], *batch, last[1]])

    operands = [operand(m, k, flags["transA"], moves["transBatchA"]), operand(k, n, flags["transB"], moves["transBatchB"])]
    d.node("FusedMatMul", operands, domain=DOMAIN, alpha=d.choice((None, 0.5, -2.0)), **flags, **moves)


@generator("FusedGemm")
def fused_gemm(d):
    m, k, n = d.size(), d.size(), d.size()
    flags = {name: int(d.flip()) for name in ("transA", "transB")}
    operands = [d.operand([k, m] if flags["transA"] else [m, k]), d.operand([n, k] if flags["transB"] else [k, n])]
    if d.flip(0.7):
        operands.append(d.operand(d.choice(([n], [m, 1], [m, n], [1]))))
    name, count = d.choice((("Relu", 0), ("Tanh", 0), ("Sigmoid", 0), ("Softplus", 0), ("Softsign", 0), ("LeakyRelu", 1), ("Elu", 1),
                            ("ThresholdedRelu", 1), ("HardSigmoid", 2)))
    parameters = dict(zip(("activation_alpha", "activation_beta"), (0.3, 0.4)[:count]))
    d.node("FusedGemm", operands, domain=DOMAIN, activation=name, alpha=d.choice((None, 0.5)), beta=d.choice((None, 0.3)), **flags,
           **parameters)


@generator("FusedConv")
def fused_conv(d):
    groups, kernel = d.choice((1, 1, 2)), d.integers(1, 3, 2)
    channels, outputs = groups * d.fixed(5), groups * d.fixed(5)
    pads, strides = d.integers(0, kernel[0] - 1, 4), d.integers(1, 2, 2)
    x = d.array([d.size(3), channels, d.size(17, 3), d.size(17, 3)])
    operands = [d.input(x), d.operand([outputs, channels // groups, *kernel]), d.operand([outputs]) if d.flip() else None]
    if d.flip():
        spatial = [(x.shape[i + 2] + pads[i] + pads[i + 2] - kernel[i]) // strides[i] + 1 for i in range(2)]
        operands.append(d.operand([x.shape[0], outputs, *spatial]))
    name, parameters = d.choice((("Relu", None), ("Tanh", None), ("Sigmoid", None), ("LeakyRelu", [0.3]), ("Clip", [-0.5, 0.7]),
                                 ("HardSigmoid", [0.3, 0.4])))
    d.node("FusedConv", operands, domain=DOMAIN, activation=name, activation_params=parameters, group=groups, pads=pads, strides=strides)


@generator("Contrib-Gelu", "BiasGelu", "FastGelu", "QuickGelu")
def gelu(d, op):
    shape, width = d.shape(d.integer(1, 3)), d.fixed(257)
    operands = [d.operand([*shape[1:], width])]
    if op == "BiasGelu" or (op == "FastGelu" and d.flip()):
        operands.append(d.operand([width]))
    d.node(op.removeprefix("Contrib-"), operands, domain=DOMAIN, alpha=d.choice((None, 1.5)) if op == "QuickGelu" else None)


@generator("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
def skip_layer_normalization(d, op):
    width, shape = d.choice((5, 7, 33, 257)), [d.size(5), d.size(7)]
    skip = d.choice((shape, shape, [1, shape[1]], shape[1:]))
    operands = [d.input(d.array([*shape, width])), d.operand([*skip, width]), d.operand([width])]
    if op == "SkipLayerNormalization":
        operands.append(d.operand([width]) if d.flip() else None)
    if d.flip():
        operands.append(d.operand([width]))
    d.node(op, operands, [True, False, False, d.flip()], domain=DOMAIN, epsilon=d.choice((None, 1e-5, 0.01)))
