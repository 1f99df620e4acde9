//===- Passes.td - From ternary to training ----------------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TRAINING_PASSES_TD
#define TERN_TRAINING_PASSES_TD

include "mlir/Pass/PassBase.td"

def TernDropTraining : Pass<"tern-drop-training", "::mlir::func::FuncOp"> {
  let summary = "Leave out what a model does in training only";
  let description = [{
    Puts the second operand of every `tern.in_training`, and the value of every
    `tern.surrogate`, in its place and erases `tern.update_parameter` and what nothing needs any more, such as
    `tern.keep_mask`. What is left is the model as it infers. A mask that is
    still used is an error: outside training there is nothing to draw it from.
  }];
}

def TernAttachLoss : Pass<"tern-attach-loss", "::mlir::ModuleOp"> {
  let summary = "Add a loss to a model";
  let description = [{
    From the model's `@main(inputs, params) -> outputs` makes

    | function | |
    |---|---|
    | `@forward` | `@main` under another name |
    | `@eval_step(inputs, labels, params) -> (loss, outputs)` | for validation |
    | `private @loss(inputs, labels, params) -> loss` | to be differentiated |
    | `private @loss_float(inputs, labels, lambda, params) -> loss` | the same with ternary layers blended, if there are any |

    and marks the module `tern.training`. In `@loss_float` each `tern.bitlinear`
    is a float product of `x + lambda * (quantized x - x)` and the same of the
    weights, with `tern.straight_through`; a learned scale has a gradient.
    Activations that are quantized apart from a layer, as those of convolutions
    are, get lambda, too.

    What the model does in training only (`tern.in_training`,
    `tern.update_parameter`, `tern.keep_mask`) it does in the losses; the public
    functions infer. Parameters that the model updates are further results of
    the losses, with `tern.update`; masks are drawn by the scalars `seed` and
    `step`.

    `loss` is a sum of terms `[weight *] name` joined by `+`: names of Tern's
    losses, paths of `.mlir` files, or `graph`, for which the output itself is
    the loss. A file has

    | function of the file | |
    |---|---|
    | `@loss(output, ...) -> tensor<f32>` | the output is tensor<?x?xf32>, with all axes but the last made one |

    The other arguments are what the output is compared with, each an input of
    the step, and options, 0-d tensors that are constants here:

    | argument | type |
    |---|---|
    | `tern.role = "labels"` | tensor<?xi64>, the number of the right class for each row |
    | `tern.role = "target"`, `tern.role = "teacher"` | tensor<?x?xf32>, as the output |
    | `tern.scalar = "name"`, `tern.default` | tensor<f32>, tensor<f64> or tensor<i64> |

    Branches (`scf.if`) that options decide are taken here, and what a file
    asserts of its options (`cf.assert`, with `$name` for values in the text) is
    checked. Functions of other files are used as in optimizers.

    `output` names the output that the loss is of; by default it is the first.
    The formulas are at the head of each file in `losses/`. Labels out of range
    select nothing: a host has to check them. Logits are f32.

    Accepts a module at level `ternary` with one public function.
  }];
  let options = [
    Option<"loss", "loss", "std::string", "\"softmax-cross-entropy\"",
           "Sum of losses, such as softmax-cross-entropy+0.2*kl">,
    Option<"output", "output", "std::string", "\"\"",
           "Name of the output that the loss is of">,
    ListOption<"lossOptions", "options", "std::string",
               "name=value of the losses' options">,
    Option<"ignoreIndex", "ignore-index", "std::string", "\"\"",
           "The option of this name of those losses that have it: label of "
           "rows that do not count">,
    Option<"labelSmoothing", "label-smoothing", "std::string", "\"\"",
           "The same: part of the target that is spread over all classes">,
    Option<"temperature", "temperature", "std::string", "\"\"",
           "The same: temperature of kl">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::tern::TernDialect"
  ];
}

def TernAttachOptimizer : Pass<"tern-attach-optimizer", "::mlir::ModuleOp"> {
  let summary = "Make training steps of a loss and an optimizer";
  let description = [{
    Differentiates `@loss` (and `@loss_float`) by the parameters that are
    trained, and makes of it

    `@train_step(inputs, labels, scalars, params, states)
       -> (loss, grad_norm, new params, new states)`

    (and `@train_step_float`), in which each parameter is updated by functions
    of `optimizer`, inlined: a chain of names, or paths of `.mlir` files, joined
    by `+`. The last that has an update is the optimizer; those before are
    filters of gradients, and those behind of what it makes of them, its
    direction.

    | function of the file | on |
    |---|---|
    | `@update(param, direction, ...) -> (new param, ...)` | tensor<?xf32>, all elements of a parameter |
    | `@update_matrix(param, direction, ...) -> (new param, ...)` | tensor<?x?xf32>; where there is one, it has the parameters of rank 2 and more, as [first extent, all others] |
    | `@direction(gradient, ...) -> (direction, ...)`, `@direction_matrix` | as the update; where there is none, the direction is the gradient |
    | `@filter(gradient or direction, ...) -> (the same anew, ...)` | tensor<?xf32> |

    The other arguments are states (`tern.state = "name"`, `tern.init`), which
    are returned in the same order, and 0-d run-time scalars (`tern.scalar`,
    `tern.default`). Private functions of the file may be called, and of other
    files: a private declaration with `tern.from = @file::@function` stands for
    that function of `file.mlir` in the same folder, or of Tern's optimizer
    `file`.

    Before anything else gradients are scaled to a norm of at most the scalar
    `clip_norm`, if it is positive: all of them together, in f64, in a fixed
    order. `grad_norm` is the norm before. Without `clip` gradients are taken as
    they are, there is no such scalar, and each parameter can be updated as soon
    as its gradient is known, so that gradients need not be there all at once.

    With `accumulate` gradients are averaged over as many steps as the scalar
    `accumulate` (i64) says, in a state `gradient` of each parameter. Only the
    last step of such a window updates, by the average, which is what is
    clipped; the optimizer's `step` counts updates. Windows follow each other
    from step `accumulate_start` + 1 on, before which there were
    `accumulate_updates` updates (i64, default 0). Where `accumulate_close` (i64,
    default 0) is not 0 the window ends with the step that is done, and the
    average is over the steps it has.

    With `recompute` the steps are marked for `tern-rematerialize`.

    A parameter is trained if it is f32, the loss depends on it, no regular
    expression of `freeze` matches its name, and its `tern.use`, if it has one,
    is `learned`, or is `optional` and a regular expression of `train-also`
    matches its name. What is not trained is an argument that no step changes.
    Parameters of the steps that are not simply trained get a `tern.use` that
    says what became of them and why: `learned` or `constant`. `param-groups` are
    `regex:key=value,...`, of which the first that matches a name holds:
    `SCALAR_scale=v` multiplies a scalar, `SCALAR=v` replaces it, `matrix=false`
    takes `@update` instead of `@update_matrix` (the default for names with
    `lm_head`, `embed`, `wte` or `wpe`). A regular expression that matches no
    parameter is a warning.

    Accepts the output of `tern-attach-loss`.
  }];
  let options = [
    Option<"optimizer", "optimizer", "std::string", "\"adamw\"",
           "Name of an optimizer or path of a .mlir file; filters before and "
           "behind it and a + between">,
    ListOption<"paramGroups", "param-groups", "std::string",
               "regex:key=value,...">,
    ListOption<"freeze", "freeze", "std::string",
               "Parameters that are not trained">,
    ListOption<"trainAlso", "train-also", "std::string",
               "Parameters that are trained though they look like constants">,
    Option<"clip", "clip", "bool", "true",
           "Scale gradients to the norm that the scalar clip_norm says">,
    Option<"accumulate", "accumulate", "bool", "false",
           "Average gradients over as many steps as the scalar accumulate says">,
    Option<"recompute", "recompute", "bool", "true",
           "Mark the steps for tern-rematerialize">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::tern::TernDialect"
  ];
  let statistics = [
    Statistic<"numTrained", "num-trained", "Parameters that are trained">
  ];
}

def TernAttachCalibration
    : Pass<"tern-attach-calibration", "::mlir::ModuleOp"> {
  let summary = "Measure what converting layers does to a model";
  let description = [{
    `@main` computes the model beside itself in float, and returns sums of
    squares in place of its results, all tensors of f64:

    - `layer.<i>` [6] for each converted layer (`tern.origin = "converted"`), in
      order: how many codes are 0; the weights' error and the weights; the
      error of the output that the layer has with the float model's inputs, the
      error of its output in the ternary model, and the float model's output.
    - `output.<i>` [2] for each output of f32: error and output.

    Layers in the body of a loop are converted back, but not measured. Accepts a
    module at level `ternary`; layers that were ternary in the model are so in
    both.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::tern::TernDialect"
  ];
  let statistics = [
    Statistic<"numMeasured", "num-measured", "Layers that are measured">
  ];
}

def TernExportDequantized
    : Pass<"tern-export-dequantized", "::mlir::ModuleOp"> {
  let summary = "Keep of a model only its parameters, ternarized";
  let description = [{
    For each parameter that is the weights of a `tern.bitlinear` adds a prepare
    function that computes codes times scales, under the parameter's own name
    and in its shape. With `half`, f32 parameters become f16. `@main` is left
    with the parameters as arguments and no body.

    Accepts a module at level `ternary`. The weights file that is made of the
    result is that of the model with its weights as the layers see them.
  }];
  let options = [
    Option<"half", "half", "bool", "false", "Store f32 parameters as f16">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::tern::TernDialect"
  ];
}

#endif // TERN_TRAINING_PASSES_TD
