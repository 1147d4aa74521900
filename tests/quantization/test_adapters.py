"""The package peft on layers in few bits: LoRA, DoRA, IA3, merged and not, and training (QLoRA), in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bestiary import HqqConfig, LlamaConfig, LlamaForCausalLM, QuantoConfig

SCRIPT = Path(__file__).parent / "scripts/adapters.py"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of down_proj are no whole blocks of 64."""
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 136, "num_hidden_layers": 2, "num_attention_heads": 4}
    LlamaForCausalLM(LlamaConfig(vocab_size=100, **sizes)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("bits", ["8", "4"])
@pytest.mark.parametrize("bitsandbytes", ["shown", "hidden"])
def test_adapters(base: Path, bits: str, bitsandbytes: str) -> None:
    pytest.importorskip("peft")
    if bitsandbytes == "shown":
        pytest.importorskip("bitsandbytes")
    run = subprocess.run([sys.executable, SCRIPT, base, bits, bitsandbytes], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    assert run.stdout.rstrip().endswith("done")


def test_adapters_on_a_packed_gguf_file(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    torch.manual_seed(0)
    sizes = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 100}
    LlamaForCausalLM(LlamaConfig(**sizes)).save_pretrained(tmp_path, format="gguf", quantization="Q4_K_M")
    command = [sys.executable, SCRIPT.with_name("gguf_adapters.py"), tmp_path / "model.gguf"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    assert run.stdout.rstrip().endswith("done")


@pytest.mark.parametrize("settings", [HqqConfig(nbits=4, group_size=8), QuantoConfig(weights="int8")], ids=["hqq", "quanto"])
def test_a_plain_tensor_in_the_place_of_a_weight(base: Path, settings: object) -> None:
    """As peft merges IA3."""
    model = LlamaForCausalLM.from_pretrained(base, quantization_config=settings)
    layer = model.model.layers[0].self_attn.q_proj
    expected = 3 * layer.dequantize()
    layer.weight = expected.clone()
    torch.testing.assert_close(layer.dequantize(), expected, atol=0.05 * float(expected.abs().max()), rtol=0)
