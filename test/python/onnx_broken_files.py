# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that are no models, or whose graphs are none."""
import os

import numpy as np
import onnx
from onnx import TensorProto, helper

from onnx_broken_case import CASES, FLOAT, FLOAT6, FLOAT8, INT4, UINT2, W, case, model, node, simple, tensor, value, write

# --- Files -------------------------------------------------------------------


@case("no graph in it")
def empty_file(path):
    open(path, "wb").close()


@case("not an ONNX model, or truncated")
def text_file(path):
    with open(path, "w") as file:
        file.write("this is not a model\n" * 10)


@case("Is a directory")
def folder(path):
    os.makedirs(path)


@case("it is not a regular file")
def pipe(path):
    """Nobody writes to it: whoever waits for that hangs."""
    os.mkfifo(path)


@case("it is not a regular file")
def endless_device(path):
    os.symlink("/dev/zero", path)


@case("No such file or directory")
def missing_file(path):
    pass


def truncated(cut):
    def build(path):
        data = model([node("MatMul", "x w")], [tensor("w", np.ones((4, 900), np.float32))]).SerializeToString()
        with open(path, "wb") as file:
            file.write(data[: int(len(data) * cut)])

    return build


for cut in (0.1, 0.5, 0.9, 0.999):
    CASES.append((f"truncated_{cut}", truncated(cut), ("not an ONNX model, or truncated",), []))


@case("not an ONNX model, or truncated")
def endless_varint(path):
    with open(path, "wb") as file:
        file.write(b"\x3a" + b"\xff" * 20)


@case("not an ONNX model, or truncated")
def length_beyond_2_to_63(path):
    with open(path, "wb") as file:
        file.write(b"\x3a" + b"\xff" * 8 + b"\x7f")


@case("not an ONNX model, or truncated")
def deep_nesting(path):
    """Graphs in attributes of nodes in graphs: field numbers 7 (graph), 1 (node), 5 (attribute), 6 (graph)."""
    message = b""
    for _ in range(2000):
        for field in (6, 5, 1):
            size, length = len(message), b""
            while size >= 128:
                length += bytes([size & 127 | 128])
                size >>= 7
            message = bytes([field << 3 | 2]) + length + bytes([size]) + message
    size, length = len(message), b""
    while size >= 128:
        length += bytes([size & 127 | 128])
        size >>= 7
    with open(path, "wb") as file:
        file.write(b"\x3a" + length + bytes([size]) + message)


@case("uses opset 999; the newest that is supported is")
def opset_of_the_future(path):
    write(path, model([node("Relu")], opset=999))


@case("opset version 0 of domain '' is not valid")
def opset_zero(path):
    write(path, model([node("Relu")], opset=0))


@case("declares no opset version")
def no_opset(path):
    proto = model([node("Relu")])
    del proto.opset_import[:]
    write(path, proto)


# --- Initializers ------------------------------------------------------------


def bad_initializer(**fields):
    proto = TensorProto(name="w", data_type=FLOAT)
    dims = fields.pop("dims", [4, 3])
    proto.dims.extend(dims)
    for key, data in fields.items():
        if isinstance(data, list):
            getattr(proto, key).extend(data)
        else:
            setattr(proto, key, data)
    return [node("MatMul", "x w")], [proto]


for name, error, fields in [
    ("claims_2_to_40", "'w' has 16 bytes of data; its shape needs 4398046511104", dict(dims=[1 << 20, 1 << 20], raw_data=b"0" * 16)),
    ("claims_2_to_40_typed", "'w' has 2 elements; its shape needs 1099511627776", dict(dims=[1 << 20, 1 << 20], float_data=[1, 2])),
    ("size_overflows", "'w' has a size in bytes that overflows", dict(dims=[1 << 31, 1 << 31], raw_data=b"0" * 16)),
    ("count_overflows", "'w' has a size in bytes that overflows", dict(dims=[1 << 40, 1 << 40], raw_data=b"0" * 16)),
    ("negative_extent", "'w' has a negative extent, -4", dict(dims=[-4, 3], raw_data=b"0" * 48)),
    ("short_data", "'w' has 44 bytes of data; its shape needs 48", dict(raw_data=b"0" * 44)),
    ("long_data", "'w' has 52 bytes of data; its shape needs 48", dict(raw_data=b"0" * 52)),
    ("no_data", "'w' has 0 elements; its shape needs 12", dict()),
    ("unknown_type", "'w' has element type number 99, which is not supported", dict(data_type=99, raw_data=b"0" * 48)),
    ("string_type", "'w' has element type string, which is not supported", dict(data_type=TensorProto.STRING)),
    ("int4_short", "'w' has 4 bytes of data; its shape needs 5", dict(data_type=INT4, dims=[3, 3], raw_data=b"0" * 4)),
    ("int4_unpacked", "'w' has 12 bytes of data; its shape needs 6", dict(data_type=INT4, raw_data=b"0" * 12)),
    ("int4_typed", "'w' has 9 bytes of packed elements; its shape needs 5", dict(data_type=INT4, dims=[3, 3], int32_data=[1] * 9)),
    ("int4_overflow", "'w' has a size in bytes that overflows", dict(data_type=INT4, dims=[1 << 32, 1 << 31], raw_data=b"0" * 12)),
    ("int4_claims", "'w' has 12 bytes of data; its shape needs 2305843009213693952",
     dict(data_type=INT4, dims=[1 << 31, 1 << 31], raw_data=b"0" * 12)),
    ("uint2_long", "'w' has 4 bytes of data; its shape needs 3", dict(data_type=UINT2, raw_data=b"0" * 4)),
    ("uint2_typed", "'w' has 2 bytes of packed elements; its shape needs 3", dict(data_type=UINT2, int32_data=[1, 2])),
    ("float8_short", "'w' has 11 bytes of data; its shape needs 12", dict(data_type=FLOAT8, raw_data=b"0" * 11)),
    ("float8_typed", "'w' has 11 elements; its shape needs 12", dict(data_type=FLOAT8, int32_data=[0] * 11)),
    ("float6_unpacked", "'w' has 12 bytes of data; its shape needs 9", dict(data_type=FLOAT6, raw_data=b"0" * 12)),
    ("float6_typed", "'w' has 9 elements; its shape needs 12", dict(data_type=FLOAT6, int32_data=[0] * 9)),
    ("float8_matmul", "element type f8e4m3fn is not supported", dict(data_type=FLOAT8, raw_data=b"0" * 12)),
    ("int4_matmul", "element type i4 is not supported", dict(data_type=INT4, raw_data=b"0" * 6)),
    ("huge_rank", "'w' has rank 4000, more than 32", dict(dims=[1] * 4000, raw_data=b"0" * 4)),
    ("no_name", "an initializer has no name", dict(name="", raw_data=b"0" * 48)),
]:
    simple(name, error, *bad_initializer(**fields))

simple("duplicate_initializer", "initializer 'w' is defined a second time", [node("MatMul", "x w")], [W, W])


def external(location, size=48, data_type=FLOAT, **entries):
    """An initializer with external data in `location`, which gets `size` bytes."""
    nodes, initializers = bad_initializer(data_location=TensorProto.EXTERNAL, data_type=data_type)
    for key, text in dict(location=location, **entries).items():
        initializers[0].external_data.add(key=key, value=str(text))

    def build(path):
        write(path, model(nodes, initializers))
        target = os.path.join(os.path.dirname(path), location)
        if size is not None:
            with open(target, "wb") as file:
                file.write(b"\0" * size)

    return build


OUTSIDE = "lie outside of the model's folder"


def special(location, make):
    """External data in what is no regular file."""
    build = external(location, None)

    def build_both(path):
        build(path)
        make(os.path.join(os.path.dirname(path), location))

    return build_both


def linked(location, data, link=None):
    """A model that is a link into another folder, `blobs`, with data in FOLDER/data and maybe FOLDER/link to them."""
    build = external(location, None)

    def build_links(path):
        blobs = os.path.dirname(path) + "-blobs"
        os.makedirs(os.path.join(blobs, "inner"))
        build(os.path.join(blobs, "model"))
        os.symlink(os.path.join(blobs, "model"), path)
        data_path = os.path.dirname(path) + data
        with open(data_path, "wb") as file:
            file.write(b"\0" * 48)
        if link:
            os.symlink(data_path, os.path.join(os.path.dirname(path), link))

    return build_links


for name, error, build in [
    ("external_short", "'w' needs 48 bytes at offset 0 of 'a.bin', which has only 40", external("a.bin", 40)),
    ("external_int4", "'w' needs 6 bytes at offset 0 of 'g.bin', which has only 5", external("g.bin", 5, INT4)),
    ("external_offset", "'w' needs 48 bytes at offset 8 of 'b.bin', which has only 48", external("b.bin", offset=8)),
    ("external_offset_overflow", "which has only 48", external("c.bin", offset=(1 << 64) - 8)),
    ("external_length", "'w' has 40 bytes of data; its shape needs 48", external("d.bin", length=40)),
    ("external_negative_offset", "external data have a bad 'offset', '-8'", external("e.bin", offset=-8)),
    ("external_bad_length", "external data have a bad 'length', 'many'", external("f.bin", length="many")),
    ("external_missing", "cannot read external data 'missing.bin'", external("missing.bin", None)),
    ("external_absolute", "external data at an absolute path, '/etc/passwd'", external("/etc/passwd", None)),
    ("external_parent", OUTSIDE, external("../outside.bin")),
    ("external_pipe", "p.bin': it is not a regular file", special("p.bin", os.mkfifo)),
    ("external_folder", "Is a directory", special("q.bin", os.mkdir)),
    ("external_device", OUTSIDE, special("r.bin", lambda path: os.symlink("/dev/zero", path))),
    ("linked_outside", OUTSIDE, linked("w.bin", "-outside.bin", "w.bin")),
    ("linked_inner", OUTSIDE, linked("w.bin", "-blobs/inner/w.bin", "w.bin")),
    ("linked_inner_unlinked", OUTSIDE, linked("inner/w.bin", "-blobs/inner/w.bin")),
    ("linked_climbs", OUTSIDE, linked("../linked_climbs-blobs/w.bin", "-blobs/w.bin")),
    ("linked_climbs_unlinked", "cannot read external data 'inner/../w.bin'", linked("inner/../w.bin", "-blobs/w.bin")),
    ("external_empty", "external data without a usable file name", external("", None)),
    ("external_is_folder", OUTSIDE, external(".", None)),
]:
    CASES.append((name, build, (error,), []))


@case(OUTSIDE)
def external_link(path):
    external("link.bin", None)(path)
    link = os.path.join(os.path.dirname(path), "link.bin")
    if not os.path.islink(link):
        os.symlink("/etc/passwd", link)


# --- Graphs ------------------------------------------------------------------

simple("cycle", "node 'a' (Add): its inputs depend on its outputs",
       [node("Add", "x v", "u", "a"), node("Relu", "u", "v", "b"), node("Relu", "v")])
simple("self_loop", "node 'n' (Add): its inputs depend on its outputs", [node("Add", "x y")])
simple("missing_input", "node 'n' (Add, opset 17): input 'nobody' is neither", [node("Add", "x nobody")])
simple("output_not_made", "output 'z' is not made by any node", [node("Relu")], outputs=["z"])
simple("no_outputs", "the graph has no outputs", [node("Relu")], outputs=[])
simple("duplicate_value", "node 'b' (Abs): value 'y' is defined a second time", [node("Relu"), node("Abs", name="b")])
simple("shadows_input", "value 'x' is defined a second time", [node("Relu", "x", "x"), node("Relu")])
simple("shadows_initializer", "value 'w' is defined a second time", [node("Relu", "x", "w"), node("Add", "x w")], [W])
simple("duplicate_input", "input 'x' is declared twice", [node("Relu")], inputs=[value("x", [1])] * 2)
simple("three_unsupported",
       ["node 'first' (NonZero, opset 17): this operator is not supported",
        "node 'second' (com.example.Foo, opset 1): this operator is not supported",
        "node 'Op_3' (Gelu, opset 17): this operator is supported from opset 20 on"],
       [node("NonZero", "x", "a", "first"), helper.make_node("Foo", ["x"], ["b"], name="second", domain="com.example"),
        node("Relu", "a", "c"), node("Gelu", "x", "d", ""), node("Sum", "a b c d")])
simple("subgraph", "node 'n': attribute 'then_branch' has inputs or sparse initializers",
       [node("If", then_branch=model([node("Relu")]).graph, else_branch=model([node("Abs")]).graph)])


def functions(name, errors, nodes, *bodies, opset=17):
    """Nodes that call functions; a body is (name, inputs, outputs, nodes) and perhaps its attributes."""
    def build(path):
        proto = model(nodes)
        proto.opset_import.append(helper.make_opsetid("com.example", 1))
        for label, inputs, outputs, inner, *attributes in bodies:
            proto.functions.append(helper.make_function(
                "com.example", label, inputs.split(), outputs.split(), inner,
                [helper.make_opsetid("", opset), helper.make_opsetid("com.example", 1)], *attributes))
        write(path, proto)

    CASES.append((name, build, (errors,) if isinstance(errors, str) else tuple(errors), []))


def call(function, inputs="x", output="y", name="n", **attributes):
    return helper.make_node(function, inputs.split(), output.split(), name=name, domain="com.example", **attributes)


F = ("F", "a", "b", [node("Relu", "a", "b")])
functions("function_recursion", "node 'n/inner': function 'com.example.F' calls itself", [call("F")],
          ("F", "a", "b", [call("F", "a", "b", "inner")]))
functions("function_recursion_two", "node 'n/g/f': function 'com.example.F' calls itself", [call("F")],
          ("F", "a", "b", [call("G", "a", "b", "g")]), ("G", "a", "b", [call("F", "a", "b", "f")]))
functions("function_unknown", "node 'n' (com.example.H, opset 1): this operator is not supported", [call("H")], F)
functions("function_inner", "node 'n/Op_0' (NonZero, opset 17): this operator is not supported", [call("G")],
          ("G", "a", "b", [helper.make_node("NonZero", ["a"], ["b"])]))
functions("function_inputs", "node 'n': function 'com.example.F' has 1 inputs and 1 outputs; the node has 2 and 1", [call("F", "x x")], F)
functions("function_outputs", "the node has 1 and 2", [call("F", output="y z")], F)
functions("function_attribute", "node 'n': function 'com.example.F' has no attribute 'alpha'", [call("F", alpha=1.0)], F)
functions("function_makes_nothing", "node 'n': function 'com.example.G' does not make its output 'c'", [call("G")],
          ("G", "a", "c", [node("Relu", "a", "b")]))
functions("function_same_inputs", "has two inputs 'a'", [call("G", "x x")], ("G", "a a", "b", [node("Relu", "a", "b")]))
functions("function_missing_input", "has 0 inputs; the operator needs 1", [call("F", "")], F)
functions("function_opset", "function 'com.example.F' uses opset 99 of domain ''", [call("F")], F, opset=99)
functions("function_attribute_type", "node 'n/leaky' (LeakyRelu, opset 17): attribute 'alpha' is not of the type",
          [call("G", slope="steep")],
          ("G", "a", "b", [(lambda inner: (inner.attribute.add(name="alpha", ref_attr_name="slope",
                                                              type=onnx.AttributeProto.FLOAT), inner)[1])(
              node("LeakyRelu", "a", "b", "leaky"))], ["slope"]))
# 2^24 nodes if every call is followed.
functions("function_growth", "there are more than 262144 nodes", [call("F0")],
          *[(f"F{i}", "a", "b", [call(f"F{i + 1}", "a", "c", "p"), call(f"F{i + 1}", "c", "b", "q")]) for i in range(24)],
          ("F24", "a", "b", [node("Relu", "a", "b")]))
# As many calls of nothing.
functions("function_growth_empty", "there are more than 262144 nodes", [call("F0", "", "")],
          *[(f"F{i}", "", "", [call(f"F{i + 1}", "", ""), call(f"F{i + 1}", "", "")]) for i in range(60)], ("F60", "", "", []))
# 2^14 copies of 64 KiB.
functions("function_growth_bytes", "take more than 536870912 bytes", [call("F0")],
          *[(f"F{i}", "a", "b", [call(f"F{i + 1}", "a", "c", "p"), call(f"F{i + 1}", "c", "b", "q")]) for i in range(14)],
          ("F14", "a", "b", [helper.make_node("Constant", [], ["k"], value=tensor("k", np.zeros(1 << 13))), node("Add", "a k", "b")]))
functions("function_depth", "calls of functions are nested more than 256 deep", [call("F0")],
          *[(f"F{i}", "a", "b", [call(f"F{i + 1}", "a", "b", "n")]) for i in range(300)], ("F300", "a", "b", [node("Relu", "a", "b")]))

simple("newline_in_name", r"node 'a\nb' (Relu, opset 17): input 'c\nd' is neither", [node("Relu", "c\nd", name="a\nb")])
simple("newline_in_dimension", r"cannot reshape [ba\nt, 4]", [node("Reshape", "x s")], [tensor("s", np.array([3, 5]))],
       inputs=[value("x", ["ba\nt", 4])])
simple("long_name", "aaaa...aaaa", [node("NonZero", name="a" * 5000)])

simple("input_without_shape", "input 'x' has no shape", [node("Relu")], inputs=[value("x", None)])
simple("input_of_strings", "input 'x' has element type string", [node("Relu")], inputs=[value("x", [1], TensorProto.STRING)])
simple("input_without_type", "input 'x' is not a tensor", [node("Relu")], inputs=[onnx.ValueInfoProto(name="x")])
simple("input_negative", "input 'x' has a negative extent, -2", [node("Relu")], inputs=[value("x", [-2, 4])])
simple("input_overflow", "input 'x' has a size in bytes that overflows", [node("Relu")], inputs=[value("x", [1 << 40, 1 << 40])])
simple("input_rank", "input 'x' has rank 40, more than 32", [node("Relu")], inputs=[value("x", [1] * 40)])
