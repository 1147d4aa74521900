"""What is special to GPT-2: old files, several texts at once, summaries, starting values, precision of scores."""

from typing import Any

import pytest
import torch
import transformers

from bestiary.cache import StaticCache
from bestiary.core.errors import ConfigError, InputError
from bestiary.models.gpt2 import GPT2Config, GPT2DoubleHeadsModel, GPT2ForTokenClassification, GPT2LMHeadModel, GPT2Model

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 12,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.3,
}
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(5, 60, (2, 8), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_first_releases_open(ids: torch.Tensor, prefix: str) -> None:
    """No prefix, no head, and the causal masks stored as buffers."""
    torch.manual_seed(0)
    reference = transformers.GPT2LMHeadModel(transformers.GPT2Config(**SIZES)).eval()
    stored = {prefix + name: tensor for name, tensor in reference.transformer.state_dict().items()}
    for layer in range(2):
        stored[f"{prefix}h.{layer}.attn.bias"] = torch.ones(1, 1, 12, 12)
        stored[f"{prefix}h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    config = GPT2Config(**SIZES, architectures=["GPT2LMHeadModel"])
    ours = GPT2LMHeadModel.from_pretrained(None, config=config, state_dict=stored)
    torch.testing.assert_close(ours(ids).logits, reference(ids).logits, **CLOSE)
    base = GPT2Model.from_pretrained(None, config=config, state_dict=stored)
    torch.testing.assert_close(base(ids).last_hidden_state, reference.transformer(ids).last_hidden_state, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("steps", [[3, 5], [1] * 8], ids=["chunks", "tokens"])
@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_cached_decoding_while_looking_at_an_encoder(ids: torch.Tensor, steps: list[int], kind: str) -> None:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**SIZES, add_cross_attention=True)).eval()
    looking = {"encoder_hidden_states": torch.randn(2, 5, 16), "token_type_ids": ids.flip(1)}
    mask = torch.ones_like(ids)
    mask[1, :3] = 0
    expected = model(ids, attention_mask=mask, use_cache=False, **looking).logits
    cache, parts, start = StaticCache(max_cache_len=10) if kind == "static" else None, [], 0
    for step in steps:
        end = start + step
        now = {**looking, "token_type_ids": looking["token_type_ids"][:, start:end]}
        output = model(ids[:, start:end], attention_mask=mask[:, :end], past_key_values=cache, **now)
        cache, start = output.past_key_values, end
        parts.append(output.logits)
    torch.testing.assert_close(torch.cat(parts, 1)[mask.bool()], expected[mask.bool()], **CLOSE)


@torch.no_grad()
def test_several_texts_at_once_equal_the_reference() -> None:
    torch.manual_seed(0)
    reference = transformers.GPT2DoubleHeadsModel(transformers.GPT2Config(**SIZES)).eval()
    ours = GPT2DoubleHeadsModel(GPT2Config(**SIZES)).eval()
    ours.load_state_dict(reference.state_dict())
    inputs = {
        "input_ids": torch.randint(5, 60, (2, 3, 8)),
        "token_type_ids": torch.randint(5, 60, (2, 3, 8)),
        "mc_token_ids": torch.tensor([[7, 1, 2], [0, 6, 5]]),
        "mc_labels": torch.tensor([2, 0]),
    }
    inputs["labels"] = inputs["input_ids"].masked_fill(inputs["input_ids"] < 20, -100)
    expected, found = reference(**inputs), ours(**inputs)
    for name in ("loss", "mc_loss", "logits", "mc_logits"):
        torch.testing.assert_close(found[name], expected[name], msg=lambda text, name=name: f"{name}: {text}", **CLOSE)


@torch.no_grad()
def test_several_texts_with_padding_equal_each_text_alone() -> None:
    torch.manual_seed(0)
    model = GPT2DoubleHeadsModel(GPT2Config(**SIZES)).eval()
    ids, mask = torch.randint(5, 60, (1, 2, 8)), torch.ones(1, 2, 8, dtype=torch.long)
    mask[0, 1, :3] = 0
    scores = model(ids, attention_mask=mask).mc_logits
    torch.testing.assert_close(scores[0, 0], model(ids[0, :1]).mc_logits[0], **CLOSE)
    torch.testing.assert_close(scores[0, 1], model(ids[0, 1:, 3:]).mc_logits[0], **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["last", "first", "mean", "cls_index"])
@pytest.mark.parametrize("options", [{}, {"summary_use_proj": False}, {"summary_proj_to_labels": False}], ids=str)
def test_summaries_equal_the_reference(ids: torch.Tensor, kind: str, options: dict[str, Any]) -> None:
    values = {**SIZES, **options, "summary_type": kind, "summary_activation": "tanh"}
    torch.manual_seed(0)
    reference = transformers.GPT2DoubleHeadsModel(transformers.GPT2Config(**values)).eval()
    ours = GPT2DoubleHeadsModel(GPT2Config(**values)).eval()
    ours.load_state_dict(reference.state_dict())
    torch.testing.assert_close(ours(ids).mc_logits, reference(ids).mc_logits, **CLOSE)


def test_starting_values_shrink_at_the_end_of_a_branch() -> None:
    torch.manual_seed(0)
    block = GPT2Model(GPT2Config(vocab_size=60, n_embd=64, n_head=4, n_layer=8)).h[3]
    for part, expected in (
        (block.attn.c_attn, 0.02),
        (block.mlp.c_fc, 0.02),
        (block.attn.c_proj, 0.005),
        (block.mlp.c_proj, 0.005),
    ):
        assert abs(part.weight.std().item() / expected - 1) < 0.05
        assert not part.bias.any()


@torch.no_grad()
def test_upcast_scores_are_fp32_and_the_rest_stays(ids: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = GPT2Model(GPT2Config(**SIZES, reorder_and_upcast_attn=True)).eval().to(torch.bfloat16)
    seen: list[torch.dtype] = []
    model.h[0].attn.attend.register_forward_pre_hook(lambda module, args: seen.append(args[0].dtype))
    assert model(ids).last_hidden_state.dtype == torch.bfloat16
    assert seen == [torch.float32]


def test_dropout_of_the_token_head() -> None:
    assert GPT2ForTokenClassification(GPT2Config(**SIZES)).dropout.p == 0.1
    assert GPT2ForTokenClassification(GPT2Config(**SIZES, classifier_dropout=0.3)).dropout.p == 0.3


def test_refusals(ids: torch.Tensor) -> None:
    model = GPT2Model(GPT2Config(**SIZES))
    cache = model(ids).past_key_values
    with pytest.raises(InputError, match="13 positions.*knows 12"):
        model(torch.full((2, 5), 7), past_key_values=cache)
    with pytest.raises(InputError, match="without cross-attention"):
        model(ids, encoder_hidden_states=torch.zeros(2, 3, 16))
    with pytest.raises(ConfigError, match="summary_type is 'attn'"):
        GPT2DoubleHeadsModel(GPT2Config(**SIZES, summary_type="attn"))


def test_both_spellings_of_sizes() -> None:
    config = GPT2Config(hidden_size=32, num_attention_heads=2, num_hidden_layers=3, max_position_embeddings=20)
    assert (config.n_embd, config.n_head, config.n_layer, config.n_positions) == (32, 2, 3, 20)
    assert config.hidden_size == 32
    assert "hidden_size" not in config.to_dict()
