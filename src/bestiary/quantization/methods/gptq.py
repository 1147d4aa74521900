"""GPTQ (Frantar et al. 2022): integers of 2, 3, 4 or 8 bits that make up for each other's rounding on texts of the user's."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.kinds import Fraction, Natural
from ...core.logging import warn_once
from ...core.patterns import matches
from ...loading.format import TensorInfo
from ...loading.report import fold
from ...logging import tqdm
from ...nn.conv import Conv1D
from ...nn.quantized import QuantizedLinear
from ..calibration.blocks import BlockWalk
from ..calibration.gptq import Hessian, Solution, solve
from ..calibration.layers import hessians_of, layer_groups
from ..calibration.samples import check_dataset, samples_of
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..grid import grid_of, group_of_columns
from ..grouped import GroupedLinear, check_shapes
from ..method import Quantizer, columns
from ..scaled import matrix_shape
from ..stored import check_numbers, check_whole
from ..words import codes_per_cycle, pack_words, unpack_words

WIDTHS = (2, 3, 4, 8)
_FORMATS = ("gptq", "gptq_v2")
_OF_OLDER_FILES = [
    "desc_act",
    "disable_exllama",
    "is_marlin_format",
    "model_file_base_name",
    "model_name_or_path",
    "pack_dtype",
    "static_groups",
    "v2",
]


class ExllamaVersion(IntEnum):
    """Kernels of the published library; here all compute alike."""

    ONE = 1
    TWO = 2


@dataclass(repr=False)
class GPTQConfig(QuantizationConfigMixin):
    """Settings of GPTQ.

    Args:
        bits: 2, 3, 4 or 8. group_size: columns that share a scale; -1: all of a row.
        dataset: what layers are calibrated on: texts, rows of token ids, or the path of a file, which is one text, or has
            texts in the field "text" of lines of JSON. Files that are quantized need none.
        tokenizer: for texts: itself, or a folder or name to open it from.
        damp_percent: share of the Hessian's mean diagonal that is added to its diagonal.
        desc_act: columns are quantized in the order of their activations, and groups are made in this order too.
        act_group_aware: without desc_act, groups and columns in a group are quantized in this order; groups stay as they are.
        sym: zero is in the middle of the integers. true_sequential: a layer sees what the quantized ones before it in its
            block give, not only what quantized blocks give.
        format: "gptq", where files hold zeros less 1, or "gptq_v2", where they do not. checkpoint_format: another name of it.
        model_seqlen: tokens of a sample; None: what the model takes, at most 2048. batch_size: samples at a time.
        block_name_to_quantize: path of the list of blocks; None: all that the model has.
        modules_in_block_to_quantize: names of layers in a block, in lists, each quantized after the one before it; None: all,
            in the order in which they compute.
        dynamic: regular expression of paths -> settings of these layers that differ; one after "-:" leaves them as they are.
        lm_head: whether the layer that gives logits is quantized in files.
        modules_to_not_convert: names of modules that stay as they are.
        backend, max_input_length, meta, pad_token_id, module_name_preceding_first_block, cache_block_outputs: kept for files;
            what they are for needs no setting here. So do use_exllama, exllama_config and use_cuda_fp16.
    """

    quant_method = QuantizationMethod.GPTQ
    required = ("bits",)

    bits: int
    tokenizer: Any = None
    dataset: Any = None
    group_size: int = 128
    damp_percent: Fraction = 0.1
    desc_act: bool = False
    act_group_aware: bool = True
    sym: bool = True
    true_sequential: bool = True
    format: str = "gptq"
    meta: dict[str, Any] | None = None
    backend: str | None = None
    model_seqlen: Natural | None = None
    block_name_to_quantize: str | None = None
    module_name_preceding_first_block: list[str] | None = None
    batch_size: Natural = 1
    pad_token_id: int | None = None
    max_input_length: int | None = None
    cache_block_outputs: bool = True
    modules_in_block_to_quantize: list[list[str]] | None = None
    checkpoint_format: str | None = None
    dynamic: dict[str, dict[str, Any]] | None = None
    lm_head: bool = False
    modules_to_not_convert: list[str] | None = None
    use_exllama: bool | None = None
    exllama_config: dict[str, Any] | None = None
    use_cuda_fp16: bool | None = None

    def post_init(self) -> None:
        if self.bits not in WIDTHS:
            raise ConfigError(f"GPTQConfig: bits is {self.bits!r:.40}; expected one of {', '.join(map(str, WIDTHS))}")
        check_group_size("GPTQConfig", self.group_size)
        self.format = self.checkpoint_format = str(self.checkpoint_format or self.format)
        self.backend = self.backend or "auto"
        self.act_group_aware = self.act_group_aware and not self.desc_act
        for rule, changes in (self.dynamic or {}).items():
            sign, pattern = _split(rule)
            matches(pattern, "")
            if sign == "+":
                self._with(changes)

    @classmethod
    def without_effect(cls) -> tuple[str, ...]:
        return tuple(_OF_OLDER_FILES)

    def to_dict(self) -> dict[str, Any]:
        values = super().to_dict()
        usual = {"dynamic": None, "lm_head": False, "modules_to_not_convert": None}
        silent = {name for name, value in usual.items() if values[name] == value}
        silent |= {"use_exllama", "exllama_config", "use_cuda_fp16"}
        if not isinstance(values["tokenizer"], str):
            values["tokenizer"] = None  # an object cannot be told in a file
        return {name: value for name, value in values.items() if name not in silent}

    def get_loading_attributes(self) -> dict[str, Any]:
        """What a caller may set of files that are quantized already."""
        return {"backend": self.backend, "max_input_length": self.max_input_length}

    def at_opening(self) -> dict[str, Any]:
        return self.get_loading_attributes()

    def of_layer(self, path: str) -> "GPTQConfig | None":
        """The settings of the layer at `path`, as `dynamic` has them; None: it stays as it is."""
        for rule, changes in (self.dynamic or {}).items():
            sign, pattern = _split(rule)
            if matches(pattern, path):
                return None if sign == "-" else self._with(changes)
        return self

    def _with(self, changes: Mapping[str, Any]) -> "GPTQConfig":
        other = copy.copy(self)
        other.dynamic = None
        unused = other.update(**changes)
        if unused:
            raise ConfigError(f"GPTQConfig: dynamic sets {', '.join(unused):.80}, which are no settings")
        return other


def _split(rule: str) -> tuple[str, str]:
    """The sign of a rule of `dynamic`, and its regular expression."""
    return (rule[0], rule[2:]) if rule[:2] in ("+:", "-:") else ("+", rule)


def check_group_size(kind: str, size: Any) -> None:
    """Raise ConfigError unless `size` can be one of groups."""
    if not isinstance(size, int) or (size < 1 and size != -1):
        raise ConfigError(f"{kind}: group_size is {size!r:.40}; expected a number of columns, or -1 for all of a row")


class GPTQLinear(GroupedLinear):
    """In files `qweight`, int32 (K * bits / 32, N), `qzeros`, int32 (G, N * bits / 32), and `scales` (G, N): integers side by
    side along K and along N; and `g_idx` (K,), the group of each column, without which groups are neighbours."""

    needs = ("qweight", "qzeros", "scales")
    config: GPTQConfig
    qzeros: Tensor
    g_idx: Tensor | None

    def quantize(self, weight: Tensor) -> None:
        """To the nearest integer: what a layer is that no sample reaches."""
        size = self.config.group_size
        groups = group_of_columns(weight.shape[1], size).to(weight.device)
        grid = grid_of(weight, size, self.config.bits, self.config.sym)
        self.take(Solution(grid.codes(weight, groups), grid.scales, grid.zeros, groups))

    def take(self, solution: Solution) -> None:
        """Fill the layer with what was found for it."""
        bits, zeros = self.config.bits, solution.zeros.to(torch.uint8)
        stored = (zeros - self._less) & (2**bits - 1)
        qzeros, g_idx = pack_words(stored.T, bits), solution.groups.int()
        self.hold_integers(
            solution.codes, solution.scales.half(), zeros, solution.groups, bits, qzeros=qzeros.contiguous(), g_idx=g_idx
        )

    @property
    def _less(self) -> int:
        """What zeros in files are less than they are."""
        return 1 if self.config.format == "gptq" else 0

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        bits, size = self.config.bits, self.config.group_size
        size = self.in_features if size == -1 else size
        count = -(-self.in_features // size)
        words = self.in_features * bits // 32, self.out_features * bits // 32
        expected = {"qweight": (words[0], self.out_features), "qzeros": (count, words[1]), "scales": (count, self.out_features)}
        check_shapes(f"GPTQ in {bits} bits, groups of {size} columns", tensors, expected)
        qweight, qzeros, scales = (tensors[name] for name in self.needs)
        check_numbers("scales", scales)
        g_idx = tensors.get("g_idx")
        groups = group_of_columns(self.in_features, size).to(qweight.device)
        if g_idx is not None:
            groups = check_whole("g_idx", g_idx, (self.in_features,), 0, count - 1).long()
        zeros = (unpack_words(qzeros, bits) + self._less) & (2**bits - 1)
        codes = unpack_words(qweight.T.contiguous(), bits)
        self.hold_integers(codes, scales.T.contiguous(), zeros.T.contiguous(), groups, bits, qzeros=qzeros, g_idx=g_idx)

    def stored(self) -> dict[str, Tensor]:
        qweight = pack_words(self.integer_codes(), self.config.bits).T.contiguous()
        tensors = {"qweight": qweight, "qzeros": self.qzeros, "scales": self.group_scales().T.contiguous()}
        return tensors if self.g_idx is None else {**tensors, "g_idx": self.g_idx}


class GPTQ(Quantizer):
    """Opens layers that are integers, and makes such of a model in numbers, block by block, on samples."""

    config_class = GPTQConfig
    layer = GPTQLinear
    keeps_heads = True
    requires_calibration = True
    quantization_config: GPTQConfig

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        settings = self.quantization_config
        if settings.format not in _FORMATS:
            raise ConfigError(f"GPTQ files of the format {settings.format!r:.40} are not read; formats: {', '.join(_FORMATS)}")
        if not self.pre_quantized:
            check_dataset(settings.dataset, settings.tokenizer)
            if device_map is not None and len(set(device_map.values())) > 1:
                raise ConfigError("device_map spreads the model, which is calibrated on one device: name it, such as 'cpu'")

    def make(self, path: str, dense: nn.Linear | Conv1D) -> QuantizedLinear:
        return self.layer(dense, self.quantization_config.of_layer(path), from_file=self.pre_quantized)

    def fits(self, path: str, dense: nn.Linear | Conv1D) -> bool:
        settings = self.quantization_config.of_layer(path)
        if settings is None:
            return True
        cycle, inputs = codes_per_cycle(settings.bits), columns(dense)
        size = inputs if settings.group_size == -1 else settings.group_size
        return not (inputs % size or inputs % cycle or dense.weight.numel() // inputs % cycle)

    def _stays(self, path: str, model: Any) -> bool:
        settings = self.quantization_config
        if settings.of_layer(path) is None:
            return True
        if path.rpartition(".")[2] == "lm_head" and settings.lm_head and self.pre_quantized:
            return False
        return super()._stays(path, model)

    def shape_in_file(self, path: str, tensors: Mapping[str, TensorInfo]) -> tuple[int, ...] | None:
        settings = self.quantization_config.of_layer(path)
        if settings is None or not all(need in tensors for need in self.layer.needs):
            return None
        words, rows = matrix_shape(tensors["qweight"])
        return rows, words * 32 // settings.bits

    def divisor(self) -> int:
        return max(self.quantization_config.group_size, 1)

    def replace(self, model: Any) -> list[str]:
        """As any method where files hold integers; else nothing, since layers are calibrated once they have their numbers."""
        return super().replace(model) if self.pre_quantized else []

    def quantize(self, model: Any) -> None:
        """Nothing: `finish` calibrates."""

    def finish(self, model: Any) -> None:
        if not self.pre_quantized:
            calibrate(model, self)
            settings = self.quantization_config = copy.copy(self.quantization_config)
            settings.dataset = settings.dataset if isinstance(settings.dataset, str) else None
        super().finish(model)


def calibrate(model: Any, method: GPTQ) -> None:
    """Quantize the layers in the blocks of `model`, which has its numbers, on the samples of the settings.

    Memory beside the model's: what a block gives for each sample, and a Hessian for each layer with a common input.

    Raises:
        ConfigError, InputError, CorruptFile: there are no samples, or no blocks. NumericsError: the samples tell too little.
    """
    settings = method.quantization_config
    was_training = model.training
    model.eval()
    samples = samples_of(settings.dataset, settings.tokenizer, model, settings.model_seqlen, settings.batch_size)
    walk = BlockWalk(model, samples, settings.block_name_to_quantize)
    layers = method.to_replace(model)
    method.refuse_odd({path: each for path, each in layers.items() if any(path.startswith(f"{at}.") for at, _ in walk.blocks)})
    unreached = []
    for index, (block, _) in enumerate(tqdm(walk.blocks, desc="GPTQ", unit="block")):
        of_block = {path: layer for path, layer in layers.items() if path.startswith(f"{block}.")}
        groups = layer_groups(walk, index, of_block, settings.modules_in_block_to_quantize)
        for group in groups if settings.true_sequential else [[path for each in groups for path in each]]:
            hessians = hessians_of(walk, index, {path: of_block[path] for path in group})
            for path, hessian in hessians.items():
                model.set_submodule(path, solved(method.make(path, of_block.pop(path)), hessian))
                del layers[path]
                unreached += [] if hessian.count else [path]
        walk.run(index, keep=True)
    model.train(was_training)
    if unreached:
        warn_once("unreached", f"no sample reaches {', '.join(fold(unreached))}: rounded to the nearest integers")


def solved(layer: Any, hessian: Hessian) -> GPTQLinear:
    """`layer` filled from its numbers."""
    settings: GPTQConfig = layer.config
    weight = layer.weight.detach()
    if not hessian.count:
        layer.fill(weight)
    else:
        by = settings.damp_percent, settings.desc_act, settings.act_group_aware
        numbers = weight.T if layer.transposed else weight
        layer.take(solve(numbers, hessian.matrix, settings.bits, settings.group_size, settings.sym, *by))
    filled: GPTQLinear = layer
    return filled
