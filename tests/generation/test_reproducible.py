"""In reproducible mode a row gives the same bits in any batch, in any passes, with or without a cache."""

import copy

import pytest
import torch
from kit.tiny_models import tiny
from torch.nn import functional as F

from bestiary.cache import DynamicCache, StaticCache
from bestiary.core.errors import ArgumentError, ConfigError
from bestiary.models.gpt2 import GPT2Config
from bestiary.models.gpt2.model import GPT2LMHeadModel
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM
from bestiary.models.mixtral import MixtralConfig
from bestiary.models.mixtral.model import MixtralForCausalLM
from bestiary.nn.reproducible import attention, reproducible

VOCAB, LENGTH = 97, 45
SHAPES = {
    "llama, odd sizes": lambda: LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCAB, hidden_size=36, intermediate_size=50, num_hidden_layers=2, num_attention_heads=6,
            num_key_value_heads=2, initializer_range=0.3, max_position_embeddings=128,
        )
    ),
    "llama, wide": lambda: LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCAB, hidden_size=320, intermediate_size=544, num_hidden_layers=1, num_attention_heads=5,
            num_key_value_heads=5, initializer_range=0.1, max_position_embeddings=128,
        )
    ),
    "mixtral": lambda: MixtralForCausalLM(
        MixtralConfig(
            vocab_size=VOCAB, hidden_size=48, intermediate_size=56, num_hidden_layers=1, num_attention_heads=6,
            num_key_value_heads=2, num_local_experts=4, initializer_range=0.3, max_position_embeddings=128,
        )
    ),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB, n_embd=48, n_layer=2, n_head=4, initializer_range=0.3)),
    "gpt2, wide": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB, n_embd=288, n_layer=1, n_head=3, initializer_range=0.1)),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(SHAPES))
def alone(request):
    """A model, rows of ids, and the logits of each row by itself in one pass."""
    torch.manual_seed(0)
    model = SHAPES[request.param]().eval()
    ids = torch.randint(5, VOCAB, (8, LENGTH), generator=torch.Generator().manual_seed(1))
    with torch.no_grad(), reproducible():
        return model, ids, [model(row.unsqueeze(0)).logits[0] for row in ids]


def rows_equal(logits, wanted):
    return all(torch.equal(got, want) for got, want in zip(logits, wanted, strict=True))


def test_over_the_batch(alone):
    model, ids, wanted = alone
    with torch.no_grad(), reproducible():
        for size in range(1, 9):
            for start in (0, 8 - size):
                assert rows_equal(model(ids[start : start + size]).logits, wanted[start : start + size])


@pytest.mark.parametrize("padding", [1, 5, 16, 33])
def test_over_left_padding(alone, padding):
    model, ids, wanted = alone
    longer = torch.cat([torch.full((3, padding), 3), ids[:3]], dim=1)
    mask = torch.ones_like(longer)
    mask[0, :padding] = mask[2, :padding] = 0
    with torch.no_grad(), reproducible():
        logits = model(longer, attention_mask=mask).logits[:, padding:]
    assert torch.equal(logits[0], wanted[0])
    assert torch.equal(logits[2], wanted[2])


@pytest.mark.parametrize("cut", [1, 3, 16, 32, 37])
@pytest.mark.parametrize("kind", [DynamicCache, lambda: StaticCache(max_cache_len=64)], ids=["dynamic", "static"])
def test_over_passes_and_caches(alone, cut, kind):
    model, ids, wanted = alone
    with torch.no_grad(), reproducible():
        cache = kind()
        parts = [model(ids[:3, at : at + cut], past_key_values=cache).logits for at in range(0, LENGTH, cut)]
    assert rows_equal(torch.cat(parts, dim=1), wanted[:3])


def test_without_it_bits_differ(alone):
    """Or all of the above would show nothing."""
    model, ids, _ = alone
    with torch.no_grad():
        whole, cache = model(ids[:1]).logits, DynamicCache()
        steps = torch.cat([model(ids[:1, at : at + 1], past_key_values=cache).logits for at in range(LENGTH)], dim=1)
    torch.testing.assert_close(steps, whole, rtol=1e-4, atol=1e-4)
    assert not torch.equal(steps, whole)


def test_the_numbers_are_right(alone):
    model, ids, wanted = alone
    with torch.no_grad():
        torch.testing.assert_close(model(ids[:1]).logits[0], wanted[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("masked", ["none", "causal", "boolean", "numbers"])
def test_attention(groups, masked):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 4, 19, 8, generator=generator)
    key, value = torch.randn(2, 2, groups, 19, 8, generator=generator)
    options = {"enable_gqa": groups != 4, "scale": 0.3}
    if masked == "causal":
        options["is_causal"] = True
    elif masked != "none":
        allowed = torch.rand(2, 1, 19, 19, generator=generator) < 0.5
        allowed[0, :, :, :7] = False
        allowed[..., 12] = True
        if masked == "boolean":
            options["attn_mask"] = allowed
        else:
            options["attn_mask"] = torch.randn(1, 4, 19, 19, generator=generator).masked_fill(~allowed, torch.finfo().min)
    want = F.scaled_dot_product_attention(query, key, value, **options)
    torch.testing.assert_close(attention(query, key, value, **options), want, rtol=1e-5, atol=1e-5)


def generated(model, ids, mask=None, **options):
    mask = torch.ones_like(ids) if mask is None else mask
    made = model.generate(
        ids, attention_mask=mask, max_new_tokens=12, eos_token_id=None, reproducible=True, output_logits=True,
        return_dict_in_generate=True, **options,
    )  # fmt: skip
    return made.sequences[:, ids.shape[1] :], torch.stack(made.logits, dim=1)


@pytest.mark.parametrize("options", [{}, {"use_cache": False}, {"cache_implementation": "static"}], ids=str)
def test_generate(options):
    model = tiny("llama", 1, VOCAB)
    ids = torch.randint(5, VOCAB, (4, 9), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, :4] = 0
    tokens, logits = generated(model, ids, mask, **options)
    for row in range(4):
        one_tokens, one_logits = generated(model, ids[row : row + 1, 4 if row == 1 else 0 :])
        assert torch.equal(tokens[row : row + 1], one_tokens)
        assert torch.equal(logits[row : row + 1], one_logits)
    assert len(set(map(tuple, tokens.tolist()))) > 1


def test_an_encoder_decoder(t5, ids):
    mine = t5[0]
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    options = {"max_new_tokens": 6, "eos_token_id": None, "output_logits": True, "return_dict_in_generate": True}
    together = mine.generate(ids, attention_mask=mask, reproducible=True, **options)
    alone = mine.generate(ids[1:2, :4], reproducible=True, **options)
    for got, want in zip(together.logits, alone.logits, strict=True):
        assert torch.equal(got[1:2], want)
    plain = mine.generate(ids, attention_mask=mask, **options)
    for got, want in zip(together.logits, plain.logits, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_logprobs_of_generate_are_those_of_a_forward_pass_to_the_bit():
    model = tiny("gpt2", 1, VOCAB)
    ids = torch.randint(5, VOCAB, (3, 9), generator=torch.Generator().manual_seed(1))
    made = model.generate(
        ids, do_sample=True, seed=[1, 2, 3], max_new_tokens=8, eos_token_id=None, reproducible=True,
        output_token_logprobs=True, return_dict_in_generate=True,
    )  # fmt: skip
    with torch.no_grad(), reproducible():
        logits = model(made.sequences[1:2]).logits[:, 8:-1]
    want = torch.stack([step.log_softmax(-1) for step in logits[0]]).gather(1, made.sequences[1, 9:].unsqueeze(1)).squeeze(1)
    assert torch.equal(made.token_logprobs[1], want)


def test_the_scope_ends(llama, ids):
    mine = llama[0]
    with torch.no_grad():
        plain = mine(ids).logits
        with reproducible():
            mine(ids)
        assert torch.equal(mine(ids).logits, plain)


def test_what_has_no_such_form_is_refused(llama, ids):
    with reproducible(), pytest.raises(ConfigError, match="conv1d has no reproducible form"):
        F.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 2))
    with reproducible(), pytest.raises(ConfigError, match="dropout exclude each other"):
        F.scaled_dot_product_attention(*torch.ones(3, 1, 1, 2, 4), dropout_p=0.5)
    mine = copy.deepcopy(llama[0])
    mine.set_attn_implementation("eager")
    with torch.no_grad(), reproducible(), pytest.raises(ConfigError, match="use attn_implementation='sdpa'"):
        mine(ids)
    with pytest.raises(ArgumentError, match="reproducible=True and compile_config"):
        mine.generate(ids, reproducible=True, compile_config={})
    mine.config.sliding_window = 5
    with pytest.raises(ArgumentError, match="reproducible=True and sliding_window=5"):
        mine.generate(ids, reproducible=True)


@pytest.mark.skipif(not hasattr(F, "grouped_mm"), reason="torch computes one expert at a time")
def test_products_of_all_experts_at_once_are_in_tiles_too():
    # Torch's own form refuses this dtype.
    x, weights, ends = torch.randn(20, 8).double(), torch.randn(3, 8, 4).double(), torch.tensor([7, 7, 20], dtype=torch.int32)
    with reproducible():
        result = F.grouped_mm(x, weights, offs=ends)
    torch.testing.assert_close(result, torch.cat([x[:7] @ weights[0], x[7:] @ weights[2]]))
