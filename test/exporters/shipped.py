# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trained models that packages of the registry ship.

    shipped.py --list              names as JSON, each with options of ternc
    shipped.py NAME OUT.onnx       copies the model, writes inputs for it to OUT.npz and what --constant-input needs to OUT-sr.npy
"""
import importlib.metadata
import json
import pathlib
import shutil
import sys
import zlib

import numpy as np


def images(draw, *sizes):
    return [{"*": draw.uniform(0, 1, (batch, 3, height, width)).astype(np.float32)} for batch, height, width in sizes]


def texts(draw, *sizes):
    """Images with a line of text, which the networks for text are sure of: of noise their outputs are all but zero."""
    from PIL import Image, ImageDraw, ImageFont
    runs = []
    for batch, height, width in sizes:
        pages = []
        for _ in range(batch):
            image = Image.new("RGB", (width, height), "white")
            text = "".join(draw.choice(list("Tern 0123456789")) for _ in range(12))
            ImageDraw.Draw(image).text((4, height // 4), text, fill="black", font=ImageFont.load_default(height // 3))
            pages.append(np.asarray(image, np.float32).transpose(2, 0, 1) / 127.5 - 1)
        runs.append({"*": np.stack(pages)})
    return runs


def smooth(draw, count, length, *rest):
    """Sound: a sum of sines and some noise."""
    time = np.arange(length) / 16000
    waves = [sum(draw.uniform(0.05, 0.3) * np.sin(2 * np.pi * draw.uniform(80, 2000) * time + draw.uniform(0, 6)) for _ in range(5))
             for _ in range(count)]
    return (np.array(waves) + draw.normal(0, 0.01, (count, length))).astype(np.float32).reshape(count, length, *rest)


def speech(draw, batch, sr=None, length=576):
    run = {"input": smooth(draw, batch, length), "state": draw.normal(0, 0.3, (2, batch, 128)).astype(np.float32)}
    return [run if sr is None else dict(run, sr=np.array(sr, np.int64))]


def sequence(draw):
    state = [draw.normal(0, 0.3, (1, 1, 128)).astype(np.float32) for _ in range(2)]
    return [{"input": smooth(draw, length, 576), "h": state[0], "c": state[1]} for length in (1, 7)]


# Package, file in it, inputs, options of ternc. Of Silero's networks the rank of a value depends on the length of the input, and of
# the first on the sampling rate: they are made for the lengths and the rate that the package gives them.
SAMPLES, RATE = "--dim=sequence=576", "--constant-input=sr=@{sr}"
SHIPPED = {
    "magika": ("magika", "model.onnx", lambda draw: [
        {"*": draw.integers(0, 257, (batch, 2048)).astype(np.int32)} for batch in (1, 3)], []),
    "nudenet": ("nudenet", "320n.onnx", lambda draw: images(draw, (1, 320, 320), (2, 192, 256)), []),
    "basic-pitch": ("basic-pitch", "nmp.onnx", lambda draw: [{"*": smooth(draw, batch, 43844, 1)} for batch in (1, 2)], []),
    "rapidocr-detection": ("rapidocr-onnxruntime", "ch_PP-OCRv4_det_infer.onnx",
                           lambda draw: texts(draw, (1, 96, 160), (2, 64, 64)), []),
    "rapidocr-recognition": ("rapidocr-onnxruntime", "ch_PP-OCRv4_rec_infer.onnx",
                             lambda draw: texts(draw, (1, 48, 160), (3, 48, 320)), []),
    "rapidocr-orientation": ("rapidocr-onnxruntime", "ch_ppocr_mobile_v2.0_cls_infer.onnx",
                             lambda draw: texts(draw, (1, 48, 192), (6, 48, 192)), []),
    "silero-vad": ("silero-vad", "silero_vad.onnx", lambda draw: speech(draw, 1, 16000) + speech(draw, 3, 16000),
                   ["--dim=input.1=576", RATE]),
    "silero-vad-8k": ("silero-vad", "silero_vad.onnx", lambda draw: speech(draw, 2, 8000, 288), ["--dim=input.1=288", RATE]),
    "silero-vad-ifless": ("silero-vad", "silero_vad_op18_ifless.onnx", lambda draw: speech(draw, 1, 16000) + speech(draw, 3, 16000), []),
    "silero-vad-16k": ("silero-vad", "silero_vad_16k_op15.onnx", lambda draw: speech(draw, 1, 16000) + speech(draw, 3, 16000),
                       [SAMPLES]),
    "silero-vad-half": ("silero-vad", "silero_vad_half.onnx", lambda draw: speech(draw, 1) + speech(draw, 3), [SAMPLES]),
    "silero-vad-sequence": ("silero-vad", "silero_vad_16k_sequence.onnx", sequence, []),
    "silero-vad-openvino": ("silero-vad", "silero_vad_openvino_16k.onnx", lambda draw: speech(draw, 1), []),
}


def find(package, name):
    files = importlib.metadata.files(package) or []
    return next(file.locate() for file in files if file.name == name)


def main():
    if sys.argv[1] == "--list":
        json.dump({name: entry[3] for name, entry in SHIPPED.items()}, sys.stdout)
        return
    name, path = sys.argv[1], pathlib.Path(sys.argv[2])
    import onnxruntime
    package, file, inputs, _ = SHIPPED[name]
    shutil.copyfile(find(package, file), path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    runs = inputs(draw)
    names = [operand.name for operand in session.get_inputs()]
    for run in runs:
        if "*" in run:
            run[names[0]] = run.pop("*")
    np.savez_compressed(path.with_suffix(".npz"), **{f"{index}/{operand}": value for index, run in enumerate(runs)
                                                     for operand, value in run.items()})
    if "sr" in runs[0]:
        np.save(path.with_name(path.stem + "-sr.npy"), runs[0]["sr"])


if __name__ == "__main__":
    main()
