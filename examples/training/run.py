#!/usr/bin/env python3
# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Train a model with Tern, deploy it, and print what it scores.

    run.py fashion-mlp                    Fashion-MNIST, 784-256-128-10
    run.py fashion-conv                   Fashion-MNIST, three convolutions and two linear layers
    run.py fine-tune                      Fashion-MNIST: a float MLP made ternary, at once and by more training
    run.py char-mlp --text FILE           16 characters to the next one
    run.py nanogpt --text FILE            nanoGPT's CPU configuration, 2000 steps
    run.py ... --float                    the same without ternary weights

Every step is a command that is printed before it runs. `char-mlp` and `nanogpt` train on a text file such as Tiny
Shakespeare (https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt).
"""
import argparse
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = pathlib.Path("/usr/share/datasets/fashion-mnist")
TRAIN = ["--data", DATA / "train-images-idx3-ubyte.gz", "--labels", DATA / "train-labels-idx1-ubyte.gz"]
TEST = ["--val", DATA / "t10k-images-idx3-ubyte.gz", "--val-labels", DATA / "t10k-labels-idx1-ubyte.gz"]
MLP = ROOT / "examples" / "fashion-mnist" / "fashion-mnist.onnx"

# What PyTorch reaches with the same model, data and options, for comparison.
REFERENCE = {"fashion-mlp": "89.2 %", "fashion-conv": "90.1 %", "char-mlp": "2.036", "nanogpt": "1.897",
             "char-mlp --float": "1.895", "nanogpt --float": "1.899", "fashion-mlp --float": "89.9 %"}


class Runner:
    def __init__(self, args):
        self.args = args
        self.bin = args.build / "bin"
        self.out = args.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.threads = ["--threads", args.threads] if args.threads else []

    def run(self, *command):
        """Shows a command, runs it, and returns what it printed. Its errors and progress go to the terminal."""
        command = [str(part) for part in command]
        print("$ " + shlex.join(os.path.relpath(part) if part.startswith(str(ROOT)) else part for part in command), flush=True)
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(result.stdout, end="", flush=True)
        if result.returncode:
            sys.exit(result.returncode)
        return result.stdout

    def export(self, name):
        path = self.out / f"{name}.onnx"
        if not path.exists():
            self.run("/usr/bin/python3", HERE / "models.py", name, path, "--seed", self.args.seed)
        return path

    def train(self, name, model, compile_options, train_options):
        """Compiles the training executable of `model` and runs it. Returns the checkpoint."""
        trainer, checkpoint = self.out / f"{name}-train", self.out / f"{name}-trained.safetensors"
        self.run(self.bin / "ternc", model, "--emit=train-step", "-o", trainer, *compile_options)
        self.run(trainer, *train_options, "--seed", self.args.seed, *self.threads, "--checkpoint", checkpoint,
                 "--metrics", self.out / f"{name}.jsonl", "--plot", self.out / f"{name}.svg", *self.args.options)
        return checkpoint

    def test_images(self, name, model, checkpoint, compile_options):
        """Compiles `model` with the checkpoint's weights and classifies the test images. Returns the accuracy."""
        executable = self.out / name
        self.run(self.bin / "ternc", model, "--weights", checkpoint, "-o", executable, *compile_options)
        text = self.run(executable, "--input", f"@{DATA}/t10k-images-idx3-ubyte.gz", "--labels",
                        DATA / "t10k-labels-idx1-ubyte.gz", "--batch", "256", *self.threads)
        return float(re.search(r"accuracy\D*([\d.]+)", text).group(1))

    def last_validation(self, name):
        lines = [json.loads(line) for line in open(self.out / f"{name}.jsonl")]
        return [line for line in lines if "val_loss" in line][-1]


def fashion(runner, name, model, options, epochs, extra=()):
    checkpoint = runner.train(name, model, [*options, "--init", runner.args.seed],
                              [*TRAIN, *TEST, "--batch", 128, "--epochs", epochs, "--lr", "2e-3", "--warmup", 200,
                               "--schedule", "linear", *extra])
    return checkpoint, runner.test_images(name, model, checkpoint, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["fashion-mlp", "fashion-conv", "fine-tune", "char-mlp", "nanogpt"])
    parser.add_argument("--float", action="store_true", help="train without ternary weights")
    parser.add_argument("--text", type=pathlib.Path, help="text for char-mlp and nanogpt")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="Tern's build folder")
    parser.add_argument("--out", type=pathlib.Path, default=None, help="folder for what is made (default: BUILD/training)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, help="default: one per core")
    parser.add_argument("options", nargs="*", help="more options of the training executable, after --")
    args = parser.parse_args()
    args.build = args.build.resolve()
    args.out = (args.out or args.build / "training").resolve()
    runner = Runner(args)
    name = args.name + ("-float" if args.float else "")

    if args.name in ("fashion-mlp", "fashion-conv", "fine-tune") and not DATA.exists():
        sys.exit("error: Fashion-MNIST is missing: apt-get install dataset-fashion-mnist")
    if args.name in ("char-mlp", "nanogpt") and not args.text:
        sys.exit("error: this model needs --text FILE, such as Tiny Shakespeare")

    if args.name == "fashion-mlp":
        _, accuracy = fashion(runner, name, MLP, ["--ternarize=none"] if args.float else [], 10)
        result = f"{accuracy:.2f} % test accuracy of the compiled executable"
    elif args.name == "fashion-conv":
        options = ["--ternarize=none"] if args.float else ["--ternarize=all", "--activations=float", "--exclude=head"]
        _, accuracy = fashion(runner, name, runner.export("conv"), options, 8)
        result = f"{accuracy:.2f} % test accuracy of the compiled executable"
    elif args.name == "fine-tune":
        # The same float network, of which Tern makes the ternary one.
        model = runner.export("mlp")
        ternary = ["--ternarize=all", "--activations=int8", "--exclude=head"]
        checkpoint, before = fashion(runner, "fine-tune-float", model, ["--ternarize=none"], 10)
        dropped = runner.test_images("fine-tune-dropped", model, checkpoint, ternary)
        _, scratch = fashion(runner, "fine-tune-scratch", model, ternary, 10)
        tuned = runner.train("fine-tune", model, ternary,
                             [*TRAIN, *TEST, "--batch", 128, "--epochs", 5, "--lr", "1e-3", "--warmup", 200, "--schedule", "linear",
                              "--weights", checkpoint, "--lambda-warmup", 468])
        after = runner.test_images("fine-tune", model, tuned, ternary)
        result = (f"{before:.2f} % as floats, {dropped:.2f} % made ternary at once, {after:.2f} % after fine-tuning, "
                  f"{scratch:.2f} % ternary from scratch (test accuracy)")
    else:
        steps = 3000 if args.name == "char-mlp" else 2000
        options = ["--ternarize=none"] if args.float else ["--ternarize=all", "--activations=int8"]
        text = ["--text", args.text, "--vocab", "char", "--steps", steps, "--warmup", 100, "--eval-every", 500, "--eval-batches", 200]
        if args.name == "char-mlp":
            text += ["--batch", 128, "--lr", "2e-3", "--set", "beta2=0.95", "--schedule", "linear", "--decay-start", "0.5"]
        else:
            # Decay on matrices only, which are all parameters but those of norms.
            options += ["--param-group=norm:weight_decay=0"]
            text += ["--batch", 12, "--lr", "1e-3" if args.float else "3e-3", "--set", "beta2=0.99", "--weight-decay", "0.1",
                     "--clip-norm", "1", "--schedule", "cosine", "--min-lr", "10%"]
        runner.train(name, runner.export(args.name), options, text)
        result = f"{runner.last_validation(name)['val_loss']:.3f} validation loss"

    key = args.name + (" --float" if args.float else "")
    reference = f" (PyTorch: {REFERENCE[key]})" if key in REFERENCE else ""
    print(f"{name}: {result}{reference}")


if __name__ == "__main__":
    main()
