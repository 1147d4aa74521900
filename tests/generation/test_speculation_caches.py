"""Guesses taken back from every kind of cache, also from those that forget what the guesses pushed out."""

import copy

import pytest
import torch
from kit.windowed import RecurrentForCausalLM, WindowedForCausalLM, config_of, filled

from bestiary.cache import MambaCache, implementations
from bestiary.models.llama import LlamaForCausalLM

WINDOW = 5
MODELS = {
    "full": (LlamaForCausalLM, {}),
    "windows": (WindowedForCausalLM, {"sliding_window": WINDOW}),
    "some windows": (WindowedForCausalLM, {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}),
}
PROMPT = torch.randint(3, 64, (3, 12), generator=torch.Generator().manual_seed(0))
MASK = torch.ones_like(PROMPT)
MASK[1, :4] = 0
CONFIGS = {
    "quantized": {"residual_length": 64},
    "sink": {"window_length": 24, "num_sink_tokens": 3},
}


@pytest.fixture(scope="module")
def models():
    return {name: filled(kind, config_of(**values)) for name, (kind, values) in MODELS.items()}


def helped(model, how):
    if how == "lookup":
        return {"prompt_lookup_num_tokens": 4}
    twin = copy.deepcopy(model)
    if how == "often wrong":
        with torch.no_grad():
            twin.lm_head.weight[::3] *= 1.5
    return {"assistant_model": twin, "assistant_confidence_threshold": 0.0, "num_assistant_tokens": 6}


@pytest.mark.parametrize("how", ["lookup", "often wrong"])
@pytest.mark.parametrize("kind", [name for name in implementations() if name not in ("recurrent", "paged")])
@pytest.mark.parametrize("name", MODELS)
def test_every_cache(models, name, kind, how):
    if name == "full" and kind in ("sliding_window", "hybrid", "hybrid_chunked", "offloaded_hybrid"):
        pytest.skip("for models with windows")
    model = models[name]
    rows = slice(0, 1) if kind == "sink" else slice(None)  # sinks and padding exclude each other
    options = {"attention_mask": MASK[rows], "max_new_tokens": 24, "cache_implementation": kind, "repetition_penalty": 1.3}
    if kind in CONFIGS:
        options["cache_config"] = CONFIGS[kind]
    plain = model.generate(PROMPT[rows], **options)
    assert len(plain[:, 12:].unique()) > 9
    result = model.generate(PROMPT[rows], **options, **helped(model, how), return_dict_in_generate=True)
    assert torch.equal(result.sequences, plain)
    assert result.past_key_values.get_seq_length() <= 35


@pytest.mark.parametrize("how", ["lookup", "often wrong"])
def test_a_recurrent_state(how):
    model = filled(RecurrentForCausalLM, config_of())
    ids = PROMPT[:2]
    options = {"max_new_tokens": 24, "repetition_penalty": 1.3}
    plain = model.generate(ids, **options, past_key_values=MambaCache(model.config))
    assert len(plain[:, 12:].unique()) > 9
    more = helped(model, how)
    got = model.generate(ids, **options, past_key_values=MambaCache(model.config), **more)
    assert torch.equal(got, plain)
