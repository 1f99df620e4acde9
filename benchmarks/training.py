#!/usr/bin/python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A training step in Tern and in PyTorch: W1.58A8, straight-through gradients, AdamW.

    benchmarks/training.py [NAME ...] [--threads N] [--rounds N] [--build DIR]

Steps of both are measured in turn in one process; the table has the medians, and what each holds at its peak beyond the
idle process, measured in a process of its own. PyTorch does what its users do: fake quantization in float with
`x + (q - x).detach()`. It must have a real BLAS: install libopenblas0-pthread.

Needs python3-torch, python3-onnx, python3-numpy, and `make`.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = ("nanogpt", "mlp-512", "mlp-2048")


def bind_threads(count):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TERN_NUM_THREADS"):
        os.environ[name] = str(count)


def make_model(name):
    """(float model, batch, inputs of one batch, labels, names of layers that stay float)"""
    import torch
    from torch import nn
    sys.path.insert(0, str(ROOT / "examples" / "training"))
    import models
    torch.manual_seed(0)
    if name == "nanogpt":
        x = torch.randint(models.VOCABULARY, (12, 64))
        return models.NanoGPT(), x, torch.randint(models.VOCABULARY, (12, 64)), ()
    layers, width, batch = {"mlp-512": (4, 512, 128), "mlp-2048": (2, 2048, 1024)}[name]
    parts = []
    for _ in range(layers):
        parts += [nn.Linear(width, width), nn.ReLU()]
    model = nn.Sequential(*parts)
    model.add_module("head", nn.Linear(width, 10))
    return model, torch.randn(batch, width), torch.randint(10, (batch,)), ("head",)


def to_bitlinear(module, keep):
    """Replaces linear layers by fake-quantized ones, but for `keep`."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class BitLinear(nn.Linear):
        def forward(self, x):
            g = x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
            q = (x * (127 / g)).round().clamp(-128, 127) * (g / 127)
            x = x + (q - x).detach()
            s = self.weight.abs().mean().clamp(min=1e-5)
            w = (self.weight * (1 / s)).round().clamp(-1, 1) * s
            return F.linear(x, self.weight + (w - self.weight).detach(), self.bias)

    for name, child in module.named_children():
        if isinstance(child, nn.Linear) and name not in keep:
            child.__class__ = BitLinear
        else:
            to_bitlinear(child, keep)


class TorchStep:
    def __init__(self, name, threads):
        import torch
        torch.set_num_threads(threads)
        self.model, self.x, self.labels, keep = make_model(name)
        to_bitlinear(self.model, keep)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)

    def __call__(self):
        from torch.nn import functional as F
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(self.x)
        loss = F.cross_entropy(logits.flatten(0, -2), self.labels.flatten())
        loss.backward()
        self.optimizer.step()
        return loss.item()


class TernStep:
    def __init__(self, artifact, threads):
        import numpy as np
        sys.path.insert(0, str(ROOT / "python"))
        import tern
        data = np.load(f"{artifact}.npz")
        self.x, self.labels = data["x"], data["labels"]
        self.trainer = tern.Trainer(f"{artifact}.so", threads=threads)

    def __call__(self):
        return self.trainer.step(self.x, self.labels, lr=1e-4)


def compile_model(name, folder, build):
    import numpy as np
    import torch
    model, x, labels, keep = make_model(name)
    path = folder / name
    torch.onnx.export(model, x, f"{path}.onnx", input_names=["x"], output_names=["logits"], opset_version=17,
                      dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}},
                      training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False)
    np.savez(f"{path}.npz", x=x.numpy(), labels=labels.numpy())
    # PyTorch does not clip here either.
    subprocess.run([build / "bin" / "ternc", f"{path}.onnx", "--train", "--clip=false", "--ternarize=all", "--activations=int8",
                    *(f"--exclude={k}" for k in keep), f"--dim=batch={len(x)}", "-o", f"{path}.so"], check=True)
    return path


def peak(kind, name, artifact, threads):
    """MiB above the idle process: what the first steps add to the peak."""
    code = (f"import sys; sys.path.insert(0, {str(ROOT / 'benchmarks')!r}); import training; "
            f"print(training.measure_peak({kind!r}, {name!r}, {str(artifact)!r}, {threads}))")
    return float(subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout)


def resident(field):
    """MiB: VmRSS is what is resident now, VmHWM the most that was."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split(field + ":")[1].split()[0]) / 1024


def measure_peak(kind, name, artifact, threads):
    bind_threads(threads)
    if kind == "torch":
        import torch
        torch.set_num_threads(threads)
        # Its libraries' own memory is not the model's.
        layer = torch.nn.Linear(8, 8)
        layer(torch.randn(2, 8)).sum().backward()
    else:
        import numpy
        sys.path.insert(0, str(ROOT / "python"))
        import tern
        tern.runtime_version()
    idle = resident("VmRSS")
    step = TorchStep(name, threads) if kind == "torch" else TernStep(artifact, threads)
    for _ in range(3):
        step()
    return resident("VmHWM") - idle


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"no benchmark {unknown.pop()!r}; there are {', '.join(NAMES)}")
    bind_threads(args.threads)
    os.environ["TERN_HOME"] = str(args.build)

    print(f"{'':10} {'PyTorch ms':>11} {'Tern ms':>9} {'speed-up':>9} {'PyTorch MiB':>12} {'Tern MiB':>9} {'memory':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or NAMES:
            artifact = compile_model(name, pathlib.Path(folder), args.build)
            torch_step, tern_step = TorchStep(name, args.threads), TernStep(artifact, args.threads)
            times = {torch_step: [], tern_step: []}
            for round_number in range(args.rounds + 1):
                for step in times:
                    begin = time.perf_counter()
                    loss = step()
                    if round_number:
                        times[step].append((time.perf_counter() - begin) * 1e3)
            ours, theirs = (statistics.median(times[step]) for step in (tern_step, torch_step))
            peaks = [peak(kind, name, artifact, args.threads) for kind in ("torch", "tern")]
            print(f"{name:10} {theirs:11.2f} {ours:9.2f} {theirs / ours:8.2f}x {peaks[0]:12.1f} {peaks[1]:9.1f} "
                  f"{peaks[1] / peaks[0]:6.2f}x", flush=True)


if __name__ == "__main__":
    main()
