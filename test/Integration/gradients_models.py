# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loss and parameter gradients of whole models, against PyTorch in float64.

    gradients_models.py MODEL FOLDER [--seed N]

A model is exported from PyTorch, made ternary, given a loss and differentiated as `ternc --train` does it, for
lambda = 1 (`@loss`) and for any lambda (`@loss_float`). The codes and scales that Tern computes are results as well,
and are what the reference multiplies: quantizing again in float64 would round other values differently. Quantizers
are straight-through, `x + lambda * (quantized - x).detach()`, as one writes them in PyTorch.

The same model in float, with all f32 of its gradient made f64, is compared with finite differences of its own loss.
"""
import argparse
import pathlib
import re
import struct
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
import gradients  # noqa: E402
import randomness  # noqa: E402

CLASSES = 11
GROUP = 16
GROUPED = f"granularity = group, group_size = {GROUP}"
QUANTIZERS = [
    "statistic = absmean",
    "statistic = absmean, eps_mode = add",
    "statistic = absmedian",
    "statistic = absmean, granularity = row, rule = threshold, eps = 1.0E-8",
    "statistic = absmax, granularity = row",
    f"statistic = absmean, {GROUPED}",
    "statistic = learned, rule = strict_threshold",
    "statistic = learned, granularity = row, rule = strict_threshold",
    f"statistic = learned, {GROUPED}, rule = strict_threshold",
]


class Injected:
    """What Tern quantized, in the order of the layers; None while a model is exported."""

    weights, activations, weight, margin = None, None, 1.0, np.inf
    exporting = True

    def start_float(self):
        self.weights = self.activations = None
        self.margin = np.inf

    def start(self, results, prefix, weight):
        """Begins a pass through the model with the codes among `results`."""
        def ordered(kind, scale):
            count = sum(name.startswith(f"{prefix}{kind}") for name in results)
            return iter([(torch.tensor(results[f"{prefix}{kind}{i}"].astype(np.float64)),
                          torch.tensor(results[f"{prefix}{scale}{i}"].astype(np.float64))) for i in range(count)])

        self.weights, self.activations = ordered("codes", "scale"), ordered("tokens", "peak")
        self.weight, self.margin = weight, np.inf

    def blend(self, x, quantized):
        return x + self.weight * (quantized - x).detach()

    def quantized_activations(self, x):
        if self.activations is None:
            return x
        q, scale = next(self.activations)
        return self.blend(x, (q * scale[..., None]).reshape(x.shape))

    def quantized_weights(self, w, alpha=None):
        if self.weights is None:
            return w
        codes, scale = next(self.weights)
        matrix = w.reshape(codes.shape)

        def spread(s):
            """A scale for each tensor, row or group at each weight."""
            if s.ndim == 2:
                return s.repeat_interleave(GROUP, 1)[:, :matrix.shape[1]]
            return s[:, None] if s.ndim else s

        if alpha is None:
            return self.blend(matrix, codes * spread(scale)).reshape(w.shape)
        # A learned scale is not detached, and codes are straight-through.
        codes = matrix + (codes - matrix).detach()
        return ((1 - self.weight) * matrix + self.weight * spread(alpha) * codes).reshape(w.shape)

    def kink(self, distance, peak):
        """Notes how near a kink values are. At exact ties both sides follow the same convention."""
        distance = distance.abs()[distance.abs() > 1e-12 * peak]
        if not self.exporting and len(distance):
            self.margin = min(self.margin, float(distance.min() / peak))


injected = Injected()


class Linear(nn.Linear):
    """A layer that Tern makes ternary, of a chosen quantizer."""

    def __init__(self, k, n, bias=True, quantizer=QUANTIZERS[0], activations=True, gamma=False):
        super().__init__(k, n, bias)
        self.quantizer, self.quantizes_activations = quantizer, activations
        self.gamma = nn.Parameter(1 + 0.1 * torch.randn(k)) if gamma else None
        shapes = {"tensor": (), "row": (n,), "group": (n, -(-k // GROUP))}
        if "learned" in quantizer:
            granularity = re.search(r"granularity = (\w+)|$", quantizer)[1] or "tensor"
            self.alpha = nn.Parameter(torch.empty(shapes[granularity]).uniform_(0.1, 0.3))
        nn.init.normal_(self.weight, 0, 0.25)  # Some of it below an absolute threshold of 0.1, most above.

    def forward(self, x):
        if self.gamma is not None:  # The inner norm of BitNet b1.58, outside of the layer in Tern.
            x = x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.gamma
        if self.quantizes_activations:
            x = injected.quantized_activations(x)
        return F.linear(x, injected.quantized_weights(self.weight, getattr(self, "alpha", None)), self.bias)


class Conv(nn.Conv2d):
    quantizer, quantizes_activations = QUANTIZERS[0], None

    def forward(self, x):
        return F.conv2d(injected.quantized_activations(x), injected.quantized_weights(self.weight), self.bias,
                        self.stride, self.padding, self.dilation)


class Relu(nn.Module):
    def forward(self, x):
        injected.kink(x.detach(), x.detach().abs().max())
        return F.relu(x)


class MaxPool(nn.Module):
    def forward(self, x):
        if injected.exporting:
            return F.max_pool2d(x, 2)
        windows = F.unfold(x.flatten(0, 1)[:, None], 2, stride=2)
        peak = x.detach().abs().max()
        largest = windows.detach().topk(2, 1).values
        injected.kink(largest[:, 0] - largest[:, 1], peak)
        # The first of those that are equal but for the rounding of float64.
        ranks = (windows.detach() / peak / 1e-9).round()
        first = (ranks == ranks.amax(1, keepdim=True)).double().argmax(1, keepdim=True)
        return windows.gather(1, first).reshape(*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2)


class MLP(nn.Module):
    """A layer of each quantizer, with and without bias, inner norm and quantized activations."""

    def __init__(self, rng):
        super().__init__()
        widths = [int(w) for w in rng.integers(9, 41, len(QUANTIZERS) + 1)]
        self.shape = (widths[0],)
        self.layers = nn.ModuleList(
            Linear(k, n, bias=i % 3 != 1, quantizer=quantizer, activations=i % 4 != 3, gamma=i % 2 == 1)
            for i, (quantizer, k, n) in enumerate(zip(QUANTIZERS, widths, widths[1:])))
        self.functions = nn.ModuleList([[nn.Tanh, nn.Softplus, nn.GELU, nn.SiLU][i % 4]() for i in range(len(self.layers))])
        self.lm_head = nn.Linear(widths[-1], CLASSES)

    def forward(self, x):
        for layer, function in zip(self.layers, self.functions):
            x = function(layer(x))
        return self.lm_head(x)


class ConvNet(nn.Module):
    """Windows with padding, strides, dilation, of one element; Relu and pooling between.

    What is pooled comes from a float layer: products of codes are often equal but for the rounding of their sums.
    """

    def __init__(self, rng):
        super().__init__()
        a, b, c = (int(n) for n in rng.integers(3, 8, 3))
        self.shape = (int(rng.integers(1, 4)), int(rng.integers(13, 17)), int(rng.integers(12, 18)))
        self.first = nn.Sequential(Conv(self.shape[0], a, 3, 2, 1), Relu(), Conv(a, a, (3, 2), padding=(1, 0), bias=False), nn.Tanh())
        self.first[2].quantizer = QUANTIZERS[4]
        self.pooled = nn.Conv2d(a, b, (2, 3), padding=1, dilation=(2, 1))
        self.last = nn.Sequential(MaxPool(), Conv(b, c, 1), Relu(), Conv(c, b, (1, 2), 3), nn.Softplus(), nn.Flatten())
        width = self.convolutions(torch.zeros(1, *self.shape)).shape[1]
        self.fc, self.lm_head = Linear(width, a + b), nn.Linear(a + b, CLASSES)

    def convolutions(self, x):
        return self.last(self.pooled(self.first(x)))

    def forward(self, x):
        return self.lm_head(torch.tanh(self.fc(self.convolutions(x))))


class Transformer(nn.Module):
    """Embeddings and one block: masked attention, LayerNorm, GELU."""

    shape = None

    def __init__(self, rng):
        super().__init__()
        self.context, self.heads = int(rng.integers(3, 10)), int(rng.integers(2, 4))
        width, inner = self.heads * int(rng.integers(3, 8)), int(rng.integers(20, 40))
        self.wte, self.wpe = nn.Embedding(CLASSES, width), nn.Parameter(torch.randn(self.context, width))
        self.ln1, self.ln2, self.ln3 = (nn.LayerNorm(width) for _ in range(3))
        # A query's bias moves all scores of a row alike if keys hardly differ; a key's always does: without.
        self.query, self.value = Linear(width, width), Linear(width, width, quantizer=QUANTIZERS[3])
        self.key = Linear(width, width, bias=False)
        self.out = Linear(width, width, quantizer=QUANTIZERS[5])
        self.up, self.down = Linear(width, inner), Linear(inner, width, bias=False)
        self.lm_head = nn.Linear(width, CLASSES)
        for norm in (self.ln1, self.ln2, self.ln3):  # The exporter makes one of parameters that are equal.
            nn.init.normal_(norm.weight, 1, 0.2)
            nn.init.normal_(norm.bias, 0, 0.2)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe
        h = self.ln1(x)

        def split(y):
            return y.view(-1, self.context, self.heads, y.shape[-1] // self.heads).transpose(1, 2)

        query, key, value = split(self.query(h)), split(self.key(h)), split(self.value(h))
        scores = query @ key.transpose(-1, -2) / query.shape[-1]**0.5
        later = torch.ones(self.context, self.context).tril() == 0
        mixed = scores.masked_fill(later, float("-inf")).softmax(-1) @ value
        x = x + self.out(mixed.transpose(1, 2).reshape(-1, self.context, x.shape[-1]))
        x = x + self.down(F.gelu(self.up(self.ln2(x))))
        return self.lm_head(self.ln3(x))


MODELS = {"mlp": MLP, "conv": ConvNet, "transformer": Transformer}


def export(network, sample, path):
    axes = {0: "batch"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, sample, str(path), opset_version=17, input_names=["x"], output_names=["logits"],
                          dynamic_axes={"x": axes, "logits": axes}, do_constant_folding=False)


def choose_quantizers(text, network):
    """Gives each layer the quantizer of the network's; learned scales become parameters."""
    layers = [(name, m) for name, m in network.named_modules() if isinstance(m, (Linear, Conv))]
    learned = [(f"{name}.alpha", m.alpha) for name, m in layers if hasattr(m, "alpha")]
    found = iter(layers)

    def replace(match):
        name, layer = next(found)
        head, attributes, operands, result = match.groups()
        alpha = ""
        if hasattr(layer, "alpha"):
            alpha = f" alpha %alpha_{learned_names.index(f'{name}.alpha')}"
            operands += ", " + tensor(layer.alpha.shape)
        activations = attributes if layer.quantizes_activations is None else " activations <>" * layer.quantizes_activations
        return f"{head}{alpha} weights <{layer.quantizer}>{activations} : ({operands}) -> {result}"

    learned_names = [name for name, _ in learned]
    text = re.sub(r"(= tern\.bitlinear %\S+ %\S+(?: bias %\S+)?) weights <.*?>( activations <>|) \{.*?\} : \((.*?)\) -> (\S+)",
                  replace, text)
    assert next(found, None) is None, "a layer has not become ternary"
    added = "".join(f", %alpha_{i}: {tensor(alpha.shape)} {{tern.param = \"{name}\"}}" for i, (name, alpha) in enumerate(learned))
    return re.sub(r"(func\.func @main\(.*?)\) -> ", lambda m: m[1] + added + ") -> ", text, 1)


def tensor(shape, element="f32"):
    return "tensor<" + "x".join([*map(str, shape), element]) + ">"


def function(text, name):
    """A match of a function: its arguments, its body and what it returns."""
    return re.search(rf"  func\.func private @{name}\((.*)\) -> \(tensor<f\d\d> .* {{\n((?:    .*\n)*?)"
                     r"    return (%\S+) : (\S+)\n  }\n", text)


def with_codes(text, name):
    """Returns what the quantizers of a function make, too: (text, [(result, type)])."""
    match = function(text, name)
    returned, extra = [], {"codes": [], "tokens": []}

    def add(kind, scale, value, scale_value, types):
        i = len(extra[kind])
        if types[1] == "tensor<f32>":  # The loss is the only result of no dimensions.
            expanded = f"{scale_value}_flat_{i}"
            line = f"    {expanded} = tensor.expand_shape {scale_value} [] output_shape [1] : tensor<f32> into tensor<1xf32>"
            extra[kind].append((value, scale_value, line))
            scale_value, types = expanded, (types[0], "tensor<1xf32>")
        else:
            extra[kind].append((value, scale_value, None))
        returned.extend([(f"{kind}{i}", value, types[0]), (f"{scale}{i}", scale_value, types[1])])

    body = []
    number = 0
    for line in match[2].splitlines():
        body.append(line)
        layer = re.match(r"    %\S+ = tern\.bitlinear (%\S+), (%\S+)(?: bias %\S+)?( alpha %\S+)? weights (<.*?>)"
                         r"( activations <>|) (?:\{.*?\} )?: \((.*?)\) -> ", line)
        quantizer = re.match(r"    (%\S+), (%\S+) = tern\.quantize_(weights|activations) .*?(?:\) )?-> \(?(\S+), ([^ )]+)\)?", line)
        if layer:
            x, w, alpha, weights, activations, types = layer.groups()
            types = types.split(", ")
            if activations:
                made = [re.sub("f32>", "i8>", types[0]), re.sub(r"x?[^x<]+xf32>", "xf32>", types[0]).replace("<x", "<")]
                body.append(f"    %tokens_{number}, %peak_{number} = tern.quantize_activations {x} <> : {types[0]} -> {', '.join(made)}")
                add("tokens", "peak", f"%tokens_{number}", f"%peak_{number}", made)
            n, k = re.match(r"tensor<(\d+)x(\d+)xf32>", types[1]).groups()
            scale = ("" if "granularity" not in weights else f"{n}x" if "row" in weights else f"{n}x{-(-int(k) // GROUP)}x")
            made = [f"tensor<{n}x{k}xi8>", f"tensor<{scale}f32>"]
            operands = types[1] + (f", {types[-1]}" if alpha else "")
            body.append(f"    %codes_{number}, %scale_{number} = tern.quantize_weights {w}{alpha or ''} {weights} : "
                        f"({operands}) -> ({', '.join(made)})")
            add("codes", "scale", f"%codes_{number}", f"%scale_{number}", made)
            number += 1
        elif quantizer:
            value, scale_value, kind, *types = quantizer.groups()
            names = ("codes", "scale") if kind == "weights" else ("tokens", "peak")
            add(*names, value, scale_value, types)
    body += [line for kind in extra.values() for _, _, line in kind if line]
    types = [match[4]] + [type for _, _, type in returned]
    new = (f"  func.func private @{name}({match[1]}) -> ({', '.join(types)}) {{\n" + "\n".join(body) +
           f"\n    return {', '.join([match[3]] + [value for _, value, _ in returned])} : {', '.join(types)}\n  }}\n")
    return text[:match.start()] + new + text[match.end():], [(key, type) for key, _, type in returned]


def arguments(text, name):
    """(name, type, symbolic shape, whether a parameter) of each argument."""
    found = []
    for type, attributes in re.findall(r"%\S+: (tensor<\S+>) \{(.*?)\}", function(text, name)[1]):
        key, spelled = re.search(r'tern\.(name|param|scalar) = "(.*?)"', attributes).groups()
        shape = re.search(r"tern\.shape = \[.*?\]", attributes)
        found.append((spelled, type, shape[0] if shape else None, key == "param"))
    return found


def entry(calls, scalars):
    """@main, which returns the results of gradients under their prefixes."""
    parameters, given, body, results, returned = [], [], [], [], []
    for number, (prefix, name, args, extra) in enumerate(calls):
        for argument, type, shape, _ in args:
            if argument not in given:
                given.append(argument)
                parameters.append(f"%a{len(given) - 1}: {type} {{tern.name = \"{argument}\"{', ' + shape if shape else ''}}}")
        loss = re.match("f32|f64", scalars)[0]
        types = [f"tensor<{loss}>"] + [type for _, type in extra] + [type for _, type, _, is_param in args if is_param]
        names = ["loss"] + [key for key, _ in extra] + [argument for argument, _, _, is_param in args if is_param]
        operands = ", ".join(f"%a{given.index(argument)}" for argument, *_ in args)
        body.append(f"    %r{number}:{len(types)} = func.call @{name}_gradient({operands}) : "
                    f"({', '.join(type for _, type, _, _ in args)}) -> ({', '.join(types)})")
        for i, (key, type) in enumerate(zip(names, types)):
            extents = re.match(r"tensor<((?:[?\d]+x)*)", type)[1].split("x")[:-1]
            # Of the dynamic extents only the number of rows is not the batch itself.
            symbolic = ", ".join('"rows"' if e == "?" else e for e in extents)
            shape = f", tern.shape = [{symbolic}]" if "?" in extents else ""
            results.append(f"{type} {{tern.name = \"{prefix}{key}\"{shape}}}")
            returned.append((f"%r{number}#{i}", type))
    return (f"  func.func @main({', '.join(parameters)}) -> ({', '.join(results)}) {{\n" + "\n".join(body) +
            f"\n    return {', '.join(v for v, _ in returned)} : {', '.join(t for _, t in returned)}\n  }}\n")


def compile_gradients(text, names, folder, file, element="f32"):
    """An artifact of the gradients of functions, with the codes of their quantizers."""
    calls, passes = [], []
    for name in names:
        args = arguments(text, name)
        text, extra = with_codes(text, name)
        calls.append(("float." if name == "loss_float" else "", name, args, extra))
        wrt = ",".join(str(i) for i, arg in enumerate(args) if arg[3])
        passes.append(f"tern-differentiate{{function={name} wrt={wrt}}}")
    text = re.sub(r"func\.func @(forward|eval_step)", r"func.func private @\1", text)
    text = gradients.run(["tern-opt", f"--pass-pipeline=builtin.module({','.join(passes)})"], text)
    end = text.rindex("}")
    text = text[:end] + entry(calls, element) + "}\n"
    text = re.sub(r", tern\.(training|weights) = (\{.*?\}|\"[^\"]*\")", "", text)
    text = gradients.run(["tern-opt", "--inline", "--symbol-dce"], text)
    return gradients.compile_main(text, folder, file)


def to_f64(text):
    """The same function of f64. Constants that are printed as bits have to be those of f64."""
    def bits(match):
        value = struct.unpack(">f", bytes.fromhex(match[1]))[0]
        return f"0x{struct.pack('>d', value).hex().upper()}{match[2]}"

    text = re.sub(r"0x([0-9A-F]{8})( : f32|> : tensor<[\dx]*f32>)", bits, text)
    # Detached are maxima that are subtracted and added again.
    text = re.sub(r"tern\.straight_through %\S+, (%\S+) : (\S+)", r"tensor.cast \1 : \2 to \2", text)
    text = re.sub(r"\bf32\b|(?<=x)f32\b", "f64", text)
    # Sums that were of f64 already: what folds to the operand, and has its derivative.
    return re.sub(r"arith\.(?:extf|truncf) (%\S+) : f64 to f64", r"arith.maximumf \1, \1 : f64", text)


def draw(rng, network, batch):
    if network.shape:
        return {"x": rng.standard_normal((batch, *network.shape)).astype(np.float32),
                "labels": rng.integers(0, CLASSES, batch)}
    shape = (batch, network.context)
    return {"x": rng.integers(0, CLASSES, shape), "labels": rng.integers(0, CLASSES, shape)}


def reference(network, data, results, prefix, weight):
    """Loss and gradients by name, in float64; and for biases the norms of the terms that their gradients are sums of."""
    injected.start(results, prefix, weight)
    network.zero_grad()
    terms = {}
    hooks = [module.register_full_backward_hook(lambda _, __, cotangents, name=name: terms.update({name: float(cotangents[0].norm())}))
             for name, module in ((f"{name}.bias", module) for name, module in network.named_modules()) if name in dict(network.named_parameters())]
    x = torch.tensor(data["x"])
    logits = network(x.double() if x.is_floating_point() else x)
    loss = F.cross_entropy(logits.flatten(0, -2), torch.tensor(data["labels"]).flatten())
    loss.backward()
    for hook in hooks:
        hook.remove()
    return {"loss": loss.detach().numpy()} | {name: p.grad.numpy().copy() for name, p in network.named_parameters()}, terms


def norm_of_terms(network, name, weight):
    """A learned scale of a whole tensor has one number for a gradient, a sum of terms of both signs that may well be
    zero: then what it has to be compared with is the norm of the terms, whose own errors it adds up."""
    layer = network.get_submodule(name[:-len(".alpha")])
    w, alpha = layer.weight, layer.alpha.detach()
    codes = (w.detach() > 0.1).double() - (w.detach() < -0.1).double()
    return float((weight * codes * w.grad / (1 - weight + weight * alpha)).norm())


def check_quantized(args, rng, network, failures):
    path = args.folder / "model.onnx"
    text = gradients.run(["ternc", path, "--ternarize=all", "--activations=int8", "--exclude=/pooled/", "--emit=ternary", "-o", "-"])
    text = gradients.run(["tern-opt", "--mlir-print-local-scope"], text)
    text = gradients.run(["tern-opt", "--tern-attach-loss"], choose_quantizers(text, network))
    artifact = compile_gradients(text, ["loss", "loss_float"], args.folder, "ternary")
    parameters = {name: p.detach().numpy().astype(np.float32) for name, p in network.named_parameters()}
    for batch in (1, 3, 17, 33):
        for weight in (0.0, 0.3, 1.0):
            while True:
                data = draw(rng, network, batch)
                results = artifact(data | parameters | {"lambda": np.array(weight, np.float32)})
                expected = {"float.": reference(network, data, results, "float.", float(np.float32(weight)))}
                margin = injected.margin
                if weight == 1:
                    expected[""] = reference(network, data, results, "", 1.0)
                    margin = min(margin, injected.margin)
                # So close to a kink the rounding of f32 decides the side.
                if margin > 3e-6:
                    break
            for prefix, (wanted, terms) in expected.items():
                for name, want in wanted.items():
                    tolerance = gradients.TOLERANCE
                    if name.endswith("alpha") and want.ndim == 0 and weight:
                        tolerance *= max(1, norm_of_terms(network, name, weight) / abs(want))
                    # Where all pixels' cotangents cancel, a bias has the rounding of each.
                    norm = max(np.linalg.norm(want), terms.get(name, 0))
                    failures.check(f"{prefix}{name} at batch {batch}, lambda {weight}", results[prefix + name], want, tolerance, norm)


def check_float(args, rng, network, failures):
    """The gradient in f64, against finite differences of the loss in f64."""
    text = gradients.run(["ternc", args.folder / "model.onnx", "--ternarize=none", "--emit=ternary", "-o", "-"])
    text = to_f64(gradients.run(["tern-opt", "--tern-attach-loss"], text))
    artifact = compile_gradients(text, ["loss"], args.folder, "float", "f64")
    parameters = {name: p.detach().numpy() for name, p in network.named_parameters() if "alpha" not in name}
    step = 1e-5
    for batch in (1, 3):
        injected.margin = 0
        while injected.margin < 10 * step:  # No kink between the points.
            data = draw(rng, network, batch)
            injected.start_float()
            x = torch.tensor(data["x"])
            network(x.double() if x.is_floating_point() else x)
        if data["x"].dtype == np.float32:
            data["x"] = data["x"].astype(np.float64)
        results = artifact(data | parameters)
        for name, value in parameters.items():
            direction = rng.standard_normal(value.shape)
            direction /= np.linalg.norm(direction)
            losses = [float(artifact(data | parameters | {name: value + i * step * direction})["loss"]) for i in (-2, -1, 1, 2)]
            slope = (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * step)
            # Of fourth order: what is left are the loss's roundings, some 1e-15, over the step.
            failures.count += 1
            error = abs(slope - (results[name] * direction).sum())
            if not error <= 1e-9:
                failures.messages.append(f"{name} at batch {batch}: a slope of {slope}, off by {error:.3g}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=MODELS)
    args, rng = randomness.parse(parser)
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    network = MODELS[args.model](rng)
    sample = torch.tensor(draw(rng, network, 2)["x"])
    export(network, sample, args.folder / "model.onnx")
    injected.exporting = False
    network.double()
    failures = gradients.Failures()
    check_float(args, rng, network, failures)
    check_quantized(args, rng, network, failures)
    failures.finish("losses and gradients")


if __name__ == "__main__":
    main()
