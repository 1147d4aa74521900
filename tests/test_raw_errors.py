"""Calls that cannot mean anything are refused in words: what was found, what was expected."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import bestiary as ours
from bestiary.compat import image_transforms as images
from bestiary.compat import mask_functions, masks
from bestiary.compat.attention import ALL_ATTENTION_FUNCTIONS, AttentionInterface
from bestiary.compat.images import get_image_size
from bestiary.core.errors import BestiaryError, CapacityError

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
    "layers in a text": (
        lambda model: setattr(model.config, "num_hidden_layers", "2") or model.generate(IDS, max_new_tokens=1),
        "num_hidden_layers is '2'; expected a whole number of layers",
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
    "kinds of layers": (lambda config, folder: llama_config(layer_types=5), "layer_types is 5; expected a list"),
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
    "dynamic of 5": (lambda: ours.DynamicCache(5), "begins with 5; expected nothing, config=, or for each layer its keys"),
    "dynamic of [5]": (lambda: ours.DynamicCache([5]), r"begins with \[5\]; expected nothing, config=, or for each layer"),
    "static: text": (lambda: ours.StaticCache(max_cache_len="x"), "max_cache_len must be at least 1, got 'x'"),
    "static: endless": (
        lambda: ours.StaticCache(llama_config(), 10**12).update(torch.ones(SAME), torch.ones(SAME), 0),
        "no room for 2 rows, 2 heads and 1000000000000 tokens of 8 torch.float32 in a static cache .*lower max_cache_len",
    ),
    "pair of 5": (lambda: ours.EncoderDecoderCache(5), "a pair of caches is made of 5; expected caches"),
    "nothing": (
        lambda: ours.DynamicCache().update(None, None, 0),
        "keys and values as NoneType and NoneType; expected ten",
    ),
    "cut by text": (lambda: filled().crop("x"), "cut to 'x' tokens; expected a whole number"),
    "cut by fraction": (lambda: filled().crop(1.5), "cut to 1.5 tokens; expected a whole number"),
    "repeated by text": (lambda: filled().batch_repeat_interleave("x"), "repeated 'x' times; expected a whole number from 0"),
    "repeated by -1": (lambda: filled().batch_repeat_interleave(-1), "repeated -1 times; expected a whole number from 0"),
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


IMAGE = np.zeros((3, 8, 8))
EMBEDS = torch.ones(1, 3, 16)
HELPERS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "resize nothing": (lambda: images.resize(None, (4, 4)), TypeError, "an array or a tensor; found NoneType"),
    "resize to 5": (lambda: images.resize(IMAGE, 5), TypeError, r"size is 5; expected \(height, width\) in pixels"),
    "resize to a text": (lambda: images.resize(IMAGE, "x"), ValueError, "size is 'x'; expected .height, width. in pixels"),
    "resize to three": (lambda: images.resize(IMAGE, (1, 2, 3)), ValueError, r"size is \(1, 2, 3\); expected .height, width."),
    "resize to 0": (lambda: images.resize(IMAGE, (0, 4)), ValueError, r"size is \(0, 4\); expected .* of at least 1 pixel"),
    "crop nothing": (lambda: images.center_crop(None, (4, 4)), TypeError, "an array of numpy, found NoneType"),
    "crop to 5": (lambda: images.center_crop(IMAGE, 5), ValueError, "size is 5; expected .height, width. in pixels"),
    "crop to names": (
        lambda: images.center_crop(IMAGE, {"height": 4, "width": 4}),
        ValueError,
        "size is {.*}; expected .height",
    ),
    "rescale by a text": (lambda: images.rescale(IMAGE, "x"), TypeError, "scale is 'x'; expected a number, such as 1 / 255"),
    "mean: text": (lambda: images.normalize(IMAGE, "x", 1.0), ValueError, "mean is 'x'; expected a number, or one for each"),
    "pad nothing": (lambda: images.pad(None, 1), TypeError, "an array or a tensor; found NoneType"),
    "pad by -1": (lambda: images.pad(IMAGE, -1), ValueError, "padding is -1; expected numbers of pixels from 0"),
    "colour: text": (lambda: images.rgb_to_id("x"), ValueError, "a colour is 'x'; expected red, green and blue"),
    "number: text": (lambda: images.id_to_rgb("x"), TypeError, "the number of a colour is 'x'; expected a whole number"),
    "size of nothing": (lambda: get_image_size(None), TypeError, "an array or a tensor; found NoneType"),
    "mask of None": (
        lambda: masks.create_causal_mask(None, EMBEDS, None, None),
        TypeError,
        "config of a model; found None",
    ),
    "mask for 5": (lambda: masks.create_bidirectional_mask(5, EMBEDS, None), TypeError, "the config of a model; found 5"),
    "masks for 5": (
        lambda: masks.create_masks_for_generate(5, EMBEDS, None, None),
        TypeError,
        "the config of a model; found 5",
    ),
    "mask of nothing": (
        lambda: masks.create_causal_mask(llama_config(), None, None, None),
        TypeError,
        "inputs_embeds is None; expected a tensor .rows, tokens, width.",
    ),
    "joined from 5": (lambda: masks.and_masks(5), ValueError, r"joined from \(5,\); expected functions of .batch, head, query"),
    "joined from none": (lambda: masks.or_masks(), ValueError, "joined from ..; expected functions"),
    "window: text": (lambda: mask_functions.sliding_window_overlay("x"), TypeError, "sliding_window is 'x'; expected a number"),
    "parser of 5": (lambda: ours.HfArgumentParser(5), TypeError, "fills dataclasses; found 5"),
    "tensors in 5": (
        lambda: ours.LlamaForCausalLM.from_pretrained(None, config=llama_config(), state_dict=5),
        ValueError,
        "state_dict is 5; expected a dictionary of tensors by name",
    ),
    "a number for a tensor": (
        lambda: ours.LlamaForCausalLM.from_pretrained(None, config=llama_config(), state_dict={"x": 5}),
        TypeError,
        "state_dict has 5 for 'x'; expected a tensor",
    ),
    "seed: text": (lambda: ours.set_seed("x"), TypeError, r"seed is 'x'; expected a whole number from 0 to 2\*\*64 - 1"),
    "seed: none": (lambda: ours.set_seed(None), TypeError, "seed is None; expected a whole number"),
    "seed: -1": (lambda: ours.set_seed(-1), ValueError, "seed is -1; expected a whole number"),
    "features in 5": (lambda: ours.BatchFeature(5), TypeError, "a BatchFeature is made of 5; expected a dictionary"),
    "features in a text": (lambda: ours.BatchFeature("x"), ValueError, "a BatchFeature is made of 'x'; expected a dictionary"),
    "encoding of 5": (lambda: ours.BatchEncoding(5), TypeError, "a BatchEncoding is made of 5; expected a dictionary"),
}


@pytest.mark.parametrize(("call", "kind", "text"), HELPERS.values(), ids=HELPERS.keys())
def test_what_helpers_refuse(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    """In the kind of error that scripts written for the published library catch."""
    with pytest.raises(BestiaryError, match=text) as caught:
        call()
    assert isinstance(caught.value, kind)


def test_an_adapter_without_room(model: Any) -> None:
    peft = pytest.importorskip("peft")
    with pytest.raises(CapacityError, match=r"no room for the adapter 'default' .*; lower r=1000000000000"):
        model.add_adapter(peft.LoraConfig(r=10**12, target_modules=["q_proj"]))


@pytest.mark.parametrize("path", ["model", "model.layers.0", "model.layers.1.mlp", "model.layers.0.self_attn"])
def test_hooks_that_return_nonsense_are_named(model: Any, path: str) -> None:
    model.get_submodule(path).register_forward_hook(lambda *args: "x")
    with pytest.raises((TypeError, AttributeError)) as caught:
        model(IDS)
    assert any(f"hooks stand on {path};" in note for note in caught.value.__notes__)


def test_layers_that_gemma_4_has_no_table_for() -> None:
    config = ours.Gemma4TextConfig(
        hidden_size=16, intermediate_size=16, num_attention_heads=2, num_key_value_heads=1, head_dim=8, global_head_dim=8,
        num_hidden_layers=2, vocab_size=50, vocab_size_per_layer_input=50, hidden_size_per_layer_input=4,
        num_kv_shared_layers=0, layer_types=["sliding_attention", "full_attention"],
    )  # fmt: skip
    model: Any = ours.Gemma4ForCausalLM(config)
    model.model.layers.append(copy.deepcopy(model.model.layers[0]))
    assert model(IDS).logits.shape == (1, 3, 50)  # the config counts the layers
    model.config.num_hidden_layers = 3
    with pytest.raises(BestiaryError, match="num_hidden_layers is 3, and embed_tokens_per_layer holds what 2 layers are told"):
        model(IDS)
