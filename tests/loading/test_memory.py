"""Peak memory of a load, in a process of its own."""

import subprocess
import sys

import pytest
import torch

from bestiary.loading.save import save_weights

PROGRAM = """
import sys, threading, time
import torch
from torch import nn
from bestiary.loading.checkpoint import Checkpoint
from bestiary.loading.load import LoadPlan, load_weights

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

folder, dtype = sys.argv[1], getattr(torch, sys.argv[2])
with torch.device("meta"):
    model = nn.Sequential(*(nn.Linear(1024, 1024) for _ in range(32)))
torch.ones(1000).to(torch.bfloat16).to(torch.float16).sum()
before, peak, done = resident(), 0, False
def watch():
    global peak
    while not done:
        peak = max(peak, resident())
        time.sleep(0.001)
thread = threading.Thread(target=watch)
thread.start()
load_weights(model, Checkpoint.open(folder), plan=LoadPlan(dtype=dtype), initialise=None)
for parameter in model.parameters():
    parameter.detach().view(torch.uint8).amax()
done = True
thread.join()
size = sum(parameter.nbytes for parameter in model.parameters())
print((max(peak, resident()) - before) / size)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(("dtype", "most"), [("bfloat16", 1.05), ("float16", 1.1 + 1 / 32)])
def test_a_load_takes_no_second_copy(tmp_path, dtype, most):
    state = {f"{i}.weight": torch.full((1024, 1024), float(i), dtype=torch.bfloat16) for i in range(32)}
    state |= {f"{i}.bias": torch.zeros(1024, dtype=torch.bfloat16) for i in range(32)}
    save_weights(state, tmp_path, max_shard_size="10MB")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), dtype], capture_output=True, text=True, check=True, timeout=120
    )
    assert float(done.stdout) <= most + 0.06  # 4 MB of the interpreter's own, which a model of real size does not notice
