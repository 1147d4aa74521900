"""What is special to Mamba: its names of the cache, old checkpoints, biases beside padding, dtypes, its tokenizer."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.checkpoints import TEXTS, bytelevel, save
from kit.pipelines import ours, reference, same
from safetensors.torch import load_file, save_file

from bestiary import AutoModelForCausalLM, AutoTokenizer, MambaConfig, MambaForCausalLM, MambaModel
from bestiary.cache import DynamicCache, MambaCache, RecurrentLayer
from bestiary.core.errors import ArgumentError, ConfigError, InputError

TINY: dict[str, Any] = {"vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}
TINY |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.3}
IDS = torch.randint(5, 400, (2, 9), generator=torch.Generator().manual_seed(0))
MASK = torch.ones_like(IDS)
MASK[1, :3] = 0


@functools.cache
def checkpoint(**values: Any) -> Path:
    folder = save(transformers.MambaConfig(**TINY, **values), "MambaForCausalLM", bytelevel())
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "tokenizer_class": "GPTNeoXTokenizer"}))
    return folder


@pytest.fixture(scope="module")
def models() -> tuple[Any, Any]:
    folder = checkpoint()
    return AutoModelForCausalLM.from_pretrained(folder), transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


@torch.no_grad()
def test_states_are_the_references(models):
    model, theirs = models
    output = model(IDS, attention_mask=MASK, use_cache=True)
    expected = theirs(IDS, attention_mask=MASK, use_cache=True)
    assert output.keys() == list(expected.keys()) == ["logits", "cache_params"]
    for layer, other in zip(output.cache_params.layers, expected.cache_params.layers, strict=True):
        assert isinstance(layer, RecurrentLayer)
        torch.testing.assert_close(layer.conv_states, other.conv_states[0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(layer.recurrent_states, other.recurrent_states[0], rtol=1e-5, atol=1e-5)
    step = theirs(IDS[:, :1], cache_params=expected.cache_params).logits  # it looks at the first columns of a longer mask
    longer = torch.cat([MASK, MASK[:, -1:]], dim=1)
    for mask in (longer, None):
        found = model(IDS[:, :1], attention_mask=mask, cache_params=output.cache_params.copy()).logits
        torch.testing.assert_close(found, step, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cache", [DynamicCache, MambaCache])
def test_the_cache_by_each_of_its_names(models, cache):
    expected = models[0].generate(IDS, max_new_tokens=8)
    for name in ("cache_params", "past_key_values"):
        assert torch.equal(models[0].generate(IDS, max_new_tokens=8, **{name: cache()}), expected)
        with torch.no_grad():
            output = models[0](IDS, **{name: cache()})
        assert output.past_key_values is output.cache_params
    with pytest.raises(ArgumentError, match="two names of the cache"):
        models[0](IDS, cache_params=cache(), past_key_values=cache())
    with pytest.raises(ArgumentError, match="two names of the cache"):
        models[0].generate(IDS, cache_params=cache(), past_key_values=cache())


@torch.no_grad()
def test_zeros_made_at_once_are_what_a_text_starts_from(models):
    cache = MambaCache(models[0].config, max_batch_size=2)
    torch.testing.assert_close(models[0](IDS, cache_params=cache).logits, models[0](IDS).logits, rtol=0, atol=0)


def test_a_cache_of_another_length_than_the_mask_is_refused(models):
    cache = DynamicCache()
    with torch.no_grad():
        models[0](IDS, past_key_values=cache)
        with pytest.raises(InputError, match="attention_mask covers 1 positions"):
            models[0](IDS[:, :1], attention_mask=MASK[:, :1] * 0, past_key_values=cache)


@torch.no_grad()
def test_biases_beside_padding():
    """Without padding the numbers are the reference's, which lets the biases of padding into the convolution; we do not."""
    folder = checkpoint(use_bias=True)
    model, theirs = MambaForCausalLM.from_pretrained(folder), transformers.MambaForCausalLM.from_pretrained(folder).eval()
    torch.testing.assert_close(model(IDS).logits, theirs(IDS).logits, rtol=1e-5, atol=1e-5)
    padded = model(IDS, attention_mask=MASK).logits[1, 3:]
    torch.testing.assert_close(padded, theirs(IDS[1:, 3:]).logits[0], rtol=1e-5, atol=1e-5)


def test_old_checkpoints_open(models, tmp_path):
    models[0].save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    old = {name.replace("backbone.embeddings", "backbone.embedding"): tensor for name, tensor in tensors.items()}
    assert old.keys() != tensors.keys()
    save_file(old, tmp_path / "model.safetensors", {"format": "pt"})
    again = MambaForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(again.backbone.embeddings.weight, models[0].backbone.embeddings.weight)
    again.save_pretrained(tmp_path / "new")
    assert load_file(tmp_path / "new" / "model.safetensors").keys() == tensors.keys()


@pytest.mark.parametrize("residual_in_fp32", [True, False])
@torch.no_grad()
def test_dtypes_are_the_references(residual_in_fp32):
    folder = checkpoint(residual_in_fp32=residual_in_fp32)
    model = MambaForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    theirs = transformers.MambaForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    output, expected = model(IDS, output_hidden_states=True), theirs(IDS, output_hidden_states=True)
    assert output.logits.dtype == expected.logits.dtype == torch.float32
    assert [state.dtype for state in output.hidden_states] == [state.dtype for state in expected.hidden_states]
    torch.testing.assert_close(output.logits, expected.logits, rtol=0.1, atol=0.1)


def test_config():
    config = MambaConfig(hidden_size=40)
    assert (config.intermediate_size, config.time_step_rank) == (80, 3)
    assert config.layer_kinds() == ("linear_attention",) * 32
    with pytest.raises(ConfigError, match="time_step_rank is 'many'"):
        MambaConfig(time_step_rank="many")
    with pytest.raises(ConfigError, match="time_step_init_scheme is 'zero'"):
        MambaConfig(time_step_init_scheme="zero")


def test_steps_start_as_the_config_says():
    values = {**TINY, "time_step_min": 0.01, "time_step_max": 0.02, "rescale_prenorm_residual": True}
    mixer = MambaModel(MambaConfig(**values, time_step_init_scheme="constant", time_step_scale=3.0)).layers[0].mixer
    steps = torch.nn.functional.softplus(mixer.dt_proj.bias)
    assert 0.0099 < steps.min() < steps.max() < 0.0201
    assert torch.equal(mixer.dt_proj.weight, torch.full((64, 2), 3.0 * 2**-0.5))
    bound = (64 * 2) ** -0.5
    assert 0.9 * bound < mixer.out_proj.weight.abs().max() < bound
    torch.testing.assert_close(-mixer.A_log.exp(), -torch.arange(1.0, 9.0).expand(64, 8))


def test_the_pipeline_and_its_tokenizer():
    folder = checkpoint()
    tokenizer, theirs = AutoTokenizer.from_pretrained(folder), transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer(TEXTS)["input_ids"] == theirs(TEXTS)["input_ids"]
    call = {"max_new_tokens": 8, "do_sample": False}
    same(ours("text-generation", folder)(TEXTS[:3], **call), reference("text-generation", folder)(TEXTS[:3], **call))
