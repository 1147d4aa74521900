"""Memory that opening in few bits takes at its peak, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bestiary import LlamaConfig, LlamaForCausalLM

WATCHING = """
import threading, time

def private():  # pages of the mapped file that are not written to can be dropped at any time
    with open("/proc/self/smaps_rollup") as file:
        lines = dict(line.split(":") for line in file.read().splitlines()[1:])
    return 1024 * sum(int(lines[name].split()[0]) for name in ("Private_Dirty", "Swap"))

def watched(call):
    peak, over = [0], threading.Event()

    def watch():
        while not over.is_set():
            peak[0] = max(peak[0], private())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    over.set()
    watcher.join()
    return peak[0]
"""

PEAK = (
    WATCHING
    + """
import sys
from bestiary import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM
import torch
folder, bits = sys.argv[1:]

def settings():
    return BitsAndBytesConfig(load_in_8bit=bits == "8", load_in_4bit=bits == "4", bnb_4bit_quant_type="nf4")

tiny = LlamaForCausalLM(LlamaConfig(hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4))
tiny.quantize(settings())
tiny(torch.tensor([[1, 2]]))
before = private()
opened = []
peak = watched(lambda: opened.append(AutoModelForCausalLM.from_pretrained(folder, quantization_config=settings())))
print(peak - before, private() - before, opened[0].get_memory_footprint())
"""
)


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


SAVING = (
    WATCHING
    + """
import sys
from bestiary import AutoModelForCausalLM, BitsAndBytesConfig
folder, target, kind = sys.argv[1:]
settings = BitsAndBytesConfig(load_in_8bit=kind == "8", load_in_4bit=kind == "4", bnb_4bit_quant_type="nf4")
model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=settings)
model.save_pretrained(target + "/first", max_shard_size="8MB")  # what a first save makes once
before = private()
peak = watched(lambda: model.save_pretrained(target + "/second", max_shard_size="8MB"))
print(peak - before, model.get_memory_footprint())
"""
)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="needs Linux's account of a process's memory")
@pytest.mark.parametrize("kind", ["8", "4"])
def test_saving_takes_the_memory_of_few_layers(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 6, "num_attention_heads": 16}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=1000, **sizes))
    model.save_pretrained(tmp_path / "base", max_shard_size="100MB")
    largest = max(each.numel() for each in model.parameters())
    run = subprocess.run([sys.executable, "-c", SAVING, tmp_path / "base", tmp_path, kind], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    more, whole = map(int, run.stdout.split())
    assert more < 8 * largest < 0.7 * whole
