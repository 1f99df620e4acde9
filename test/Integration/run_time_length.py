# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A cache whose length is a scalar: attention over its first rows, compiled once, against NumPy.

    run_time_length.py FOLDER [--target T] [--seed N]
"""
import argparse
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "python"))
import randomness  # noqa: E402
import tern  # noqa: E402
import training  # noqa: E402
from artifact import Artifact, Guarded, read_safetensors  # noqa: E402

CAPACITY = 512
LENGTHS = (1, 2, 3, 17, 33, 257, 511, 512)
SHAPES = {"q.weight": (47, 33), "k.weight": (47, 33), "v.weight": (47, 33), "o.weight": (33, 47)}
SCALE = np.float32(0.145864993)


def bitlinear(x, w):
    scale = np.float32(max(np.abs(w).mean(dtype=np.float64), 1e-5))
    codes = np.clip(np.rint(w * (np.float32(1) / scale)), -1, 1)
    largest = np.maximum(np.abs(x).max(axis=1, keepdims=True), np.float32(1e-5))
    q = np.clip(np.rint(x * (np.float32(127) / largest)), -128, 127)
    return (q.astype(np.float64) @ codes.T.astype(np.float64)) * (largest / np.float32(127)) * scale


def attend(q, keys, values):
    """The last token's, in f64."""
    scores = q.astype(np.float64) @ keys.T.astype(np.float64) * SCALE
    weights = np.exp(scores - scores.max())
    return weights @ values.astype(np.float64) / weights.sum()


def agree(what, got, want, tolerance):
    worst = np.abs(got - want).max() / np.abs(want).max()
    if not worst <= tolerance:
        raise AssertionError(f"{what}: off by {worst:.3g} of the largest, allowed {tolerance:.3g}")


class Cache:
    """The functions through the C ABI alone, over arrays of its own."""

    def __init__(self, path, capacity):
        self.artifact = Artifact(path)
        self.capacity = capacity
        packed, _ = read_safetensors(str(path).replace(".so", ".safetensors"))
        self.params = {name: Guarded(tensor) for name, tensor in packed.items()}
        self.state = {name: np.zeros((capacity, 47), np.float32) for name in ("keys", "values")}

    def __call__(self, function, x, scalar):
        entry = self.artifact.signature["functions"][function]
        given = Guarded(x), Guarded(np.int64(scalar))
        buffers = [part.address for part in given]
        for name in entry["params"]:
            buffers.append(self.state[name].ctypes.data if name in self.state else self.params[name].address)
        dims = {"n": len(x), "capacity": self.capacity}
        return self.artifact.invoke(function, {name: dims[name] for name in entry["dims"]}, buffers)


def check_decoding(path, weights, tokens):
    """Every length in turn, each against NumPy. The outputs, and how much scratch memory one took."""
    cache, outputs, arenas = Cache(path, CAPACITY), [], set()
    want = {name: bitlinear(tokens, weights[f"{name}.weight"]) for name in "qkv"}
    for length in range(1, CAPACITY + 1):
        before = {name: state.copy() for name, state in cache.state.items()}
        got = cache("decode", tokens[length - 1:length], length)
        arenas.add(cache.artifact.arena_bytes["decode"])
        keys, values = cache.state["keys"], cache.state["values"]
        for name, state, new in (("keys", keys, want["k"]), ("values", values, want["v"])):
            agree(f"{name} of token {length}", state[length - 1], new[length - 1], 1e-6)
            state_before = before[name]
            state_before[length - 1] = state[length - 1]
            if (state != state_before).any():
                raise AssertionError(f"length {length} changed other rows of {name}")
        exact = attend(want["q"][length - 1], keys[:length], values[:length])
        agree(f"attention over {length}", got["attended"][0], exact, 2e-5)
        # Of what it attended to itself: int8 codes leave no room.
        agree(f"y of length {length}", got["y"], bitlinear(got["attended"], weights["o.weight"]), 1e-6)
        outputs.append(got)
    if len(arenas) != 1:
        raise AssertionError(f"scratch memory differs: {arenas}")
    # A copy of a cache would not fit.
    (arena,) = arenas
    if arena >= keys.nbytes:
        raise AssertionError(f"{arena} bytes of scratch memory")
    for length in (0, CAPACITY + 1, -1, 2**62):
        before = {name: state.copy() for name, state in cache.state.items()}
        try:
            cache("decode", tokens[:1], length)
        except ValueError as error:
            if str(error) != "scalar 'length' must be from 1 to 'capacity'":
                raise
        else:
            raise AssertionError(f"length {length} is accepted")
        if any((state != before[name]).any() for name, state in cache.state.items()):
            raise AssertionError(f"length {length} changed the state")
    return outputs, cache.state, arena


def check_prefilling(path, tokens, outputs, state):
    """Tokens at once, then one: as one by one, bit for bit, through the runtime and whatever the capacity is."""
    results = 0
    for length in LENGTHS:
        for capacity in {CAPACITY, length, length + 1}:
            program = tern.load(path, state_dims={"capacity": capacity})
            decode, prefill = program.functions["decode"], program.functions["prefill"]
            # In two parts, of which the second sees the first.
            cut = (length - 1) // 3
            for first, last in ((0, cut), (cut, length - 1)):
                if first == last:
                    continue
                program.scalars["past"] = first
                got = prefill.run({"x": tokens[first:last]})
                for row in range(first, last):
                    for name in ("y", "attended"):
                        if (got[name][row - first] != outputs[row][name][0]).any():
                            raise AssertionError(f"{name} of token {row} of {length} differs")
            program.scalars["length"] = length
            got = decode.run({"x": tokens[length - 1:length]})
            for name in ("y", "attended"):
                if (got[name] != outputs[length - 1][name]).any():
                    raise AssertionError(f"{name} after {length} tokens differs")
            for name, values in program.state.items():
                if (values[:length] != state[name][:length]).any() or values[length:].any():
                    raise AssertionError(f"{name} after {length} tokens differ")
            results += 1
    return results


def refuse(what, action, *texts):
    try:
        action()
    except tern.Error as error:
        if not all(text in str(error) for text in texts):
            raise AssertionError(f"{what}: {error}") from error
    else:
        raise AssertionError(f"{what} is accepted")


def check_errors(path, tokens):
    refuse("no capacity", lambda: tern.load(path), "'capacity' is not given")
    for extent, text in ((0, "is 0, which is not positive"), (-3, "is -3"), (2**61, "overflows"), (2**46, "cannot allocate")):
        refuse(f"capacity {extent}", lambda extent=extent: tern.load(path, state_dims={"capacity": extent}), text)
    refuse("another name", lambda: tern.load(path, state_dims={"capacty": 4}), "'capacty'", "did you mean 'capacity'")
    program = tern.load(path, state_dims={"capacity": 8})
    decode, prefill = program.functions["decode"], program.functions["prefill"]
    refuse("main", lambda: program(tokens[:1]), "decode, prefill")
    refuse("no length", lambda: decode(tokens[:1]), "'length' has no value")
    program.scalars["length"] = 1
    decode(tokens[:1])
    before = {name: values.copy() for name, values in program.state.items()}
    for length in (0, 9, -1):
        program.scalars["length"] = length
        refuse(f"length {length}", lambda: decode(tokens[:1]),
               f"scalar 'length' is {length}, it must be from 1 to 'capacity', which is 8")
    program.scalars["past"] = 5
    refuse("too many tokens", lambda: prefill(tokens[:4]), "the tokens 'past' and those of 'x' must fit in 'capacity'")
    refuse("half a token", lambda: program.scalars.__setitem__("length", 1.5), "not an integer")
    if any((values != before[name]).any() for name, values in program.state.items()):
        raise AssertionError("an error changed the state")
    prefill(tokens[:3])
    program.reset()
    if any(values.any() for values in program.state.values()):
        raise AssertionError("reset() left something")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default="host")
    arguments, rng = randomness.parse(parser)
    folder = arguments.folder
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    training.write_safetensors(folder / "weights.safetensors", weights)
    model = pathlib.Path(__file__).parent / "Inputs" / "cache.mlir"
    path = folder / "cache.so"
    subprocess.run(["ternc", model, f"--weights={folder}/weights.safetensors", f"--target={arguments.target}", "-o", path],
                   check=True)
    tokens = rng.normal(size=(CAPACITY, 33)).astype(np.float32)
    outputs, state, arena = check_decoding(path, weights, tokens)
    results = check_prefilling(path, tokens, outputs, state)
    check_errors(path, tokens)
    print(f"lengths 1 to {CAPACITY} agree with NumPy in {arena} bytes of scratch memory; {results} programs prefill and "
          f"decode to the same bits")


if __name__ == "__main__":
    main()
