// RUN: tern-opt %s --tern-attach-loss --split-input-file --verify-diagnostics
// RUN: not tern-opt %S/Inputs/model.mlir --tern-attach-loss=loss=hinge 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not tern-opt %S/Inputs/model.mlir --tern-attach-loss=loss=x*mse 2>&1 | FileCheck %s --check-prefix=WEIGHT
// RUN: not tern-opt %S/Inputs/model.mlir --tern-attach-loss=label-smoothing=1 2>&1 | FileCheck %s --check-prefix=SMOOTHING
// RUN: not tern-opt %S/Inputs/model.mlir --tern-attach-loss='loss=kl temperature=0' 2>&1 | FileCheck %s --check-prefix=TEMPERATURE
// RUN: not tern-opt %S/Inputs/model.mlir --tern-attach-loss=output=z 2>&1 | FileCheck %s --check-prefix=OUTPUT
// KIND: error: unknown loss 'hinge'; known are: bce-with-logits, {{.*}}softmax-cross-entropy, graph, or the path of a .mlir file{{$}}
// WEIGHT: error: bad weight 'x' of a loss
// SMOOTHING: error: 'label-smoothing' is 1{{.*}}; it must be at least 0 and less than 1
// TEMPERATURE: error: 'temperature' is 0{{.*}}; it must be positive
// OUTPUT: error: the model has no output 'z'; there are: y

// expected-error @+1 {{loss 'softmax-cross-entropy': output 'y' is 'tensor<f32>', expected rows of logits}}
func.func @main(%x: tensor<f32>) -> (tensor<f32> {tern.name = "y"}) {
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{loss 'softmax-cross-entropy': output '' is 'tensor<2x2xi32>', expected a tensor of f32}}
func.func @main(%x: tensor<2x2xi32>) -> tensor<2x2xi32> {
  return %x : tensor<2x2xi32>
}

// -----

// expected-error @+1 {{the model has no output that a loss could be of}}
func.func @main(%x: tensor<2xf32>) {
  return
}

// -----

// expected-error @+1 {{a loss is attached to a module whose only public function is 'main'}}
module {
  func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
    return %x : tensor<2xf32>
  }
}
