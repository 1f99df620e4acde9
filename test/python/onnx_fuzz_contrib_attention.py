# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of embeddings and attention as ONNX Runtime fuses them (domain com.microsoft)."""
import numpy as np
import onnx
from onnx import helper
from onnx_fuzz_draw import generator

DOMAIN = "com.microsoft"


@generator("EmbedLayerNormalization")
def embed_layer_normalization(d):
    batch, positions, width = d.size(5), d.size(17), d.choice((5, 7, 33, 257))
    words, most, segments = d.fixed(), d.fixed() + 17, d.fixed(3) if d.flip(0.7) else 0

    def indices(limit, shape=None):
        return d.input(d.array(shape or [batch, positions], "i4", 0, limit - 1))

    operands = [indices(words), indices(segments) if segments else None, d.operand([words, width]), d.operand([most, width]),
                d.operand([segments, width]) if segments else None, d.operand([width]), d.operand([width]),
                indices(3) if d.flip() else None]
    if d.flip():
        operands.append(indices(most, d.choice(([batch, positions], [1, positions]))))
    d.node("EmbedLayerNormalization", operands, [True, d.flip(), False] if operands[7] is None else [True, True, d.flip()], domain=DOMAIN,
           epsilon=d.choice((None, 1e-5)))


def mask(d, kind, batch, queries, keys):
    """Each row has a key that is seen: beside -10000 the scores of the others are lost."""
    if kind is None:
        return None
    if kind == "lengths":
        return d.input(d.values.integers(1, keys, batch, endpoint=True).astype("i4"))
    if kind == "starts":
        starts = d.values.integers(0, keys - 1, batch, endpoint=True)
        ends = np.array([d.values.integers(start + 1, keys, endpoint=True) for start in starts])
        return d.input(np.concatenate([ends, starts]).astype("i4"))
    largest = keys + d.size(3)
    shape = {2: [batch, keys], 3: [batch, queries, keys], 4: [batch, 1, largest, largest]}[kind]
    seen = d.values.integers(0, 1, shape, endpoint=True)
    seen[..., 0] = 1
    return d.input(seen.astype("i4"))


def bias(d, batch, heads, queries, keys):
    return d.operand([d.choice((1, batch)), d.choice((1, heads)), queries, keys]) if d.flip(0.4) else None


def attributes(d):
    return {"unidirectional": int(d.flip(0.4)), "scale": d.choice((None, 0.3)), "mask_filter_value": d.choice((None, -1000.0))}


@generator("Contrib-Attention")
def attention(d):
    # Twice as many lengths as there are batches must be known to be that.
    kind = d.choice((None, "lengths", "starts", 2, 3, 4))
    batch, positions, heads, width = d.fixed(5) if kind == "starts" else d.size(5), d.size(17), d.choice((1, 2, 3)), d.fixed(17)
    size, value = d.choice((1, 3, 8)), d.choice((None, None, 2, 5))
    sizes = [heads * size, heads * size, heads * (value or size)]
    past = d.size(7) if value is None and d.flip() else 0
    operands = [d.input(d.array([batch, positions, width])), d.operand([width, sum(sizes)], "f4", -0.3, 0.3), d.operand([sum(sizes)]),
                mask(d, kind, batch, positions, past + positions), d.operand([2, batch, heads, past, size]) if past else None,
                None if past else bias(d, batch, heads, positions, positions)]  # ONNX Runtime does not take both.
    d.node("Attention", operands, [True] * (2 if past or value is None and d.flip(0.3) else 1), domain=DOMAIN, num_heads=heads,
           qkv_hidden_sizes=sizes if value else None, **attributes(d))
    if kind == 4:
        # ONNX Runtime has it on other devices only: of the mask the first rows and columns count.
        def integers(name, *values):
            return helper.make_node("Constant", [], [name], value_ints=values)

        node = onnx.NodeProto()
        node.CopyFrom(d.nodes[-1])
        node.input[3] = "part"
        d.reference_nodes = [integers("start", past, 0), integers("end", past + positions, past + positions), integers("axes", 2, 3), integers("one", 1),
                             helper.make_node("Slice", [operands[3], "start", "end", "axes"], ["square"]),
                             helper.make_node("Squeeze", ["square", "one"], ["part"]), node]


@generator("MultiHeadAttention")
def multi_head_attention(d):
    batch, queries, heads = d.size(5), d.size(17), d.choice((1, 2, 3))
    size, value = d.choice((1, 3, 8)), d.choice((2, 5))
    keys, is_split = d.size(17), d.flip(0.2)
    past = d.size(7) if not is_split and d.flip(0.3) else 0
    if is_split or past or d.flip(0.7):
        value = size
    operands = [d.input(d.array([batch, queries, heads * size]))]
    operands += [d.operand([batch, heads, keys, each] if is_split else [batch, keys, heads * each]) for each in (size, value)]
    operands += [d.operand([2 * heads * size + heads * value]) if not is_split and d.flip() else None,
                 mask(d, d.choice((None, "lengths", 2, 3)), batch, queries, past + keys), bias(d, batch, heads, queries, past + keys)]
    if past:
        operands += [d.operand([batch, heads, past, each]) for each in (size, value)]
    d.node("MultiHeadAttention", operands, [True] * (3 if past else 1), domain=DOMAIN, num_heads=heads, **attributes(d))
