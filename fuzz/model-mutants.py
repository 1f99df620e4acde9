# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Changed models against ONNX Runtime: model-mutants.py FOLDER [--seed N] [--count N] [--first N] [--jobs N] [--seeds REGEX] [-v]

Each mutant is one of ONNX's backend tests, a model of onnx_fuzz.py or of onnx_fuzz_graphs.py, or a file of fuzz/corpus, with one
to four of the changes of model_mutator.py. tern-onnx-suite (in the PATH) compiles it at -O0 and -O2 and runs it, a process each, and
ONNX Runtime runs it, too. A finding is:

- a crash, or more than 60 seconds of processor time;
- several lines that are not each of another node, tensor, input or output, or an internal message;
- results that differ from ONNX Runtime's: shapes and integers at all, floats by more than 1e-4;
- -O0 and -O2 that do not say the same.

Whatever ONNX Runtime refuses may be refused or not, and what it takes may be refused in one line. accepted-differences.txt lists
what may differ, and why. Findings stay in FOLDER; what else there was is removed. The last line is `N of M mutants`: how many of M are
no finding.
"""
import argparse
import bisect
import collections
import dataclasses
import functools
import hashlib
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import warnings

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parent.parent
# ONNX's current package, beside ONNX Runtime.
sys.path[:0] = [str(path) for path in pathlib.Path(sys.prefix).parent.glob("onnx-environment/lib/*/site-packages")]
sys.path.insert(1, str(ROOT / "test/python"))
import onnx  # noqa: E402
from onnx import numpy_helper  # noqa: E402

import onnx_fuzz  # noqa: E402
import onnx_fuzz_graphs  # noqa: E402
from model_mutator import RANDOM, mutate  # noqa: E402
from onnx_fuzz_draw import GENERATORS, Draw  # noqa: E402
from onnx_suite import SHAPE_OPERANDS  # noqa: E402

DATA = ("/usr/share/libonnx-testdata/data", str(pathlib.Path(sys.prefix).parent / "onnx-data"))
LEVELS = ("-O0", "-O2")
SECONDS, BYTES = 60, 6 << 30
TOLERANCE = 1e-4


# --- Seeds: what is changed ----------------------------------------------------------------------------------------------------------


def is_seed(model, known):
    return model.graph.node and all(node.op_type in known - RANDOM for node in model.graph.node)


def make_older(model, rng):
    """To a version of the standard that ONNX Runtime knows, mostly one that it has kernels for."""
    newest = int(rng.choice((21, 21, 21, 22, 23, 24)))
    model.ir_version = min(model.ir_version, 10)
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version > newest and all(
                onnx.defs.has(node.op_type, node.domain)
                for node in model.graph.node):
            opset.version = max([newest, *(first_version(node) for node in model.graph.node)])


def first_version(node):
    """Of the standard that has the operator."""
    return min(schema.since_version for schema in onnx.defs.get_all_schemas_with_history()
               if (schema.name, schema.domain) == (node.op_type, node.domain))


def read_test(path, rng):
    """A backend test and its data. Operands that fix shapes are mostly made initializers: without, little of a model is reached."""
    model = onnx.load(path)
    constant = {tensor.name for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in constant]
    data = {}
    for i, name in enumerate(names):
        tensor = onnx.TensorProto()
        with open(f"{os.path.dirname(path)}/test_data_set_0/input_{i}.pb", "rb") as file:
            tensor.ParseFromString(file.read())
        data[name] = numpy_helper.to_array(tensor)
    for node in model.graph.node:
        for i in SHAPE_OPERANDS.get(node.op_type, []):
            if i < len(node.input) and node.input[i] in data and rng.random() < 0.8:
                name = node.input[i]
                model.graph.initializer.append(numpy_helper.from_array(data.pop(name), name))
                model.graph.input.remove(next(value for value in model.graph.input if value.name == name))
    return model, data


def read_corpus(path, rng):
    model = onnx.load(path, load_external_data=False)
    return model, {}


def draw_generated(op, rng):
    seed = [int(rng.integers(1000)), *op.encode()]
    draw, other = Draw(seed, [*seed, 0]), Draw(seed, [*seed, 1])
    GENERATORS[op](draw)
    GENERATORS[op](other)
    is_dynamic = rng.random() < 0.5 and onnx_fuzz.is_same_code(draw, other)
    return draw.model(other if is_dynamic else None), draw.inputs


def draw_graph(number, rng):
    graph = onnx_fuzz_graphs.Graph(7, int(rng.integers(1000)))
    graph.grow(graph.integer(2, 12))
    model = graph.model(graph.choose_outputs(), bool(rng.random() < 0.5))
    return model, {value.name: value.arrays[0] for value in graph.inputs}


def list_seeds():
    """Names, and functions that take a random generator and make a model and its data."""
    seeds = {}
    for folder in DATA:
        for path in pathlib.Path(folder).glob("*/*/model.onnx"):
            if path.stat().st_size < 10000 and (path.parent / "test_data_set_0").is_dir():
                seeds[str(path.relative_to(folder).parent)] = functools.partial(read_test, str(path))
    for path in (ROOT / "fuzz/corpus/onnx-import").iterdir():
        seeds[f"corpus/{path.name}"] = functools.partial(read_corpus, str(path))
    for op in GENERATORS:
        for number in range(3):
            seeds[f"generated/{op}/{number}"] = functools.partial(draw_generated, op)
    for number in range(40):
        seeds[f"graph/{number}"] = functools.partial(draw_graph, number)
    return seeds


class Seeds:
    """Picks by the hash of a name, so that another seed changes few of the picks."""

    def __init__(self, regex):
        self.makers = {name: make for name, make in list_seeds().items() if re.search(regex, name)}
        listing = subprocess.run(["tern-translate", "--list-ops"], capture_output=True, text=True, check=True).stdout
        self.known = {line.split("\t")[1] for line in listing.splitlines()}
        self.hashes = sorted((hashlib.sha256(name.encode()).hexdigest(), name) for name in self.makers)

    def pick(self, rng):
        while True:
            place = bisect.bisect(self.hashes, (rng.bytes(16).hex(), ""))
            name = self.hashes[place % len(self.hashes)][1]
            try:
                model, data = self.makers[name](rng)
            except Exception:  # pylint: disable=broad-except
                continue  # A test that the installed package cannot read.
            if is_seed(model, self.known):
                make_older(model, rng)
                return name, model, data


# --- Running -------------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Trial:
    """A mutant, and what became of it."""
    number: int
    seed: str
    model: object
    fed: dict
    changes: list
    folder: str = ""
    runtime: str = "died"  # What ONNX Runtime said: nothing if it ran.
    said: list = dataclasses.field(default_factory=list)  # What the suite said, at each level.

    def operators(self):
        return sorted({node.op_type for node in self.model.graph.node})


def make_trial(seeds, seed, number):
    rng = np.random.default_rng([seed, number])
    while True:
        name, model, data = seeds.pick(rng)
        if len(model.SerializeToString()) > 200000:
            continue
        try:
            return Trial(number, name, *mutate(model, data, seeds.known, rng))
        except Exception:  # pylint: disable=broad-except
            continue  # A seed that has no text of its own; a package that is too old for it.


def write_tensors(trial, kind, arrays):
    for i, array in enumerate(arrays):
        with open(f"{trial.folder}/test_data_set_0/{kind}_{i}.pb", "wb") as file:
            file.write(numpy_helper.from_array(np.asarray(array)).SerializeToString())


def run_onnxruntime(trial):
    """Writes the results if the model runs; else says why not."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 4
    # What it computes must not depend on what it fuses.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if trial.fed is None:
        return "no inputs can be"
    try:
        session = onnxruntime.InferenceSession(trial.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        results = session.run(None, trial.fed)
    except Exception as error:  # pylint: disable=broad-except
        return str(error).split("\n", maxsplit=1)[0] or "refused"
    if not all(isinstance(result, (np.ndarray, np.generic)) for result in results):
        return "results that are no tensors"
    write_tensors(trial, "output", results)
    return ""


def run_children(trials):
    """ONNX Runtime on all of them, in a process that is made anew where it dies of one."""
    position = 0
    while position < len(trials):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            with os.fdopen(write, "w", encoding="utf-8", errors="replace") as pipe:
                for trial in trials[position:]:
                    signal.alarm(SECONDS // 2)
                    pipe.write(run_onnxruntime(trial).replace("\0", "") + "\0")
                    pipe.flush()
            os._exit(0)
        os.close(write)
        with os.fdopen(read, encoding="utf-8", errors="replace") as pipe:
            said = pipe.read().split("\0")[:-1]
        os.waitpid(pid, 0)
        for trial, text in zip(trials[position:], said):
            trial.runtime = text
        if len(said) < len(trials) - position:
            for path in pathlib.Path(trials[position + len(said)].folder).glob("*/output_*"):
                path.unlink()
        position += len(said) + 1


def run_suite(folder, trials, level, jobs):
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    results = f"{folder}/results"
    command = ["tern-onnx-suite", folder, level, f"--jobs={jobs}", f"--rtol={TOLERANCE}", f"--atol={TOLERANCE}",
               "--mutants", f"--results={results}"]
    ran = subprocess.run(command, check=False, capture_output=True, preexec_fn=limit)
    if not os.path.exists(results):
        sys.exit(f"error: {' '.join(command)}: {ran.stderr.decode(errors='replace')}")
    with open(results, encoding="utf-8", errors="replace") as file:
        said = {parts[0]: parts[-1] for parts in (line.rstrip("\n").split("\t") for line in file)}
    os.remove(results)
    for trial in trials:
        trial.said.append(said.get(os.path.relpath(trial.folder, folder), "no result"))


# --- Judging -------------------------------------------------------------------------------------------------------------------------

INTERNAL = re.compile(r"^'?[a-z_]+\.[a-z_.]+'? op |^failed to |LLVM ERROR|failed without a message|^no result|unhandled|"
                      r"out of memory|bad_alloc")


def describe(node):
    """`Operator name=value ...`, the attributes in the order of their names."""
    attributes = sorted((attribute.name, onnx.helper.get_attribute_value(attribute)) for attribute in node.attribute)
    return " ".join([node.op_type, *(f"{name}={value.decode(errors='replace') if isinstance(value, bytes) else value}"
                                     for name, value in attributes)])


def has_huge_numbers(trial):
    """Whether some input or initializer has a number that is not finite, or whose square is not."""
    arrays = [*(trial.fed or {}).values(), *map(numpy_helper.to_array, trial.model.graph.initializer)]
    return any(array.size and not np.abs(array.astype(np.float64)).max() < 1e18 for array in arrays if array.dtype.kind == "f")


def read_accepted():
    """Lines `NODE | WHAT IS SAID :: why`, the former two regular expressions."""
    accepted = []
    for line in (ROOT / "fuzz/accepted-differences.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            key, _ = line.split(" :: ", maxsplit=1)
            node, said = key.split(" | ", maxsplit=1)
            accepted.append((re.compile(node), re.compile(said)))
    return accepted


def is_repeated(said):
    """Whether one thing is reported more than once: each line names another."""
    lines = re.sub("^(several lines: )+", "", said).split(" | ")
    subjects = [re.search(r"\b(?:node|tensor|input|output|value) '(?:[^'\\]|\\.)*'", line) for line in lines]
    return not all(subjects) or len({subject[0] for subject in subjects}) < len(lines)


def classify(said):
    if said == "pass":
        return "accepted"
    if said.startswith("CRASH"):
        return "crash"
    if INTERNAL.search(said) or (said.startswith("several lines") and is_repeated(said)):
        return "internal message"
    return "differs" if said.startswith("output '") and ("has type" in said or "elements differ" in said) else "refused"


def judge(trial, accepted):
    """What it counts as; a finding begins with FIND."""
    kinds = [classify(said) for said in trial.said]
    for kind in ("crash", "internal message"):
        if kind in kinds:
            return f"FIND {kind}"
    if len(set(kinds)) > 1:
        return "FIND levels that do not agree"
    if kinds[0] == "differs":
        nodes = [describe(node) + " with huge numbers" * has_huge_numbers(trial) for node in trial.model.graph.node]
        for node, said in accepted:
            if all(said.search(text) for text in trial.said) and any(map(node.match, nodes)):
                return "accepted differences"
        return "FIND differs"
    if trial.runtime:
        return "both refuse" if kinds[0] == "refused" else "only ONNX Runtime refuses"
    return "only Tern refuses" if kinds[0] == "refused" else "both agree"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--jobs", type=int, default=1, help="models that run at a time")
    parser.add_argument("--seeds", default="", help="only seeds that match")
    parser.add_argument("-v", action="store_true", dest="is_verbose", help="say what became of each")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    seeds, accepted, tally = Seeds(arguments.seeds), read_accepted(), collections.Counter()
    numbers = range(arguments.first, arguments.first + arguments.count)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for start in range(0, len(numbers), 50):
            run_batch(arguments, seeds, numbers[start:start + 50], accepted, tally)
    findings = 0
    for kind, count in sorted(tally.items()):
        findings += count if kind.startswith("FIND") else 0
        print(f"{count} {kind}")
    print(f"{arguments.count - findings} of {arguments.count} mutants")
    return 1 if findings else 0


def run_batch(arguments, seeds, numbers, accepted, tally):
    trials = [make_trial(seeds, arguments.seed, number) for number in numbers]
    batch = str(arguments.folder / f"batch{numbers[0]}")
    shutil.rmtree(batch, ignore_errors=True)
    for trial in trials:
        trial.folder = f"{batch}/mutant/{trial.number}"
        os.makedirs(trial.folder)
        with open(f"{trial.folder}/model.onnx", "wb") as file:
            file.write(trial.model.SerializeToString())
        if trial.fed is not None:
            os.makedirs(f"{trial.folder}/test_data_set_0")
            constant = {tensor.name for tensor in trial.model.graph.initializer}
            write_tensors(trial, "input", [trial.fed[value.name] for value in trial.model.graph.input if value.name not in constant])
    run_children(trials)
    for level in LEVELS:
        run_suite(batch, trials, level, arguments.jobs)
    for trial in trials:
        kind = judge(trial, accepted)
        tally[kind] += 1
        if kind.startswith("FIND") or arguments.is_verbose:
            print(f"{kind}: {trial.number} of {trial.seed} ({', '.join(trial.changes)}; {', '.join(trial.operators())}): "
                  f"{' / '.join(dict.fromkeys(trial.said))} / ONNX Runtime: {trial.runtime or 'runs'}".encode(
                      "ascii", "backslashreplace").decode(), flush=True)
        if kind.startswith("FIND"):
            shutil.move(trial.folder, arguments.folder / str(trial.number))
    shutil.rmtree(batch)


if __name__ == "__main__":
    sys.exit(main())
