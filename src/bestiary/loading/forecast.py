"""What opening and running a checkpoint will take, from its config and the headers of its files alone.

Weights and cache are counted, tensor by tensor and slot by slot. Activations are an estimate of the most that one forward
pass holds at once, with a kernel that never writes out the scores of all pairs of positions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import torch

from ..cache.kinds.dynamic import BLOCK
from ..cache.layer_types import layer_types
from ..core.config import Record
from ..core.errors import CapacityError, CorruptFile, FileMissing
from ..core.sizes import show_size
from ..hub.download import explain, failures
from ..hub.files import HubOptions, find_file, local_folder
from ..hub.options import offline
from .checkpoint import SAFE_NAME, Checkpoint, index_name, read_weight_map
from .format import TensorInfo
from .formats.safetensors import DTYPES

_WIDTHS = ("intermediate_size", "d_ff", "encoder_ffn_dim", "n_inner")


@dataclass(frozen=True)
class Workload:
    """One call to be forecast: `batch` rows of `prompt` tokens each, and `new_tokens` generated after them.

    For an encoder-decoder `prompt` is what the encoder reads; images and audio have the length that the config says.
    """

    batch: int = 1
    prompt: int = 512
    new_tokens: int = 128


@dataclass(frozen=True)
class Forecast:
    """Bytes.

    Attributes:
        parameters: numbers in the weights (a count, not bytes), tied ones once.
        weights: the model in memory. load_peak: the most that opening it takes.
        cache_per_token: keys and values of one token of one row. cache: all that the call's cache allocates.
        activations: estimate of what a forward pass needs besides.
    """

    parameters: int
    weights: int
    load_peak: int
    cache_per_token: int
    cache: int
    activations: int

    @property
    def run_peak(self) -> int:
        """Weights, cache and activations together."""
        return self.weights + self.cache + self.activations

    def check(self, limit: int) -> None:
        """Raise `CapacityError`, with the numbers, when loading or the call needs more than `limit` bytes."""
        required = max(self.load_peak, self.run_peak)
        if required > limit:
            raise CapacityError(
                f"this needs {show_size(required)} and {show_size(limit)} are allowed: weights {show_size(self.weights)}, cache"
                f" {show_size(self.cache)}, activations about {show_size(self.activations)}, peak of loading"
                f" {show_size(self.load_peak)}. Take fewer rows, shorter texts or a smaller dtype"
            )


def read_headers(name_or_path: Any, options: HubOptions = HubOptions()) -> Mapping[str, TensorInfo]:
    """Name -> dtype and shape of every tensor of a folder, a file, or a name on the hub, whose weights are not downloaded.

    Raises:
        FileMissing: no weights, or on the hub none whose header can be read alone (safetensors).
        CorruptFile, HubError: as `Checkpoint.open`.
    """
    if Path(name_or_path).is_file() or local_folder(name_or_path) is not None or offline(options):
        return Checkpoint.open(name_or_path, options).keys
    try:
        return Checkpoint.open(name_or_path, replace(options, local_files_only=True)).keys
    except FileMissing:
        return _remote_headers(str(name_or_path), options)


def _remote_headers(name: str, options: HubOptions) -> dict[str, TensorInfo]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import EntryNotFoundError, NotASafetensorsRepoError, SafetensorsParsingError

    index = find_file(name, index_name(SAFE_NAME), options)
    shards = sorted(set(read_weight_map(index).values())) if index else [SAFE_NAME]
    infos: dict[str, TensorInfo] = {}
    for shard in shards:
        place = f"{options.subfolder}/{shard}" if options.subfolder else shard
        try:
            header = HfApi(token=options.token).parse_safetensors_file_metadata(name, place, revision=options.revision)
        except (EntryNotFoundError, NotASafetensorsRepoError) as error:
            raise FileMissing(
                f"{name!r} has no {place}; other formats have no header that could be read without downloading the weights"
            ) from error
        except SafetensorsParsingError as error:
            raise CorruptFile(f"{place} of {name!r} has no readable header: {error}") from error
        except failures() as error:
            raise explain(error, name, options, place) from error
        for key, tensor in header.tensors.items():
            dtype, shape = DTYPES[tensor.dtype], tuple(tensor.shape)
            infos[key] = TensorInfo(dtype, shape, Path(shard), prod(shape) * dtype.itemsize)
    return infos


def forecast(
    config: Record | None,
    tensors: Mapping[str, TensorInfo],
    call: Workload = Workload(),
    *,
    dtype: torch.dtype | None = None,
    tied: Mapping[str, str] | None = None,
    generates: bool = False,
) -> Forecast:
    """The forecast for a checkpoint with this config and these tensors.

    Args:
        config: None forecasts the weights alone.
        dtype: of floating tensors in the model; None keeps each as it is in the file.
        tied: parameter -> the parameter it is, so that files which hold both are counted once.
        generates: whether the model fills a cache.
    """
    source_of = tied or {}
    counted = {key: info for key, info in tensors.items() if source_of.get(key) not in tensors}
    dtypes = {key: dtype if dtype is not None and info.dtype.is_floating_point else info.dtype for key, info in counted.items()}
    weights = sum(prod(info.shape) * dtypes[key].itemsize for key, info in counted.items())
    # A tensor that changes its dtype is in memory twice while it is converted.
    largest = max((info.nbytes for key, info in tensors.items() if dtypes.get(key) != info.dtype), default=0)
    item = dtype.itemsize if dtype is not None else _main_dtype(tensors).itemsize
    per_token, cache = _cache(config, call, item) if config is not None and generates else (0, 0)
    activations = _activations(config, counted, call, item, generates) if config is not None else 0
    parameters = sum(prod(info.shape) for info in counted.values())
    return Forecast(parameters, weights, weights + largest, per_token, cache, activations)


def _main_dtype(tensors: Mapping[str, TensorInfo]) -> torch.dtype:
    """The floating dtype that most bytes are in."""
    sizes: dict[torch.dtype, int] = {}
    for info in tensors.values():
        if info.dtype.is_floating_point:
            sizes[info.dtype] = sizes.get(info.dtype, 0) + info.nbytes
    return max(sizes, key=lambda dtype: sizes[dtype], default=torch.float32)


def _slots(first: int, further: int) -> int:
    """Slots that a dynamic cache allocates for `first` tokens and then `further`, one at a time."""
    room = first + BLOCK
    while first + further > room:
        room += BLOCK + 1
    return room


def _cache(config: Any, call: Workload, item: int) -> tuple[int, int]:
    """Bytes of one token of one row, and of the whole call."""
    text = config.get_text_config()
    shapes = map(text.cache_shape, range(layer_types(config).cached))
    per_token = item * sum(heads * (keys + values) for heads, keys, values in shapes)
    if not text.is_encoder_decoder:
        return per_token, call.batch * per_token * _slots(call.prompt, call.new_tokens - 1)
    slots = _slots(1, call.new_tokens - 1) + _slots(_source(text, call), 0)
    return per_token, call.batch * per_token * slots


def _source(config: Any, call: Workload) -> int:
    """Positions of the encoder."""
    return int(config.get("max_source_positions") or call.prompt)


def _activations(config: Any, tensors: Mapping[str, TensorInfo], call: Workload, item: int, generates: bool) -> int:
    """The largest pass of any stack of layers, and the scores over the vocabulary."""
    text = config.get_text_config()
    stacks = []
    if text.get("vocab_size"):
        stacks.append(_width(text, tensors) * (_source(text, call) if text.is_encoder_decoder else call.prompt))
    image = config.get("vision_config") or config
    if image.get("patch_size") and image.get("image_size"):
        stacks.append(_width(image, tensors) * _patches(image))
    vocabulary = text.get("vocab_size") or 0
    # `generate` asks for the scores of the last position only, and reads them in fp32.
    scores = vocabulary * (item + 4) if generates else 0
    return int(call.batch * (max(stacks, default=0) * item + scores))


def _width(config: Any, tensors: Mapping[str, TensorInfo]) -> int:
    """Numbers per position that are alive at once in the widest place of a layer: its MLP, or its attention."""
    size, heads = int(config.get("hidden_size")), int(config.get("num_attention_heads"))
    head_size = config.get("head_dim") or size // heads
    groups = config.get("num_key_value_heads") or heads
    inner = next((width for name in _WIDTHS if (width := config.get(name))), 4 * size)
    # A gated MLP has three matrices, and its gate is alive with its two other states.
    matrices = sum(sorted(info.shape) == sorted((inner, size)) for info in tensors.values())
    states = 3 if matrices >= 3 * config.get("num_hidden_layers") else 2
    projected = 2 * heads + 2 * groups
    turned = heads + 2 * groups if config.get("rope_parameters") else 0  # rotary positions make new queries and keys
    return max(3 * size + states * inner, 3 * size + head_size * (projected + turned))


def _patches(config: Any) -> int:
    """Positions of an image: one per patch, and one for the whole."""
    sides = [[value, value] if isinstance(value, int) else value for value in (config.image_size, config.patch_size)]
    return int(prod(image // patch for image, patch in zip(*sides, strict=True)) + 1)


def by_dtype(tensors: Mapping[str, TensorInfo]) -> list[tuple[str, int, int]]:
    """(dtype, numbers, bytes) for each dtype of the file, most bytes first."""
    totals: dict[str, list[int]] = {}
    for info in tensors.values():
        entry = totals.setdefault(str(info.dtype).removeprefix("torch."), [0, 0])
        entry[0] += prod(info.shape)
        entry[1] += info.nbytes
    rows: Sequence[tuple[str, int, int]] = [(name, numbers, size) for name, (numbers, size) in totals.items()]
    return sorted(rows, key=lambda row: -row[2])
