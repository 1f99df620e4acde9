# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Turns ONNX's text syntax into a model: onnx_text.py IN OUT.onnx

IN may be a lit test: lines from `// MODEL` to `// END` are taken, without a
leading `//`. onnx.parser's syntax has no initializers and no node names, so
these lines are understood too, before the model:

  init NAME DTYPE[SHAPE] = numpy expression     (np and rng are defined)
  name INDEX NAME                               (of the node of that index)
  rename OLD NEW                                (a value, to what the syntax cannot say)
  opset VERSION, ir VERSION                     (default 17 and 8)
"""
import re
import sys

import numpy as np
import onnx
from onnx import numpy_helper, parser

DTYPES = {"f32": "float32", "f64": "float64", "f16": "float16", "i64": "int64",
          "i32": "int32", "i8": "int8", "u8": "uint8", "bool": "bool"}


def convert(text, seed=0):
    """The onnx.ModelProto for a text as above."""
    if "// MODEL" in text:
        text = text.split("// MODEL", 1)[1].split("// END", 1)[0]
        text = re.sub(r"(?m)^// ?", "", text)
    rng = np.random.default_rng(seed)
    initializers, names, renamed, opset, ir, graph = [], {}, {}, 17, 8, []
    for line in text.strip().splitlines():
        if match := re.match(r"init (\S+) (\w+)\[([\d, ]*)\] = (.*)", line):
            name, dtype, shape, expression = match.groups()
            shape = tuple(int(extent) for extent in shape.split(",") if extent.strip())
            value = eval(expression, {"np": np, "rng": rng, "shape": shape})
            array = np.broadcast_to(np.asarray(value), shape).astype(DTYPES[dtype])
            initializers.append(numpy_helper.from_array(array, name))
        elif match := re.match(r"name (\d+) (.*)", line):
            names[int(match.group(1))] = match.group(2)
        elif match := re.match(r"rename (\S+) (.*)", line):
            renamed[match.group(1)] = match.group(2)
        elif match := re.match(r"opset (\d+)$", line):
            opset = int(match.group(1))
        elif match := re.match(r"ir (\d+)$", line):
            ir = int(match.group(1))
        else:
            graph.append(line)
    header = f'<ir_version: {ir}, opset_import: ["" : {opset}, "com.microsoft" : 1, "ai.onnx.ml" : 3]>\n'
    model = parser.parse_model(header + "\n".join(graph))
    model.graph.initializer.extend(initializers)
    for value in [*model.graph.initializer, *model.graph.input, *model.graph.output]:
        value.name = renamed.get(value.name, value.name)
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for index, name in names.items():
        model.graph.node[index].name = name
    return model


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        onnx.save(convert(source.read()), sys.argv[2])
