# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Nodes of ai.onnx.ml and com.microsoft, and of samples and random numbers, with attributes and operands that do not fit the operator."""
import numpy as np
from onnx import TensorProto, helper

from onnx_broken_case import CASES, FLOAT, INT64, model, node, simple, tensor, value, write


def other(domain, name, errors, op, *arrays, shape=("batch", 4), dtype=FLOAT, outputs=("y",), **attributes):
    """An operator of another domain, of an input and constants; None is one left out."""
    names = ["" if array is None else f"i{i}" for i, array in enumerate(arrays)]
    proto = model([helper.make_node(op, ["x", *names], list(outputs), name="n", domain=domain, **attributes)],
                  [tensor(label, array) for label, array in zip(names, arrays) if label], inputs=[value("x", list(shape), dtype)])
    if domain:
        proto.opset_import.append(helper.make_opsetid(domain, 1))
    CASES.append((name, lambda path: write(path, proto), (errors,), []))


def ml(name, errors, op, *arrays, **others):
    other("ai.onnx.ml", name, errors, op, *arrays, **others)


ml("scaler_counts", "attributes 'offset' and 'scale' have 1 and 2 elements", "Scaler", offset=[1.0], scale=[1.0, 2.0])
ml("scaler_features", "the input of shape [batch, 4] does not have 3 features", "Scaler", offset=[1.0] * 3, scale=[1.0] * 3)
ml("scaler_rank", "the input has shape [batch, 4, 4]; with a scale for each feature", "Scaler", shape=("batch", 4, 4), offset=[1.0] * 4,
   scale=[1.0] * 4)
ml("normalizer_norm", "norm 'L3' is not supported", "Normalizer", norm="L3")
ml("normalizer_rank", "the input has shape [4, 4, 4]; it must be a vector or a matrix", "Normalizer", shape=(4, 4, 4))
ml("regressor_coefficients", "attribute 'coefficients' has 7 elements, which are not 2 rows", "LinearRegressor", coefficients=[1.0] * 7, targets=2)
ml("regressor_features", "the input of shape [batch, 4] does not have 3 features", "LinearRegressor", coefficients=[1.0] * 3)
ml("regressor_intercepts", "attribute 'intercepts' has 2 elements, not 1", "LinearRegressor", coefficients=[1.0] * 4, intercepts=[1.0, 2.0])
ml("regressor_targets", "attribute 'targets' is 0", "LinearRegressor", coefficients=[1.0] * 4, targets=0)
ml("regressor_transform", "post_transform 'SIGMOID' is not supported", "LinearRegressor", coefficients=[1.0] * 4, post_transform="SIGMOID")
ml("regressor_one", "attribute 'post_transform' is not supported for one target", "LinearRegressor", coefficients=[1.0] * 4,
   post_transform="LOGISTIC")
ml("classifier_no_labels", "there must be either integers or strings as labels", "LinearClassifier", coefficients=[1.0] * 8)
ml("classifier_labels", "there are 3 labels for 2 classes", "LinearClassifier", coefficients=[1.0] * 8, intercepts=[1.0, 2.0],
   classlabels_ints=[1, 2, 3])
ml("classifier_strings", "the labels are strings, which are not supported", "LinearClassifier", coefficients=[1.0] * 8, classlabels_strings=["a", "b"])
ml("classifier_binary", "attribute 'post_transform' is not supported for one row of coefficients", "LinearClassifier", coefficients=[1.0] * 4,
   intercepts=[1.0], classlabels_ints=[0, 1], post_transform="SOFTMAX")
ml("extractor_range", "index 4 is out of range for 4 elements", "ArrayFeatureExtractor", np.array([0, 4]))
ml("extractor_negative", "index -1 is out of range for 4 elements", "ArrayFeatureExtractor", np.array([-1]))
ml("extractor_type", "the indices must be i64, not f32", "ArrayFeatureExtractor", np.ones(1, np.float32))
ml("encoder_strings", "strings are not supported, as attribute 'keys_strings' holds", "LabelEncoder", keys_strings=["a"], values_int64s=[1])
ml("encoder_classes", "strings are not supported, as attribute 'classes_strings' holds", "LabelEncoder", classes_strings=["a"])
ml("encoder_counts", "there must be keys and values, as many of either", "LabelEncoder", keys_floats=[1.0, 2.0], values_int64s=[1])
ml("encoder_type", "keys are i64, the input is f32", "LabelEncoder", keys_int64s=[1], values_int64s=[1])
ml("encoder_default", "attribute 'default_tensor' must be one i64", "LabelEncoder", keys_floats=[1.0], values_int64s=[1],
   default_tensor=tensor("t", np.array([1.0])))
ml("encoder_lists", "there is more than one list of keys", "LabelEncoder", keys_floats=[1.0], keys_int64s=[1], values_int64s=[1])
ml("zipmap_rank", "the input has shape [4, 4, 4]; it must be a vector or a matrix", "ZipMap", shape=(4, 4, 4), classlabels_int64s=[1, 2, 3, 4])


def contrib(name, errors, op, *arrays, **others):
    other("com.microsoft", name, errors, op, *arrays, **others)


def f32(*shape):
    return np.ones(shape, np.float32)


def embed(name, errors, words=f32(9, 5), positions=f32(7, 5), segments=None, ids=None, shape=(2, 4), **others):
    contrib(name, errors, "EmbedLayerNormalization", ids, words, positions, segments, f32(5), f32(5), shape=shape,
            **{"dtype": TensorProto.INT32, **others})


embed("embed_rank", "input 0 has shape [4]; it must be [batch, positions]", shape=(4,))
embed("embed_type", "input 0 must be i32 or i64, not f32", dtype=FLOAT)
embed("embed_segments", "segments and their table must be given together", ids=np.zeros((2, 4), np.int32))
embed("embed_segment_ids", "input 1 has shape [2, 3], not [2, 4]", ids=np.zeros((2, 3), np.int32), segments=f32(2, 5))
embed("embed_segment_row", "input 1 has shape [1, 4], not [2, 4]", ids=np.zeros((1, 4), np.int32), segments=f32(2, 5))
embed("embed_segment_range", "index 2 is out of range for 2 elements", ids=np.full((2, 4), 2, np.int32), segments=f32(2, 5))
embed("embed_width", "input 3 of shape [7, 6] does not have the width of input 2, 5", positions=f32(7, 6))
embed("embed_positions", "there are embeddings of 3 positions, and 4 positions", positions=f32(3, 5))
embed("embed_missing", "required input 3 is missing", positions=None)
embed("embed_table_type", "input 3 is f64, input 2 is f32", positions=np.ones((7, 5)))
embed("embed_mask_type", "attribute 'mask_index_type' is 1; only 0 is supported", mask_index_type=1)


def attention(name, errors, *others, shape=(2, 5, 4), weights=f32(4, 12), num_heads=2, **attributes):
    contrib(name, errors, "Attention", weights, f32(12), *others, shape=shape, num_heads=num_heads, **attributes)


attention("attention_heads", "attribute 'num_heads' is 0", num_heads=0)
attention("attention_weights", "weights of shape [4, 11] do not hold queries, keys and values of 2 heads", weights=f32(4, 11))
attention("attention_sizes", "weights of shape [4, 12] do not hold queries, keys and values of 2 heads", qkv_hidden_sizes=[4, 2, 6])
attention("attention_rank", "the input has shape [5, 4], the weights [4, 12]; they must have 3 and 2 dimensions", shape=(5, 4))
attention("attention_types", "inputs have different element types", weights=np.ones((4, 12)))
attention("attention_rotary", "attribute 'do_rotary' is not supported", do_rotary=1)
attention("attention_packed_past_rank", "the past has shape [2, 2, 3, 2]; it must be [2, batch, heads, positions, size]", None, f32(2, 2, 3, 2))
attention("attention_past_two", "the past has shape [3, 2, 2, 3, 2], which is not one of keys and of values", None, f32(3, 2, 2, 3, 2))
attention("attention_past_shape", "past keys or values of shape [2, 1, 3, 2] do not fit those of the node, of shape [2, 2, 5, 2]", None,
          f32(2, 2, 1, 3, 2))
attention("attention_past_type", "past keys and values must be like those of the node", None, np.ones((2, 2, 2, 3, 2)))
attention("attention_past_sizes", "with a past, keys and values must be of one size, not 5 and 2", None, f32(2, 2, 1, 3, 5), num_heads=1,
          qkv_hidden_sizes=[5, 5, 2])
attention("attention_shared", "a buffer that past and present share is not supported", past_present_share_buffer=1)
attention("attention_mask_type", "the mask must be i32, not f32", f32(2))
attention("attention_mask", "the mask of shape [2, 4] does not fit scores of shape [2, 2, 5, 5]", np.ones((2, 4), np.int32))
attention("attention_lengths", "the mask of shape [3] does not fit scores of shape [2, 2, 5, 5]", np.ones(3, np.int32))
attention("attention_square", "the mask of shape [2, 1, 4, 4] does not fit scores", np.ones((2, 1, 4, 4), np.int32))
attention("attention_bias_rank", "the bias of the scores has shape [5, 5]; it must have rank 4", None, None, f32(5, 5))
attention("attention_bias_type", "the bias of the scores must be f32, not f64", None, None, np.ones((1, 1, 5, 5)))
attention("attention_bias_row", "the bias of shape [1, 1, 1, 5] does not fit scores of shape [2, 2, 5, 5]", None, None, f32(1, 1, 1, 5))
attention("attention_bias_shape", "the bias of shape [1, 1, 5, 4] does not fit scores of shape [2, 2, 5, 5]", None, None, f32(1, 1, 5, 4))

contrib("qlinear_softmax_type", "quantized tensors must be i8 or u8, not f32", "QLinearSoftmax", np.float32(1), np.uint8(0), np.float32(1), opset=13)
contrib("qlinear_softmax_opset", "attribute 'opset' is missing", "QLinearSoftmax", np.float32(1), np.uint8(0), np.float32(1), dtype=TensorProto.UINT8)
contrib("qlinear_softmax_axis", "axis 2 is out of range for rank 2", "QLinearSoftmax", np.float32(1), np.uint8(0), np.float32(1),
        dtype=TensorProto.UINT8, axis=2, opset=13)
contrib("qlinear_softmax_scale", "required input 3 is missing", "QLinearSoftmax", np.float32(1), np.uint8(0), None, np.uint8(0),
        dtype=TensorProto.UINT8, opset=13)


def heads(name, errors, *others, shape=(2, 5, 4), num_heads=2, **attributes):
    contrib(name, errors, "MultiHeadAttention", *others, shape=shape, num_heads=num_heads, **attributes)


KEYS = f32(2, 3, 4)
heads("heads_packed", "queries, keys and values must be three inputs; packed ones are not supported", shape=(2, 5, 2, 3, 2))
heads("heads_packed_keys", "packed ones are not supported", f32(2, 3, 2, 2, 2), KEYS)
heads("heads_rank", "keys have rank 3, values rank 4", KEYS, f32(2, 2, 3, 2))
heads("heads_keys", "keys of shape [2, 3, 6] do not fit queries of shape [2, 5, 4]", f32(2, 3, 6), KEYS)
heads("heads_values", "values of shape [2, 2, 4] do not fit keys of shape [2, 3, 4]", KEYS, f32(2, 2, 4))
heads("heads_split_values", "values of shape [2, 2, 3, 4] do not fit keys of shape [2, 2, 3, 2]", f32(2, 2, 3, 2), f32(2, 2, 3, 4))
heads("heads_divide", "input query of shape [2, 5, 4] has no 3 heads", KEYS, KEYS, num_heads=3)
heads("heads_types", "inputs have different element types", KEYS, np.ones((2, 3, 4)))
heads("heads_bias", "the bias has shape [11], not [12]", KEYS, KEYS, f32(11))
heads("heads_split_bias", "a bias is not supported beside keys of rank 4", f32(2, 2, 3, 2), f32(2, 2, 3, 2), f32(12))
heads("heads_past", "past keys and past values must be given together", KEYS, KEYS, None, None, None, f32(2, 2, 1, 2))
heads("heads_past_shape", "past keys or values of shape [2, 1, 1, 2] do not fit those of the node, of shape [2, 2, 3, 2]", KEYS, KEYS, None, None,
      None, f32(2, 1, 1, 2), f32(2, 2, 1, 2))
heads("heads_past_count", "there are not as many past keys as values", KEYS, KEYS, None, None, None, f32(2, 2, 1, 2), f32(2, 2, 2, 2))
heads("heads_output", "output 3 is not supported", KEYS, KEYS, outputs=("", "", "", "y"))


def lstm(name, errors, w=(1, 4, 12), r=(1, 3, 12), dtype=np.uint8, rest=(None,) * 5, w_scale=(1,), w_zero=(1,), r_scale=(1,), zero_type=None, input_type=FLOAT,
         **others):
    zero_type = zero_type or dtype
    contrib(name, errors, "DynamicQuantizeLSTM", np.ones(w, dtype), np.ones(r, dtype), *rest, w_scale and f32(*w_scale),
            np.ones(w_zero, zero_type), f32(*r_scale), np.ones(1, zero_type), **{"shape": ("time", 2, 4), **others, "dtype": input_type})


lstm("lstm8_rank", "the input and the weights must have rank 3", shape=(2, 4))
lstm("lstm8_input", "input 0 must be f32, not f64", input_type=TensorProto.DOUBLE)
lstm("lstm8_type", "the weights must be u8 or i8, not f32", dtype=np.float32)
lstm("lstm8_zero_type", "input W_zero_point must be u8, not i8", zero_type=np.int8)
lstm("lstm8_hidden", "attribute 'hidden_size' is 5, but the weights are of 3", hidden_size=5)
lstm("lstm8_layout", "attribute 'layout' is not supported", layout=0)
lstm("lstm8_weight", "input W has shape [1, 12, 4], not [1, 4, 12]", w=(1, 12, 4))
lstm("lstm8_recurrence", "input R has shape [1, 3, 11], not [1, 3, 12]", r=(1, 3, 11))
lstm("lstm8_directions", "input W has shape [1, 4, 12], not [2, 4, 12]", direction="bidirectional")
lstm("lstm8_scale", "input W_scale has shape [12], not [1] or [1, 12]", w_scale=(12,))
lstm("lstm8_scale_missing", "required input 8 is missing", w_scale=None)
lstm("lstm8_scale_columns", "input R_scale has shape [1, 3], not [1] or [1, 12]", r_scale=(1, 3))
lstm("lstm8_zero", "input W_zero_point has shape [1, 1, 1], not [1] or [1, 12]", w_zero=(1, 1, 1))
lstm("lstm8_bias", "input B has shape [1, 12], not [1, 24]", rest=(f32(1, 12), None, None, None, None))
lstm("lstm8_lengths", "sequence_lens must be i32, one for each sequence", rest=(None, np.ones(2, np.int64), None, None, None))
lstm("lstm8_state_type", "input 5 must be f32, not f64", rest=(None, None, np.ones((1, 2, 3)), None, None))
lstm("lstm8_peepholes", "input P has shape [1, 3], not [1, 9]", rest=(None, None, None, None, f32(1, 3)))
lstm("lstm8_clip", "attribute 'clip' must be positive", clip=-1.0)


def standard(name, errors, op, *arrays, **others):
    other("", name, errors, op, *arrays, **others)


IMAGE, GRID = (2, 3, 5, 5), f32(2, 4, 4, 2)
standard("grid_mode", "attribute 'mode' is 'linear'", "GridSample", GRID, shape=IMAGE, mode="linear")
standard("grid_padding", "attribute 'padding_mode' is 'mirror'", "GridSample", GRID, shape=IMAGE, padding_mode="mirror")
standard("grid_rank", "the input has shape [2, 3, 5, 5, 5], the grid [2, 4, 4, 2]; they must have rank 4", "GridSample", GRID, shape=(2, 3, 5, 5, 5))
standard("grid_axes", "a grid of shape [2, 4, 4, 3] does not fit an input of shape [2, 3, 5, 5]", "GridSample", f32(2, 4, 4, 3), shape=IMAGE)
standard("grid_batch", "a grid of shape [3, 4, 4, 2] does not fit an input of shape [2, 3, 5, 5]", "GridSample", f32(3, 4, 4, 2), shape=IMAGE)
standard("grid_empty", "cannot sample an input of shape [2, 3, 0, 5]", "GridSample", GRID, shape=(2, 3, 0, 5))
standard("grid_type", "element type i64 is not supported", "GridSample", GRID, shape=IMAGE, dtype=INT64)
standard("random_type", "element type i64 is not supported", "RandomUniformLike", dtype=INT64)
simple("random_dtype", "attribute 'dtype' is 99, which is no element type", [node("RandomNormalLike", dtype=99)])
simple("random_shape", "attribute 'shape' is missing", [helper.make_node("RandomNormal", [], ["y"], name="n")])
simple("random_extent", "attribute 'shape' has a negative extent, -1", [helper.make_node("RandomUniform", [], ["y"], name="n", shape=[2, -1])])
