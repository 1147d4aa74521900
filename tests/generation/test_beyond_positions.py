"""Where a model's positions end: tables are refused before the first step, what computes its positions goes on as published."""

from typing import Any

import pytest
import torch
from kit.families import pair

import bestiary
from bestiary.core.errors import CapacityError
from bestiary.core.logging import BestiaryWarning

# The head -> its model type and variant; all cases know at most 64 positions.
ENDLESS = {
    "XGLMForCausalLM": ("xglm", ""),
    "M2M100ForConditionalGeneration": ("m2m_100", ""),
    "NllbMoeForConditionalGeneration": ("nllb_moe", ""),
    "FSMTForConditionalGeneration": ("fsmt", ""),
    "GraniteMoeHybridForCausalLM": ("granitemoehybrid", ""),
    "NemotronHForCausalLM": ("nemotron_h", ""),
    "RwkvForCausalLM": ("rwkv", ""),
    "Zamba2ForCausalLM": ("zamba2", ""),
    "FalconForCausalLM": ("falcon", "alibi"),
}
HALVES = {
    "vocab_size": 60,
    "d_model": 16,
    **{f"{half}_{name}": size for half in ("encoder", "decoder") for name, size in (("layers", 1), ("ffn_dim", 16))},
    **{f"{half}_attention_heads": 2 for half in ("encoder", "decoder")},
    "pad_token_id": 1,
    "decoder_start_token_id": 2,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_without_a_table_generation_goes_on_as_published(name: str) -> None:
    models = pair(ENDLESS[name][0], name, ENDLESS[name][1])
    room = models.ours.context_length()
    assert not models.ours.has_last_position()
    rest: dict[str, Any] = {"do_sample": False, "eos_token_id": None, "forced_eos_token_id": None}
    ids = torch.randint(3, 60, (1, room - 4), generator=torch.Generator().manual_seed(0))
    whole = models.ours.config.is_encoder_decoder
    inputs = {"input_ids": ids[:, :5], "decoder_input_ids": ids} if whole else {"input_ids": ids}
    expected = models.reference.generate(**inputs, max_new_tokens=12, **rest)
    with pytest.warns(BestiaryWarning, match=f"made for {room}"):
        found = models.ours.generate(**inputs, max_new_tokens=12, **rest)
    assert torch.equal(found, expected)
    assert expected.shape[1] > room


@pytest.mark.parametrize(
    ("model_class", "positions"),
    [
        ("BartForConditionalGeneration", {"max_position_embeddings": 24}),
        ("MarianMTModel", {"max_position_embeddings": 24}),
        ("PegasusForConditionalGeneration", {"max_position_embeddings": 24}),
        ("LEDForConditionalGeneration", {"max_decoder_position_embeddings": 24, "attention_window": 4}),
        ("WhisperForConditionalGeneration", {"max_target_positions": 24, "num_mel_bins": 4, "max_source_positions": 8}),
    ],
)
def test_a_full_table_of_the_decoder_is_told_before_the_first_step(model_class: str, positions: dict[str, Any]) -> None:
    kind = getattr(bestiary, model_class)
    model = kind(kind.config_class(**HALVES, **positions)).eval()
    speech = model_class.startswith("Whisper")
    source = torch.randn(1, 4, 16) if speech else torch.tensor([[5, 6, 7]])
    steps: list[int] = []
    model.get_decoder().register_forward_pre_hook(lambda *_: steps.append(1))
    with pytest.raises(CapacityError, match="room for 24"):
        model.generate(source, max_new_tokens=24, eos_token_id=None)
    assert model.context_length() == 24
    assert not steps
    assert model.generate(source, max_new_tokens=23, eos_token_id=None).shape[1] <= 24
    assert steps
