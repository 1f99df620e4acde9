"""Whatever models and files are called, all that the tools print is lines of text: hostile_names.py FOLDER"""
import os
import re
import subprocess
import sys
import xml.dom.minidom

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = os.fsencode(sys.argv[1])
KINDS = {"commands": "a\nerror: b\r\x1b]0;t\x07\x1b[31m\u009b1m\u202egnp\u2066\u200f\u2028<b>&'\"$(touch owned)`%s%n".encode(),
         "bytes": b"\xff\0caf\xe9\x80", "long": b"n" * 10000}
rng = np.random.default_rng(0)


def model(kind, fault=""):
    """A model of which each name is of the kind. Protobuf's library for Python would refuse them: they are put in afterwards."""
    names = {}

    def n(role):
        name = KINDS[kind] + role.encode()
        placeholder = f"@{role}@".ljust(len(name), "_")
        assert len(placeholder) == len(name)
        names[placeholder.encode()] = name
        return placeholder

    info = lambda role, shape: helper.make_tensor_value_info(n(role), TensorProto.FLOAT, shape)
    initializers = [numpy_helper.from_array(rng.normal(size=(7, 5)).astype(np.float32) / 4, n("w")),
                    numpy_helper.from_array(np.zeros(5, np.float32), n("b"))]
    nodes = [helper.make_node("Gemm", [n("x"), n("w"), n("b")], [n("y")], n("gemm"))]
    outputs = [info("y", [n("dim"), 5])]
    if fault == "data":
        tensor = TensorProto(name=n("tensor"), dims=[7, 5], data_type=1, data_location=1)
        tensor.external_data.add(key="location", value=n("file"))
        initializers.append(tensor)
    if fault:
        op = {"op": n("op"), "data": "MatMul"}.get(fault, "Relu")
        inputs = {"data": [n("x"), n("tensor")], "value": [n("nothing")]}.get(fault, [n("y")])
        nodes.append(helper.make_node(op, inputs, [n("z")], n("node"), **({n("attribute"): 1} if fault == "attribute" else {})))
        outputs.append(info("z", None))
    graph = helper.make_graph(nodes, n("graph"), [info("x", [n("dim"), 7])], outputs, initializers)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if fault == "domain":
        proto.opset_import.add(domain=n("domain"), version=1)
        proto.graph.node[1].domain = n("domain")
    data = proto.SerializeToString()
    for placeholder, name in names.items():
        data = data.replace(placeholder, name)
    # Files may be called anything but NUL and slash.
    path = FOLDER + b"/" + KINDS[kind].replace(b"\0", b"")[:100] + fault.encode() + b".onnx"
    with open(path, "wb") as file:
        file.write(data)
    return path


failures = 0


def run(*command, fails=False):
    result = subprocess.run([os.fsencode(argument) for argument in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    problems = [] if result.returncode == fails else [f"exit status {result.returncode}"]
    for output in (result.stdout, result.stderr):
        text = output.decode(errors="surrogateescape")
        if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udcff]", text):
            problems.append("commands, or no UTF-8")
        problems += ["a long line"] * any(len(line) > 4100 and '"' not in line for line in result.stderr.decode(errors="replace").split("\n"))
    messages = result.stderr.decode(errors="replace").splitlines()
    if len(messages) != fails or not all(re.match("error: ", message) for message in messages):
        problems.append("not one line of error" if fails else "messages")
    if problems:
        global failures
        failures += 1
        print(*[argument[:300] for argument in command], problems, result.stdout[-300:], result.stderr[-300:])


x, labels, so = FOLDER + b"/x.npy", FOLDER + b"/labels.npy", FOLDER + b"/model.so"
np.save(os.fsdecode(x), np.ones((8, 7), np.float32))
np.save(os.fsdecode(labels), np.zeros(8, np.int64))
for kind, name in KINDS.items():
    path = model(kind)
    run("ternc", path, "--ternarize=all", "-O0", "--stats", "-o", so)
    run("ternc", path, "--report", "-O0", "-o", so)
    run("ternc", path, "--ternarize=all", "-O0", "--calibrate", x, "-o", so)
    run("tern-run", so, "--info")
    run("tern-run", so, "--info=json")
    run("tern-run", so, "--input", b"@" + x)
    run("tern-run", so, fails=True)
    run("tern-run", so, "--input", b"@" + x, "--expect", "8x5xf32=3", fails=True)
    run("tern-run", so, "--input", b"z=@" + name.replace(b"\0", b"")[:4000], fails=True)
    trainer, svg = FOLDER + b"/t" + name.replace(b"\0", b"")[:100], FOLDER + b"/plot.svg"
    run("ternc", path, "--emit=train-step", "-O0", "-o", trainer)
    run(trainer, "--info")
    run(trainer, "--info=json")
    run(trainer, "--data", x, "--labels", labels, "--steps=3", "--batch=4", "--plot", svg)
    xml.dom.minidom.parse(os.fsdecode(svg))
    for suffix in (b"jsonl", b"csv"):
        log = FOLDER + b"/metrics." + suffix
        run(trainer, "--data", x, "--labels", labels, "--steps=3", "--batch=4", "--metrics", log, "--checkpoint",
            name.replace(b"\0", b"")[:100] + b".safetensors")
        assert re.fullmatch(r"[ -~\n]+", open(log, encoding="utf-8").read())
    run(trainer, "--data", labels, "--labels", labels, "--steps=3", fails=True)
    run(trainer, "--" + os.fsdecode(name.replace(b"\0", b"")), fails=True)
    for fault in ("op", "attribute", "value", "data", "domain"):
        run("ternc", model(kind, fault), "-o", so, fails=True)
    run("ternc", path, b"--" + name.replace(b"\0", b""), "-o", so, fails=True)
    run("ternc", path, b"--loss=" + name.replace(b"\0", b""), "--train", "-o", so, fails=True)
assert not os.path.exists("owned")
print("failures:", failures)
