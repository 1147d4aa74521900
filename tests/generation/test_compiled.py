"""Compiled steps: the same tokens as without, and one graph; `tests/parity` compiles the steps of every family."""

import copy
import shutil
from types import SimpleNamespace

import pytest
import torch
from kit.windowed import WindowedForCausalLM, config_of, filled

from bestiary.cache.kinds.static import StaticCache
from bestiary.core.errors import ArgumentError, ConfigError
from bestiary.generation.compiled import SLOTS, CompileConfig, CompiledSteps
from bestiary.generation.config import GenerationConfig
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM


@pytest.fixture
def counted():
    """A compiler that runs graphs as they are, and says how many it got."""
    seen = SimpleNamespace(graphs=0)

    def backend(graph, example):
        seen.graphs += 1
        return graph.forward

    seen.config = CompileConfig(backend=backend, mode=None, fullgraph=True)
    return seen


@pytest.mark.parametrize(
    "settings", [{"num_beams": 3}, {"do_sample": True, "seed": 3}, {"prompt_lookup_num_tokens": 2}], ids=str
)
def test_other_strategies(llama, settings, counted):
    model, _ = llama
    ids = torch.tensor([[5, 6, 7, 5, 6]])
    expected = model.generate(ids, max_new_tokens=8, **settings)
    made = model.generate(ids, max_new_tokens=8, cache_implementation="static", compile_config=counted.config, **settings)
    assert torch.equal(made, expected)


def test_layers_with_a_window(counted):
    """Families that have windows by their data alone are not compiled in `tests/parity`."""
    model = filled(WindowedForCausalLM, config_of(sliding_window=4, layer_types=["sliding_attention", "full_attention"]))
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    expected = model.generate(ids, max_new_tokens=6)
    tokens = model.generate(ids, max_new_tokens=6, cache_implementation="static", compile_config=counted.config)
    assert torch.equal(tokens, expected)
    assert counted.graphs == 1


def test_a_cache_of_the_caller_and_one_of_another_size(llama, counted):
    model, _ = llama
    ids = torch.tensor([[5, 6, 7]])
    expected = model.generate(ids, max_new_tokens=6)
    for slots in (20, 20, 31):
        cache = StaticCache(model.config, slots)
        made = model.generate(ids, max_new_tokens=6, past_key_values=cache, compile_config=counted.config)
        assert torch.equal(made, expected)
    assert 1 <= counted.graphs <= 2  # one for each size, or one for all where torch has seen sizes change before
    output = model.generate(
        ids, max_new_tokens=6, cache_implementation="static", compile_config=counted.config, return_dict_in_generate=True
    )
    assert output.past_key_values.get_max_length() == SLOTS
    assert output.past_key_values.get_seq_length() == ids.shape[1] + 5


def test_steps_are_compiled_when_asked_and_otherwise_not(llama, counted):
    model, _ = llama
    ids = torch.tensor([[5, 6, 7]])
    expected = model.generate(ids, max_new_tokens=4, cache_implementation="static")
    settings = GenerationConfig(compile_config=counted.config, cache_implementation="static")
    made = model.generate(ids, settings, max_new_tokens=4, disable_compile=True)
    assert torch.equal(made, expected)
    assert counted.graphs == 0
    assert torch.equal(model.generate(ids, settings, max_new_tokens=4), expected)
    assert counted.graphs == 1


def test_copies_compile_for_themselves(counted):
    values = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(**values, initializer_range=0.5, eos_token_id=None)).eval()
    ids = torch.tensor([[5, 6, 7]])
    options = {"max_new_tokens": 5, "cache_implementation": "static", "compile_config": counted.config}
    first = model.generate(ids, **options)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.model.embed_tokens.weight.copy_(other.model.embed_tokens.weight.flip(0))
    expected = other.generate(ids, max_new_tokens=5)
    assert not torch.equal(expected, first)
    assert torch.equal(other.generate(ids, **options), expected)
    assert torch.equal(model.generate(ids, **options), first)
    assert CompiledSteps().__reduce__() == (CompiledSteps, ())  # and a pickled model holds nothing that was compiled


def test_what_users_compile_themselves(llama, counted):
    model, _ = llama
    ids = torch.tensor([[5, 6, 7]])
    expected = model.generate(ids, max_new_tokens=6)
    backend = counted.config.backend
    logits = model(ids).logits
    whole = torch.compile(model, backend=backend)
    torch.testing.assert_close(whole(ids).logits, logits)
    assert torch.equal(whole.generate(ids, max_new_tokens=6), expected)
    before = counted.graphs
    model.forward = torch.compile(model.forward, backend=backend)
    try:
        made = model.generate(ids, max_new_tokens=6, cache_implementation="static", max_cache_len=32)
        assert torch.equal(made, expected)
        once = counted.graphs - before
        assert once
        assert torch.equal(model.generate(ids, max_new_tokens=6, cache_implementation="static", max_cache_len=32), expected)
        assert counted.graphs - before == once
    finally:
        del model.forward


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler (g++), which torch's inductor needs on the CPU")
def test_with_torchs_own_compiler(llama):
    values = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4}
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**values, initializer_range=0.5, eos_token_id=None)).eval()
    ids = torch.tensor([[5, 6, 7], [8, 9, 10]])
    expected = model.generate(ids, max_new_tokens=8)
    config = CompileConfig(mode="default")
    made = model.generate(ids, max_new_tokens=8, cache_implementation="static", compile_config=config.to_dict())
    assert torch.equal(made, expected)


CLASHES = [
    ({"disable_compile": True, "cache_implementation": "static"}, ConfigError, "disable_compile"),
    ({}, ArgumentError, "DynamicCache.*static"),
    ({"use_cache": False}, ArgumentError, "compile_config"),
    (
        {"cache_implementation": "static", "return_dict_in_generate": True, "output_hidden_states": True},
        ArgumentError,
        "output_hidden_states",
    ),
    ({"compile_config": {"bakcend": "eager"}, "cache_implementation": "static"}, ConfigError, "backend"),
]


@pytest.mark.parametrize(("settings", "error", "named"), CLASHES, ids=[row[2] for row in CLASHES])
def test_clashes_are_refused_before_the_first_step(llama, settings, error, named, counted):
    with pytest.raises(error, match=named):
        llama[0].generate(torch.tensor([[5]]), max_new_tokens=3, **{"compile_config": counted.config, **settings})
