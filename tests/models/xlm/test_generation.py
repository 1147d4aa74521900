"""XLM goes on behind a mask token, in the language of its config, without a cache."""

from functools import cache
from typing import Any

import pytest
import torch
import transformers
from kit.families import spread
from kit.folders import kept_folder

from bestiary import AutoModelForCausalLM, XLMConfig, XLMModel
from bestiary.core.errors import ConfigError, InputError

SIZES = {"vocab_size": 64, "emb_dim": 32, "n_layers": 2, "n_heads": 4, "n_langs": 3, "max_position_embeddings": 40}
GREEDY = {"max_new_tokens": 20, "do_sample": False, "eos_token_id": None}
PAD = 2


@cache
def both(**values: Any) -> tuple[Any, Any]:
    """The same model in both libraries; it writes no padding token, which the published one would hide."""
    torch.manual_seed(0)
    reference = transformers.XLMWithLMHeadModel(transformers.XLMConfig(**SIZES, lang_id=1, mask_token_id=5, **values)).eval()
    spread(reference)
    reference.pred_layer.proj.bias.data[PAD] = -100.0
    folder = kept_folder("xlm")
    reference.save_pretrained(folder)
    return reference, AutoModelForCausalLM.from_pretrained(folder)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("causal", [False, True])
def test_texts_go_on_as_published(causal: bool, beams: int) -> None:
    reference, ours = both(causal=causal)
    ids = torch.randint(6, 64, (3, 7), generator=torch.Generator().manual_seed(1))
    call = {"attention_mask": torch.ones_like(ids), "num_beams": beams, **GREEDY}
    assert torch.equal(ours.generate(ids, **call), reference.generate(ids, **call))
    mask, padded = torch.ones_like(ids), ids.clone()
    mask[1, :3] = 0
    padded[1, :3] = PAD
    alone = reference.generate(ids[1:2, 3:], attention_mask=mask[1:2, 3:], num_beams=beams, **GREEDY)
    together = ours.generate(padded, attention_mask=mask, num_beams=beams, token_type_ids=None, **GREEDY)
    assert torch.equal(together[1, 7:], alone[0, 4:])


@torch.no_grad()
def test_without_a_mask_the_padding_token_is_padding() -> None:
    reference, ours = both(causal=False)
    ids = torch.randint(6, 64, (3, 7), generator=torch.Generator().manual_seed(1))
    ids[1, 4:] = PAD
    lengths = torch.tensor([7, 4, 2])
    for further in ({}, {"lengths": lengths}, {"token_type_ids": ids.flip(0)}):
        call = {"input_ids": ids, **further}
        torch.testing.assert_close(ours(**call).logits, reference(**call).logits)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"langs": torch.ones(3, 2).long()}, "langs is .* of shape \\(3, 2\\)|langs is of"),
        ({"langs": torch.full((3, 7), 3)}, "langs hold 3; this model knows 3"),
        ({"token_type_ids": torch.full((3, 7), 64)}, "token_type_ids hold 64; this model knows 64"),
        ({"lengths": torch.tensor([8, 1, 1])}, "lengths goes from 1 to 8"),
        ({"attention_mask": torch.ones(3, 2)}, "attention_mask is of"),
    ],
    ids=range(5),
)
def test_what_it_cannot_read_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        both(causal=False)[1](**{"input_ids": torch.full((3, 7), 9), **changes})


def test_embeddings_cannot_be_gone_on_from() -> None:
    with pytest.raises(InputError, match="XLM writes behind input_ids"):
        both(causal=False)[1].generate(inputs_embeds=torch.zeros(1, 3, 32), max_new_tokens=2)


@pytest.mark.parametrize(("values", "words"), [({"asm": True}, "asm"), ({"is_encoder": False}, "is_encoder")], ids=str)
def test_what_no_release_computes(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        XLMModel(XLMConfig(**{**SIZES, **values}))
