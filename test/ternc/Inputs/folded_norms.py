"""A network as PyTorch's exporters write it: folded_norms.py FILE metadata|names|kept|none"""
import sys

import numpy as np
from onnx import StringStringEntryProto, TensorProto, helper, numpy_helper, save

path, how = sys.argv[1:]
rng = np.random.default_rng(0)
value = lambda name, *shape: numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)
names = ["onnx::Conv_31", "onnx::Conv_32"] if how == "names" else ["conv.weight", "conv.bias"]
nodes = [helper.make_node("Conv", ["x", *names], ["getitem"], "node_Conv_34"), helper.make_node("ReduceMean", ["getitem"], ["m"], axes=[2, 3], keepdims=0),
         helper.make_node("Gemm", ["m", "fc.weight", "fc.bias"], ["y"], "fc")]
initializers = [value(names[0], 4, 3, 3, 3), value(names[1], 4), value("fc.weight", 4, 5), value("fc.bias", 5)]
if how == "metadata":
    nodes[0].metadata_props.append(StringStringEntryProto(key="pkg.onnxscript.rewriter.rule_name", value="RemoveOptionalBiasFromConv, FuseBatchNormIntoConv"))
    nodes[2].metadata_props.append(StringStringEntryProto(
        key="pkg.torch.onnx.class_hierarchy", value="['M', 'torch.nn.modules.batchnorm.BatchNorm1d', 'aten._native_batch_norm_legit_no_training.default']"))
if how == "kept":
    nodes[0].output[0] = "c"
    nodes.insert(1, helper.make_node("BatchNormalization", ["c", "bn.weight", "bn.bias", "bn.mean", "bn.var"], ["getitem"], "bn"))
    initializers += [value("bn.weight", 4), value("bn.bias", 4), value("bn.mean", 4), numpy_helper.from_array(np.ones(4, np.float32), "bn.var")]
info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
graph = helper.make_graph(nodes, "net", [info("x", ["batch", 3, 8, 8])], [info("y", ["batch", 5])], initializers)
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
