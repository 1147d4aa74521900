"""Memory that opening in few bits takes at its peak, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bestiary import LlamaConfig, LlamaForCausalLM

PEAK = """
import sys, threading, time
from bestiary import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM
import torch
folder, bits = sys.argv[1:]

def private():  # pages of the mapped file that are not written to can be dropped at any time
    with open("/proc/self/smaps_rollup") as file:
        lines = dict(line.split(":") for line in file.read().splitlines()[1:])
    return 1024 * sum(int(lines[name].split()[0]) for name in ("Private_Dirty", "Swap"))

def settings():
    return BitsAndBytesConfig(load_in_8bit=bits == "8", load_in_4bit=bits == "4", bnb_4bit_quant_type="nf4")

tiny = LlamaForCausalLM(LlamaConfig(hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4))
tiny.quantize(settings())
tiny(torch.tensor([[1, 2]]))
before, peak, over = private(), [0], threading.Event()

def watch():
    while not over.is_set():
        peak[0] = max(peak[0], private())
        time.sleep(0.002)

watcher = threading.Thread(target=watch)
watcher.start()
model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=settings())
over.set()
watcher.join()
print(peak[0] - before, private() - before, model.get_memory_footprint())
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="needs Linux's account of a process's memory")
@pytest.mark.parametrize(("bits", "scales"), [("8", 1.0), ("4", 1.15)])
def test_the_peak_is_near_the_quantized_size(bits: str, scales: float, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 6, "num_attention_heads": 16}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=1000, **sizes))
    model.save_pretrained(tmp_path, max_shard_size="100MB")
    full = model.get_memory_footprint()
    largest = max(each.nbytes for each in model.parameters())
    run = subprocess.run([sys.executable, "-c", PEAK, str(tmp_path), bits], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    peak, held, told = map(int, run.stdout.split())
    assert told < 0.31 * full
    assert held < 1.1 * scales * told
    assert peak < 1.2 * (scales * told + largest)
