# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Nodes of ai.onnx.ml with attributes and operands that do not fit the operator."""
import numpy as np
from onnx import TensorProto, helper

from onnx_broken_case import CASES, FLOAT, INT64, model, tensor, value, write


def other(domain, name, errors, op, *arrays, shape=("batch", 4), dtype=FLOAT, outputs=("y",), **attributes):
    """An operator of another domain, of an input and constants; None is one left out."""
    names = ["" if array is None else f"i{i}" for i, array in enumerate(arrays)]
    proto = model([helper.make_node(op, ["x", *names], list(outputs), name="n", domain=domain, **attributes)],
                  [tensor(label, array) for label, array in zip(names, arrays) if label], inputs=[value("x", list(shape), dtype)])
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
