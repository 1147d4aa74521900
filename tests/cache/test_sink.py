"""The sink cache against the release that had one, against attention written out, and at its edges."""

import json
import math
from pathlib import Path

import pytest
import torch
from kit.families import close
from kit.filled import fill
from kit.windowed import config_of
from torch.nn import functional as F

from bestiary.cache import SinkCache, build
from bestiary.core.errors import CapacityError, ConfigError, InputError
from bestiary.models.gpt2 import GPT2Config
from bestiary.models.gpt2.model import GPT2LMHeadModel
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "sink_cache.json").read_text())


def llama(**values):
    return fill(LlamaForCausalLM(LlamaConfig(**{**GOLDEN["config"], **values})))


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['window_length']}-{case['num_sink_tokens']}")
def test_golden(case):
    model = llama(rope_theta=case["rope_theta"])
    ids = torch.tensor(case["prompt"])
    cache = SinkCache(window_length=case["window_length"], num_sink_tokens=case["num_sink_tokens"])
    out = model.generate(ids, past_key_values=cache, max_new_tokens=30, output_logits=True, return_dict_in_generate=True)
    assert out.sequences.tolist() == case["tokens"]
    close(out.logits[::6], [torch.tensor(rows) for rows in case["logits"]], rtol=1e-5, atol=2e-5)
    assert out.past_key_values is cache
    assert cache.get_seq_length() == ids.shape[1] + 29
    assert all(keys.shape[2] == case["window_length"] for keys, *_ in cache)


def rotated(x, positions):
    """Keys or queries (H, n, K) at `positions` (n,)."""
    angles = positions[:, None] / 10000.0 ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    cos, sin = torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def written_out(model, ids, steps, window, sinks):
    """Logits (steps, V) of greedy decoding that keeps keys as they are and turns them by their place in the window."""
    weights, config = model.state_dict(), model.config
    heads, groups, size = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    norm = lambda x, w: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config.rms_norm_eps) * w  # noqa: E731
    held, new, found = {}, ids, []
    for _ in range(steps):
        x = weights["model.embed_tokens.weight"][new]
        for index in range(config.num_hidden_layers):
            w = {k.removeprefix(f"model.layers.{index}."): v for k, v in weights.items() if f"layers.{index}." in k}
            y = norm(x, w["input_layernorm.weight"])
            q, k, v = (
                (y @ w[f"self_attn.{name}_proj.weight"].T).view(len(new), count, size).transpose(0, 1)
                for name, count in (("q", heads), ("k", groups), ("v", groups))
            )
            if index in held:
                k, v = (torch.cat([old, fresh], 1) for old, fresh in zip(held[index], (k, v), strict=True))
            if k.shape[1] > window:
                k, v = (torch.cat([x[:, :sinks], x[:, sinks - window :]], 1) for x in (k, v))
            held[index] = k, v
            places = torch.arange(k.shape[1])
            keys = rotated(k, places).repeat_interleave(heads // groups, 0)
            scores = rotated(q, places[-len(new) :]) @ keys.transpose(1, 2) / math.sqrt(size)
            scores = scores.masked_fill(places > places[-len(new) :, None], -math.inf)
            mixed = scores.softmax(-1) @ v.repeat_interleave(heads // groups, 0)
            x = x + mixed.transpose(0, 1).flatten(1) @ w["self_attn.o_proj.weight"].T
            y = norm(x, w["post_attention_layernorm.weight"])
            gate = F.silu(y @ w["mlp.gate_proj.weight"].T) * (y @ w["mlp.up_proj.weight"].T)
            x = x + gate @ w["mlp.down_proj.weight"].T
        found.append(norm(x, weights["model.norm.weight"])[-1] @ weights["lm_head.weight"].T)
        new = found[-1].argmax(-1, keepdim=True)
    return torch.stack(found)


@torch.no_grad()
@pytest.mark.parametrize("limit", [16, 17, 40, 256], ids=lambda limit: f"model for {limit} positions")
def test_far_beyond_the_window_and_the_positions_of_the_model(limit):
    model = llama(max_position_embeddings=limit)
    ids = torch.randint(3, 64, (1, 9), generator=torch.Generator().manual_seed(0))
    options = {"window_length": 16, "num_sink_tokens": 3}
    out = model.generate(
        ids,
        max_new_tokens=400,
        cache_implementation="sink",
        cache_config=options,
        output_logits=True,
        return_dict_in_generate=True,
    )
    expected = written_out(model, ids[0], 400, 16, 3)
    assert out.sequences[0, 9:].tolist() == expected.argmax(-1).tolist()
    close(torch.cat(out.logits), expected, rtol=1e-4, atol=1e-4)
    assert len(out.sequences.unique()) > 8
    assert out.past_key_values.position() <= limit


def test_within_the_window_nothing_changes():
    model = llama()
    ids = torch.randint(3, 64, (3, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, :4] = 0
    call = {"attention_mask": mask, "max_new_tokens": 12}
    assert torch.equal(
        model.generate(ids, past_key_values=SinkCache(window_length=20, num_sink_tokens=4), **call), model.generate(ids, **call)
    )


def test_beams_move_the_sinks():
    model = llama()
    ids = torch.randint(3, 64, (2, 6), generator=torch.Generator().manual_seed(0))
    wide = {"cache_implementation": "sink", "cache_config": {"window_length": 30, "num_sink_tokens": 2}}
    narrow = {"cache_implementation": "sink", "cache_config": {"window_length": 10, "num_sink_tokens": 2}}
    call = {"num_beams": 3, "max_new_tokens": 20}
    assert torch.equal(model.generate(ids, **wide, **call), model.generate(ids, **call))
    rows = [model.generate(row[None], **narrow, **call)[0] for row in ids]
    assert torch.equal(model.generate(ids, **narrow, **call), torch.stack(rows))


def test_a_long_prompt_comes_in_parts():
    model = llama()
    ids = torch.randint(3, 64, (1, 40), generator=torch.Generator().manual_seed(0))
    named = {"cache_implementation": "sink", "cache_config": {"window_length": 12, "num_sink_tokens": 2}, "max_new_tokens": 5}
    with pytest.raises(CapacityError, match="40 new tokens do not fit behind 2 sinks in a window of 12: set prefill"):
        model.generate(ids, **named)
    cache = SinkCache(12, 2)
    with torch.no_grad():
        for at in range(0, 40, 10):
            logits = model(ids[:, at : at + 10], past_key_values=cache).logits
    got = model.generate(ids, prefill_chunk_size=10, output_logits=True, return_dict_in_generate=True, **named)
    close(got.logits[0], logits[:, -1])


def test_a_conversation_continues_in_the_same_cache():
    model, cache = llama(), SinkCache(window_length=14, num_sink_tokens=2)
    generator = torch.Generator().manual_seed(4)
    talk = torch.randint(3, 64, (1, 5), generator=generator)
    for _ in range(4):
        talk = model.generate(talk, past_key_values=cache, max_new_tokens=7)
        assert cache.get_seq_length() == talk.shape[1] - 1
        talk = torch.cat([talk, torch.randint(3, 64, (1, 4), generator=generator)], dim=1)


def test_what_was_dropped_cannot_return():
    cache = SinkCache(window_length=8, num_sink_tokens=2)
    keys = torch.randn(2, 1, 20, 4)
    cache.update(keys[:, :, :8], keys[:, :, :8], 0)
    cache.crop(6)
    assert torch.equal(cache[0][0], keys[:, :, :6])
    for at in range(6, 12):
        cache.update(keys[:, :, at : at + 1], keys[:, :, at : at + 1], 0)
    assert torch.equal(cache[0][1], torch.cat([keys[:, :, :2], keys[:, :, 6:12]], 2))
    with pytest.raises(InputError, match="of 12 tokens cannot go back to 11: the sink cache has dropped tokens"):
        cache.crop(11)
    assert cache.get_max_length() == 8


def test_padding_among_the_sinks_is_refused():
    model = llama()
    ids = torch.randint(3, 64, (2, 6), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, :2] = 0
    with pytest.raises(InputError, match="attention_mask holds padding"):
        model.generate(ids, attention_mask=mask, past_key_values=SinkCache(10, 2), max_new_tokens=8)


def test_learned_positions_still_end():
    model = fill(GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=16, n_layer=2, n_head=4, n_positions=20, eos_token_id=None)))
    ids = torch.randint(3, 64, (1, 6), generator=torch.Generator().manual_seed(0))
    with pytest.raises(CapacityError, match="there is room for 20"):
        model.generate(ids, past_key_values=SinkCache(10, 2), max_new_tokens=30)


def test_sizes_are_checked():
    with pytest.raises(ConfigError, match="window_length=4 must exceed num_sink_tokens=4"):
        SinkCache(4, 4)
    assert build("sink", config_of(), 9).window_length == 256
