# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The targets that this machine can run: those of results that are the same bits on all."""
import pathlib
import platform
import re

# Spec and the flags of /proc/cpuinfo that it takes.
X86 = {
    "x86": "",
    "x86:ssse3,sse4.1": "ssse3 sse4_1",
    "x86:ssse3,sse4.1,avx,avx2": "avx2",
    "x86:ssse3,sse4.1,avx,avx2,fma": "avx2 fma",
    "x86:ssse3,sse4.1,avx,avx2,fma,avx512f,avx512bw,avx512cd,avx512dq,avx512vl":
        "fma avx512f avx512bw avx512cd avx512dq avx512vl",
}


def flags():
    try:
        match = re.search(r"^flags\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        match = None
    return set(match.group(1).split()) if match else set()


def targets():
    """Specs for `--target`, the generic one first and this machine itself last."""
    names = ["generic"]
    if platform.machine() == "x86_64":
        names += [spec for spec, needed in X86.items() if flags() >= set(needed.split())]
    return names + ["host"]


def has_fma(target):
    """Whether code for a target fuses the multiplications and additions of matrix products."""
    if target == "host":
        return platform.machine() == "x86_64" and "fma" in flags()
    return "fma" in re.split("[:,]", target)
