"""Files of GPTQ read by loops over their bits, and the calibrator against a slow one of its own."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import bestiary
from bestiary import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertModel,
    GPTQConfig,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)
from bestiary.core.errors import BestiaryError, ConfigError, InputError, NumericsError
from bestiary.nn.quantized import QuantizedLinear
from bestiary.quantization.calibration.gptq import Hessian, solve
from bestiary.quantization.grid import grid_of, grid_of_group, group_of_columns

IDS = torch.tensor([[1, 5, 2, 7, 3], [9, 9, 40, 0, 77]])


def in_words(numbers: list[int], bits: int) -> list[int]:
    """Words of 32 bits of a stream of bits, the first number lowest, as signed numbers."""
    stream = sum(number << (bits * place) for place, number in enumerate(numbers))
    words = [(stream >> (32 * index)) & 0xFFFFFFFF for index in range(len(numbers) * bits // 32)]
    return [word - (1 << 32) if word >> 31 else word for word in words]


def layer_of_file(
    rows: int, columns: int, bits: int, size: int, version: str, shuffled: bool
) -> tuple[dict[str, Tensor], Tensor]:
    """Tensors of a layer in a file, and the numbers (rows, columns) that they are."""
    groups = columns // (columns if size == -1 else size)
    codes = torch.randint(2**bits, (columns, rows))
    zeros = torch.randint(2**bits, (groups, rows))
    scales = (torch.rand(groups, rows) * 0.02 + 0.001).half()
    g_idx = torch.arange(columns) // (columns // groups)
    if shuffled:
        g_idx = g_idx[torch.randperm(columns)]
    kept = (zeros - int(version == "gptq")) % 2**bits
    numbers = torch.empty(rows, columns)
    for row in range(rows):
        for column in range(columns):
            group = int(g_idx[column])
            numbers[row, column] = float(codes[column, row] - zeros[group, row]) * float(scales[group, row])
    words = [in_words(codes[:, row].tolist(), bits) for row in range(rows)]
    return {
        "qweight": torch.tensor(words, dtype=torch.int64).T.to(torch.int32).contiguous(),
        "qzeros": torch.tensor([in_words(kept[group].tolist(), bits) for group in range(groups)]).to(torch.int32),
        "scales": scales,
        "g_idx": g_idx.int(),
    }, numbers


def small(**changes: Any) -> LlamaConfig:
    values: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "vocab_size": 96}
    return LlamaConfig(**{"num_hidden_layers": 2, **values, **changes})


def write(folder: Path, settings: dict[str, Any], layers: dict[str, tuple[dict[str, Tensor], Tensor]], **changes: Any) -> Any:
    """A checkpoint whose `layers` are in few bits, and the model in the numbers that they are."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(small(**changes)).eval()
    tensors = model.state_dict()
    if model.config.tie_word_embeddings:
        del tensors["lm_head.weight"]
    for path, (parts, numbers) in layers.items():
        model.get_submodule(path).weight.data = numbers
        del tensors[f"{path}.weight"]
        tensors |= {f"{path}.{name}": part for name, part in parts.items()}
    model.config.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**config, "quantization_config": settings, "architectures": ["LlamaForCausalLM"]})
    )
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return model


SHAPES = {"self_attn.q_proj": (64, 64), "self_attn.o_proj": (64, 64), "mlp.up_proj": (96, 64), "mlp.down_proj": (64, 96)}


@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
@pytest.mark.parametrize(
    ("bits", "size", "shuffled"), [(4, 32, False), (4, 16, True), (2, -1, False), (3, 32, True), (8, 32, True)]
)
def test_files_are_read_as_their_bits_say(version: str, bits: int, size: int, shuffled: bool, tmp_path: Path) -> None:
    layers = {f"model.layers.1.{name}": layer_of_file(*shape, bits, size, version, shuffled) for name, shape in SHAPES.items()}
    settings = {"quant_method": "gptq", "bits": bits, "group_size": size, "checkpoint_format": version, "desc_act": shuffled}
    numbers = write(tmp_path, settings, layers)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert {path for path, each in model.named_modules() if isinstance(each, QuantizedLinear)} == layers.keys()
    for path, (_, expected) in layers.items():
        assert torch.equal(model.get_submodule(path).dequantize(), expected), path
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, numbers(IDS).logits, atol=1e-5, rtol=1e-5)
    model.save_pretrained(tmp_path / "again")
    before, after = load_file(tmp_path / "model.safetensors"), load_file(tmp_path / "again/model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)


def test_older_files(tmp_path: Path) -> None:
    """No g_idx, a bias that the model has not, settings in a file of their own."""
    parts, expected = layer_of_file(64, 64, 4, 32, "gptq", False)
    del parts["g_idx"]
    parts["bias"] = torch.randn(64).half()
    path = "model.layers.0.self_attn.q_proj"
    write(tmp_path, {}, {path: (parts, expected)})
    config = json.loads((tmp_path / "config.json").read_text())
    del config["quantization_config"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="pass them"):
        LlamaForCausalLM.from_pretrained(tmp_path)
    given = LlamaForCausalLM.from_pretrained(tmp_path, quantization_config=GPTQConfig(4, group_size=32))
    older = {"bits": 4, "group_size": 32, "desc_act": False, "static_groups": False, "model_name_or_path": None}
    (tmp_path / "quantize_config.json").write_text(json.dumps(older))
    model = LlamaForCausalLM.from_pretrained(tmp_path)
    for each in (given, model):
        layer = each.get_submodule(path)
        assert torch.equal(layer.dequantize(), expected)
        torch.testing.assert_close(layer(torch.zeros(1, 64)), parts["bias"].float()[None])
    model.save_pretrained(tmp_path / "again")
    after = load_file(tmp_path / "again/model.safetensors")
    assert {name for name in after if name.startswith(path)} == {f"{path}.{name}" for name in parts}


def test_a_head_in_few_bits(tmp_path: Path) -> None:
    layer = layer_of_file(96, 64, 4, 32, "gptq", False)
    settings = {"quant_method": "gptq", "bits": 4, "group_size": 32, "lm_head": True}
    numbers = write(tmp_path, settings, {"lm_head": layer}, tie_word_embeddings=False)
    model = LlamaForCausalLM.from_pretrained(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, numbers(IDS).logits, atol=1e-5, rtol=1e-5)


def test_layers_with_settings_of_their_own(tmp_path: Path) -> None:
    four, eight = layer_of_file(64, 64, 4, 32, "gptq", False), layer_of_file(64, 96, 8, 96, "gptq", False)
    layers = {"model.layers.0.self_attn.q_proj": four, "model.layers.0.mlp.down_proj": eight}
    rules = {r"+:.*\.down_proj": {"bits": 8, "group_size": -1}, r"-:.*\.o_proj": {}}
    settings = {"quant_method": "gptq", "bits": 4, "group_size": 32, "dynamic": rules}
    write(tmp_path, settings, layers)
    model = LlamaForCausalLM.from_pretrained(tmp_path)
    for path, (_, expected) in layers.items():
        assert torch.equal(model.get_submodule(path).dequantize(), expected)


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("g_idx", lambda g_idx: -g_idx, "g_idx"),
        ("g_idx", lambda g_idx: g_idx + 1, "g_idx"),
        ("g_idx", lambda g_idx: g_idx[:-1], "g_idx"),
        ("qweight", lambda words: words[:-1], "qweight"),
        ("qweight", lambda words: words.float(), "qweight"),
        ("scales", lambda scales: scales.T, "scales"),
        ("qzeros", lambda words: words[:, :-1], "qzeros"),
    ],
)
def test_files_that_lie(name: str, change: Any, match: str, tmp_path: Path) -> None:
    parts, numbers = layer_of_file(64, 64, 4, 32, "gptq", False)
    parts[name] = change(parts[name])
    write(
        tmp_path, {"quant_method": "gptq", "bits": 4, "group_size": 32}, {"model.layers.0.self_attn.q_proj": (parts, numbers)}
    )
    with pytest.raises(BestiaryError, match=match):
        LlamaForCausalLM.from_pretrained(tmp_path)


def test_settings_of_other_files(tmp_path: Path) -> None:
    layers = {"model.layers.0.self_attn.q_proj": layer_of_file(64, 64, 4, 32, "gptq", False)}
    for settings, match in (
        ({"quant_method": "gptq", "bits": 8, "group_size": 32}, "qweight"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 16}, "qzeros"),
        ({"quant_method": "awq", "bits": 4, "group_size": 32}, "qweight"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 32, "checkpoint_format": "marlin"}, "marlin"),
    ):
        write(tmp_path, settings, layers)
        with pytest.raises(BestiaryError, match=match):
            LlamaForCausalLM.from_pretrained(tmp_path)


def slowly(weight: Tensor, hessian: Tensor, sym: bool, order: list[int], group_of: list[int]) -> Tensor:
    """Optimal brain quantization in a given order (Frantar et al. 2022, section 3): the inverse loses each column after it.

    4 bits, groups of 32 columns that follow each other in `order`; group_of: the group of each place.
    """
    hessian = hessian.double() + 0.01 * hessian.diagonal().mean() * torch.eye(len(hessian))
    inverse = hessian.inverse()
    weight, result = weight.double().clone(), torch.empty_like(weight)
    grids: dict[int, Any] = {}
    for place, column in enumerate(order):
        if group_of[place] not in grids:
            grids[group_of[place]] = grid_of_group(weight[:, order[place : place + 32]].float(), 4, sym)
        grid = grids[group_of[place]]
        scale, zero = grid.scales.double(), grid.zeros.double()
        code = (weight[:, column] / scale).round().add(zero).clamp(0, 15)
        result[:, column] = ((code - zero) * scale).float()
        error = (weight[:, column] - (code - zero) * scale) / inverse[column, column]
        weight -= torch.outer(error, inverse[column])
        inverse -= torch.outer(inverse[:, column], inverse[column]) / inverse[column, column]
    return result


@pytest.mark.parametrize(("sym", "by_activation", "aware"), [(True, False, False), (False, True, False), (True, False, True)])
def test_columns_as_one_by_one(sym: bool, by_activation: bool, aware: bool) -> None:
    torch.manual_seed(0)
    weight, mix = torch.randn(12, 192), torch.randn(192, 192) * torch.rand(192)
    hessian = Hessian(192, torch.device("cpu"))
    for _ in range(4):
        hessian.add(torch.randn(2, 100, 192) @ mix)
    diagonal = hessian.matrix.diagonal()
    if by_activation:
        order = diagonal.argsort(descending=True).tolist()
    elif aware:
        parts = [
            [start + int(each) for each in diagonal[start : start + 32].argsort(descending=True)] for start in range(0, 192, 32)
        ]
        order = [column for part in sorted(parts, key=lambda part: -float(diagonal[part[0]])) for column in part]
    else:
        order = list(range(192))
    found = solve(weight, hessian.matrix, 4, 32, sym, 0.01, by_activation, aware)
    numbers = (found.codes - found.zeros[:, found.groups]) * found.scales[:, found.groups]
    group_of = [place // 32 if by_activation else column // 32 for place, column in enumerate(order)]
    expected = slowly(weight, hessian.matrix, sym, order, group_of)
    differ = (numbers - expected).abs() > 1e-4
    assert differ.float().mean() < 0.01  # a number halfway between two integers falls either way, and what follows with it
    groups = group_of_columns(192, 32)
    grid = grid_of(weight, 32, 4, sym)
    nearest = (grid.codes(weight, groups) - grid.zeros[:, groups]) * grid.scales[:, groups]

    def error(of: Tensor) -> float:
        change = of - weight
        return float((change @ hessian.matrix * change).sum())

    assert error(numbers) < 0.6 * error(nearest)
    assert error(numbers) == pytest.approx(error(expected), rel=0.02)


def test_a_hessian_of_inputs() -> None:
    torch.manual_seed(0)
    x = torch.randn(7, 5, 16)
    hessian = Hessian(16, torch.device("cpu"))
    hessian.add(x[:3])
    hessian.add(x[3:])
    rows = x.view(-1, 16)
    torch.testing.assert_close(hessian.matrix, 2 / 35 * rows.T @ rows)


def test_a_hessian_that_is_not_positive() -> None:
    with pytest.raises(NumericsError, match="damp_percent"):
        solve(torch.randn(4, 8), -torch.eye(8), 4, -1, True, 0.01, False, False)
    with pytest.raises(NumericsError, match="not finite"):
        solve(torch.randn(4, 8), torch.full((8, 8), torch.nan), 4, -1, True, 0.01, False, False)


def bert() -> Any:
    return BertModel(
        BertConfig(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, vocab_size=100)
    )


def t5() -> Any:
    return T5ForConditionalGeneration(T5Config(d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, vocab_size=100))


@pytest.mark.parametrize("make", [bert, t5])
@pytest.mark.parametrize("sequential", [True, False])
def test_other_kinds_of_models_are_calibrated(make: Any, sequential: bool) -> None:
    torch.manual_seed(0)
    rows = torch.randint(100, (24, 48))
    results = {}
    inputs = {"input_ids": rows[:8], "attention_mask": torch.ones(8, 48, dtype=torch.long)}
    for kind in ("numbers", "gptq", "nearest"):
        torch.manual_seed(1)
        model = make().eval()
        if kind == "gptq":
            model.quantize(GPTQConfig(3, group_size=32, dataset=rows.tolist(), true_sequential=sequential))
            found = {path for path, each in model.named_modules() if isinstance(each, QuantizedLinear)}
            assert len(found) == (12 if make is bert else 28)  # T5 keeps wo in numbers
        elif kind == "nearest":
            for path in found:
                layer = model.get_submodule(path)
                groups = group_of_columns(layer.in_features, 32)
                grid = grid_of(layer.weight.data, 32, 3, True)
                codes = grid.codes(layer.weight.data, groups)
                layer.weight.data = (codes - grid.zeros[:, groups]) * grid.scales[:, groups]
        more = {"decoder_input_ids": rows[:8]} if make is t5 else {}
        with torch.no_grad():
            results[kind] = model(**inputs, **more)[0]
    away = {kind: float((results[kind] - results["numbers"]).square().mean()) for kind in ("gptq", "nearest")}
    assert away["gptq"] < 0.9 * away["nearest"], away


def test_the_embedded_model_loses_less_than_by_rounding_to_nearest() -> None:
    folder, library = Path(bestiary.__file__).parent / "embedded", Path(statistics.__file__).parent
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def windows(name: str, count: int) -> Tensor:
        ids = tokenizer((library / name).read_text(), verbose=False)["input_ids"]
        return torch.tensor(ids[: count * 256]).view(count, 256)

    rows = torch.cat([windows("argparse.py", 8), windows("tarfile.py", 8)])
    held_out = torch.cat([windows("statistics.py", 4), windows("textwrap.py", 4)])

    def loss(model: Any) -> float:
        with torch.no_grad():
            return float(model(held_out, labels=held_out, attention_mask=torch.ones_like(held_out)).loss)

    numbers = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    rule = {r".*down_proj": {"group_size": 86}}
    settings = GPTQConfig(4, group_size=64, dataset=rows.tolist(), dynamic=rule)
    calibrated = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=settings)
    nearest = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for path, layer in calibrated.named_modules():
        if isinstance(layer, QuantizedLinear):
            weight, size = nearest.get_submodule(path).weight, layer.config.group_size
            groups, grid = group_of_columns(layer.in_features, size), grid_of(weight.data, size, 4, True)
            weight.data = (grid.codes(weight.data, groups) - grid.zeros[:, groups]) * grid.scales[:, groups]
    assert 0 < loss(calibrated) - loss(numbers) < 0.6 * (loss(nearest) - loss(numbers))


def test_only_named_layers_are_calibrated(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(small())
    rows = torch.randint(96, (8, 40)).tolist()
    names = [["self_attn.q_proj", "self_attn.v_proj"], ["mlp.up_proj"]]
    model.quantize(GPTQConfig(4, group_size=32, dataset=rows, modules_in_block_to_quantize=names))
    found = {path for path, each in model.named_modules() if isinstance(each, QuantizedLinear)}
    assert found == {f"model.layers.{block}.{name}" for block in (0, 1) for part in names for name in part}
    assert not model.training or model.config.quantization_config.dataset is None
    model.save_pretrained(tmp_path)
    again = LlamaForCausalLM.from_pretrained(tmp_path)
    assert found == {path for path, each in again.named_modules() if isinstance(each, QuantizedLinear)}


def test_texts_of_a_file(tmp_path: Path) -> None:
    folder = Path(bestiary.__file__).parent / "embedded"
    lines = [json.dumps({"text": f"def f{number}(x):\n    return x + {number}\n"}) for number in range(12)]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines))
    rule = {r"-:model\.layers\.[123]": {}, r".*down_proj": {"group_size": 86}}
    settings = GPTQConfig(4, group_size=64, dataset=str(tmp_path / "texts.jsonl"), tokenizer=str(folder), dynamic=rule)
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=settings)
    found = [path for path, each in model.named_modules() if isinstance(each, QuantizedLinear)]
    assert len(found) == 7


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({}, "calibrates layers on data"),
        ({"dataset": []}, "empty"),
        ({"dataset": 5}, "expected a list"),
        ({"dataset": "c4"}, "no data set is fetched"),
        ({"dataset": ["a text"]}, "tokenizer"),
        ({"dataset": [[1, 2, 3]]}, "3 tokens"),
        ({"dataset": [list(range(40))], "group_size": 48}, "cannot be cut into groups of 48"),
        ({"dataset": [list(range(40))], "block_name_to_quantize": "model.blocks"}, "block_name_to_quantize"),
    ],
)
def test_what_cannot_be_calibrated(changes: dict[str, Any], match: str) -> None:
    model = LlamaForCausalLM(small())
    with pytest.raises((ConfigError, InputError), match=match):
        model.quantize(GPTQConfig(4, **{"group_size": 32, **changes}))
    assert not any(isinstance(each, QuantizedLinear) for each in model.modules())
