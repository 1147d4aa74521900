"""Checkpoints in few bits are forecast by what their headers say."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bestiary import BitsAndBytesConfig, FineGrainedFP8Config, HqqConfig, LlamaConfig, LlamaForCausalLM, QuantoConfig
from bestiary.planner.plan import plan_memory
from bestiary.planner.workload import Workload

SIZES = {"vocab_size": 300, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (BitsAndBytesConfig(load_in_8bit=True), "bitsandbytes"),
        (BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"), "bitsandbytes"),
        (HqqConfig(nbits=4, group_size=64), "hqq"),
        (QuantoConfig(weights="int8"), "quanto"),
        (FineGrainedFP8Config(), "fp8"),
    ],
    ids=["8 bits", "4 bits", "hqq", "quanto", "fp8"],
)
def test_weights_of_a_stored_checkpoint(settings: Any, name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = LlamaForCausalLM(LlamaConfig(**SIZES))
    size, file = plain.get_memory_footprint(), tmp_path / "model.safetensors"
    plain.quantize(settings).save_pretrained(tmp_path)
    plan = plan_memory(tmp_path, Workload(1, 16, 2))
    assert plan.dtype == name
    assert plan.load.weights < 0.55 * size
    assert plan.load.weights == pytest.approx(file.stat().st_size, rel=0.1)  # whose header says how each tensor is called
    assert plan.run is not None
    assert plan.load.parameters == LlamaForCausalLM(LlamaConfig(**SIZES)).num_parameters()


def test_a_checkpoint_that_is_opened_as_numbers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = LlamaForCausalLM(LlamaConfig(**SIZES))
    size = plain.get_memory_footprint()
    plain.quantize(FineGrainedFP8Config()).save_pretrained(tmp_path)
    config = LlamaConfig.from_pretrained(tmp_path)
    config.quantization_config = {**config.quantization_config, "dequantize": True}
    config.save_pretrained(tmp_path)
    plan = plan_memory(tmp_path, Workload(1, 16, 2))
    assert (plan.dtype, plan.load.weights) == ("float32", size)
