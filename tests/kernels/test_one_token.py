"""One decoded token's way through a layer by steps of C gives what the modules give, and only where nobody looks into them."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

import bestiary
from bestiary.nn import one_token
from bestiary.nn.attention import Attend
from bestiary.nn.layer import Layer

COMMON = {
    "vocab_size": 64,
    "hidden_size": 256,
    "intermediate_size": 320,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
EVERY_HEAD = {"num_key_value_heads": COMMON["num_attention_heads"]}  # has keys of its own
# Family -> its further settings, and whether the whole layer is steps or its first half is.
FAMILIES: dict[str, tuple[dict[str, Any], bool]] = {
    "Llama": ({"attention_bias": True, "mlp_bias": True}, True),
    "Mistral": ({"sliding_window": 8}, True),
    "Qwen2": ({}, True),
    "Qwen3": ({}, True),
    "Gemma": ({}, True),
    "Gemma2": ({"sliding_window": 8, "attn_logit_softcapping": 5.0}, True),
    "Granite": ({"residual_multiplier": 0.3, "attention_multiplier": 0.2}, True),
    "Olmo2": ({}, True),
    "Starcoder2": ({}, True),
    "Mixtral": (EXPERTS, True),
    "Qwen3Moe": ({"num_experts": 4, "num_experts_per_tok": 3, "moe_intermediate_size": 96, "norm_topk_prob": False}, True),
    "GPT2": ({"n_embd": 256, "n_head": 8, "n_layer": 2}, True),
    "GPTNeoX": ({"rotary_pct": 0.5, **EVERY_HEAD}, True),
    "GPTNeoX in turn": ({"use_parallel_residual": False, "attention_bias": False, **EVERY_HEAD}, True),
}


def model_of(family: str, std: float = 0.05, **settings: Any) -> Any:
    """A model of random weights, of which none is 0 or 1."""
    torch.manual_seed(0)
    family = family.split(" ")[0]
    config = getattr(bestiary, f"{family}Config")(**{**COMMON, **settings})
    model = getattr(bestiary, "GPT2LMHeadModel" if family == "GPT2" else f"{family}ForCausalLM")(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=std)
    return model


def decoded(model: Any, tokens: int = 14, cache: Any = None, **options: Any) -> Tensor:
    """The logits (1, n, V) of tokens that come one after the other behind three."""
    ids = torch.arange(3, 3 + tokens).unsqueeze(0)
    with torch.no_grad():
        output = model(ids[:, :3], past_key_values=cache, use_cache=True, **options)
        logits = [output.logits[:, -1:]]
        for token in ids[:, 3:].split(1, dim=1):
            logits.append(model(token, past_key_values=output.past_key_values, **options).logits)
    return torch.cat(logits, dim=1)


def made(model: Any) -> list[Any]:
    """What is known of the layers' steps."""
    return [one_token._MADE.get(module) for module in model.modules() if isinstance(module, Layer)]


def by_steps(model: Any) -> bool:
    return all(isinstance(each, one_token.LayerSteps) for each in made(model))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layers_of_one_token(
    family: str, dtype: torch.dtype, kernels: Callable[[bool], None], with_kernels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BESTIARY_MEASURE_KERNELS", "no")
    settings, whole = FAMILIES[family]
    model = model_of(family, **settings).to(dtype)
    found = decoded(model)
    # In 16 bits bounded scores are the eager formula's, which rounds them, and weights that lie by columns are torch's.
    if family in ("Gemma2", "GPT2") and dtype != torch.float32:
        assert not by_steps(model)
    else:
        assert by_steps(model)
        assert [each.whole for each in made(model)] == [whole] * 2
    kernels(False)
    error = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found, decoded(model), rtol=error, atol=error)


@pytest.mark.parametrize("kind", ["static", "sliding_window", "quantized"])
def test_any_cache(kind: str, kernels: Callable[[bool], None]) -> None:
    model = model_of("Llama")
    options: dict[str, Any] = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None}
    if kind != "sliding_window":
        options["cache_implementation"] = kind
    else:
        model = model_of("Mistral", sliding_window=6)
    if kind == "static":
        options["disable_compile"] = True
    ids = torch.tensor([[5, 6, 7, 8]])
    found = model.generate(ids, output_logits=True, return_dict_in_generate=True, **options)
    assert by_steps(model)
    kernels(False)
    expected = model.generate(ids, output_logits=True, return_dict_in_generate=True, **options)
    torch.testing.assert_close(torch.cat(found.logits), torch.cat(expected.logits), rtol=1e-4, atol=1e-4)


def test_padding_before_a_text(kernels: Callable[[bool], None]) -> None:
    model = model_of("Llama")
    ids, mask = torch.tensor([[0, 0, 5, 6]]), torch.tensor([[0, 0, 1, 1]])
    found = model.generate(ids, attention_mask=mask, max_new_tokens=8, do_sample=False, eos_token_id=None)
    assert by_steps(model)
    alone = model.generate(ids[:, 2:], max_new_tokens=8, do_sample=False, eos_token_id=None)
    assert torch.equal(found[:, 2:], alone)


def test_eight_bits(kernels: Callable[[bool], None], with_kernels: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BESTIARY_MEASURE_KERNELS", "no")
    model_of("Llama", attention_bias=True).save_pretrained(tmp_path)
    settings = bestiary.BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=3.0)
    model = bestiary.LlamaForCausalLM.from_pretrained(tmp_path, quantization_config=settings, dtype="float32")
    found = decoded(model)
    assert by_steps(model)
    kernels(False)
    torch.testing.assert_close(found, decoded(model), rtol=1e-3, atol=1e-3)
    kernels(True)
    model.config.quantization_config.llm_int8_threshold = 0.0
    layer = model.model.layers[0].self_attn.q_proj
    layer.config.llm_int8_threshold = 0.0
    changed = decoded(model)
    kernels(False)
    torch.testing.assert_close(changed, decoded(model), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("compute", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["nf4", "int4"])
def test_four_bits(
    kind: str,
    compute: str,
    dtype: str,
    kernels: Callable[[bool], None],
    with_kernels: Any,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BESTIARY_MEASURE_KERNELS", "no")
    model_of("Llama", attention_bias=True).save_pretrained(tmp_path)
    settings = bestiary.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_compute_dtype=compute)
    model = bestiary.LlamaForCausalLM.from_pretrained(tmp_path, quantization_config=settings, dtype=dtype)
    found = decoded(model)
    assert by_steps(model) == (compute in (dtype, "float32"))  # states are never made less exact by steps
    kernels(False)
    error = 1e-5 if dtype == compute == "float32" else 2e-2
    torch.testing.assert_close(found, decoded(model), rtol=error, atol=error)


def test_four_bits_with_zeros(
    kernels: Callable[[bool], None], with_kernels: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BESTIARY_MEASURE_KERNELS", "no")
    model_of("Llama").save_pretrained(tmp_path)
    settings = bestiary.HqqConfig(nbits=4, group_size=64)
    model = bestiary.LlamaForCausalLM.from_pretrained(tmp_path, quantization_config=settings, dtype="float32")
    assert model.model.layers[0].mlp.up_proj.int4.offsets is not None
    found = decoded(model)
    assert by_steps(model)
    kernels(False)
    torch.testing.assert_close(found, decoded(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_blocks_of_a_file(
    kind: str, kernels: Callable[[bool], None], with_kernels: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BESTIARY_MEASURE_KERNELS", "no")
    model_of("Llama").save_pretrained(tmp_path, format="gguf", quantization=kind)
    settings = {"gguf_file": "model.gguf", "quantization_config": bestiary.GgufConfig(), "dtype": "float32"}
    model = bestiary.LlamaForCausalLM.from_pretrained(tmp_path, **settings)
    found = decoded(model)
    assert by_steps(model)
    kernels(False)
    torch.testing.assert_close(found, decoded(model), rtol=1e-5, atol=1e-5)


def test_a_change_is_seen_at_the_next_token(kernels: Callable[[bool], None]) -> None:
    model = model_of("Llama", std=0.15)
    decoded(model)
    layer, other = model.model.layers[0], model.model.layers[1]
    changes: list[Callable[[], Any]] = [
        lambda: layer.self_attn.q_proj.weight.data.mul_(1.5),
        lambda: setattr(layer.mlp.up_proj.weight, "data", layer.mlp.up_proj.weight.data * -0.5),
        lambda: setattr(layer.self_attn, "o_proj", nn.Linear(256, 256)),
        lambda: setattr(layer.input_layernorm, "eps", 0.3),
        lambda: setattr(layer.self_attn, "scaling", 0.9),
        lambda: setattr(other.mlp, "act_fn", nn.functional.gelu),
        lambda: setattr(other.self_attn.q_proj, "weight", nn.Parameter(torch.randn(256, 256) / 16)),
        lambda: model.set_attn_implementation("eager"),
        lambda: setattr(other.mlp, "act_fn", torch.cos),  # for which there is no step
        lambda: setattr(other.mlp.down_proj, "forward", lambda x: torch.zeros_like(x[..., :256])),
    ]
    before = decoded(model)
    for change in changes:
        change()
        kernels(True)
        found = decoded(model)
        kernels(False)
        expected = decoded(model)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        if change is not changes[7]:  # the same numbers by another formula
            assert not torch.allclose(found, before, rtol=1e-3, atol=1e-3)
        before = found


def test_a_layer_that_moves_takes_another_place_in_the_cache(kernels: Callable[[bool], None]) -> None:
    model = model_of("Llama", std=0.15)
    decoded(model)
    first, last = model.model.layers
    between = deepcopy(last)
    last.self_attn.layer_idx = model.config.num_hidden_layers
    model.config.num_hidden_layers += 1
    model.model.layers = nn.ModuleList([first, between, last])
    found = decoded(model)
    assert by_steps(model)
    kernels(False)
    torch.testing.assert_close(found, decoded(model), rtol=1e-4, atol=1e-4)


def test_hooks_see_every_module(kernels: Callable[[bool], None]) -> None:
    model, seen = model_of("Llama"), []
    plain = decoded(model)
    handle = model.model.layers[0].mlp.gate_proj.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    torch.testing.assert_close(decoded(model), plain, rtol=1e-5, atol=1e-5)
    assert len(seen) == 12
    handle.remove()
    handle = nn.modules.module.register_module_forward_hook(lambda module, args, output: seen.append(type(module)))
    decoded(model)
    handle.remove()
    assert seen.count(type(model.model.layers[0].input_layernorm)) == 12 * 5
    with torch.no_grad():
        output = model(torch.tensor([[5]]), output_attentions=True, output_hidden_states=True)
    assert output.attentions[1].shape == (1, 8, 1, 1)
    assert len(output.hidden_states) == 3


def test_gradients_and_training_take_the_modules(kernels: Callable[[bool], None]) -> None:
    model = model_of("Llama")
    decoded(model)
    output = model(torch.tensor([[5]]), labels=torch.tensor([[5]]))
    output.logits.sum().backward()
    assert model.model.layers[0].self_attn.v_proj.weight.grad is not None
    model.model.layers[0].self_attn.train()
    with torch.no_grad():
        model(torch.tensor([[5]]))
    assert not by_steps(model)


def test_layers_are_freed(kernels: Callable[[bool], None]) -> None:
    model = model_of("Llama")
    decoded(model)
    assert by_steps(model)
    known = len(one_token._MADE)
    del model
    assert len(one_token._MADE) == known - 2


def test_two_threads_give_what_one_gives(kernels: Callable[[bool], None]) -> None:
    model, threads = model_of("Llama", intermediate_size=1024), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = decoded(model)[:, 1:]
        torch.set_num_threads(2)
        assert (decoded(model)[:, 1:] - alone).abs().max() < 1e-5
    finally:
        torch.set_num_threads(threads)
    assert by_steps(model)


class Wrapper(nn.Module):
    """A part around another, as adapters are."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.inner(*args, **kwargs) * 0.5


class HalfAttend(Attend):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return super().forward(*args, **kwargs) * 0.5


def wrap(module: Any, name: str) -> None:
    setattr(module, name, Wrapper(getattr(module, name)))


def half_of(function: Any) -> Any:
    return lambda *args, **kwargs: function(*args, **kwargs) * 0.5


CHANGES: dict[str, Callable[[Any, pytest.MonkeyPatch], Any]] = {
    "a class's forward": lambda layer, patch: patch.setattr(type(layer.mlp), "forward", half_of(type(layer.mlp).forward)),
    "a method of a class": lambda layer, patch: patch.setattr(type(layer), "mix", half_of(type(layer).mix)),
    "a method of an object": lambda layer, patch: patch.setattr(layer.mlp, "gated", torch.tanh, raising=False),
    "torch's function": lambda layer, patch: patch.setattr(
        nn.functional, "scaled_dot_product_attention", half_of(nn.functional.scaled_dot_product_attention)
    ),
    "calling": lambda layer, patch: patch.setattr(nn.Linear, "__call__", half_of(nn.Linear.__call__), raising=False),
    "a kind of attention": lambda layer, patch: patch.setattr(layer.self_attn.attend, "__class__", HalfAttend),
    "a wrapped projection": lambda layer, patch: wrap(layer.self_attn, "k_proj"),
    "a wrapped product": lambda layer, patch: wrap(layer.mlp, "down_proj"),
    "a wrapped MLP": lambda layer, patch: wrap(layer, "mlp"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("before", [True, False])
def test_what_replaces_a_part_or_a_method_computes(
    change: str, before: bool, kernels: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of("Llama", std=0.15)
    plain = decoded(model)
    if before:  # steps are made of what is there then
        model = deepcopy(model)
    CHANGES[change](model.model.layers[0], monkeypatch)
    found = decoded(model)
    kernels(False)
    torch.testing.assert_close(found, decoded(model), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found, plain, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("part", ["mlp", "post_attention_layernorm"])
def test_a_part_that_was_compiled(part: str, kernels: Callable[[bool], None]) -> None:
    model = model_of("Llama")
    plain = decoded(model)
    layer = model.model.layers[1]
    setattr(layer, part, torch.compile(getattr(layer, part), backend="eager"))
    torch.testing.assert_close(decoded(model), plain, rtol=1e-4, atol=1e-4)


def test_another_product_in_gpt2(kernels: Callable[[bool], None]) -> None:
    model = model_of("GPT2", n_embd=256, n_head=8, n_layer=2)
    plain, attention = decoded(model), model.transformer.h[0].attn
    product = nn.Linear(256, 256)
    product.weight.data, product.bias.data = attention.c_proj.weight.data.T.contiguous(), attention.c_proj.bias.data
    attention.c_proj = product
    torch.testing.assert_close(decoded(model), plain, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_tangents_pass(kernels: Callable[[bool], None]) -> None:
    model = model_of("Llama", attn_implementation="eager")
    states = torch.randn(1, 1, 256)
    with torch.no_grad(), forward_ad.dual_level():
        output = model(inputs_embeds=forward_ad.make_dual(states, torch.ones_like(states))).logits
        assert forward_ad.unpack_dual(output).tangent is not None
