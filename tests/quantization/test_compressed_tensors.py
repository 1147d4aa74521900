"""Checkpoints of compressed-tensors: every format and strategy, made number by number here, and by the package where it is."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bestiary import CompressedTensorsConfig, LlamaConfig, LlamaForCausalLM
from bestiary.core.errors import ConfigError, CorruptFile, LoadError
from bestiary.core.logging import BestiaryWarning
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.config import AutoQuantizationConfig
from bestiary.quantization.methods.compressed_tensors import CompressedTensors
from bestiary.quantization.schemes import TensorArgs

IDS = torch.tensor([[1, 5, 2, 7, 3]])
INT8: dict[str, Any] = {"num_bits": 8, "type": "int", "strategy": "channel"}
FLOAT8: dict[str, Any] = {"num_bits": 8, "type": "float", "strategy": "tensor"}
INT4: dict[str, Any] = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32}
TOKENS: dict[str, Any] = {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True}
FLOAT_TOKENS: dict[str, Any] = {**TOKENS, "type": "float"}
WEIGHTS = [
    ("int-quantized", INT8),
    ("int-quantized", {**INT8, "strategy": "tensor", "symmetric": False}),
    ("int-quantized", {**INT8, "strategy": "channel", "symmetric": False}),
    ("naive-quantized", {**INT8, "strategy": "group", "group_size": 16}),
    ("naive-quantized", {**INT8, "strategy": "block", "block_structure": [24, 40]}),
    ("float-quantized", FLOAT8),
    ("float-quantized", {**FLOAT8, "strategy": "channel"}),
    ("float-quantized", {**FLOAT8, "strategy": "block", "block_structure": [16, 32]}),
    ("pack-quantized", INT4),
    ("pack-quantized", {**INT4, "symmetric": False}),
    ("pack-quantized", {**INT4, "strategy": "channel", "symmetric": False}),
    ("pack-quantized", {**INT4, "strategy": "tensor", "symmetric": False}),
    ("pack-quantized", {**INT4, "num_bits": 8}),
    ("pack-quantized", {**INT4, "num_bits": 3, "symmetric": False}),
    ("pack-quantized", {**INT4, "num_bits": 2, "group_size": 96, "strategy": None}),
]


def settings(format: str, weights: dict[str, Any], inputs: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs}
    return {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": group},
        "format": format,
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        **others,
    }


def empty_layer(table: dict[str, Any], rows: int = 20, columns: int = 96) -> Any:
    method = CompressedTensors(AutoQuantizationConfig.from_dict(table), pre_quantized=True)
    return method.make("layer", nn.Linear(columns, rows))


def made(format: str, args: dict[str, Any], rows: int = 20, columns: int = 96) -> tuple[dict[str, Tensor], Tensor]:
    """Tensors of a file, made of random codes, and the numbers that they stand for, one by one."""
    bits, symmetric = args["num_bits"], args.get("symmetric", True)
    block = {
        "tensor": (rows, columns),
        "channel": (1, columns),
        "group": (1, args.get("group_size")),
        "block": tuple(args.get("block_structure") or ()),
    }[args["strategy"] or "group"]
    grid = (-(-rows // block[0]), -(-columns // block[1]))
    scales = torch.rand(grid) + 0.1
    if args["type"] == "float":
        codes = torch.randn(rows, columns).to(torch.float8_e4m3fn)
        zeros = torch.zeros(grid)
    else:
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1)
        codes = torch.randint(low, high, (rows, columns), dtype=torch.int8)
        zeros = torch.zeros(grid, dtype=torch.int8) if symmetric else torch.randint(low, high, grid, dtype=torch.int8)
    numbers = torch.empty(rows, columns)
    for row in range(rows):
        for column in range(columns):
            at = row // block[0], column // block[1]
            numbers[row, column] = (float(codes[row, column]) - float(zeros[at])) * scales[at]
    flat = args["strategy"] == "tensor"
    tensors = {"weight_scale": scales.flatten() if flat else scales}
    if not symmetric:
        packed = format == "pack-quantized" and not flat
        tensors["weight_zero_point"] = (
            words(zeros.T, bits).T.contiguous() if packed else zeros.view(tensors["weight_scale"].shape)
        )
    if format == "pack-quantized":
        return tensors | {"weight_packed": words(codes, bits), "weight_shape": torch.tensor([rows, columns])}, numbers
    return tensors | {"weight": codes}, numbers


def words(codes: Tensor, bits: int) -> Tensor:
    """Each row as one whole number whose bits are the codes, the first lowest, and that in words of 32 bits."""
    rows = []
    for row in codes.tolist():
        number = sum((code + 2 ** (bits - 1)) << (bits * index) for index, code in enumerate(row))
        count = -(-len(row) * bits // 32)
        rows.append([number >> (32 * index) & 0xFFFFFFFF for index in range(count)])
    return torch.tensor(rows, dtype=torch.int64).to(torch.uint32).view(torch.int32)


@pytest.mark.parametrize(("format", "args"), WEIGHTS)
def test_numbers_of_every_format(format: str, args: dict[str, Any]) -> None:
    torch.manual_seed(0)
    tensors, numbers = made(format, args)
    layer = empty_layer(settings(format, args))
    layer.restore(tensors)
    torch.testing.assert_close(layer.dequantize(), numbers, rtol=1e-6, atol=1e-6)
    stored = layer.stored()
    assert stored.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(stored[name].float(), tensor.float()), name
        assert stored[name].dtype == tensor.dtype, name
    x = torch.randn(2, 3, 96)
    torch.testing.assert_close(layer(x), nn.functional.linear(x, numbers, layer.bias), rtol=1e-4, atol=1e-4)
    assert layer(x[0]).shape == (3, 20)
    layer.quantize(numbers)  # numbers that few bits can hold come back nearly as they were
    close = {2: 3.0, 3: 0.7, 4: 0.4}.get(args["num_bits"], 0.15)
    torch.testing.assert_close(layer.dequantize(), numbers, rtol=0, atol=close * float(numbers.abs().max()) / 2)


def test_columns_in_another_order() -> None:
    torch.manual_seed(0)
    tensors, _ = made("pack-quantized", INT4)
    order = torch.randint(0, 3, (96,), dtype=torch.int32)
    layer = empty_layer(settings("pack-quantized", {**INT4, "actorder": "group"}))
    layer.restore({**tensors, "weight_g_idx": order})
    expected = layer.weight_codes() * tensors["weight_scale"][:, order.long()]
    assert torch.equal(layer.dequantize(), expected)
    layer.restore({**tensors, "weight_g_idx": torch.full((96,), -1, dtype=torch.int32)})  # not in use
    assert torch.equal(layer.dequantize(), layer.weight_codes() * tensors["weight_scale"].repeat_interleave(32, 1))


@pytest.mark.parametrize("kind", ["tokens", "tensor", "zero points", "groups", "float tokens", "static", "static float"])
def test_inputs_are_rounded(kind: str) -> None:
    torch.manual_seed(0)
    args, x = INT8, torch.randn(2, 3, 96)
    x[0, 0] = 0
    inputs: dict[str, Any] = {
        "tokens": TOKENS,
        "tensor": {**TOKENS, "strategy": "tensor"},
        "zero points": {**TOKENS, "symmetric": False},
        "groups": {**FLOAT_TOKENS, "strategy": "group", "group_size": 32},
        "float tokens": FLOAT_TOKENS,
        "static": {**TOKENS, "strategy": "tensor", "dynamic": False, "symmetric": False},
        "static float": {**FLOAT8, "dynamic": False},
    }[kind]
    tensors, numbers = made("int-quantized", args)
    if "static" in kind:
        tensors |= {"input_scale": torch.tensor([0.02])}
        tensors |= {"input_zero_point": torch.tensor([3], dtype=torch.int8)} if kind == "static" else {}
    layer = empty_layer(settings("int-quantized", args, inputs))
    layer.restore(tensors)
    if kind == "tensor":
        parts = [x]
    elif kind == "groups":
        parts = [x[i, j, k : k + 32] for i in range(2) for j in range(3) for k in (0, 32, 64)]
    else:
        parts = [x[i, j] for i in range(2) for j in range(3)]
    rounded = []
    for part in parts:
        if "static" in kind:
            scale, zero = torch.tensor(0.02), 3 if kind == "static" else 0
        elif kind == "zero points":
            least, most = part.min().clamp(max=0), part.max().clamp(min=0)
            scale = ((most - least) / 255).clamp(min=torch.finfo(torch.float32).eps)
            zero = (-128 - least / scale).round()
        else:
            scale, zero = part.abs().max() / (448 if inputs["type"] == "float" else 127.5), 0
            scale = scale if scale > 0 else torch.tensor(1.0)
        if inputs["type"] == "float":
            rounded.append((part / scale).clamp(-448, 448).to(torch.float8_e4m3fn).float() * scale)
        else:
            rounded.append(((part / scale + zero).round().clamp(-128, 127) - zero) * scale)
    expected = nn.functional.linear(torch.cat([each.flatten() for each in rounded]).view(x.shape), numbers, layer.bias)
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)
    plain = nn.functional.linear(x, numbers, layer.bias)
    assert not torch.allclose(plain, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    LlamaForCausalLM(LlamaConfig(**shape)).save_pretrained(folder)
    return folder


def write(llama: Path, folder: Path, table: dict[str, Any], kept: str = "norm embed lm_head") -> Path:
    """The checkpoint with every dense weight made anew in few bits."""
    torch.manual_seed(0)
    state: dict[str, Tensor] = {}
    for name, tensor in load_file(llama / "model.safetensors").items():
        if any(part in name for part in kept.split()):
            state[name] = tensor
            continue
        tensors, _ = made(table["format"], next(iter(table["config_groups"].values()))["weights"], *tensor.shape)
        tensors["weight_scale"] = tensors["weight_scale"] / 100
        state |= {name.removesuffix("weight") + key: each.contiguous() for key, each in tensors.items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((llama / "config.json").read_text()) | {"quantization_config": table}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("format", "weights", "inputs"),
    [("pack-quantized", INT4, None), ("int-quantized", INT8, TOKENS), ("float-quantized", FLOAT8, FLOAT_TOKENS)],
)
def test_opened_saved_and_given_back(
    format: str, weights: dict[str, Any], inputs: dict[str, Any] | None, llama: Path, tmp_path: Path
) -> None:
    table = settings(format, weights, inputs, version="0.15.0", sparsity_config={"format": "dense"})
    model = LlamaForCausalLM.from_pretrained(write(llama, tmp_path, table))
    assert sum(isinstance(each, QuantizedLinear) for each in model.modules()) == 14
    asked = CompressedTensorsConfig(run_compressed=False)
    with pytest.warns(BestiaryWarning, match="only how to compute"):
        numbers = LlamaForCausalLM.from_pretrained(tmp_path, quantization_config=asked)
    assert not any(isinstance(each, QuantizedLinear) for each in numbers.modules())
    with torch.no_grad():
        logits = model(IDS).logits
        close = 1e-5 if inputs is None else 0.1
        torch.testing.assert_close(numbers(IDS).logits, logits, rtol=0, atol=close)
        model.save_pretrained(tmp_path / "again")
        again = LlamaForCausalLM.from_pretrained(tmp_path / "again")
        assert torch.equal(again(IDS).logits, logits)
    assert load_file(tmp_path / "again" / "model.safetensors").keys() == load_file(tmp_path / "model.safetensors").keys()


def test_targets_and_what_is_ignored(llama: Path, tmp_path: Path) -> None:
    table = settings("int-quantized", INT8, ignore=["lm_head", "re:.*self_attn.*", "model.layers.1.mlp.up_proj"])
    write(llama, tmp_path, table, kept="norm embed lm_head self_attn layers.1.mlp.up_proj")
    model = LlamaForCausalLM.from_pretrained(tmp_path)
    found = {name for name, each in model.model.named_modules() if isinstance(each, QuantizedLinear)}
    assert found == {f"layers.{i}.mlp.{name}_proj" for i in (0, 1) for name in ("gate", "up", "down")} - {
        "layers.1.mlp.up_proj"
    }
    two = {"some": {"targets": ["re:.*down_proj"], "weights": INT4}, "others": {"targets": ["Linear"], "weights": INT8}}
    method = CompressedTensors(AutoQuantizationConfig.from_dict(table | {"config_groups": two}), pre_quantized=True)
    bits = {name: scheme.weights.num_bits for name in ("a.down_proj", "a.up_proj") if (scheme := method.scheme_of(name))}
    assert bits == {"a.down_proj": 4, "a.up_proj": 8}
    assert method.scheme_of("lm_head") is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "marlin-24"}, "'marlin-24', which is not opened here"),
        ({"format": "nvfp4-pack-quantized"}, "not opened here"),
        ({"quantization_status": "frozen"}, "expected 'compressed'"),
        ({"config_groups": {}}, "expected 'compressed'"),
        ({"config_groups": {"NVFP4": ["Linear"]}}, "preset 'NVFP4'"),
        ({"config_groups": {"g": {"targets": "Linear"}}}, "list of targets"),
        ({"kv_cache_scheme": INT8}, "keys and values"),
        ({"sparsity_config": {"format": "sparse-24-bitmask"}}, "sparse weights"),
        ({"transform_config": {"config_groups": {"a": 1}}}, "rotated"),
        ({"ignore": ["re:(("]}, "cannot be read"),
        ({"config_groups": {"g": {"targets": ["Linear"], "weights": {**INT8, "num_bits": 9}}}}, "1 to 8 bits"),
        ({"config_groups": {"g": {"targets": ["Linear"], "weights": {**FLOAT8, "num_bits": 4}}}}, "'float' of 8"),
        ({"config_groups": {"g": {"targets": ["Linear"], "weights": {**INT8, "strategy": "attn_head"}}}}, "opened here are"),
        ({"config_groups": {"g": {"targets": ["Linear"], "weights": {**INT4, "group_size": 0}}}}, "1 or more"),
        ({"config_groups": {"g": {"targets": ["Linear"], "weights": {**INT8, "strategy": "block"}}}}, "two positive numbers"),
        ({"config_groups": {"g": {"targets": ["Linear"], "weights": INT8, "output_activations": INT8}}}, "output_activations"),
    ],
)
def test_settings_that_are_not_opened(change: dict[str, Any], words: str, llama: Path, tmp_path: Path) -> None:
    write(llama, tmp_path, settings("int-quantized", INT8))
    config = json.loads((tmp_path / "config.json").read_text())
    config["quantization_config"] |= change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=words):
        LlamaForCausalLM.from_pretrained(tmp_path)


def test_numbers_are_not_compressed(llama: Path) -> None:
    with pytest.raises(ConfigError, match="quantized already"):
        LlamaForCausalLM.from_pretrained(llama, quantization_config=CompressedTensorsConfig(config_groups={"W8A8": ["Linear"]}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight_scale": torch.ones(20, 4)}, r"expected floating numbers \(20, 3\)"),
        ({"weight_scale": torch.full((20, 3), torch.nan)}, "not finite"),
        ({"weight_packed": torch.zeros(20, 11, dtype=torch.int32)}, r"expected torch.int32 \(20, 12\)"),
        ({"weight_packed": torch.zeros(20, 12)}, "expected torch.int32"),
        ({"weight_shape": torch.tensor([20, 95])}, r"weight_shape says \[20, 95\]"),
        ({"weight_g_idx": torch.full((96,), 3)}, "weight_g_idx holds numbers from 3 to 3; expected -1 to 2"),
        ({"weight_g_idx": torch.zeros(95, dtype=torch.int32)}, r"expected int32 or .* \(96,\)"),
        ({"weight_g_idx": torch.zeros(96)}, "weight_g_idx is torch.float32"),
        ({"weight_shape": torch.tensor([20.0, 96.0])}, "weight_shape is torch.float32"),
    ],
)
def test_tensors_that_do_not_fit(change: dict[str, Tensor], words: str) -> None:
    tensors, _ = made("pack-quantized", INT4)
    with pytest.raises(CorruptFile, match=words):
        empty_layer(settings("pack-quantized", INT4)).restore({**tensors, **change})


def test_groups_zero_points_and_scales_that_are_missing(llama: Path, tmp_path: Path) -> None:
    tensors, _ = made("pack-quantized", INT4)
    for args, words in (
        ({**INT4, "group_size": 36}, "does not divide"),
        ({**INT4, "symmetric": False}, "no weight_zero_point"),
    ):
        with pytest.raises(CorruptFile, match=words):
            empty_layer(settings("pack-quantized", args)).restore(tensors)
    static = settings("pack-quantized", INT4, {**TOKENS, "strategy": "tensor", "dynamic": False})
    with pytest.raises(CorruptFile, match="no input_scale"):
        empty_layer(static).restore(tensors)
    write(llama, tmp_path, settings("int-quantized", INT8))
    state = load_file(tmp_path / "model.safetensors")
    del state["model.layers.0.mlp.up_proj.weight_scale"]
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(LoadError, match="up_proj"):
        LlamaForCausalLM.from_pretrained(tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("compressed_tensors") is None, reason="compressed-tensors is not installed")
class TestThePackage:
    @pytest.mark.parametrize("bits", [2, 3, 4, 8])
    @pytest.mark.parametrize("symmetric", [True, False])
    @pytest.mark.parametrize("strategy", ["tensor", "channel", "group"])
    def test_packs_the_same(self, bits: int, symmetric: bool, strategy: str) -> None:
        from compressed_tensors.compressors import PackedQuantizationCompressor
        from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
        from compressed_tensors.quantization.utils import calculate_qparams

        torch.manual_seed(0)
        weight = torch.randn(48, 96)
        args = {"num_bits": bits, "type": "int", "symmetric": symmetric, "strategy": strategy}
        args |= {"group_size": 32} if strategy == "group" else {}
        layer = empty_layer(settings("pack-quantized", args), 48, 96)
        layer.quantize(weight)
        ours = layer.stored()
        blocks = weight.view(48, -1, 32) if strategy == "group" else weight.view(48 if strategy == "channel" else 1, 1, -1)
        scales, zeros = calculate_qparams(blocks.amin(-1), blocks.amax(-1), QuantizationArgs(**args))
        shape = ours["weight_scale"].shape
        state = {"weight": weight, "weight_scale": scales.view(shape), "weight_zero_point": zeros.view(shape)}
        scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**args), format="pack-quantized")
        theirs = PackedQuantizationCompressor.compress(state, scheme)
        assert ours.keys() == theirs.keys()
        for name, tensor in theirs.items():
            assert torch.equal(ours[name], tensor), name

    @pytest.mark.parametrize("change", [{}, {"symmetric": False}, {"num_bits": 4}, {"type": "float"}, {"strategy": "tensor"}])
    def test_rounds_inputs_the_same(self, change: dict[str, Any]) -> None:
        from compressed_tensors.quantization import QuantizationArgs
        from compressed_tensors.quantization.lifecycle.forward import fake_quantize
        from compressed_tensors.quantization.utils import compute_dynamic_scales_and_zp

        x = torch.randn(2, 5, 96)
        args = QuantizationArgs(**{**TOKENS, **change})
        expected = fake_quantize(x, *compute_dynamic_scales_and_zp(x, args, nn.Linear(96, 4)), args)
        ours = TensorArgs.of({**TOKENS, **change}, "inputs")
        assert torch.equal(ours.numbers(*ours.quantized(x, None, None)), expected)
