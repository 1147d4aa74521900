"""Long recordings with checkpoints whose generation settings lack what the published ones hold."""

from typing import Any

import pytest
import torch
import transformers

import bestiary


@pytest.mark.parametrize("suppressed", [None, [5, 6]])
@pytest.mark.parametrize("prompt", [None, "first-segment", "all-segments"])
def test_a_checkpoint_without_the_token_of_a_context(prompt: str | None, suppressed: list[int] | None) -> None:
    """`prev_sot_token_id` is of the published files; where it is not set, what was said so far goes first as it is."""
    sizes = {"vocab_size": 60, "d_model": 16, "max_source_positions": 20, "max_target_positions": 24, "num_mel_bins": 8}
    sizes |= dict.fromkeys(["encoder_layers", "decoder_layers"], 1) | dict.fromkeys(["encoder_ffn_dim", "decoder_ffn_dim"], 16)
    sizes |= dict.fromkeys(["encoder_attention_heads", "decoder_attention_heads"], 2)
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3}
    features = torch.randn(2, 8, 150, generator=torch.Generator().manual_seed(2))
    options: dict[str, Any] = {"condition_on_prev_tokens": True, "return_timestamps": True, "max_new_tokens": 5}
    if prompt:
        options |= {"prompt_ids": torch.tensor([50, 7, 8]), "prompt_condition_type": prompt}
    said = []
    for library in (bestiary, transformers):
        config = library.WhisperConfig(**sizes, **tokens, suppress_tokens=suppressed, begin_suppress_tokens=None)
        model = library.WhisperForConditionalGeneration(config).eval()
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, parameter in sorted(model.named_parameters()):
                if name != "model.encoder.embed_positions.weight":
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        model.generation_config.no_timestamps_token_id, model.generation_config.is_multilingual = 40, False
        model.generation_config.suppress_tokens = suppressed
        for condition in (True, False) if prompt != "all-segments" else (True,):
            mask = torch.ones(2, 150, dtype=torch.long)
            said.append(
                model.generate(features, attention_mask=mask, **{**options, "condition_on_prev_tokens": condition}).tolist()
            )
    half = len(said) // 2
    assert said[:half] == said[half:]
