"""What is special to Reformer: whole chunks, buckets, what is remembered of a text, and gradients without activations."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.checkpoints import save
from kit.families import close
from transformers.models.reformer.modeling_reformer import ReformerDynamicCache as PublishedCache

from bestiary import ReformerConfig, ReformerModel, ReformerModelWithLMHead
from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.models.reformer import ReformerDynamicCache
from bestiary.nn.masks import make_mask
from bestiary.nn.reversible import through

TINY: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 32,
    "attention_head_size": 8,
    "num_attention_heads": 2,
    "feed_forward_size": 40,
    "attn_layers": ["local", "lsh", "local", "lsh"],
    "axial_pos_shape": [4, 8],
    "axial_pos_embds_dim": [12, 20],
    "max_position_embeddings": 32,
    "local_attn_chunk_length": 4,
    "lsh_attn_chunk_length": 8,
    "hash_seed": 0,
    "is_decoder": True,
    "eos_token_id": None,
}
IDS = torch.randint(5, 99, (2, 32), generator=torch.Generator().manual_seed(0))
RECORDED: dict[str, Any] = {"output_hidden_states": True, "output_attentions": True}
Models = tuple[Any, Any]


def both(**values: Any) -> Models:
    """Ours and the reference with the same weights, its bias of the language head at 0."""
    torch.manual_seed(0)
    folder = save(transformers.ReformerConfig(**{**TINY, **values}), "ReformerModelWithLMHead")
    return opened(folder)


def opened(folder: Path) -> Models:
    ours, theirs = (
        library.from_pretrained(folder) for library in (ReformerModelWithLMHead, transformers.ReformerModelWithLMHead)
    )
    torch.nn.init.zeros_(ours.lm_head.bias)
    return ours, theirs.eval()


@torch.no_grad()
@pytest.mark.parametrize("length", [3, 6, 8, 13, 32])
def test_texts_are_filled_up_to_whole_chunks(length: int) -> None:
    ours, theirs = both()
    got, expected = (model(IDS[:, :length], **RECORDED) for model in (ours, theirs))
    assert list(got.keys()) == list(expected.keys())
    for name in ("logits", "hidden_states", "attentions"):
        close(got[name], expected[name], name)
    assert ours.config.num_buckets == theirs.config.num_buckets
    mask = torch.ones(2, length, dtype=torch.long)
    mask[1, length - 2 :] = 0
    got, expected = (model(IDS[:, :length], attention_mask=mask).logits for model in (ours, theirs))
    close(got, expected, real=mask.bool())


def test_the_number_of_buckets_is_written_into_the_config() -> None:
    for length, buckets in ((8, None), (16, 4), (32, 8)):
        model = ReformerModel(ReformerConfig(**TINY))
        model(IDS[:, :length])
        assert model.config.num_buckets == buckets
    model = ReformerModel(ReformerConfig(**TINY, num_buckets=3))
    with pytest.raises(ConfigError, match="num_buckets is 3; expected an even number"):
        model(IDS)


def compare_caches(ours: Any, theirs: Any) -> None:
    assert len(ours) == len(theirs) == 4
    assert ours.get_start_idx() == theirs.get_start_idx()
    close(ours.states_cache, theirs.states_cache)
    published = theirs.buckets_cache[:4]  # which has one more empty one for each token, and joins some to empty ones of fp32
    close([each.float() for each in ours.buckets_cache], [each.float() for each in published])


@torch.no_grad()
@pytest.mark.parametrize(("length", "num_hashes"), [(3, 1), (13, 1), (13, 2), (16, 2)])
def test_what_is_remembered_and_the_tokens_behind_it_are_the_references(length: int, num_hashes: int) -> None:
    models = both(num_buckets=4)
    got, expected = (model(IDS[:1, :length], num_hashes=num_hashes, use_cache=True) for model in models)
    compare_caches(got.past_buckets_states, expected.past_buckets_states)
    for at in range(length, 20):
        got, expected = (
            model(IDS[:1, at : at + 1], num_hashes=num_hashes, past_buckets_states=output.past_buckets_states, **RECORDED)
            for model, output in zip(models, (got, expected), strict=True)
        )
        for name in ("logits", "hidden_states", "attentions"):
            close(got[name], expected[name], f"{name} of token {at}")
        compare_caches(got.past_buckets_states, expected.past_buckets_states)


@torch.no_grad()
def test_every_form_of_the_cache_is_gone_on_from() -> None:
    model, theirs = both(num_buckets=4)
    first, new = model(IDS[:1, :13]).past_buckets_states, IDS[:1, 13:14]
    pairs = [(buckets.clone(), states.clone()) for buckets, states in first]
    expected = theirs(new, past_buckets_states=PublishedCache(pairs)).logits
    forms = [PublishedCache(pairs), pairs, ReformerDynamicCache(pairs), ReformerDynamicCache(pairs).cache, first]
    for form in forms:
        close(model(new, past_buckets_states=form).logits, expected)
    close(model(new, past_key_values=ReformerDynamicCache(pairs).cache).logits, expected)


@torch.no_grad()
def test_rows_are_decoded_by_their_own_states() -> None:
    """The reference shows hashed tokens of all rows the states of the first."""
    model, _ = both(num_buckets=4)
    together = model(IDS[:, 13:15], past_buckets_states=model(IDS[:, :13]).past_buckets_states).logits
    for row in (IDS[:1], IDS[1:]):
        past = model(row[:, :13]).past_buckets_states
        alone = [model(row[:, at : at + 1], past_buckets_states=past).logits for at in (13, 14)]
        close(together[: len(row)], torch.cat(alone, dim=1))
        together = together[1:]


def test_generation_beyond_a_chunk_is_the_references() -> None:
    ours, theirs = both(num_buckets=4)
    for length, options in ((5, {}), (11, {"num_hashes": 2}), (11, {"num_beams": 2, "use_cache": False})):
        ids = IDS[:1, :length]
        call = {"attention_mask": torch.ones_like(ids), "max_new_tokens": 5, "pad_token_id": 0, **options}
        assert torch.equal(ours.generate(ids, **call), theirs.generate(ids, **call))
    past = ours(IDS[:1, :10]).past_buckets_states
    whole = ours.generate(IDS[:1, :11], max_new_tokens=4)
    assert torch.equal(ours.generate(IDS[:1, :11], past_buckets_states=past, max_new_tokens=4), whole)


def test_gradients_in_training_are_the_references() -> None:
    rates = ("hidden_dropout_prob", "local_attention_probs_dropout_prob", "lsh_attention_probs_dropout_prob")
    ours, theirs = both(num_buckets=4, **dict.fromkeys(rates, 0.0))
    for model in (ours, theirs):
        model.train()(IDS, labels=IDS).loss.backward()
    expected = dict(theirs.named_parameters())
    for name, weight in ours.named_parameters():
        if name != "lm_head.bias":  # which the reference does not use
            close(weight.grad, expected[name].grad, name, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hash_seed", [None, 0])
def test_what_was_dropped_and_hashed_is_so_again_in_the_backward_pass(hash_seed: int | None) -> None:
    rates = ("hidden_dropout_prob", "local_attention_probs_dropout_prob", "lsh_attention_probs_dropout_prob")
    torch.manual_seed(0)
    model = ReformerModel(ReformerConfig(**{**TINY, "num_buckets": 4, "hash_seed": hash_seed, **dict.fromkeys(rates, 0.2)}))
    model.train()
    layers, weights = list(model.encoder.layers), list(model.encoder.layers.parameters())
    start = torch.randn(2, 16, 32, requires_grad=True)
    mask = make_mask(16, start.device)
    gradients = []
    for reversible in (True, False):
        torch.manual_seed(1)
        if reversible:
            x, beside = through(layers, start, start * 2, mask)  # type: ignore[arg-type]
        else:
            x, beside = start, start * 2
            for layer in layers:
                x, beside = layer(x, mask, None, beside=beside)
        follows = torch.rand(())
        (x.square().sum() + beside.sin().sum()).backward()
        gradients.append([start.grad, follows, *(weight.grad for weight in weights)])
        start.grad = None
        model.zero_grad(set_to_none=True)
    close(*gradients, rtol=1e-4, atol=1e-4)


def test_training_keeps_no_activations_of_layers() -> None:
    sizes = []
    for count in (1, 3):
        model = ReformerModel(ReformerConfig(**{**TINY, "num_buckets": 4, "attn_layers": ["local", "lsh"] * count})).train()
        weights = {weight.data_ptr() for weight in model.parameters()}
        kept: list[int] = []

        def keep(tensor: torch.Tensor, kept: list[int] = kept, weights: set[int] = weights) -> torch.Tensor:
            kept.append(0 if tensor.data_ptr() in weights else tensor.nbytes)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model(IDS, use_cache=False)
        sizes.append(sum(kept))
    assert sizes[0] == sizes[1] > 0


@torch.no_grad()
def test_without_a_seed_hashing_is_drawn_anew() -> None:
    model = ReformerModel(ReformerConfig(**{**TINY, "num_buckets": 4, "hash_seed": None})).eval()
    assert not torch.equal(model(IDS)[0], model(IDS)[0])
    seeded = ReformerModel(ReformerConfig(**TINY, num_buckets=4)).eval()
    before = torch.get_rng_state()
    assert torch.equal(seeded(IDS)[0], seeded(IDS)[0])
    assert torch.equal(torch.get_rng_state(), before)


@torch.no_grad()
def test_one_graph_with_chunks_and_rounds() -> None:
    model = ReformerModel(ReformerConfig(**{**TINY, "attn_layers": ["local", "lsh"]}, num_buckets=[2, 2], num_hashes=2)).eval()
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    close(compiled(IDS[:, :13], use_cache=False)[0], model(IDS[:, :13])[0])


def test_wrong_configs_and_inputs_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="'local' or 'lsh'"):
        ReformerConfig(attn_layers=["global"])
    for values, said in (
        ({"axial_pos_shape": [4, 4, 2]}, "expected two each"),
        ({"axial_pos_embds_dim": [12, 12]}, r"sum is hidden_size \(32\)"),
        ({"lsh_attn_chunk_length": None}, "lsh_attn_chunk_length is not set"),
        ({"lsh_num_chunks_after": 1}, "a decoder's is 0"),
        ({"is_decoder": False}, "is_decoder=True"),
        ({"attn_layers": []}, "attn_layers is empty"),
    ):
        with pytest.raises(ConfigError, match=said):
            ReformerModelWithLMHead(ReformerConfig(**{**TINY, **values}))
    model = ReformerModelWithLMHead(ReformerConfig(**TINY, num_buckets=4)).eval()
    past = model(IDS[:, :13]).past_buckets_states
    for inputs, error, said in (
        ({"num_hashes": 0}, InputError, "rounds of hashing, 1 or more"),
        ({"past_buckets_states": [torch.zeros(2)]}, InputError, "buckets .* and states"),
        ({"past_buckets_states": past, "past_key_values": past.cache}, ArgumentError, "pass one"),
        ({"past_buckets_states": past, "num_hashes": 2}, ArgumentError, "the cache was made with 1"),
        ({"past_buckets_states": past, "output_attentions": True}, ArgumentError, "one at a time"),
        ({"attention_mask": torch.ones(2, 1, 2, 2)}, InputError, "4 dimensions"),
        ({"position_ids": torch.tensor([[31, 32]])}, InputError, "position_ids"),
    ):
        with pytest.raises(error, match=said):
            model(IDS[:, :2], **inputs)
