"""Falcon RW's ALiBi against the published default kernel; the published eager formula adds it twice."""

from pathlib import Path

import torch
import transformers
from kit.families import spread, tokens

from bestiary.models.falcon import FalconForCausalLM

CONFIG = {
    "vocab_size": 99, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6, "alibi": True, "multi_query": False,
    "parallel_attn": False, "bias": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip


@torch.no_grad()
def test_logits_and_tokens_are_the_references(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = transformers.FalconForCausalLM(transformers.FalconConfig(**CONFIG)).eval()
    spread(reference)
    reference.set_attn_implementation("sdpa")
    reference.save_pretrained(tmp_path)
    ours, inputs = FalconForCausalLM.from_pretrained(tmp_path), tokens(side="left")
    real = inputs["attention_mask"].bool()
    for kernel in ("sdpa", "eager", "flex_attention"):
        ours.set_attn_implementation(kernel)
        torch.testing.assert_close(ours(**inputs).logits[real], reference(**inputs).logits[real], rtol=1e-5, atol=1e-5)
    options = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None}
    expected = reference.generate(**inputs, **options)
    for cache in ({}, {"cache_implementation": "static"}):
        assert torch.equal(ours.generate(**inputs, **options, **cache), expected)
    ids = inputs["input_ids"][0]
    (answer,) = ours.generate_batch([ids.tolist()], max_new_tokens=12, eos_token_id=[]).values()
    assert list(answer.generated_tokens) == expected[0, len(ids) :].tolist()
