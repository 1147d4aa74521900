"""A cache that keeps older tokens in few bits (after Liu et al. 2024, KIVI)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ConfigError, CorruptFile, did_you_mean
from ..base import Cache
from ..building import CacheConfig
from ..layer import CacheLayer, Change, Tokens
from ..layer_types import layer_types
from ..quantizers import BACKENDS, NativePacked, Packed
from .dynamic import DynamicLayer
from .recurrent import layer_for
from .sliding_window import SlidingWindowLayer

__all__ = ["HQQQuantizedCache", "QuantizedCache", "QuantizedCacheConfig", "QuantizedLayer", "QuantoQuantizedCache"]


@dataclass(frozen=True)
class Settings:
    """How a layer packs; see `QuantizedCache`."""

    backend: str
    nbits: int
    axis_key: int
    axis_value: int
    q_group_size: int
    residual_length: int
    compute_dtype: torch.dtype
    device: torch.device | None


class QuantizedLayer(CacheLayer):
    """Older tokens in blocks of few bits, the newest as they are. A token is packed once and never again."""

    not_cut = "its older tokens are quantized"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._backend = BACKENDS[settings.backend]
        self._packed: tuple[list[Packed], list[Packed]] = ([], [])  # keys, values
        self._newest = DynamicLayer()
        self._seen = 0

    @property
    def keys(self) -> Tensor | None:
        return None if self._newest.keys is None else self._all(0, self._newest.keys)

    @property
    def values(self) -> Tensor | None:
        return None if self._newest.values is None else self._all(1, self._newest.values)

    def _all(self, which: int, newest: Tensor) -> Tensor:
        """Keys (`which` 0) or values (1) of all tokens, (B, G, n, K): the packed ones and `newest`."""
        blocks = [block.unpack().to(newest.device, newest.dtype) for block in self._packed[which]]
        return torch.cat([*blocks, newest], dim=2) if blocks else newest

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        newest = self._newest.update(key_states, value_states)
        shown = self._all(0, newest[0]), self._all(1, newest[1])
        self._seen += key_states.shape[2]
        group = self._settings.q_group_size
        surplus = (self._newest.get_seq_length() - self._settings.residual_length) // group * group
        if surplus > 0:
            self._pack(newest, surplus)
        return shown

    def _pack(self, newest: tuple[Tensor, Tensor], count: int) -> None:
        """Move the oldest `count` of the `newest` tokens into few bits."""
        settings = self._settings
        for which, (numbers, axis) in enumerate(zip(newest, (settings.axis_key, settings.axis_value), strict=True)):
            older = numbers.narrow(2, 0, count).to(settings.device or numbers.device, settings.compute_dtype)
            blocks = self._packed[which]
            blocks[:] = self._backend.join([*blocks, self._backend.pack(older, settings.nbits, axis, settings.q_group_size)])
        rest = [numbers.narrow(2, count, numbers.shape[2] - count) for numbers in newest]
        self._newest = DynamicLayer()
        self._newest.update(rest[0], rest[1])

    def geometry(self, new: int) -> tuple[int, int]:
        return self._seen + new, self._seen

    def get_seq_length(self) -> int:
        return self._seen

    def get_max_length(self) -> None:
        return None

    def can_crop(self, length: int) -> bool:
        return True

    def crop(self, length: int) -> None:
        older = self._seen - self._newest.get_seq_length()
        if length >= older:
            self._newest.crop(length - older)
        elif self.keys is not None and self.values is not None:
            # The cut falls into packed tokens: what is left of them is unpacked and packed anew, in the same groups.
            keys, values = self.keys.narrow(2, 0, length), self.values.narrow(2, 0, length)
            self.reset()
            self.update(keys, values)
        self._seen = length

    def map_tensors(self, change: Change) -> None:
        self._packed = tuple([block.map(change) for block in blocks] for blocks in self._packed)  # type: ignore[assignment]
        self._newest.map_tensors(change)

    def nbytes(self) -> int:
        packed = [tensor for blocks in self._packed for block in blocks for tensor in block.state().values()]
        return sum(tensor.nbytes for tensor in packed) + self._newest.nbytes()

    def reset(self) -> None:
        self._packed = ([], [])
        self._newest = DynamicLayer()
        self._seen = 0

    def tokens(self) -> Tokens | None:
        return None if self._packed[0] else self._newest.tokens()

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        tensors = self._newest.state()[0]
        for name, blocks in zip(("packed_keys", "packed_values"), self._packed, strict=True):
            for index, block in enumerate(blocks):
                tensors |= {f"{name}.{index}.{part}": tensor for part, tensor in block.state().items()}
        return tensors, {"seen": self._seen} if tensors else {}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        self.reset()
        if not tensors:
            return
        self._newest.restore({name: tensors[name] for name in ("keys", "values")}, {"seen": tensors["keys"].shape[2]})
        settings = self._settings
        for which, (name, axis) in enumerate((("packed_keys", settings.axis_key), ("packed_values", settings.axis_value))):
            count = len({key.split(".")[1] for key in tensors if key.startswith(f"{name}.")})
            for index in range(count):
                parts = {key.split(".")[2]: tensors[key].clone() for key in tensors if key.startswith(f"{name}.{index}.")}
                if "numbers" in parts:
                    block = self._backend.pack(parts["numbers"], settings.nbits, axis, settings.q_group_size)
                else:
                    block = NativePacked(**parts, bits=settings.nbits, axis=axis)
                self._packed[which].append(block)
            older = sum(block.unpack().shape[2] for block in self._packed[which])
            if older + self._newest.get_seq_length() != numbers["seen"]:
                raise CorruptFile(f"{older} packed and {self._newest.get_seq_length()} plain tokens are not {numbers['seen']}")
        self._seen = numbers["seen"]


class QuantizedCache(Cache):
    """Keeps the newest tokens as they are and the older ones in few bits.

    With the native backend a number differs from what it was by at most the range of its group / (2 * (2^nbits - 1)), however
    long the text grows. The tokens of one call see each other exactly; packed is what later calls see.

    Args:
        backend: "native", "quanto" (package optimum-quanto) or "HQQ" (package hqq).
        config: the model's config; layers that have a window by it are small and stay as they are.
        nbits: bits of a number: native 2, 4, 8; quanto 2, 4; HQQ 1, 2, 3, 4, 8.
        axis_key, axis_value: how numbers are grouped; native and quanto 0 (default, channels of a token) or -1 (tokens of a
            channel); HQQ 1 (default) or 0. Native takes 1 as well, for 0.
        q_group_size: numbers that share a step. Tokens are packed in blocks of as many.
        residual_length: the newest tokens that are never packed.
        compute_dtype: in which steps are computed and kept; default fp32.
        device: where packed tokens are kept; default: where the model computes.

    Raises:
        ConfigError: an option is outside of what the backend offers. MissingDependency: its package is missing, when the
            first block is packed.
    """

    kind = "quantized"

    def __init__(
        self,
        backend: str = "native",
        config: Any = None,
        nbits: int | None = None,
        axis_key: int | None = None,
        axis_value: int | None = None,
        q_group_size: int | None = None,
        residual_length: int | None = None,
        compute_dtype: torch.dtype | str | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        name = next((backend_name for backend_name in BACKENDS if backend_name.lower() == str(backend).lower()), None)
        if name is None:
            raise ConfigError(f"backend is {backend!r:.80}.{did_you_mean(str(backend), BACKENDS)} Known: {', '.join(BACKENDS)}")
        offer = BACKENDS[name]
        self.settings = Settings(
            name,
            4 if nbits is None else nbits,
            offer.axis if axis_key is None else axis_key,
            offer.axis if axis_value is None else axis_value,
            64 if q_group_size is None else q_group_size,
            128 if residual_length is None else residual_length,
            _dtype(compute_dtype),
            None if device is None else torch.device(device),
        )
        _check(self.settings)
        self.types = layer_types(config)

    def make_layer(self, layer_idx: int) -> CacheLayer:
        window = self.types.window_of(layer_idx)
        make: Callable[[], CacheLayer] = (
            partial(QuantizedLayer, self.settings) if window is None else partial(SlidingWindowLayer, window)
        )
        return layer_for(self.types, layer_idx, make)

    def options(self) -> dict[str, Any]:
        settings = vars(self.settings)
        names = ("backend", "nbits", "axis_key", "axis_value", "q_group_size", "residual_length")
        return {name: settings[name] for name in names} | {
            "compute_dtype": str(self.settings.compute_dtype).removeprefix("torch.")
        }


def _dtype(value: torch.dtype | str | None) -> torch.dtype:
    dtypes = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float32, torch.float16, torch.bfloat16)}
    name = "float32" if value is None else str(value).removeprefix("torch.")
    if name not in dtypes:
        raise ConfigError(f"compute_dtype is {value!r}; expected one of {', '.join(dtypes)}")
    return dtypes[name]


def _check(settings: Settings) -> None:
    offer = BACKENDS[settings.backend]
    if settings.nbits not in offer.bits:
        raise ConfigError(f"nbits is {settings.nbits!r}; the backend {settings.backend!r} offers {offer.bits}")
    for name, axis in (("axis_key", settings.axis_key), ("axis_value", settings.axis_value)):
        if axis not in offer.axes:
            raise ConfigError(f"{name} is {axis!r}; the backend {settings.backend!r} offers {offer.axes}")
    for name, least, value in (("q_group_size", 1, settings.q_group_size), ("residual_length", 0, settings.residual_length)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(f"{name} is {value!r}; expected a number from {least}")


class QuantizedCacheConfig(CacheConfig):
    """The options of a `QuantizedCache`, under the same names; None leaves the choice to the backend.

    Raises:
        ConfigError: an option is outside of what the backend offers.
    """

    cache_implementation: str | None = "quantized"
    backend: str = "native"
    nbits: int | None = None
    axis_key: int | None = None
    axis_value: int | None = None
    q_group_size: int | None = None
    residual_length: int | None = None
    compute_dtype: Any = None
    device: Any = None

    def validate(self) -> None:
        """Refuse what `QuantizedCache` would refuse."""
        super().validate()
        QuantizedCache(**self.options())


class QuantoQuantizedCache(QuantizedCache):
    """A `QuantizedCache` that packs by the package optimum-quanto; options as keywords or in `cache_config`."""

    def __init__(self, cache_config: QuantizedCacheConfig | None = None, **options: Any) -> None:
        config_options = {} if cache_config is None else cache_config.options()
        super().__init__(**{**config_options, **options, "backend": "quanto"})


class HQQQuantizedCache(QuantizedCache):
    """A `QuantizedCache` that packs by the package hqq; options as keywords or in `cache_config`."""

    def __init__(self, cache_config: QuantizedCacheConfig | None = None, **options: Any) -> None:
        config_options = {} if cache_config is None else cache_config.options()
        super().__init__(**{**config_options, **options, "backend": "HQQ"})


def build(
    config: Any,
    length: int,
    backend: str = "native",
    nbits: int | None = None,
    axis_key: int | None = None,
    axis_value: int | None = None,
    q_group_size: int | None = None,
    residual_length: int | None = None,
    compute_dtype: torch.dtype | str | None = None,
    device: torch.device | str | None = None,
) -> QuantizedCache:
    """A `QuantizedCache`; needs no length."""
    return QuantizedCache(backend, config, nbits, axis_key, axis_value, q_group_size, residual_length, compute_dtype, device)
