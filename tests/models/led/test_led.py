"""What is special to LED: it writes with tokens of its text that are global, greedily and by beams, as published."""

import pytest
import torch
import transformers
from kit.families import close

import bestiary

TINY = {
    "vocab_size": 60, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "attention_window": 4,
    "max_encoder_position_embeddings": 40, "max_decoder_position_embeddings": 40, "init_std": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}])
@torch.no_grad()
def test_writing_with_global_tokens(options: dict[str, int], tmp_path: object) -> None:
    torch.manual_seed(0)
    reference = transformers.LEDForConditionalGeneration(transformers.LEDConfig(**TINY)).eval()
    reference.save_pretrained(tmp_path)
    ours = bestiary.LEDForConditionalGeneration.from_pretrained(tmp_path)
    ids = torch.randint(5, 60, (2, 11))
    mask, is_global = torch.ones_like(ids), torch.zeros_like(ids)
    mask[1, 8:], is_global[:, 0], is_global[0, 5] = 0, 1, 1
    inputs = {"input_ids": ids, "attention_mask": mask, "max_new_tokens": 12, "min_new_tokens": 12, **options}
    written = ours.generate(**inputs, global_attention_mask=is_global)
    assert torch.equal(written, reference.generate(**inputs, global_attention_mask=is_global))
    assert not torch.equal(written, ours.generate(**inputs))


@torch.no_grad()
def test_global_attentions_are_the_encoders(tmp_path: object) -> None:
    torch.manual_seed(0)
    reference = transformers.LEDForConditionalGeneration(transformers.LEDConfig(**TINY)).eval()
    reference.save_pretrained(tmp_path)
    ours = bestiary.LEDForConditionalGeneration.from_pretrained(tmp_path)
    ids = torch.randint(5, 60, (2, 11))
    inputs = {"input_ids": ids, "global_attention_mask": (torch.arange(11) < 2).long().expand(2, -1), "output_attentions": True}
    expected, output = reference(**inputs, decoder_input_ids=ids), ours(**inputs, decoder_input_ids=ids)
    close(output.encoder_global_attentions, expected.encoder_global_attentions)
    close(output.encoder_attentions, expected.encoder_attentions)
