# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compare what today's exporters write with ONNX Runtime: `make check-exporters`.

    run.py FOLDER [--part exported|quantized|shipped]... [--filter REGEX] [--jobs N]

exported: torchvision's, timm's and transformers' networks (models.py) by PyTorch's dynamo exporter, static at one opset of 18 to 23
  and dynamic at another, some at all; at least 95 % of the exports have to agree within 1e-4 of the largest output.
quantized: what ONNX Runtime's quantizer makes of five of them (quantize.py); of each at least 99 % of the outputs have to be
  within one quantization step, or, where the last bit of a sum becomes several steps in later layers, of each value that a quantizer
  computes of ONNX Runtime's codes (inject.py).
shipped: trained models of other packages (shipped.py); all have to agree.

FOLDER keeps the exports (small ones) for the next run. Of each part the last line is "N of M ...", before it the rest with
reasons. Exit status 0 only if each part holds.
"""
import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import threading
import time

from quantize import FORMS, NETWORKS
from shipped import SHIPPED

HERE = pathlib.Path(__file__).resolve().parent
OPSETS = range(18, 24)
# Of exports; so much of them is kept that reruns are fast, and the folder stays below some GB.
KEPT_BYTES = 64 << 20
# Of virtual memory, for each process; PyTorch's libraries alone map 5 GiB.
MEMORY = 16 << 30
SECONDS = {"export": 900, "compare": 1800}
LEAST_AGREEING = 0.95
# What PyTorch does not export or ONNX Runtime does not run says nothing about Tern; but if it is much, so do the rest.
MOST_INCOMPARABLE = 0.10
# Why those fail that are known to.
REASONS = {
    "bitnet .*": "a number that lies between two int8 codes of an activation was rounded to the other one, since sums before it differ "
                 "in their last bit; that token's outputs differ by a step",
    "wav2vec2 dynamic .*": "an extent is computed by Div, which rounds towards zero, where convolutions' extents round down; that both are "
                           "one for what has any output is not proven",
}


@dataclasses.dataclass
class Case:
    """A model: how it is made, if its file is not there, and how it is compiled."""
    name: str
    make: list
    model: pathlib.Path
    # Of its output; 0 if it is no quantized one.
    bits: int = 0
    options: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Outcome:
    case: Case
    comparable: bool
    failure: str = ""
    error: float = 0.0
    within: float = 1.0
    # If that is too little: of the model in pieces, and of ONNX Runtime against itself.
    pieces: float = None
    control: float = None
    seconds: float = 0.0


def run(command, seconds):
    """Exit status, output and the last line of what went to standard error."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    environment = dict(os.environ, HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", PYTHONDONTWRITEBYTECODE="1")
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, preexec_fn=limit,
                              env=environment, check=False)
    except subprocess.TimeoutExpired:
        return 1, "", f"took more than {seconds} seconds"
    lines = [line for line in done.stderr.splitlines() if re.match(r"\S*(Error|Exception)\b", line)] or done.stderr.splitlines()
    return done.returncode, done.stdout, lines[-1].strip() if lines else f"exit status {done.returncode}"


class Runner:
    def __init__(self, folder, jobs, threads):
        self.folder, self.jobs, self.threads = folder, jobs, threads
        self.one_export = threading.Lock()

    def check(self, case):
        failed = case.model.with_suffix(".failed")
        if not case.model.exists() and not failed.exists():
            # One at a time: these need the most memory.
            with self.one_export:
                status, _, message = run([sys.executable, *map(str, case.make)], SECONDS["export"])
            if status:
                case.model.unlink(missing_ok=True)
                failed.write_text(message + "\n")
        if failed.exists():
            return Outcome(case, False, failed.read_text().strip())
        output = case.model.with_suffix(".so")
        command = [sys.executable, HERE / "compare.py", case.model, case.model.with_suffix(".npz"), output, "--threads", self.threads]
        command += [f"--option={option}" for option in case.options] + (["--bits", case.bits] if case.bits else [])
        status, text, message = run(list(map(str, command)), SECONDS["compare"])
        for product in (output, output.with_suffix(".safetensors")):
            product.unlink(missing_ok=True)
        if status:
            return Outcome(case, True, message)
        result = json.loads(text.splitlines()[-1])
        if "no_reference" in result:
            return Outcome(case, False, "ONNX Runtime: " + result["no_reference"])
        outcome = Outcome(case, True, result["failure"] or "", result["error"], result.get("within", 1.0), result.get("pieces"),
                          result.get("control"), result["seconds"])
        if not outcome.failure and case.model.stat().st_size > KEPT_BYTES:
            case.model.unlink()
        return outcome

    def check_all(self, cases):
        outcomes = []
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for done in concurrent.futures.as_completed([pool.submit(self.check, case) for case in cases]):
                outcome = done.result()
                outcomes.append(outcome)
                if not outcome.comparable:
                    print(f"{outcome.case.name}: cannot be compared: {outcome.failure}", flush=True)
                elif outcome.failure:
                    print(f"{outcome.case.name}: FAILS: {outcome.failure}", flush=True)
                else:
                    within = f", {outcome.within:.2%} within one step" if outcome.case.bits else ""
                    if outcome.pieces is not None:
                        within += (f" (in pieces, {outcome.pieces:.2%} or more of each value; ONNX Runtime against itself with other "
                                   f"last bits of scales {outcome.control:.2%})")
                    print(f"{outcome.case.name}: agrees, error {outcome.error:.1e}{within}, compiled in {outcome.seconds:.1f} s",
                          flush=True)
        return sorted(outcomes, key=lambda outcome: outcome.case.name)


def report(part, outcomes, least):
    """Prints the totals and returns whether enough agree."""
    comparable = [outcome for outcome in outcomes if outcome.comparable]
    rest = [outcome for outcome in outcomes if outcome.failure]
    for outcome in rest:
        reasons = [f" ({text})" for name, text in REASONS.items() if outcome.comparable and re.fullmatch(name, outcome.case.name)]
        print(f"  {outcome.case.name}: {'' if outcome.comparable else 'cannot be compared: '}{outcome.failure}{''.join(reasons)}")
    agreeing = sum(not outcome.failure for outcome in comparable)
    missing = len(outcomes) - len(comparable)
    print(f"{part}: {agreeing} of {len(comparable)} agree" + (f"; {missing} cannot be compared" if missing else ""), flush=True)
    return bool(comparable) and agreeing >= least * len(comparable) and missing <= MOST_INCOMPARABLE * len(outcomes)


def exported_cases(folder):
    status, text, message = run([sys.executable, str(HERE / "export.py"), "--list"], SECONDS["export"])
    if status:
        sys.exit(f"error: cannot list the networks: {message}")
    cases = []
    for index, (name, about) in enumerate(json.loads(text).items()):
        opsets = {"static": [OPSETS[index % len(OPSETS)]], "dynamic": [OPSETS[(index + 3) % len(OPSETS)]]}
        for mode, chosen in opsets.items():
            for opset in OPSETS if about["all_opsets"] else chosen:
                path = folder / f"{name}-{mode}-{opset}.onnx"
                cases.append(Case(f"{name} {mode} opset {opset}", [HERE / "export.py", name, opset, mode, path], path))
    return cases


def quantized_cases(folder):
    cases = []
    for name, forms in NETWORKS.items():
        for form in forms:
            path = folder / f"{name}-{form}.onnx"
            cases.append(Case(f"{name} {form}", [HERE / "quantize.py", name, form, path], path, FORMS[form] or 0))
    return cases


def shipped_cases(folder):
    cases = []
    for name, (_, _, _, options) in SHIPPED.items():
        path = folder / f"{name}.onnx"
        constants = {"sr": path.with_name(f"{path.stem}-sr.npy")}
        cases.append(Case(name, [HERE / "shipped.py", name, path], path, options=[option.format(**constants) for option in options]))
    return cases


def start_folder(folder, requirements):
    """Empties the folder if other packages made what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp, digest = folder / "requirements.sha256", hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        for path in folder.iterdir():
            path.unlink()
        stamp.write_text(digest)


PARTS = {"exported": exported_cases, "quantized": quantized_cases, "shipped": shipped_cases}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--filter", type=re.compile, default=re.compile(""))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of a running model")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    start_folder(folder, HERE.parent / "exporters-requirements.txt")
    start, holds = time.monotonic(), True
    runner = Runner(folder, arguments.jobs, arguments.threads)
    for part in arguments.part or PARTS:
        cases = [case for case in PARTS[part](folder) if arguments.filter.search(case.name)]
        holds &= report(part, runner.check_all(cases), LEAST_AGREEING if part == "exported" else 1.0)
    print(f"took {time.monotonic() - start:.0f} seconds")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
