# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small exports of PyTorch's current exporter against ONNX Runtime, at the extents of the export and at others.

    exports.py FOLDER OUT_DIR ternc's -O [NAME]...

test/exporters/small.py writes FOLDER and says what is in it.
"""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "exporters"))
import compare  # noqa: E402

folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
paths = [folder / f"{name}.onnx" for name in sys.argv[4:]] or sorted(folder.glob("*.onnx"))
agreeing = 0
for path in paths:
    result = compare.judge(argparse.Namespace(model=path, inputs=path.with_suffix(".npz"), output=out / f"{path.stem}.so",
                                              option=[sys.argv[3]], bits=None, threads=2))
    failure = result["failure"] or result.get("no_reference")
    print(f"{path.stem}: {failure or 'agrees'}, error {result['error']:.1e}")
    agreeing += not failure
print(f"{agreeing} of {len(paths)} exports agree")
