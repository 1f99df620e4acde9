// Attributes that passes rely on are what the passes expect, wherever they come from.
//
// RUN: tern-opt %s --split-input-file --verify-diagnostics

func.func private @fine(%x: tensor<?x4xi8> {tern.name = "x", tern.dtype = "u8"}, %w: tensor<4xf32> {tern.param = "w", tern.use = {optional = "one element"}, tern.fan_in = 3 : i64, tern.donated = 1 : i64},
                        %m: tensor<4xf32> {tern.state = "w/m", tern.init = 0.0 : f32, tern.donated = 2 : i64}, %lr: tensor<f32> {tern.scalar = "lr", tern.default = 1.0 : f32},
                        %n: tensor<i64> {tern.scalar = "n", tern.bound = [1, "room"]}, %k: tensor<i32> {tern.scalar = "k", tern.bound = [0, 0]},
                        %b: tensor<i1> {tern.dtype = "bool"}) -> (tensor<f32> {tern.name = "loss"}, tensor<4xf32>, tensor<4xf32>, tensor<i32> {tern.failed_check})
func.func private @buffers(%y: memref<?xf32> {tern.result}, %arena: memref<?xi8> {tern.arena}) attributes {tern.checks = ["n is odd"]}

// -----

// expected-error @below {{argument 0: 'tern.arena' belongs on a memref<?xi8>}}
func.func private @f(%a: memref<4xf32> {tern.arena})

// -----

// expected-error @below {{argument 0: 'tern.arena' belongs on the last argument}}
func.func private @f(%a: memref<?xi8> {tern.arena}, %b: memref<4xf32>)

// -----

// expected-error @below {{argument 0: 'tern.arena' and 'tern.result' exclude each other}}
func.func private @f(%a: memref<?xi8> {tern.arena, tern.result})

// -----

// expected-error @below {{argument 0: 'tern.arena' must be a unit attribute}}
func.func private @f(%a: memref<?xi8> {tern.arena = 1})

// -----

// expected-error @below {{argument 0: 'tern.result' and 'tern.state' exclude each other}}
func.func private @f(%a: memref<4xf32> {tern.result, tern.state = "m"})

// -----

// expected-error @below {{argument 0: 'tern.result' belongs on a buffer}}
func.func private @f(%a: index {tern.result})

// -----

// expected-error @below {{argument 0: 'tern.scalar' belongs on a tensor of rank 0}}
func.func private @f(%a: tensor<1xf32> {tern.scalar = "lr"})

// -----

// expected-error @below {{argument 0: 'tern.scalar' must be a string}}
func.func private @f(%a: tensor<f32> {tern.scalar})

// -----

// expected-error @below {{argument 0: 'tern.default' must be a number}}
func.func private @f(%a: tensor<f32> {tern.scalar = "lr", tern.default = "1"})

// -----

// expected-error @below {{argument 0: 'tern.bound' must be [least, greatest]: an integer that is not negative, and one that is not less or the name of a symbolic extent}}
func.func private @f(%a: tensor<i64> {tern.scalar = "n", tern.bound = [2, 1]})

// -----

// expected-error @below {{argument 0: 'tern.bound' must be [least, greatest]}}
func.func private @f(%a: tensor<i64> {tern.scalar = "n", tern.bound = [-1, 1]})

// -----

// expected-error @below {{argument 0: 'tern.bound' belongs on a 'tern.scalar' of i32 or i64}}
func.func private @f(%a: tensor<f32> {tern.scalar = "lr", tern.bound = [0, 1]})

// -----

// expected-error @below {{argument 0: 'tern.bound' belongs on a 'tern.scalar' of i32 or i64}}
func.func private @f(%a: tensor<i64> {tern.name = "n", tern.bound = [0, 1]})

// -----

// expected-error @below {{argument 0: 'tern.init' must be a float}}
func.func private @f(%a: tensor<4xf32> {tern.state = "m", tern.init = 0})

// -----

// expected-error @below {{argument 0: 'tern.fan_in' must be positive}}
func.func private @f(%a: tensor<4xf32> {tern.fan_in = 0 : i64})

// -----

// expected-error @below {{argument 0: 'tern.use' must be {learned = "why"}, {optional = "why"} or {constant = "why"}}}
func.func private @f(%a: tensor<4xf32> {tern.use = {constant = 1}})

// -----

// expected-error @below {{argument 0: 'tern.buffer' must be a unit attribute}}
func.func private @f(%a: tensor<4xf32> {tern.buffer = false})

// -----

// expected-error @below {{argument 0: 'tern.update' belongs on results}}
func.func private @f(%a: tensor<4xf32> {tern.update = "w"})

// -----

// expected-error @below {{argument 0: 'tern.failed_check' belongs on a tensor of rank 0 of i32}}
func.func private @f(%a: memref<i64> {tern.failed_check})

// -----

// expected-error @below {{argument 0: 'tern.donated' must be the number of a result, or a unit attribute}}
func.func private @f(%a: tensor<4xf32> {tern.donated = "y"})

// -----

// expected-error @below {{argument 0: 'tern.dtype' is "u16", which elements of the type cannot be}}
func.func private @f(%a: tensor<4xi8> {tern.dtype = "u16"})

// -----

// expected-error @below {{argument 0: 'tern.dtype' is "f16", which elements of the type cannot be}}
func.func private @f(%a: tensor<4xbf16> {tern.dtype = "f16"})

// -----

// expected-error @below {{result 0: 'tern.update' must be a string}}
func.func private @f() -> (tensor<f32> {tern.update})

// -----

// expected-error @below {{result 0: 'tern.state' belongs on arguments}}
func.func private @f() -> (tensor<f32> {tern.state = "m"})

// -----

// expected-error @below {{result 0: 'tern.failed_check' belongs on a tensor of rank 0 of i32}}
func.func private @f() -> (tensor<1xi32> {tern.failed_check})

// -----

// expected-error @below {{'tern.level' must be a string}}
module attributes {tern.level = 3} {}

// -----

// expected-error @below {{'tern.weights' belongs on a module}}
func.func private @f() attributes {tern.weights = "w.safetensors"}

// -----

// expected-error @below {{'tern.prepare' must be a unit attribute}}
func.func private @f() attributes {tern.prepare = "yes"}

// -----

func.func @f(%x: f32) -> f32 {
  // expected-error @below {{'tern.prepare' belongs on a function or a module}}
  %0 = arith.addf %x, %x {tern.prepare} : f32
  return %0 : f32
}

// -----

// expected-error @below {{'tern.conversion' must be a dictionary of 'ternarize'}}
module attributes {tern.conversion = {ternarize = "all"}} {}

// -----

// expected-error @below {{'tern.from' must be '@file::@function'}}
func.func private @f() attributes {tern.from = @f}

// -----

// expected-error @below {{argument 0: 'tern.role' must be "labels", "target" or "teacher"}}
func.func private @f(%a: tensor<4xf32> {tern.role = "label"})

// -----

// expected-error @below {{'tern.training' must be a dictionary of}}
module attributes {tern.training} {}

// -----

// expected-error @below {{'tern.training' must be a dictionary of}}
module attributes {tern.training = {loss = 1}} {}

// -----

// expected-error @below {{'tern.interface' does not describe an interface}}
module attributes {tern.interface = {}} {}

// -----

// As up to version 4 of the artifact's interface.
// expected-error @below {{'tern.interface' does not describe an interface}}
module attributes {tern.interface = {dims = [], inputs = [], params = [], outputs = []}} {}

// -----

// expected-error @below {{'tern.interface' does not describe an interface}}
module attributes {tern.interface = {functions = {main = {dims = [], inputs = [{name = "x", shape = [2]}], params = [], outputs = []}}}} {}

// -----

// expected-error @below {{'tern.interface' does not describe an interface}}
module attributes {tern.interface = {functions = {main = {dims = ["n"], inputs = [], params = [{name = "w", dtype = "f32", shape = ["n"]}], outputs = []}}}} {}

// -----

// expected-error @below {{'tern.interface' does not describe an interface}}
module attributes {tern.interface = {functions = {forward = 1}}} {}

// -----

// expected-error @below {{'tern.interface' does not describe an interface}}
module attributes {tern.interface = {functions = {main = {dims = [], inputs = [], params = [], outputs = [], checks = [1]}}}} {}

// -----

// expected-error @below {{'tern.prepares' does not describe prepare functions}}
module attributes {tern.prepares = [{dims = [], inputs = [], params = [], outputs = []}]} {}

// -----

// expected-error @below {{'tern.checks' belongs on a function}}
module attributes {tern.checks = []} {}

// -----

// expected-error @below {{'tern.checks' must be an array of strings}}
func.func private @f() attributes {tern.checks = [1]}

// -----

// expected-error @below {{'tern.element_checks' must be an array of strings}}
func.func private @f() attributes {tern.element_checks}

// -----

// expected-error @below {{'tern.initial' must be a unit attribute}}
func.func private @f() attributes {tern.initial = 1}

// -----

// expected-error @below {{'tern.recompute' must be an integer}}
func.func private @f() attributes {tern.recompute}

// -----

// expected-error @below {{'tern.parallel' belongs on a call}}
func.func private @f() attributes {tern.parallel = "fc"}

// -----

// expected-error @below {{'tern.level' belongs on a module}}
func.func private @f() attributes {tern.level = "graph"}

// -----

func.func private @body(index, index)
func.func @f(%n: index) {
  // expected-error @below {{'tern.parallel' must be a string}}
  call @body(%n, %n) {tern.parallel} : (index, index) -> ()
  return
}

// -----

// expected-error @below {{result 0: 'tern.donated' belongs on arguments}}
func.func private @f() -> (tensor<4xf32> {tern.donated = 0 : i64})

// -----

func.func @f(%a: f32) -> f32 {
  // expected-error @below {{'tern.order' must be "lanes", "ascending" or "chunks", on arith.addf or arith.mulf}}
  %0 = arith.addf %a, %a {tern.order = "descending"} : f32
  return %0 : f32
}

// -----

func.func @f(%a: f32) -> f32 {
  // expected-error @below {{'tern.order' must be "lanes", "ascending" or "chunks", on arith.addf or arith.mulf}}
  %0 = arith.maximumf %a, %a {tern.order = "lanes"} : f32
  return %0 : f32
}

// -----

// There are no other attributes than those that are known.
// expected-error @below {{'tern.nonsense' is no attribute of 'tern'}}
func.func private @f() attributes {tern.nonsense}

// -----

// expected-error @below {{'tern.parm' is no attribute of 'tern'; did you mean 'tern.param'?}}
func.func private @f(%x: tensor<4xf32> {tern.parm = "w"})

// -----

// expected-error @below {{'tern.shap' is no attribute of 'tern'; did you mean 'tern.shape'?}}
func.func private @f() -> (tensor<4xf32> {tern.shap = [4]})

// -----

// An attribute of functions is none of arguments.
// expected-error @below {{'tern.prepare' is no attribute of 'tern'}}
func.func private @f(%x: tensor<4xf32> {tern.prepare})

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'tern.sortd' is no attribute of 'tern'; did you mean 'tern.sorted'?}}
  %0 = linalg.exp {tern.sortd = "ascending"} ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'tern.detached' must be a unit attribute}}
  %0 = linalg.exp {tern.detached = "yes"} ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @f(%x: f32) -> f32 {
  // expected-error @below {{'tern.detached' belongs on a structured operation}}
  %0 = arith.addf %x, %x {tern.detached} : f32
  return %0 : f32
}

// -----

func.func @f(%x: f32) -> f32 {
  // expected-error @below {{'tern.order' belongs in the body of a structured operation}}
  %0 = arith.addf %x, %x {tern.order = "lanes"} : f32
  return %0 : f32
}

// -----

// expected-error @below {{result 0: 'tern.name' must be a string}}
func.func private @f() -> (tensor<4xf32> {tern.name = 1})

// -----

// expected-error @below {{result 0: 'tern.shape' must have one entry per dimension}}
func.func private @f() -> (tensor<4xf32> {tern.shape = []})

// -----

// expected-error @below {{'tern.instances' must be an array of arrays of strings}}
func.func @instances_type(%w: tensor<4xf32> {tern.param = "w"}) attributes {tern.prepare, tern.instances = ["v"]} {
  return
}

// -----

// expected-error @below {{'tern.instances' must have a name for each parameter that the function reads or makes, of which there are 2}}
func.func @instances_count(%w: tensor<4xf32> {tern.param = "w"}) -> (tensor<4xf32> {tern.param = "w.prepared"}) attributes {tern.prepare, tern.instances = [["v"]]} {
  return %w : tensor<4xf32>
}
