"""Recurrent networks trained step by step beside PyTorch: every parameter is updated in its own memory, the biases too, of which a
GRU's loops take a part that they write to."""
import pathlib
import sys
import warnings

import numpy as np
import torch
from torch.nn import functional as F

import tern

torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
seed = int(np.random.SeedSequence().entropy % 2**32)
print("seed", seed)
torch.manual_seed(seed)


class Network(torch.nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.cells = kind(5, 9, batch_first=True, **options)
        self.head = torch.nn.Linear(9 * (1 + self.cells.bidirectional), 3)

    def forward(self, x):
        return self.head(self.cells(x)[0]).mean(1)


for label, kind, options in (("gru", torch.nn.GRU, {}), ("gru-both", torch.nn.GRU, {"bidirectional": True}),
                             ("lstm", torch.nn.LSTM, {})):
    network, path = Network(kind, **options), str(folder / f"{label}.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, torch.zeros(2, 7, 5), path, opset_version=17, input_names=["x"], output_names=["y"],
                          dynamic_axes={"x": {0: "batch", 1: "time"}, "y": {0: "batch"}}, training=torch.onnx.TrainingMode.TRAINING)
    trainer = tern.Trainer(tern.compile(path, folder / f"{label}.so", train=True, options=["--loss=mse", "--optimizer=sgd"]), threads=1)
    assert sum(trainer.state[name].size for name in trainer.parameters) == sum(p.numel() for p in network.parameters()), label
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5, momentum=0.9)
    for step, (batch, time) in enumerate(((3, 7), (17, 1), (1, 33), (2, 3), (5, 5))):
        x, target = torch.randn(batch, time, 5), torch.randn(batch, 3)
        optimizer.zero_grad()
        loss = F.mse_loss(network(x), target)
        loss.backward()
        optimizer.step()
        ours = trainer.step(x.numpy(), target.numpy(), lr=0.5, momentum=0.9, weight_decay=0.0)
        assert abs(ours - loss.item()) < 1e-4 * loss.item(), (label, step, ours, loss.item())
    print(f"{label}: 5 steps agree")
