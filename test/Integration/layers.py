# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Equal layers are one function, and compute what they do without it, bit for bit.

Decoders of several layers (RMS norm, attention, gated feed-forward) with random weights, made with onnx, are compiled with
--outline-layers=true and =false; outputs, every value of every layer among them, and the parameters must be the same to the bit. A
decoder of 24 layers must have the code of one of 3, but for the calls.

    layers.py OUT_DIR
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import training  # noqa: E402
from artifact import Artifact, Guarded, read_safetensors  # noqa: E402
from randomness import start  # noqa: E402

WIDTH, HEADS, HIDDEN, VOCABULARY = 48, 3, 80, 33


class Decoder:
    """`all_values`: each node's result is an output. `batch`: an extent, or its name."""

    def __init__(self, rng, layers, length, batch="batch", all_values=False):
        self.rng, self.nodes, self.weights, self.prefix = rng, [], [], "embed"
        x = self.node("Gather", self.weight("embed", VOCABULARY, WIDTH), "tokens")
        self.mask = self.constant("mask", np.triu(np.full((length, length), -1e9, np.float32), 1))
        self.split = self.constant("split", np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
        self.merge = self.constant("merge", np.array([0, 0, WIDTH], np.int64))
        self.constants = {name: self.constant(name, np.float32(value))
                          for name, value in (("eps", 1e-5), ("two", 2), ("scale", (WIDTH // HEADS)**-.5))}
        for layer in range(layers):
            self.prefix = f"layers.{layer}"
            x = self.layer(x)
        self.prefix = "head"
        self.nodes.append(helper.make_node("MatMul", [self.norm(x, "norm"), self.weight("lm_head", WIDTH, VOCABULARY)], ["logits"],
                                           name="lm_head"))
        outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, length, VOCABULARY])]
        if all_values:
            outputs += [helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None) for node in self.nodes[:-1]]
        graph = helper.make_graph(self.nodes, "decoder", [helper.make_tensor_value_info("tokens", TensorProto.INT64, [batch, length])],
                                  outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        self.model = onnx.shape_inference.infer_shapes(model) if all_values else model

    def constant(self, name, value):
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, name, *shape):
        return self.constant(name, self.rng.normal(0, shape[0]**-.5, shape).astype(np.float32))

    def node(self, op, *inputs, **attributes):
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], name=f"{self.prefix}/{op}_{len(self.nodes)}", **attributes))
        return out

    def norm(self, x, name):
        gain = self.constant(name, self.rng.uniform(.5, 1.5, WIDTH).astype(np.float32))
        mean = self.node("ReduceMean", self.node("Pow", x, self.constants["two"]), axes=[-1], keepdims=1)
        root = self.node("Sqrt", self.node("Add", mean, self.constants["eps"]))
        return self.node("Mul", self.node("Div", x, root), gain)

    def linear(self, x, name, inputs, outputs):
        return self.node("MatMul", x, self.weight(f"{self.prefix}.{name}", inputs, outputs))

    def layer(self, x):
        n = self.norm(x, f"{self.prefix}.norm1")
        q, k, v = (self.node("Transpose", self.node("Reshape", self.linear(n, p, WIDTH, WIDTH), self.split),
                             perm=[0, 2, 3, 1] if p == "k" else [0, 2, 1, 3]) for p in "qkv")
        scores = self.node("Add", self.node("Mul", self.node("MatMul", q, k), self.constants["scale"]), self.mask)
        mixed = self.node("MatMul", self.node("Softmax", scores, axis=-1), v)
        x = self.node("Add", x, self.linear(self.node("Reshape", self.node("Transpose", mixed, perm=[0, 2, 1, 3]), self.merge), "o",
                                            WIDTH, WIDTH))
        n = self.norm(x, f"{self.prefix}.norm2")
        gate, up = (self.linear(n, p, WIDTH, HIDDEN) for p in ("gate", "up"))
        return self.node("Add", x, self.linear(self.node("Mul", self.node("Mul", gate, self.node("Sigmoid", gate)), up), "down", HIDDEN,
                                               WIDTH))


LAYER = """
  func.func private @layer(%x: tensor<?x48xf32>, %w: tensor<48x80xf32>, %v: tensor<80x48xf32>, %c: tensor<48xf32>)
      -> (tensor<?x48xf32>, tensor<48xf32>) {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x48xf32>
    %e0 = tensor.empty(%n) : tensor<?x80xf32>
    %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?x80xf32>) -> tensor<?x80xf32>
    %h = linalg.matmul ins(%x, %w : tensor<?x48xf32>, tensor<48x80xf32>) outs(%z0 : tensor<?x80xf32>) -> tensor<?x80xf32>
    %r = linalg.elementwise kind=#linalg.elementwise_kind<abs> ins(%h : tensor<?x80xf32>) outs(%e0 : tensor<?x80xf32>) -> tensor<?x80xf32>
    %e1 = tensor.empty(%n) : tensor<?x48xf32>
    %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x48xf32>) -> tensor<?x48xf32>
    %p = linalg.matmul ins(%r, %v : tensor<?x80xf32>, tensor<80x48xf32>) outs(%z1 : tensor<?x48xf32>) -> tensor<?x48xf32>
    %e2 = tensor.empty() : tensor<48xf32>
    %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<48xf32>) -> tensor<48xf32>
    %s = linalg.reduce ins(%p : tensor<?x48xf32>) outs(%z2 : tensor<48xf32>) dimensions = [0]
        (%a: f32, %b: f32) { %t = arith.addf %a, %b : f32
                             linalg.yield %t : f32 }
    %next = linalg.add ins(%c, %s : tensor<48xf32>, tensor<48xf32>) outs(%e2 : tensor<48xf32>) -> tensor<48xf32>
    %wide = linalg.broadcast ins(%next : tensor<48xf32>) outs(%e1 : tensor<?x48xf32>) dimensions = [0]
    %y = linalg.add ins(%p, %wide : tensor<?x48xf32>, tensor<?x48xf32>) outs(%e1 : tensor<?x48xf32>) -> tensor<?x48xf32>
    return %y, %next : tensor<?x48xf32>, tensor<48xf32>
  }
"""


def write_calls(layers):
    """A model that calls a function for each layer, with weights and a donated slice of state of its own."""
    arguments = ['%x0: tensor<?x48xf32> {tern.name = "x", tern.shape = ["n", 48]}']
    results, calls = ['tensor<?x48xf32> {tern.name = "y"}'], []
    for i in range(layers):
        arguments += [f'%w{i}: tensor<48x80xf32> {{tern.param = "w{i}"}}', f'%v{i}: tensor<80x48xf32> {{tern.param = "v{i}"}}',
                      f'%c{i}: tensor<48xf32> {{tern.state = "c{i}", tern.init = 0.0 : f64, tern.donated = {i + 1} : i64}}']
        results.append("tensor<48xf32>")
        calls.append(f"    %x{i + 1}, %n{i} = call @layer(%x{i}, %w{i}, %v{i}, %c{i}) : (tensor<?x48xf32>, tensor<48x80xf32>, "
                     "tensor<80x48xf32>, tensor<48xf32>) -> (tensor<?x48xf32>, tensor<48xf32>)")
    returned = ", ".join([f"%x{layers}", *(f"%n{i}" for i in range(layers))])
    calls.append(f"    return {returned} : " + ", ".join(result.split(" ")[0] for result in results))
    return f"func.func @main({', '.join(arguments)}) -> ({', '.join(results)}) {{\n" + "\n".join(calls) + "\n  }" + LAYER


def check_calls(out, rng, layers=3):
    """A private function of the model stays one, from the first level to the last."""
    model, weights = out / "calls.mlir", out / "calls.safetensors"
    model.write_text(write_calls(layers))
    training.write_safetensors(weights, {f"{name}{i}": rng.normal(0, .2, shape).astype(np.float32)
                                         for i in range(layers) for name, shape in (("w", (48, 80)), ("v", (80, 48)))})
    for target in ("host",):
        results = []
        for outline in ("true", "false"):
            options = ["--ternarize=all", f"--weights={weights}", f"--target={target}", f"--outline-layers={outline}"]
            library = compile_model(model, out / f"calls-{target}-{outline}.so", *options)
            packed, _ = read_safetensors(library.with_suffix(".safetensors"))
            artifact = Artifact(library)
            entry = artifact.signature["functions"]["main"]
            state = {f"c{i}": np.zeros(48, np.float32) for i in range(layers)}
            params = {name: Guarded(tensor) for name, tensor in packed.items()}
            steps = np.random.default_rng(1)
            values = []
            for tokens in (1, 3, 17, 33):
                x = Guarded(steps.normal(size=(tokens, 48)).astype(np.float32))
                buffers = [x.address, *(state[name].ctypes.data if name in state else params[name].address for name in entry["params"])]
                values += artifact.invoke("main", {"n": tokens}, buffers).values()
                values += [tensor.copy() for tensor in state.values()]
            results.append(values)
            lowered = subprocess.run(["ternc", str(model), "--emit=llvm", "-o", "-", *options], check=True, capture_output=True,
                                     text=True).stdout
            calls = lowered.count("llvm.call @main_layer0(")
            assert calls == (layers if outline == "true" else 0), f"{target}: {calls} calls"
        assert all(np.array_equal(*pair) for pair in zip(*results)), f"{target}: state or outputs differ"
    print("calls of a function stay calls of one")


def compile_model(model, out, *options):
    subprocess.run(["ternc", str(model), "-o", str(out), *options], check=True)
    return out


def code_size(library):
    """Bytes of machine code."""
    lines = subprocess.run(["readelf", "-SW", str(library)], check=True, capture_output=True, text=True).stdout.splitlines()
    return next(int(line.split("]")[1].split()[4], 16) for line in lines if " .text " in line)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    _, rng = start()
    compared = 0
    # Six layers have more buffers than a function takes one by one.
    for case, (layers, length, batch, all_values, target, options) in enumerate((
            (6, 17, "batch", False, "host", ["--ternarize=all"]), (3, 5, 1, False, "generic", []),
            (3, 1, "batch", True, "generic", ["--ternarize=all"]),
            (3, 33, "batch", True, "host", ["--ternarize=all", "--activations=float"]))):
        model = out / f"{case}.onnx"
        decoder = Decoder(rng, layers, length, batch, all_values)
        onnx.save(decoder.model, model)
        inputs = [rng.integers(0, VOCABULARY, (n, length)) for n in ((1, 3, 7) if batch == "batch" else (batch,))]
        results = {}
        for outline in ("true", "false"):
            options_here = [*options, f"--target={target}", f"--outline-layers={outline}"]
            library = compile_model(model, out / f"{case}-{target}-{outline}.so", *options_here)
            parameters, _ = read_safetensors(library.with_suffix(".safetensors"))
            artifact = Artifact(library)
            results[outline] = [parameters, *(artifact({"tokens": tokens}, parameters) for tokens in inputs)]
        for with_calls, without in zip(results["true"], results["false"]):
            assert with_calls.keys() == without.keys()
            for name in without:
                assert np.array_equal(with_calls[name], without[name]), f"case {case}, {target}: {name} differs"
                compared += 1
        tiled = subprocess.run(["ternc", str(model), "--emit=tiled", "-o", "-", *options], check=True, capture_output=True, text=True).stdout
        assert tiled.count("call @main_layer0(") == layers, f"case {case}: layers are no calls of one function"
    print(f"{compared} tensors are the same")

    sizes = {}
    for layers in (3, 24):
        model = out / f"{layers}.onnx"
        onnx.save(Decoder(rng, layers, 17).model, model)
        sizes[layers] = code_size(compile_model(model, out / f"{layers}.so", "--ternarize=all"))
    # A call is some hundred bytes, a layer some ten thousand.
    assert sizes[24] < 1.1 * sizes[3], f"24 layers are {sizes[24]} bytes of code, 3 are {sizes[3]}"
    print("24 layers have the code of one")
    check_calls(out, rng)


main()
