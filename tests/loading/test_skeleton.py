"""Models without data."""

import subprocess
import sys

import torch
from torch import nn

from bestiary.loading.skeleton import skeleton


def test_everything_is_on_meta_and_nothing_is_drawn():
    state = torch.get_rng_state()
    with skeleton():
        model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 4), nn.LayerNorm(4), nn.Conv1d(1, 1, 1))
        nn.init.trunc_normal_(model[1].weight)
        real = torch.ones(2, device="cpu").zero_()
    assert all(parameter.is_meta for parameter in model.parameters())
    assert [tuple(parameter.shape) for parameter in model.parameters()][:2] == [(5, 3), (4, 3)]
    assert torch.equal(torch.get_rng_state(), state)
    assert real.tolist() == [0.0, 0.0]
    assert not torch.ones(1).is_meta


def test_the_compiler_is_not_imported():
    program = (
        "import sys, torch; from torch import nn; from bestiary.loading.skeleton import skeleton\n"
        "with skeleton(): nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 4))\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
