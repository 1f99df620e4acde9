# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients of ternary layers with each quantizer, against PyTorch in float64.

    gradients_bitlinear.py FOLDER [--seed N]

The layers' own codes and scales are results, too, and are what the reference
multiplies: quantizing again in float64 would round other values differently.
Straight-through is `x + (quantized - x).detach()`, as one writes it in PyTorch.
"""
import argparse
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import gradients  # noqa: E402
import randomness  # noqa: E402

K, N = 67, 33


class Layer:
    def __init__(self, quantizer, x, activations=True, bias=False, alpha=None):
        self.quantizer, self.x, self.activations, self.bias, self.alpha = quantizer, x, activations, bias, alpha


GROUPS = "statistic = absmean, granularity = group, group_size = 32"
LAYERS = [
    Layer("statistic = absmean", ("?", K), bias=True),
    Layer("statistic = absmean, eps_mode = add", ("?", 3, K)),
    Layer("statistic = absmedian", (K,), bias=True),
    Layer("statistic = absmean, granularity = row, rule = threshold, eps = 1.0E-8", ("?", K), activations=False, bias=True),
    Layer("statistic = absmax, granularity = row", ("?", 2, K), bias=True),
    Layer(GROUPS, ("?", K)),
    Layer(GROUPS, ("?", 3, K), activations=False, bias=True),
    Layer("statistic = learned, rule = strict_threshold", ("?", K), alpha=()),
    Layer("statistic = learned, granularity = row, rule = strict_threshold", ("?", K), alpha=(N,), bias=True),
    Layer("statistic = learned, granularity = group, group_size = 32, rule = strict_threshold", ("?", K), alpha=(N, 3),
          activations=False),
]


def tensor(shape, element="f32"):
    return "tensor<" + "x".join([*map(str, shape), element]) + ">"


def named(shape, name):
    symbolic = ", ".join('"n"' if e == "?" else str(e) for e in shape)
    return f'{{tern.name = "{name}"' + (f", tern.shape = [{symbolic}]" if "?" in shape else "") + "}"


def module():
    """@main calls the gradient of each layer, and returns what its quantizers make."""
    functions, arguments, body, results, values, types = [], [], [], [], [], []
    for i, layer in enumerate(LAYERS):
        operands = [("x", layer.x), ("w", (N, K))]
        operands += [("b", (N,))] if layer.bias else []
        operands += [("alpha", layer.alpha)] if layer.alpha is not None else []
        result = (*layer.x[:-1], N)
        signature = ", ".join(tensor(shape) for _, shape in operands)
        parameters = ", ".join(f"%{name}: {tensor(shape)}" for name, shape in operands)
        text = f"%x, %w{' bias %b' if layer.bias else ''}{' alpha %alpha' if layer.alpha is not None else ''}"
        functions.append(f"""
  func.func private @layer{i}({parameters}) -> {tensor(result)} {{
    %y = tern.bitlinear {text} weights <{layer.quantizer}>{' activations <>' if layer.activations else ''}
       : ({signature}) -> {tensor(result)}
    return %y : {tensor(result)}
  }}
  func.func private @layer{i}_gradient({parameters}, %dy: {tensor(result)}) -> ({tensor(result)}, {signature})""")
        passed = [*operands, ("dy", result)]
        arguments += [f"%{name}{i}: {tensor(shape)} {named(shape, f'{name}{i}')}" for name, shape in passed]
        count = 1 + len(operands)
        body.append(f"    %g{i}:{count} = call @layer{i}_gradient({', '.join(f'%{name}{i}' for name, _ in passed)}) : "
                    f"({signature}, {tensor(result)}) -> ({tensor(result)}, {signature})")
        returned = [(f"%g{i}#{j}", shape, "f32", name) for j, (name, shape) in
                    enumerate([("y", result)] + [(f"d{name}", shape) for name, shape in operands])]
        scale = () if "granularity" not in layer.quantizer else (N,) if "row" in layer.quantizer else (N, 3)
        alpha = f" alpha %alpha{i}" if layer.alpha is not None else ""
        alpha_type = ", " + tensor(layer.alpha) if layer.alpha is not None else ""
        body.append(f"    %codes{i}, %scale{i} = tern.quantize_weights %w{i}{alpha} <{layer.quantizer}> : "
                    f"({tensor((N, K))}{alpha_type}) -> ({tensor((N, K), 'i8')}, {tensor(scale)})")
        returned += [(f"%codes{i}", (N, K), "i8", "codes"), (f"%scale{i}", scale, "f32", "scale")]
        if layer.activations:
            body.append(f"    %q{i}, %qs{i} = tern.quantize_activations %x{i} <> : {tensor(layer.x)} -> "
                        f"{tensor(layer.x, 'i8')}, {tensor(layer.x[:-1])}")
            returned += [(f"%q{i}", layer.x, "i8", "q"), (f"%qs{i}", layer.x[:-1], "f32", "qs")]
        for value, shape, element, name in returned:
            values.append(value)
            types.append(tensor(shape, element))
            results.append(f"{tensor(shape, element)} {named(shape, f'{name}{i}')}")
    return ("module attributes {tern.model = \"layers\"} {" + "".join(functions) +
            f"\n  func.func @main({', '.join(arguments)})\n      -> ({', '.join(results)}) {{\n" + "\n".join(body) +
            f"\n    return {', '.join(values)} : {', '.join(types)}\n  }}\n}}\n")


def expected(layer, i, data, got):
    """y and its gradients, with Tern's codes and scales."""
    codes = torch.tensor(got[f"codes{i}"].astype(np.float64))
    scale = torch.tensor(got[f"scale{i}"].astype(np.float64))
    if scale.ndim == 2:
        scale = scale.repeat_interleave(32, 1)[:, :K]
    elif scale.ndim == 1:
        scale = scale[:, None]

    def function(x, w, *rest):
        rest = list(rest)
        bias = rest.pop(0) if layer.bias else 0
        if layer.alpha is not None:
            alpha = rest.pop(0)
            alpha = alpha.repeat_interleave(32, 1)[:, :K] if alpha.ndim == 2 else alpha[:, None] if alpha.ndim else alpha
            w = alpha * (w + (codes - w).detach())
        else:
            w = w + (codes * scale - w).detach()
        if layer.activations:
            quantized = torch.tensor(got[f"q{i}"].astype(np.float64)) * torch.tensor(got[f"qs{i}"].astype(np.float64))[..., None]
            x = x + (quantized - x).detach()
        return x @ w.T + bias

    names = ["x", "w"] + ["b"] * layer.bias + ["alpha"] * (layer.alpha is not None)
    results, grads = gradients.reference(function, [data[f"{name}{i}"] for name in names], [data[f"dy{i}"]])
    return dict(zip([f"y{i}"] + [f"d{name}{i}" for name in names], results + grads))


def main():
    parser = argparse.ArgumentParser()
    args, rng = randomness.parse(parser)
    passes = [f"tern-differentiate{{function=layer{i} seeds=arguments}}" for i in range(len(LAYERS))]
    pipeline = f"builtin.module({','.join(passes)},inline,symbol-dce)"
    text = gradients.run(["tern-opt", f"--pass-pipeline={pipeline}"], module())
    artifact = gradients.compile_main(text, args.folder, "layers")
    failures = gradients.Failures()
    for n in (1, 17, 33):
        data = {}
        for i, layer in enumerate(LAYERS):
            shape = tuple(n if e == "?" else e for e in layer.x)
            data[f"x{i}"] = rng.standard_normal(shape).astype(np.float32)
            data[f"w{i}"] = (rng.standard_normal((N, K)) * 0.2).astype(np.float32)
            data[f"b{i}"] = rng.standard_normal(N).astype(np.float32)
            data[f"dy{i}"] = rng.standard_normal((*shape[:-1], N)).astype(np.float32)
            if layer.alpha is not None:
                data[f"alpha{i}"] = rng.uniform(0.1, 0.3, layer.alpha).astype(np.float32)
        got = artifact(data)
        for i, layer in enumerate(LAYERS):
            wanted = expected(layer, i, data, got)
            for name, want in wanted.items():
                # The gradient of one scale adds up those of the weights over the scale, each times its code.
                terms = wanted[f"dw{i}"] * got[f"codes{i}"] / data[f"alpha{i}"] if name == f"dalpha{i}" and want.ndim == 0 else None
                failures.check(f"<{layer.quantizer}> {name} at n = {n}", got[name], want, terms=terms)
    failures.finish("results and gradients")


if __name__ == "__main__":
    main()
