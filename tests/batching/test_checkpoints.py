"""Batches of requests by models as their checkpoints are: in few bits, and with settings that a batch cannot have."""

from typing import Any

import pytest
import torch

from bestiary import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, embedded_model_path
from bestiary.core.errors import ArgumentError
from bestiary.core.logging import BestiaryWarning

TEXTS = ["def mean(values):", "import os", "class Stack:\n    def push", "for index, line in enumerate(lines):\n    "]
BITS: dict[str, dict[str, Any]] = {
    "int8": {"load_in_8bit": True},
    "int8 without outliers": {"load_in_8bit": True, "llm_int8_threshold": 0.0, "llm_int8_skip_modules": []},
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "int4": {"load_in_4bit": True, "bnb_4bit_quant_type": "int4"},
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(embedded_model_path())


def alone(model: Any, prompt: list[int], **settings: Any) -> list[int]:
    ids = torch.tensor([prompt])
    made: list[int] = model.generate(ids, attention_mask=torch.ones_like(ids), **settings)[0, len(prompt) :].tolist()
    return made


@pytest.mark.parametrize("bits", BITS)
def test_few_bits_in_a_batch_give_the_tokens_that_they_give_alone(bits: str, tokenizer: Any) -> None:
    """Of texts whose next tokens are clear: inputs are rounded to 8 bits, and sums in another order may tip that."""
    config = BitsAndBytesConfig(**BITS[bits])
    model = AutoModelForCausalLM.from_pretrained(embedded_model_path(), quantization_config=config, dtype="float32")
    prompts = tokenizer(TEXTS)["input_ids"]
    results = model.generate_batch(prompts, num_beams=1, max_new_tokens=8)
    for prompt, result in zip(prompts, results.values(), strict=True):
        assert result.error is None
        assert result.generated_tokens == alone(model, prompt, num_beams=1, max_new_tokens=8)


def test_beams_of_a_checkpoint_are_left_out_with_one_warning(tokenizer: Any) -> None:
    prompts = tokenizer(TEXTS)["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(embedded_model_path())
    assert model.generation_config.num_beams > 1
    with pytest.warns(BestiaryWarning, match="num_beams=4.*greedy or sampled") as told:
        results = model.generate_batch([prompts[0], {"input_ids": prompts[2], "max_new_tokens": 4}], max_new_tokens=6)
    assert len(told) == 1
    assert results["req_0"].generated_tokens == alone(model, prompts[0], num_beams=1, max_new_tokens=6)
    assert results["req_1"].generated_tokens == alone(model, prompts[2], num_beams=1, max_new_tokens=4)
    assert model.generation_config.num_beams > 1


def test_beams_that_a_call_asks_for_are_refused() -> None:
    model = AutoModelForCausalLM.from_pretrained(embedded_model_path())
    with pytest.raises(ArgumentError, match="'beam' decoding"):
        model.generate_batch([[5, 6]], num_beams=2)
