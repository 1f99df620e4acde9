# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Export one network and quantize it with ONNX Runtime's tools.

    quantize.py NAME FORM OUT.onnx

writes OUT.onnx and OUT.npz. FORMS are the forms, NETWORKS the networks and the forms that change something in them.
"""
import logging
import pathlib
import sys
import warnings

# Bits of activations; None where they stay floats, and results are held against the tolerance of floats.
FORMS = {"qdq-int8": 8, "qdq-uint8-channels": 8, "qdq-int16": 16, "qdq-int4": 8, "qoperator": 8, "dynamic": 8, "matmul-4bits": None,
         "matmul-8bits": None}
NETWORKS = {"resnet18": [form for form in FORMS if not form.startswith("matmul")],
            "mobilenet_v2": [form for form in FORMS if not form.startswith("matmul")],
            "transformers-vit": list(FORMS), "bert": list(FORMS), "llama": list(FORMS)}
QUANTIZED = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulNBits", "QLinearConv", "QLinearMatMul"}


def quantize(source, form, path, inputs):
    import onnx
    import onnxruntime.quantization as tools
    from onnxruntime.quantization import QuantFormat, QuantType, matmul_nbits_quantizer

    class Reader(tools.CalibrationDataReader):
        def __init__(self):
            self.rest = list(inputs)

        def get_next(self):
            return self.rest.pop() if self.rest else None

    if form == "dynamic":
        # It infers shapes anew, and some that PyTorch wrote down contradict those.
        model = onnx.load(str(source))
        del model.graph.value_info[:]
        tools.quantize_dynamic(model, path)
    elif form.startswith("matmul"):
        bits = int(form[len("matmul-")])
        quantizer = matmul_nbits_quantizer.MatMulNBitsQuantizer(str(source), bits=bits, block_size=32)
        quantizer.process()
        quantizer.model.save_model_to_file(str(path))
    else:
        options = {
            "qdq-int8": dict(activation_type=QuantType.QInt8, weight_type=QuantType.QInt8, extra_options={"ActivationSymmetric": True}),
            "qdq-uint8-channels": dict(activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True),
            "qdq-int16": dict(activation_type=QuantType.QInt16, weight_type=QuantType.QInt8),
            "qdq-int4": dict(activation_type=QuantType.QUInt8, weight_type=QuantType.QInt4),
            "qoperator": dict(activation_type=QuantType.QUInt8, weight_type=QuantType.QUInt8, quant_format=QuantFormat.QOperator),
        }[form]
        tools.quantize_static(source, path, Reader(), **options)


def main():
    name, form, path = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    import onnx
    from compare import read_runs
    from export import export
    source = path.with_name(path.stem + "-source.onnx")
    # Types of 16 and 4 bits are the standard's from opset 21 on.
    export(name, 21 if form in ("qdq-int16", "qdq-int4") else 18, False, source)
    quantize(source, form, path, read_runs(source.with_suffix(".npz")))
    source.unlink()
    source.with_suffix(".npz").rename(path.with_suffix(".npz"))
    found = {node.op_type for node in onnx.load(str(path)).graph.node} & QUANTIZED
    if not found:
        raise RuntimeError(f"nothing was quantized as {form}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    main()
