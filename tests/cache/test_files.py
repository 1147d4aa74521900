"""A cache comes back from disk as it was, for the model that filled it and for no other."""

import json

import pytest
import torch
from kit.filled import fill
from kit.windowed import RecurrentForCausalLM, WindowedForCausalLM, config_of
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bestiary.cache import EncoderDecoderCache, fingerprint, load_cache, save_cache
from bestiary.core.errors import CorruptFile, FileMissing, InputError, SaveError
from bestiary.models.t5 import T5Config
from bestiary.models.t5.model import T5ForConditionalGeneration

PROMPTS = torch.randint(3, 64, (3, 12), generator=torch.Generator().manual_seed(3))
KINDS = {
    "dynamic": {},
    "dynamic_full": {},
    "static": {"max_cache_len": 40},
    "hybrid": {},
    "sliding_window": {},
    "offloaded": {},
    "offloaded_static": {},
    "quantized": {"q_group_size": 4, "residual_length": 3, "axis_key": -1, "nbits": 8},
    "sink": {"window_length": 14, "num_sink_tokens": 2},
}


def windowed():
    return fill(WindowedForCausalLM(config_of(sliding_window=5, layer_types=["sliding_attention", "full_attention"])))


@pytest.fixture(scope="module")
def model():
    return windowed()


@pytest.fixture
def cached(model, tmp_path):
    """A file with the cache of a generation, and the tokens."""
    out = model.generate(PROMPTS, max_new_tokens=4, return_dict_in_generate=True)
    save_cache(out.past_key_values, tmp_path / "talk.cache", model)
    return tmp_path / "talk.cache", out.sequences


@pytest.mark.parametrize("kind", KINDS)
def test_continues_as_if_it_had_stayed(kind, model, tmp_path):
    call = {"cache_config": KINDS[kind], "max_new_tokens": 6, "return_dict_in_generate": True}
    out = model.generate(PROMPTS, cache_implementation=kind, **call)
    stayed = out.past_key_values
    save_cache(stayed, tmp_path / "talk", model)
    back = load_cache(tmp_path / "talk", windowed())
    assert type(back) is type(stayed)
    assert back.options() == stayed.options()
    assert back.get_seq_length() == 17
    for at in (-1, 3, 5, 7):  # the room of fixed sizes is for 18 tokens
        if kind in ("static", "dynamic", "dynamic_full", "offloaded", "quantized", "sink") or at == -1:
            last = out.sequences[:, at : at + 1] if at > 0 else out.sequences[:, -1:]
            with torch.no_grad():
                first, second = (model(last, past_key_values=cache).logits for cache in (stayed, back))
            assert torch.equal(first, second)


def test_recurrent_states_and_encoders(tmp_path):
    recurrent = fill(RecurrentForCausalLM(config_of()), scale=1.5)
    out = recurrent.generate(PROMPTS, cache_implementation="mamba", max_new_tokens=4, return_dict_in_generate=True)
    save_cache(out.past_key_values, tmp_path / "states", recurrent)
    back = load_cache(tmp_path / "states", recurrent)
    assert all(torch.equal(a, b) for a, b in zip(back.ssm_states, out.past_key_values.ssm_states, strict=True))
    config = T5Config(vocab_size=64, d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4, eos_token_id=None)
    t5 = fill(T5ForConditionalGeneration(config))
    out = t5.generate(PROMPTS, decoder_start_token_id=0, max_new_tokens=4, return_dict_in_generate=True)
    save_cache(out.past_key_values, tmp_path / "pair", t5)
    back = load_cache(tmp_path / "pair", t5)
    assert isinstance(back, EncoderDecoderCache)
    assert back.is_updated == {0: True, 1: True}
    for mine, theirs in zip(back.to_legacy_cache(), out.past_key_values.to_legacy_cache(), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_header(cached, model):
    with safe_open(cached[0], framework="pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "bestiary-cache-1"
    assert metadata["model"] == fingerprint(model)
    assert json.loads(metadata["cache"]) == {"kind": "dynamic", "options": {}, "layers": [{"seen": 15}] * 2}


def test_fingerprint_notices_every_change():
    names, model = set(), windowed()
    weight = model.model.layers[0].mlp.up_proj.weight
    names.add(fingerprint(model))
    assert fingerprint(windowed()) in names
    with torch.no_grad():
        weight[3, 5] += 1e-6
    names.add(fingerprint(model))
    weight.data[3, 6] *= 1.001  # which torch itself does not notice
    names.add(fingerprint(model))
    weight.data[[0, 20]] = weight.data[[20, 0]]
    names.add(fingerprint(model))
    model.model.layers[0].mlp.adapter = torch.nn.Linear(2, 2)
    names.add(fingerprint(model))
    model.config.rms_norm_eps = 1e-3
    names.add(fingerprint(model))
    names.add(fingerprint(model.bfloat16()))
    assert len(names) == 7


def test_another_model_is_refused(cached):
    other = windowed()
    with torch.no_grad():
        other.lm_head.weight[0, 0] += 1
    with pytest.raises(InputError, match="another model than this WindowedForCausalLM, or by the same with other weights"):
        load_cache(cached[0], other)


@pytest.mark.parametrize(
    "damage", ["cut", "flipped", "empty", "text", "foreign", "format", "layers", "numbers", "shape", "kind", "json"]
)
def test_damaged_and_foreign_files_are_refused(damage, cached, model):
    path, _ = cached
    content = path.read_bytes()
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    header = json.loads(metadata["cache"])
    if damage in ("cut", "flipped", "empty", "text"):
        bad = {"cut": content[:-10], "flipped": b"\xff" * 8 + content[8:], "empty": b"", "text": b"{}" * 20}[damage]
        path.write_bytes(bad)
    elif damage == "foreign":
        save_file(tensors, path)
    else:
        if damage == "format":
            metadata["format"] = "bestiary-cache-99"
        elif damage == "layers":
            tensors.pop("1.values")
        elif damage == "numbers":
            header["layers"][1]["seen"] = 99
        elif damage == "shape":
            tensors["0.keys"] = tensors["0.keys"][:, :, :2].clone()
        elif damage == "kind":
            header["kind"] = "files"
        metadata["cache"] = "{" if damage == "json" else json.dumps(header)
        save_file(tensors, path, metadata)
    with pytest.raises(CorruptFile, match=str(path)):
        load_cache(path, model)


def test_a_file_is_there_or_it_is_not(cached, model, tmp_path):
    with pytest.raises(FileMissing, match="there is no file"):
        load_cache(tmp_path / "nothing", model)
    cache = load_cache(cached[0], model)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SaveError):
        save_cache(cache, tmp_path / "folder", model)
    save_cache(cache, cached[0], model)
    assert load_cache(cached[0], model).get_seq_length() == cache.get_seq_length()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "talk.cache"]
