# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of operators of domain ai.onnx.ml, on numbers."""
import numpy as np
from onnx import numpy_helper
from onnx_fuzz_draw import found, generator

DOMAIN = "ai.onnx.ml"


def add(d, op, inputs, outputs=1, version=3, **attributes):
    return d.node(op, inputs, outputs, domain=DOMAIN, version=version, **attributes)


def rows(d, features, dtypes=("f4",)):
    """An input of one row, or of several."""
    dtype = d.choice(dtypes)
    # Zeros are what Normalizer takes for itself.
    shape = [features] if d.flip(0.2) else [d.size(), features]
    values = d.array(shape, dtype)
    return d.input(np.where(d.array(shape[:-1] + [1], "?"), values, 0).astype(dtype) if d.flip(0.3) else values)


def floats(d, count):
    return [float(value) for value in d.array([count], "f4", constant=True)]


@generator("Scaler")
def scaler(d):
    features = d.fixed()
    count = d.choice((1, features))
    x = rows(d, features, ("f4", "f8", "i8", "i4")) if count > 1 or d.flip() else d.input(d.array(d.shape(3)))
    add(d, "Scaler", [x], offset=floats(d, count), scale=floats(d, count))


@generator("Normalizer")
def normalizer(d):
    add(d, "Normalizer", [rows(d, d.fixed(), ("f4", "f8", "i8", "i4"))], norm=d.choice((None, "MAX", "L1", "L2")))


def transform(d, several):
    return d.choice((None, "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")) if several else None


@generator("LinearRegressor")
def linear_regressor(d):
    features, targets = d.fixed(), d.choice((1, 1, 2, 7))
    add(d, "LinearRegressor", [rows(d, features)], coefficients=floats(d, targets * features), targets=targets if targets > 1 or d.flip() else None,
        intercepts=floats(d, targets) if d.flip(0.8) else None, post_transform=transform(d, targets > 1))


@generator("LinearClassifier")
def linear_classifier(d):
    features, classes = d.fixed(), d.choice((1, 2, 3, 17))
    labels = list(range(max(classes, 2)))
    if d.flip():
        labels = [3 * label - 1 for label in labels[::-1]]
    kind = d.choice((None, "NONE", "LOGISTIC")) if classes == 1 else transform(d, True)
    y = add(d, "LinearClassifier", [rows(d, features, ("f4", "f8", "i8", "i4"))], 2, coefficients=floats(d, classes * features),
            intercepts=floats(d, classes), classlabels_ints=labels, multi_class=d.choice((None, 0, 1)), post_transform=kind)
    if d.flip(0.2):
        d.hide(y)


@found("linear-regressor-probit")
def probit(d):
    # Around 1/2 it is a difference of like numbers.
    x = np.array([[0.01, 0.1, 0.3, 0.7, 0.95, 0.999, 1.5, -0.5]], np.float32).T
    add(d, "LinearRegressor", [d.input(x)], coefficients=[1.0], targets=1, post_transform="PROBIT")


@generator("ArrayFeatureExtractor")
def array_feature_extractor(d):
    dtype, features = d.choice(("f4", "f8", "i8", "i4")), d.fixed()
    x = d.operand([*d.shape(d.integer(0, 2)), features], dtype)
    count = d.size(7)
    add(d, "ArrayFeatureExtractor", [x, d.operand([count] if d.flip() else [1, count], "i8", 0, features - 1)], version=1)


@generator("LabelEncoder")
def label_encoder(d):
    version, count = d.choice((2, 4)), d.fixed()
    shape, attributes = d.shape(d.integer(1, 3)), {}
    names = {"i8": "int64s", "f4": "floats"}
    source, target = d.choice(("i8", "f4")), d.choice(("i8", "f4"))
    keys = d.constants.permutation(3 * count)[:count].astype(source)
    if version == 4 and d.flip():
        source = target = d.choice(("i8", "f8"))
        attributes = {"keys_tensor": numpy_helper.from_array(keys.astype(source)),
                      "values_tensor": numpy_helper.from_array(d.array([count], target, constant=True)),
                      "default_tensor": numpy_helper.from_array(np.array([7], target))}
    else:
        attributes = {f"keys_{names[source]}": keys.tolist(), f"values_{names[target]}": d.array([count], target, constant=True).tolist()}
        if d.flip():
            attributes |= {"default_int64": -5} if target == "i8" else {"default_float": 0.5}
    x = d.array(shape, "i8", 0, 3 * count - 1).astype(source)
    if version == 4 and source == "f4" and "keys_floats" in attributes:
        attributes["keys_floats"][0] = float("nan")
        x = np.where(d.array(shape, "?"), x, np.float32("nan"))
    add(d, "LabelEncoder", [d.input(x)], version=version, **attributes)
