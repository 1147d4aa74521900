"""What is compiled serves all further calls: no graph breaks, and nothing anew once rows and lengths were seen to change."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from bestiary import GPT2Config, GPT2LMHeadModel
from bestiary.generation.compiled import CompileConfig
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM

# (rows, tokens): the first are seen while warming up.
SEEN = [(1, 8), (1, 20), (2, 8), (2, 20)]
FURTHER = [(1, 11), (2, 30)]
TOKENS = {"eos_token_id": None, "pad_token_id": 0, "bos_token_id": 1}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    if request.param == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=99, n_embd=32, n_layer=1, n_head=4, n_positions=128, **TOKENS)).eval()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=99, num_key_value_heads=2, **sizes, **TOKENS)).eval()


def generated(model: Any, rows: int, tokens: int, **settings: Any) -> torch.Tensor:
    ids = torch.randint(3, 90, (rows, tokens), generator=torch.Generator().manual_seed(rows * tokens))
    made: torch.Tensor = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=50, do_sample=False, **settings
    )
    return made


@pytest.mark.parametrize(
    ("model", "how", "cache"),
    [("llama", "model.compile()", "dynamic"), ("gpt2", "model.compile()", "static"), ("llama", "compile_config=", "static")],
    indirect=["model"],
)
def test_further_calls_compile_nothing(model: Any, how: str, cache: str) -> None:
    settings: dict[str, Any] = {"cache_implementation": "static"} if cache == "static" else {}
    expected = [generated(model, *shape, **settings) for shape in [*SEEN, *FURTHER]]
    if how == "compile_config=":
        settings["compile_config"] = CompileConfig(backend="eager", mode=None, fullgraph=True)
    else:
        model.compile(backend="eager")
    found = [generated(model, *shape, **settings) for shape in SEEN]
    graphs = counters["stats"]["unique_graphs"]
    # Prompts and steps, each for one row, and for any rows and lengths once two were seen.
    assert 1 <= graphs <= 6
    found += [generated(model, *shape, **settings) for shape in FURTHER]
    assert counters["stats"]["unique_graphs"] == graphs
    assert not counters["graph_break"]
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("model", ["gpt2"], indirect=True)
def test_a_forward_without_cache_stays_compiled(model: Any) -> None:
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        for rows, tokens in [*SEEN, *FURTHER]:
            ids = torch.randint(3, 90, (rows, tokens))
            mask = torch.ones_like(ids)
            torch.testing.assert_close(compiled(ids, attention_mask=mask).logits, model(ids, attention_mask=mask).logits)
    assert counters["stats"]["unique_graphs"] <= 4
