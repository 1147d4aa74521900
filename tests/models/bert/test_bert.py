"""What is special to BERT: old files, decoding while looking at an encoder, chunks, limits."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bestiary.core.errors import ConfigError, InputError
from bestiary.models.bert import (
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertLMHeadModel,
    BertModel,
)

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 12,
}
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(5, 60, (2, 8), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def decoder() -> BertLMHeadModel:
    torch.manual_seed(0)
    return BertLMHeadModel(BertConfig(**SIZES, is_decoder=True, add_cross_attention=True, initializer_range=0.3)).eval()


def full_checkpoint(**config: Any) -> tuple[transformers.BertForPreTraining, dict[str, torch.Tensor]]:
    """The reference's pretraining model and its tensors as the first releases stored them."""
    torch.manual_seed(0)
    reference = transformers.BertForPreTraining(transformers.BertConfig(**SIZES, **config)).eval()
    stored = {"bert.embeddings.position_ids": torch.arange(12)[None]}
    for name, tensor in reference.state_dict().items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        if name != "cls.predictions.decoder.bias":
            stored[name] = torch.randn(tensor.shape) * 0.2 if "LayerNorm" in name else tensor
    stored["cls.predictions.decoder.weight"] = stored["bert.embeddings.word_embeddings.weight"]
    now = {name.replace("gamma", "weight").replace("beta", "bias"): tensor for name, tensor in stored.items()}
    reference.load_state_dict({k: v for k, v in now.items() if not k.endswith("position_ids")}, strict=False)
    return reference, stored


@torch.no_grad()
def test_first_releases_open(ids: torch.Tensor) -> None:
    """gamma and beta, stored position ids, no decoder bias, a pooler and a next-sentence head under BertForMaskedLM."""
    reference, stored = full_checkpoint()
    expected = reference(ids)
    config = BertConfig(**SIZES, architectures=["BertForMaskedLM"])
    masked = BertForMaskedLM.from_pretrained(None, config=config, state_dict=stored)
    torch.testing.assert_close(masked(ids).logits, expected.prediction_logits, **CLOSE)
    base = BertModel.from_pretrained(None, config=config, state_dict=stored)
    torch.testing.assert_close(base(ids).pooler_output, reference.bert(ids).pooler_output, **CLOSE)
    both = BertForPreTraining.from_pretrained(None, config=config, state_dict=stored)
    torch.testing.assert_close(both(ids).seq_relationship_logits, expected.seq_relationship_logits, **CLOSE)


def test_saved_names_are_the_current_ones(tmp_path: Path) -> None:
    _, stored = full_checkpoint()
    BertForPreTraining.from_pretrained(None, config=BertConfig(**SIZES), state_dict=stored).save_pretrained(tmp_path)
    _, info = transformers.BertForPreTraining.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]


@pytest.mark.parametrize("labels", ["labels", "next_sentence_label"])
def test_pretraining_loss_of_one_head_alone(ids: torch.Tensor, labels: str) -> None:
    model = BertForPreTraining(BertConfig(**SIZES)).eval()
    words, order = ids, torch.tensor([0, 1])
    whole = model(ids, labels=words, next_sentence_label=order).loss
    other = model(ids, **({"next_sentence_label": order} if labels == "labels" else {"labels": words})).loss
    one = model(ids, **{labels: words if labels == "labels" else order}).loss
    torch.testing.assert_close(one + other, whole)


@torch.no_grad()
@pytest.mark.parametrize("steps", [[8], [3, 5], [1] * 8], ids=["whole", "chunks", "tokens"])
def test_cached_decoding_while_looking_at_an_encoder(decoder: BertLMHeadModel, ids: torch.Tensor, steps: list[int]) -> None:
    memory, memory_mask = torch.randn(2, 5, 16), torch.tensor([[1, 1, 1, 1, 1], [0, 1, 1, 1, 0]])
    mask = torch.ones_like(ids)
    mask[1, :3] = 0
    looking = {"encoder_hidden_states": memory, "encoder_attention_mask": memory_mask}
    expected = decoder(ids, attention_mask=mask, use_cache=False, **looking).logits
    cache, parts, start = None, [], 0
    for step in steps:
        end = start + step
        output = decoder(ids[:, start:end], attention_mask=mask[:, :end], past_key_values=cache, **looking)
        cache, start = output.past_key_values, end
        parts.append(output.logits)
    torch.testing.assert_close(torch.cat(parts, 1)[mask.bool()], expected[mask.bool()], **CLOSE)
    assert cache.cross_attention_cache[0][0].shape == (2, 4, 5, 4)


@torch.no_grad()
def test_encoder_ignores_where_padding_is(ids: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = BertModel(BertConfig(**SIZES, initializer_range=0.3)).eval()
    alone = model(ids[:, :5]).last_hidden_state
    pads, ones = torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 5, dtype=torch.long)
    for order in (0, 1):
        both = [(ids[:, :5], ones), (pads, pads)][:: 1 - 2 * order]
        output = model(torch.cat([x for x, _ in both], 1), torch.cat([m for _, m in both], 1)).last_hidden_state
        torch.testing.assert_close(output[:, 3:] if order else output[:, :5], alone, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("size", [1, 3, 8, 100])
def test_chunks_need_not_divide_the_length(ids: torch.Tensor, size: int) -> None:
    torch.manual_seed(0)
    whole = BertModel(BertConfig(**SIZES)).eval()
    parts = BertModel(BertConfig(**SIZES, chunk_size_feed_forward=size)).eval()
    parts.load_state_dict(whole.state_dict())
    torch.testing.assert_close(parts(ids).last_hidden_state, whole(ids).last_hidden_state)


def test_pooler_may_be_new(tmp_path: Path) -> None:
    masked = BertForMaskedLM(BertConfig(**SIZES))
    masked.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="pooler"):
        model = BertForSequenceClassification.from_pretrained(tmp_path)
    assert model.bert.pooler.dense.weight.std() < 0.1
    full = BertModel(BertConfig(**SIZES))
    rest = {name: tensor for name, tensor in full.state_dict().items() if not name.startswith("pooler")}
    with pytest.warns(UserWarning, match=r"to be trained: pooler\.dense"):
        BertModel.from_pretrained(None, config=BertConfig(**SIZES, architectures=["BertModel"]), state_dict=rest)


def test_tied_bias_follows_a_resize(ids: torch.Tensor) -> None:
    model = BertForMaskedLM(BertConfig(**SIZES)).eval()
    before = model(ids).logits
    model.resize_token_embeddings(64)
    head = model.cls["predictions"]
    assert head.bias is head.decoder.bias
    assert head.bias.shape == (64,)
    torch.testing.assert_close(model(ids).logits[..., :60], before)


def test_refusals(ids: torch.Tensor) -> None:
    model = BertModel(BertConfig(**SIZES))
    with pytest.raises(InputError, match="13 positions.*knows 12"):
        model(torch.full((1, 13), 7))
    with pytest.raises(InputError, match="20 positions.*knows 12"):
        model(torch.full((1, 2), 7), position_ids=torch.tensor([[0, 19]]))
    with pytest.raises(InputError, match="either input_ids or inputs_embeds"):
        model()
    with pytest.raises(ConfigError, match="is_decoder=True"):
        BertConfig(add_cross_attention=True)
    with pytest.warns(UserWarning, match="relative_key"):
        BertConfig(position_embedding_type="relative_key")
    with pytest.raises(ConfigError, match=r"hidden_size \(10\).*num_attention_heads \(3\)"):
        BertModel(BertConfig(hidden_size=10, num_attention_heads=3))
