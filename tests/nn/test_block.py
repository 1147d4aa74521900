"""Blocks called, hooked and replaced under the published names, beside the reference's with the same weights."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

import bestiary
from bestiary.core.errors import ArgumentError
from bestiary.models.llama.model import LlamaAttention, LlamaDecoderLayer
from bestiary.nn.layer import Layer

SIZES = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4}
HALVES = {f"{half}_{name}": value for half in ("encoder", "decoder") for name, value in (("layers", 1), ("ffn_dim", 40))}
HALVES |= {"d_model": 32, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "vocab_size": 60}
TOWERS = {"vision_config": SIZES | {"image_size": 16, "patch_size": 8}, "text_config": SIZES | {"vocab_size": 50}}
ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "decoder_start_token_id": 1}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama": ("Llama", SIZES | {"vocab_size": 50, "num_key_value_heads": 2}),
    "Mistral": ("Mistral", SIZES | {"vocab_size": 50, "num_key_value_heads": 2}),
    "Qwen2": ("Qwen2", SIZES | {"vocab_size": 50, "num_key_value_heads": 2}),
    "Gemma": ("Gemma", SIZES | {"vocab_size": 50, "num_key_value_heads": 2, "head_dim": 8}),
    "Bert": ("Bert", SIZES | {"vocab_size": 50}),
    "Roberta": ("Roberta", SIZES | {"vocab_size": 50}),
    "decoding Bert": ("Bert", SIZES | {"vocab_size": 50, "is_decoder": True, "add_cross_attention": True}),
    "GPT2": ("GPT2", {"vocab_size": 50, "n_embd": 32, "n_layer": 2, "n_head": 4, "add_cross_attention": True, **ENDS}),
    "T5": ("T5", {"vocab_size": 50, "d_model": 32, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 4}),
    "ViT": ("ViT", TOWERS["vision_config"]),
    "CLIP": ("CLIP", TOWERS),
    "Bart": ("Bart", HALVES),
    "Whisper": ("Whisper", HALVES | ENDS),
}
X, MEMORY = torch.randn(2, 5, 32, generator=torch.manual_seed(3)), torch.randn(2, 7, 32, generator=torch.manual_seed(4))
HIDDEN = torch.zeros(2, 1, 5, 5).masked_fill(torch.arange(5) < torch.tensor([2, 0]).view(2, 1, 1, 1), -3e38)
ROTARY = ["layers.1", "layers.0.self_attn"]
BERT = ["encoder.layer.0", "encoder.layer.0.attention", "encoder.layer.0.attention.self"]
# Model -> paths of blocks, ours where the two differ behind an equals sign, and what they look at besides.
BLOCKS: dict[str, tuple[list[str], dict[str, Any]]] = {
    **dict.fromkeys(("Llama", "Mistral", "Qwen2", "Gemma"), (ROTARY, {})),
    **dict.fromkeys(("Bert", "Roberta"), (BERT, {})),
    "decoding Bert": (BERT[:1], {"encoder_hidden_states": MEMORY}),
    "GPT2": (["h.1", "h.0.attn", "h.0.crossattention"], {"encoder_hidden_states": MEMORY}),
    "T5": (["encoder.block.1", "encoder.block.0.layer.0", "decoder.block.0.layer.0"], {}),
    "ViT": (["layers.0=encoder.layer.0", "layers.0.attention=encoder.layer.0.attention"], {}),
    "CLIP": (["text_model.encoder.layers.0", "vision_model.encoder.layers.1.self_attn"], {}),
    "Bart": (["encoder.layers.0", "encoder.layers.0.self_attn", "decoder.layers.0.self_attn"], {}),
    "Whisper": (["decoder.layers.0"], {"encoder_hidden_states": MEMORY}),
}
CASES = [(name, path) for name, (paths, _) in BLOCKS.items() for path in paths]


@pytest.fixture(scope="module", params=["sdpa", "eager"])
def models(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[nn.Module, nn.Module]]:
    """Name -> the model without a head in both libraries, with the same weights."""
    built: dict[str, tuple[nn.Module, nn.Module]] = {}

    def pair(name: str) -> tuple[nn.Module, nn.Module]:
        if name not in built:
            family, fields = MODELS[name]
            torch.manual_seed(0)
            config = getattr(transformers, f"{family}Config")(**fields)
            config._attn_implementation = request.param
            theirs = getattr(transformers, f"{family}Model")(config).eval()
            folder = tmp_path_factory.mktemp(family)
            theirs.save_pretrained(folder)
            ours = getattr(bestiary, f"{family}Model").from_pretrained(folder, attn_implementation=request.param).eval()
            built[name] = theirs, ours
        return built[name]

    return pair


def equal(ours: Any, theirs: Any) -> None:
    """The same tensors in the same form."""
    assert isinstance(ours, tuple) == isinstance(theirs, tuple)
    ours, theirs = (each if isinstance(each, tuple) else (each,) for each in (ours, theirs))
    assert [each is None for each in ours] == [each is None for each in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        if mine is not None:
            torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("masked", [False, True], ids=["bare", "masked"])
@pytest.mark.parametrize(("name", "path"), CASES, ids=[f"{name}:{path}" for name, path in CASES])
@torch.no_grad()
def test_a_block_called_by_others(models: Any, name: str, path: str, masked: bool) -> None:
    theirs, ours = models(name)
    further: dict[str, Any] = {} if path == "h.0.attn" else dict(BLOCKS[name][1])
    if BLOCKS[name][0] is ROTARY:
        positions = torch.arange(5)[None]
        further["position_embeddings"] = theirs.rotary_emb(X, positions)
        torch.testing.assert_close(ours.rotary_emb(X, position_ids=positions), further["position_embeddings"])
    mine, other = ours.get_submodule(path.split("=")[-1]), theirs.get_submodule(path.split("=")[0])
    mask = HIDDEN if masked and not path.endswith("crossattention") else None
    equal(mine(X, attention_mask=mask, **further), other(X, attention_mask=mask, **further))
    equal(mine(hidden_states=X, attention_mask=mask, **further), other(X, attention_mask=mask, **further))


@torch.no_grad()
def test_a_cache_goes_along(models: Any) -> None:
    theirs, ours = models("GPT2")
    mine, other = bestiary.DynamicCache(), transformers.DynamicCache()
    for states in (X, X[:, :1]):
        equal(ours.h[0](states, past_key_values=mine), theirs.h[0](states, past_key_values=other))
    assert mine.get_seq_length() == 6


def test_states_are_needed(models: Any) -> None:
    with pytest.raises(ArgumentError, match="LlamaDecoderLayer was called without hidden_states"):
        models("Llama")[1].layers[0](attention_mask=None)


def test_positions_are_needed(models: Any) -> None:
    for path in ROTARY:
        with pytest.raises(ArgumentError, match="was called without position_embeddings"):
            models("Llama")[1].get_submodule(path)(X)


def test_parameters_are_shown() -> None:
    shown = list(inspect.signature(LlamaDecoderLayer.forward).parameters)
    published = inspect.signature(transformers.models.llama.modeling_llama.LlamaDecoderLayer.forward)
    assert shown == list(published.parameters)


IDS, MASK = torch.tensor([[0, 0, 5, 6, 7], [3, 4, 5, 6, 7]]), torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
INPUTS = {"input_ids": IDS, "attention_mask": MASK}
PLACES = INPUTS | {"position_ids": (MASK.cumsum(-1) - 1).clamp(min=0)}
HOOKED = [("Llama", "layers.0"), ("Llama", "layers.0.self_attn"), ("GPT2", "h.0"), ("GPT2", "h.0.attn")]
HOOKED += [("Bert", "encoder.layer.0"), ("Bert", "encoder.layer.0.attention.self"), ("Bert", "encoder.layer.0.attention")]


@pytest.mark.parametrize(("name", "path"), HOOKED, ids=[f"{name}:{path}" for name, path in HOOKED])
@torch.no_grad()
def test_hooks_see_and_change_the_published_form(models: Any, name: str, path: str) -> None:
    seen: list[tuple[Any, Any]] = []
    results = []

    def steer(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        seen.append((args, kwargs))
        return (output[0] + 1.5, *output[1:]) if isinstance(output, tuple) else output + 1.5

    for model in models(name):
        plain = model(**PLACES).last_hidden_state
        handle = model.get_submodule(path).register_forward_hook(steer, with_kwargs=True)
        results.append(model(**PLACES, output_hidden_states=True))
        handle.remove()
        assert not torch.equal(plain, results[-1].last_hidden_state)
        assert torch.equal(plain, model(**PLACES).last_hidden_state)
    for theirs, ours in zip(results[0].hidden_states, results[1].hidden_states, strict=True):
        torch.testing.assert_close(ours[MASK.bool()], theirs[MASK.bool()], atol=1e-5, rtol=1e-4)
    (args, kwargs), (our_args, our_kwargs) = seen
    assert {"hidden_states", "attention_mask"} <= {*kwargs, *("hidden_states", "attention_mask")[: len(args)]}
    states = (our_args or [our_kwargs["hidden_states"]])[0], (args or [kwargs["hidden_states"]])[0]
    torch.testing.assert_close(states[0][MASK.bool()], states[1][MASK.bool()], atol=1e-5, rtol=1e-4)
    if "attention_mask" in kwargs:
        mine, other = our_kwargs["attention_mask"], kwargs["attention_mask"]
        assert (mine.shape, mine.dtype) == (other.shape, other.dtype)


def llama() -> Any:
    torch.manual_seed(0)
    return bestiary.LlamaForCausalLM(bestiary.LlamaConfig(**MODELS["Llama"][1])).eval()


class Wrapper(nn.Module):
    """Passes on whatever it gets, and keeps it."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.seen: dict[str, Any] = {}

    def forward(self, states: Tensor, **kwargs: Any) -> Any:
        self.seen = kwargs
        return self.block(states, **kwargs)


class Catcher(Wrapper):
    """What pruners and quantizers put in the first layer's place, to have its inputs."""

    def forward(self, states: Tensor, **kwargs: Any) -> Any:
        self.seen = {"states": states, **kwargs}
        raise KeyboardInterrupt


@torch.no_grad()
def test_inputs_are_caught_and_layers_run_one_by_one() -> None:
    model, inputs = llama(), {**INPUTS, "use_cache": False}
    before = model(**inputs).logits
    layers = model.model.layers
    layers[0] = catcher = Catcher(layers[0])
    with pytest.raises(KeyboardInterrupt):
        model(**inputs)
    layers[0] = catcher.block
    states = catcher.seen.pop("states")
    assert {"attention_mask", "position_ids", "position_embeddings"} <= catcher.seen.keys()
    for layer in layers:
        states = layer(states, **catcher.seen)
    assert torch.equal(model.lm_head(model.model.norm(states)), before)
    assert torch.equal(model(**inputs).logits, before)


@pytest.mark.parametrize("how", ["one by one", "as a list", "attention"])
@torch.no_grad()
def test_modules_of_others_around_blocks(how: str) -> None:
    model, before = llama(), llama()(**INPUTS).logits
    if how == "as a list":
        model.model.layers = nn.ModuleList([Wrapper(layer) for layer in model.model.layers])
    for index in range(2) if how == "one by one" else ():
        model.model.layers[index] = Wrapper(model.model.layers[index])
    if how == "attention":
        for layer in model.model.layers:
            layer.self_attn = Wrapper(layer.self_attn)
            layer.self_attn.forward = lambda hidden_states, own=layer.self_attn, **kwargs: own.block(hidden_states, **kwargs)
    assert torch.equal(model(**INPUTS).logits, before)
    assert torch.equal(model.generate(**INPUTS, max_new_tokens=4), llama().generate(**INPUTS, max_new_tokens=4))


class MyAttention(LlamaAttention):
    """Attention of a user, in the published form."""

    def forward(  # type: ignore[override]
        self, hidden_states: Tensor, position_embeddings: Any = None, attention_mask: Any = None, **kwargs: Any
    ) -> tuple[Tensor, None]:
        assert attention_mask.shape[-2:] == (hidden_states.shape[1],) * 2
        return super().forward(hidden_states, position_embeddings, attention_mask, **kwargs)[0] * 2, None


class MyLayer(LlamaDecoderLayer):
    """A layer of a user, in the published form."""

    def forward(self, hidden_states: Tensor, attention_mask: Any = None, **kwargs: Any) -> Tensor:  # type: ignore[override]
        normed = self.input_layernorm(hidden_states)
        attended, _ = self.self_attn(hidden_states=normed, attention_mask=attention_mask, **kwargs)
        states = hidden_states + 2 * attended
        return states + self.mlp(self.post_attention_layernorm(states))


@pytest.mark.parametrize("kind", ["attention", "layer", "class"])
@torch.no_grad()
def test_blocks_that_a_user_derives(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, model = llama(), llama()
    for layer in expected.model.layers:
        layer.self_attn.o_proj.weight *= 2
    for index, layer in enumerate(model.model.layers):
        if kind == "attention":
            layer.self_attn = MyAttention(model.config, index)
        elif kind == "layer":
            model.model.layers[index] = MyLayer(model.config, index)
    model.load_state_dict(llama().state_dict())
    if kind == "class":
        whole = LlamaAttention.forward
        monkeypatch.setattr(LlamaAttention, "forward", lambda self, **kwargs: (2 * whole(self, **kwargs)[0], None))
        changed = model(**INPUTS).logits
        monkeypatch.undo()
    else:
        changed = model(**INPUTS).logits
    torch.testing.assert_close(changed[MASK.bool()], expected(**INPUTS).logits[MASK.bool()], atol=1e-5, rtol=1e-4)


def test_layers_are_cut_off() -> None:
    model = llama()
    model.model.layers = nn.ModuleList(list(model.model.layers)[:1])
    assert len(model(**INPUTS, output_hidden_states=True).hidden_states) == 2


def test_a_layer_of_a_user_alone_is_called_as_it_is_written() -> None:
    class Theirs(Layer):
        def forward(self, hidden_states: Tensor, attention_mask: Any = None) -> Any:
            return hidden_states, attention_mask

    assert Theirs()(X, HIDDEN)[1] is HIDDEN
    assert Theirs()(X, None) == (X, None)
