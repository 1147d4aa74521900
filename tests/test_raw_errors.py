"""Calls that cannot mean anything are refused in words: what was found, what was expected."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import bestiary as ours
from bestiary.compat.attention import ALL_ATTENTION_FUNCTIONS, AttentionInterface
from bestiary.core.errors import BestiaryError

IDS = torch.tensor([[1, 2, 3]])


class NewConfig(ours.PreTrainedConfig):
    model_type = "raw-new"


def llama_config(**values: Any) -> Any:
    return ours.LlamaConfig(
        hidden_size=16, intermediate_size=16, num_attention_heads=2, num_hidden_layers=2, vocab_size=50, **values
    )


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    return ours.LlamaForCausalLM(llama_config()).eval()


REGISTERED: dict[str, tuple[Callable[[], Any], str]] = {
    "a model of another config": (
        lambda: ours.AutoModel.register(NewConfig, ours.BertModel),
        "BertModel is for configs of BertConfig; found NewConfig",
    ),
    "a number for a model": (
        lambda: ours.AutoModel.register(NewConfig, 5),
        "and 5; expected a class of configs, and the class",
    ),
    "a text for a config": (lambda: ours.AutoModel.register("c1", nn.Linear), "'c1' and .*expected a class of configs"),
    "a model for a config": (lambda: ours.AutoModel.register(nn.Linear, NewConfig), "Linear.*expected a class of configs"),
    "a number for a tokenizer": (lambda: ours.AutoTokenizer.register(NewConfig, 5), "and 5; expected a class of configs"),
    "a number for attention": (lambda: AttentionInterface.register("a", 5), "a name and a function; found 'a' and 5"),
    "a number for a name": (lambda: AttentionInterface.register(5, print), "a name and a function; found 5 and"),
    "config: number": (lambda: ours.AutoConfig.register("x9", 5), "'x9' is registered with 5; expected a class of configs"),
    "config: text": (lambda: ours.AutoConfig.register("x9", "y"), "with 'y'; expected a class of configs"),
    "config: table": (lambda: ours.AutoConfig.register("x9", {}), "with {}; expected a class of configs"),
}


@pytest.mark.parametrize(("call", "text"), REGISTERED.values(), ids=REGISTERED.keys())
def test_what_cannot_be_registered(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(BestiaryError, match=text):
        call()


MODELS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "kernel 5": (lambda model: model.set_attn_implementation(5), "unknown attn_implementation '5'. Known: "),
    "kernels in a list": (lambda model: model.set_attn_implementation(["sdpa"]), "unknown attn_implementation .*Known"),
    "size: text": (lambda model: model.resize_token_embeddings("5"), "new_num_tokens is '5'; expected a whole number"),
    "size: fraction": (lambda model: model.resize_token_embeddings(1.5), "new_num_tokens is 1.5; expected a whole number"),
    "size: none": (lambda model: model.resize_token_embeddings(0), "new_num_tokens is 0; expected a whole number from 1"),
    "size: endless": (lambda model: model.resize_token_embeddings(10**11), "new_num_tokens is 100000000000; expected"),
    "multiple of 0": (lambda model: model.resize_token_embeddings(60, 0), "pad_to_multiple_of is 0; expected a whole number"),
    "multiple of 1.5": (lambda model: model.resize_token_embeddings(60, 1.5), "pad_to_multiple_of is 1.5; expected"),
    "no embedding": (lambda model: model.set_input_embeddings(None), "new embedding is None; expected a module"),
    "ids without numbers": (
        lambda model: model.generate(IDS.to("meta")),
        "the prompt are on the meta device and hold nothing; the model is on cpu",
    ),
    "beams": (
        lambda model: model.generate(IDS, num_beams=10**12, max_new_tokens=1),
        "1000000000000 rows for each of 1 prompts need .* lower num_beams",
    ),
    "positions": (
        lambda model: model(IDS, position_ids=torch.tensor([[0.0, float("nan"), 2.0]])),
        "position_ids hold NaN or numbers without end; expected finite",
    ),
    "no repository": (lambda model: model.push_to_hub(None), "repo_id is None; expected 'name'"),
}


@pytest.mark.parametrize(("call", "text"), MODELS.values(), ids=MODELS.keys())
def test_what_a_model_refuses(model: Any, call: Callable[[Any], Any], text: str) -> None:
    with pytest.raises(BestiaryError, match=text):
        call(model)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def holding_itself(as_list: bool) -> Any:
    value: Any = [] if as_list else {}
    value.append(value) if as_list else value.update(a=value)
    return value


CONFIGS: dict[str, tuple[Callable[[Any, Path], Any], str]] = {
    "deep": (lambda config, folder: type(config).from_dict({"x": nested(900)}), "or in hundreds of lists and tables"),
    "itself": (lambda config, folder: setattr(config, "me", config) or config.save_pretrained(folder), "within itself"),
    "list": (lambda config, folder: setattr(config, "me", holding_itself(True)) or config == config, "within itself"),
    "table": (lambda config, folder: setattr(config, "me", holding_itself(False)) or config.to_dict(), "within itself"),
    "object": (
        lambda config, folder: llama_config(x=object()).save_pretrained(folder),
        "config.json cannot be written as JSON: Object of type object",
    ),
    "object in text": (lambda config, folder: llama_config(x=object()).to_json_string(), "this LlamaConfig cannot be written"),
    "update": (lambda config, folder: config.update("x"), "updated from a table of values; found 'x'"),
    "without a value": (
        lambda config, folder: config.update_from_string("hidden_size"),
        "'hidden_size' sets nothing of a LlamaConfig; expected name=value.$",
    ),
}


@pytest.mark.parametrize(("call", "text"), CONFIGS.values(), ids=CONFIGS.keys())
def test_what_a_config_refuses(tmp_path: Path, call: Callable[[Any, Path], Any], text: str) -> None:
    with pytest.raises(BestiaryError, match=text):
        call(llama_config(), tmp_path)


def filled() -> Any:
    cache = ours.DynamicCache(config=llama_config())
    cache.update(torch.ones(2, 2, 3, 8), torch.ones(2, 2, 3, 8), 0)
    return cache


def update(keys: tuple[int, ...], values: tuple[int, ...], layer_idx: int) -> Any:
    return ours.DynamicCache().update(torch.ones(keys), torch.ones(values), layer_idx)


SAME = (2, 2, 1, 8)
CACHES: dict[str, tuple[Callable[[], Any], str]] = {
    "static of a text": (lambda: ours.StaticCache(config="x", max_cache_len=3), "made for the config of a model; found 'x'"),
    "dynamic of a number": (lambda: ours.DynamicCache(config=5), "made for the config of a model; found 5"),
    "rows in a list": (lambda: filled().reorder_cache([5, 6]), r"chosen by \[5, 6\]; expected a tensor"),
    "rows beyond": (lambda: filled().reorder_cache(torch.tensor([0, 2])), "rows .0, 2. of a cache are asked for; it has 2"),
    "rows below": (lambda: filled().batch_select_indices(torch.tensor([-1])), "asked for; it has 2, 0 to 1"),
    "layer 10 million": (lambda: update(SAME, SAME, 10**7), "layer_idx is 10000000; this cache has 0 layers"),
    "layer below 0": (lambda: update(SAME, SAME, -1), "layer_idx is -1; this cache has 0 layers"),
    "other lengths": (lambda: update(SAME, (2, 2, 2, 8), 0), "keys of shape .* and values of .*; expected as many rows"),
    "other heads": (lambda: update(SAME, (2, 1, 1, 8), 0), "keys of shape .* and values of .*; expected as many rows"),
}


@pytest.mark.parametrize(("call", "text"), CACHES.values(), ids=CACHES.keys())
def test_what_a_cache_refuses(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(BestiaryError, match=text):
        call()


@pytest.fixture
def attention_name() -> Iterator[str]:
    yield "raw-errors"
    del ALL_ATTENTION_FUNCTIONS["raw-errors"]


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (lambda query: 5, "returned a int; expected a pair"),
        (lambda query: (None, None), "returned a tuple; expected a pair"),
        (lambda query: query.transpose(1, 2), "returned of torch.float32 and shape .*; expected a pair"),
        (lambda query: (query, None), r"shape \(1, 2, 3, 8\); expected a pair of values of shape \(1, 3, 2, 8\)"),
    ],
    ids=["number", "nothing", "no pair", "axes"],
)
def test_what_registered_attention_returns(
    model: Any, attention_name: str, output: Callable[[torch.Tensor], Any], text: str
) -> None:
    AttentionInterface.register(attention_name, lambda module, query, *args, **kwargs: output(query))
    model.set_attn_implementation(attention_name)
    with pytest.raises(BestiaryError, match=text):
        model(IDS)
