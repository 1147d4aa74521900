"""An evaluation needs no more memory for more rows, unless all predictions are asked for (pains B13)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
import torch
import bestiary

torch.set_num_threads(1)
sizes = {"vocab_size": 50_000, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 8}
model = bestiary.GPT2LMHeadModel(bestiary.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))

def peak():  # of this program alone: what getrusage tells begins with the peak of the process that started it
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])

def evaluate(count, batched, metrics):
    rows = [{"input_ids": [5, 6, 7, 8], "labels": [5, 6, 7, 8]}] * count
    options = {"use_cpu": True, "disable_tqdm": True, "report_to": [], "per_device_eval_batch_size": 4}
    args = bestiary.TrainingArguments(sys.argv[1], batch_eval_metrics=batched, **options)
    found = bestiary.Trainer(model, args, eval_dataset=rows, compute_metrics=metrics).evaluate()
    assert "eval_loss" in found
    return found

seen = []
def rows_of_batch(prediction, compute_result):
    seen.append(len(prediction.predictions))
    return {"rows": sum(seen)} if compute_result else {}

for _ in range(6):  # until what torch keeps has settled
    evaluate(40, False, None), evaluate(40, True, rows_of_batch)
few = peak()
seen.clear()
assert evaluate(800, True, rows_of_batch)["eval_rows"] == 800
evaluate(800, False, None)
many = peak()
evaluate(800, False, lambda prediction: {"rows": len(prediction.predictions)})
print(json.dumps([few, many, peak()]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/status")
def test_memory_is_flat_in_the_number_of_rows(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=600)
    assert not done.returncode, done.stderr[-2000:]
    few, many, kept = json.loads(done.stdout.splitlines()[-1])
    assert many < 1.05 * few
    assert kept > 1.3 * many  # where predictions are kept, it shows: 640 MB of them
