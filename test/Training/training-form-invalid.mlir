// RUN: tern-opt %s --tern-attach-loss=loss=mse --split-input-file --verify-diagnostics

func.func @main(%x: tensor<3xf32> {tern.name = "x"}, %mean: tensor<3xf32> {tern.param = "mean"}, %c: tensor<i1> {tern.name = "c"}) -> tensor<3xf32> {
  %if = tensor.extract %c[] : tensor<i1>
  scf.if %if {
    // expected-error @below {{'tern.update_parameter' op in a loop or branch is not supported}}
    tern.update_parameter %mean to %x : tensor<3xf32>
  }
  return %x : tensor<3xf32>
}
