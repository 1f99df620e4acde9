"""Each optimizer for 50 steps, every step from the reference's own state.

What is compared is one update at a time: the reference's state is loaded
before each step, so differences do not add up. SGD and AdamW are PyTorch's;
Muon and Grokfast are their published formulas in float64.

Orthogonalizing by Newton-Schulz multiplies what is small by up to 3.4445^5 = 485, so of a gradient that hardly has a
direction, as that of one sample, the rounding is what is seen in the end. Parameters take that times the learning
rate; an average of directions is made of nothing else. It is compared where gradients are the same to the last bit on
both sides, and random, so that their singular values are far from zero: with a loss that is linear in the parameters.
"""
import pathlib
import sys

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import randomness
import training_models as models

torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
_, rng = randomness.start()
BOUND = 1e-5


class Network:
    """A multi-layer perceptron with wide and tall matrices, none square."""

    path, options = folder / "mlp.onnx", []
    SIZES = [17, 33, 257, 10]

    def __init__(self):
        self.initial = models.save_mlp(self.path, self.SIZES, rng)

    def draw(self, step):
        batch = [1, 3, 17, 33, 64][step % 5]
        return {"x": rng.normal(size=(batch, self.SIZES[0])).astype(np.float32), "labels": rng.integers(0, self.SIZES[-1], batch)}

    def loss(self, parameters, inputs):
        logits = models.forward(parameters, torch.tensor(inputs["x"]))
        return torch.nn.functional.cross_entropy(logits, torch.tensor(inputs["labels"]))


class Linear:
    """The sum of parameters times inputs, which are then their gradients."""

    path, options = folder / "linear.onnx", ["--loss=graph"]
    SHAPES = {"wide.weight": (17, 33), "tall.weight": (257, 9), "row.weight": (1, 3), "bias": (33,)}

    def __init__(self):
        self.initial = {name: (0.3 * rng.standard_normal(shape)).astype(np.float32) for name, shape in self.SHAPES.items()}
        nodes, inputs, terms = [], [], []
        for name, shape in self.SHAPES.items():
            inputs.append(helper.make_tensor_value_info(f"{name}.gradient", TensorProto.FLOAT, shape))
            nodes.append(helper.make_node("Mul", [name, f"{name}.gradient"], [f"{name}.product"]))
            nodes.append(helper.make_node("ReduceSum", [f"{name}.product"], [f"{name}.sum"], keepdims=0))
            terms.append(f"{name}.sum")
        nodes.append(helper.make_node("Sum", terms, ["loss_value"]))
        graph = helper.make_graph(
            nodes, "linear", inputs, [helper.make_tensor_value_info("loss_value", TensorProto.FLOAT, [])],
            [numpy_helper.from_array(value, name) for name, value in self.initial.items()])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), self.path)

    def draw(self, step):
        return {f"{name}.gradient": (0.1 * rng.standard_normal(shape)).astype(np.float32) for name, shape in self.SHAPES.items()}

    def loss(self, parameters, inputs):
        return sum((p * torch.tensor(inputs[f"{name}.gradient"])).sum() for name, p in parameters.items())


class Torch:
    """An optimizer of PyTorch, whose state is `names` in the artifact."""

    def __init__(self, make, names, groups=None):
        self.make, self.names, self.groups = make, names, groups

    def start(self, parameters):
        self.parameters = parameters
        groups = [dict(params=[p], **(self.groups(name) if self.groups else {})) for name, p in parameters.items()]
        self.optimizer = self.make(groups)

    def state(self):
        found = {}
        for name, p in self.parameters.items():
            for torch_name in self.names:
                value = self.optimizer.state[p].get(torch_name) if p in self.optimizer.state else None
                if value is not None:
                    found[f"{name}/{torch_name}"] = value.numpy().copy()
        return found

    def step(self, step):
        self.optimizer.step()


def newton_schulz(g):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (np.linalg.norm(g) + 1e-7)
    if g.shape[0] > g.shape[1]:
        x = x.T
    for _ in range(5):
        aa = x @ x.T
        x = a * x + (b * aa + c * aa @ aa) @ x
    return x.T if g.shape[0] > g.shape[1] else x


class Published:
    """Muon for matrices, AdamW for the rest; Grokfast before, after or not."""

    def __init__(self, muon=True, filter=None, lr=0.02, adamw_lr=0.015, weight_decay=0.01, matrices=".weight"):
        self.muon, self.filter, self.lr = muon, filter, lr
        self.adamw_lr = adamw_lr if muon else 1
        self.weight_decay, self.matrices = weight_decay, matrices

    def start(self, parameters):
        self.parameters, self.states = parameters, {}

    def state(self):
        return {name: value.astype(np.float32) for name, value in self.states.items()}

    def average(self, name, x, step):
        key = f"{name}/grokfast_ema"
        self.states[key] = x if step == 1 else 0.98 * self.states[key] + 0.02 * x
        return self.states[key]

    def step(self, step):
        for name, p in self.parameters.items():
            w, g = p.detach().numpy().astype(np.float64), p.grad.numpy().astype(np.float64)
            is_matrix = self.muon and name.endswith(self.matrices)
            if self.filter and not (is_matrix and self.filter == "after"):
                g = g + 2.0 * self.average(name, g, step)
            lr = self.lr * (1 if is_matrix else self.adamw_lr)
            w = w * (1 - lr * self.weight_decay)
            if is_matrix:
                m = self.states.get(f"{name}/momentum", np.zeros_like(w))
                m = self.states[f"{name}/momentum"] = m + 0.05 * (g - m)
                o = newton_schulz(g + 0.95 * (m - g))
                if self.filter == "after":
                    o = o + 2.0 * self.average(name, o, step)
                w = w - lr * np.sqrt(max(1, w.shape[0] / w.shape[1])) * o
            else:
                m = self.states.get(f"{name}/exp_avg", np.zeros_like(w))
                v = self.states.get(f"{name}/exp_avg_sq", np.zeros_like(w))
                m = self.states[f"{name}/exp_avg"] = 0.9 * m + 0.1 * g
                v = self.states[f"{name}/exp_avg_sq"] = 0.999 * v + 0.001 * g * g
                w = w - lr / (1 - 0.9**step) * m / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
            p.data = torch.tensor(w.astype(np.float32))


def check(label, artifact, reference, scalars, clip=0.0, frozen=(), problem=None):
    problem = problem or network
    parameters = models.as_parameters(problem.initial)
    trained = {name: p for name, p in parameters.items() if name not in frozen}
    reference.start(trained)
    artifact.reset()
    worst = {}
    for step in range(1, 51):
        inputs = problem.draw(step)
        for name, p in parameters.items():
            artifact.state[name] = p.detach().numpy().copy()
            p.grad = None
        before = reference.state()
        artifact.state.update({name: value.copy() for name, value in before.items() if name in artifact.state})
        outputs = artifact.step(inputs, step, **scalars)
        loss = problem.loss(parameters, inputs)
        loss.backward()
        assert abs(outputs["loss"] - loss.item()) < 1e-5, (outputs["loss"], loss.item())
        norm = np.sqrt(sum(float((p.grad.double()**2).sum()) for p in trained.values()))
        assert abs(outputs["grad_norm"] - norm) < 1e-5 * norm, (outputs["grad_norm"], norm)
        if clip:
            torch.nn.utils.clip_grad_norm_(trained.values(), clip)
        reference.step(step)
        expected = {name: p.detach().numpy() for name, p in parameters.items()} | reference.state()
        for name, value in expected.items():
            if name in artifact.state:
                worst[name] = max(worst.get(name, 0), models.relative(artifact.state[name], value))
    name = max(worst, key=worst.get)
    print(f"{label}: at most {worst[name]:.1e} ({name})")
    assert worst[name] < BOUND, worst
    for frozen_name in frozen:
        assert (artifact.state[frozen_name] == problem.initial[frozen_name]).all()


def compiled(name, *options, problem=None):
    problem = problem or network
    return models.compile_training(problem.path, folder / f"{name}.so", "--ternarize=none", *problem.options, *options)


network, linear = Network(), Linear()

sgd = compiled("sgd", "--optimizer=sgd", "--param-group=bias$:lr_scale=2,weight_decay=0", "--freeze=fc1.bias")
group = lambda lr, decay: lambda name: dict(lr=2 * lr, weight_decay=0.0) if name.endswith("bias") else dict(lr=lr, weight_decay=decay)
for momentum, nesterov, dampening in [(0.0, 0, 0.0), (0.9, 0, 0.1), (0.9, 1, 0.0)]:
    check(f"sgd momentum {momentum} nesterov {nesterov} dampening {dampening}", sgd,
          Torch(lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=momentum, nesterov=bool(nesterov), dampening=dampening),
                ["momentum_buffer"], group(0.1, 1e-2)),
          dict(lr=0.1, weight_decay=1e-2, momentum=momentum, nesterov=nesterov, dampening=dampening), frozen=["fc1.bias"])

adamw = compiled("adamw")
for clip in (0.0, 0.5):
    check(f"adamw clip {clip}", adamw,
          Torch(lambda groups: torch.optim.AdamW(groups, lr=2e-3, betas=(0.9, 0.99), weight_decay=0.1), ["exp_avg", "exp_avg_sq"]),
          dict(lr=2e-3, weight_decay=0.1, beta2=0.99, clip_norm=clip), clip=clip)

check("grokfast+adamw", compiled("grokfast", "--optimizer=grokfast+adamw"),
      Published(muon=False, filter="before", lr=1e-3), dict(lr=1e-3))
check("muon", compiled("muon", "--optimizer=muon"), Published(), {})
check("muon_grokfast", compiled("muon_grokfast", "--optimizer=muon_grokfast"),
      Published(filter="before", lr=0.01, adamw_lr=0.05), {})
orthogonal = compiled("linear", "--optimizer=muon_grokfast", problem=linear)
for after in (0, 1):
    check(f"muon_grokfast filter_after {after}, gradients given", orthogonal,
          Published(filter="after" if after else "before", lr=0.01, adamw_lr=0.05), dict(filter_after=after), problem=linear)
check("muon+grokfast, gradients given", compiled("behind", "--optimizer=muon+grokfast", problem=linear),
      Published(filter="after"), {}, problem=linear)
print("passed")
