"""What a config says of the layers of its model: which have a window, and which keep a state instead of keys or beside them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..core.config import Record
from ..core.errors import ConfigError, did_you_mean

# Kind of layer -> the field of the config that says how many tokens such a layer looks at.
_LENGTHS = {"sliding_attention": "sliding_window", "chunked_attention": "attention_chunk_size"}
_STATES = ("linear_attention", "mamba", "conv", "mlp", "moe")  # the state of the last two is empty
KINDS = ("full_attention", "indexed_attention", "hybrid", *_LENGTHS, *_STATES)

# What a layer may be in published files, also of families that are not here.
PUBLISHED_KINDS = (
    "full_attention",
    "sliding_attention",
    "chunked_attention",
    "window_attention",
    "indexed_attention",
    "compressed_sparse_attention",
    "heavily_compressed_attention",
    "minimax_m3_sparse",
    "conv",
    "moe",
    "hybrid",
    "hybrid_sliding",
    "reference_sliding_attention",
    "linear_attention",
)

# What older files call kinds of layers.
OLDER_KINDS = {
    "mamba": "linear_attention",
    "attention": "full_attention",
    "deepseek_sparse_attention": "indexed_attention",
}


def check_kinds(name: str, kinds: Iterable[Any], known: Iterable[str] = (*PUBLISHED_KINDS, *KINDS, *OLDER_KINDS)) -> None:
    """Refuse kinds of layers that are not `known`, by default to any published file; `name` is the class of the config.

    Raises:
        ConfigError: names the first.
    """
    expected = list(dict.fromkeys(known))
    for kind in kinds:
        if kind not in expected:
            near = did_you_mean(str(kind), expected)
            raise ConfigError(f"{name}: layer_types has {kind!r:.80}; expected {', '.join(expected)}.{near}")


def keeps_state(kind: str) -> bool:
    """Whether layers of this kind keep a state instead of keys."""
    return kind in _STATES


def keeps_both(kind: str) -> bool:
    """Whether layers of this kind keep keys and a state."""
    return kind == "hybrid"


class LayerTypes(NamedTuple):
    """What a config says of each layer: its kind ("full_attention", "sliding_attention", ...), and how far it looks.

    Attributes:
        kinds: one for each layer; none where no config said them.
        cached: how many of the first layers keep anything; those behind look at what one of these keeps.
        window: tokens that a layer of the kind "sliding_attention" looks back. chunk: tokens of a chunk, beyond whose start
            a layer of the kind "chunked_attention" does not look.
    """

    kinds: tuple[str, ...] = ()
    cached: int = 0
    window: int | None = None
    chunk: int | None = None

    def _is(self, layer_idx: int, *kinds: str) -> bool:
        return layer_idx < len(self.kinds) and self.kinds[layer_idx] in kinds

    def window_of(self, layer_idx: int) -> int | None:
        """The window of layer `layer_idx`; None when it has none."""
        return self.window if self._is(layer_idx, "sliding_attention") else None

    def chunk_of(self, layer_idx: int) -> int | None:
        """The size of the chunks of layer `layer_idx`; None when it has none."""
        return self.chunk if self._is(layer_idx, "chunked_attention") else None

    def is_recurrent(self, layer_idx: int) -> bool:
        """Whether layer `layer_idx` keeps a state instead of keys."""
        return layer_idx < len(self.kinds) and keeps_state(self.kinds[layer_idx])

    def is_hybrid(self, layer_idx: int) -> bool:
        """Whether layer `layer_idx` keeps keys and a state."""
        return layer_idx < len(self.kinds) and keeps_both(self.kinds[layer_idx])

    @property
    def keeps_states(self) -> bool:
        """Whether any layer keeps a state."""
        return any(keeps_state(kind) or keeps_both(kind) for kind in self.kinds)

    @property
    def slides(self) -> bool:
        """Whether any layer has a window."""
        return "sliding_attention" in self.kinds


def layer_types(config: Any) -> LayerTypes:
    """The kinds of the decoder's layers by `layer_kinds()` of `config` (or None), and their lengths.

    Raises:
        ConfigError: it is no config; a layer is of a kind that does not exist; it has a window or chunks, and the config does
            not say how long these are.
    """
    if config is None:
        return LayerTypes()
    if not isinstance(config, Record):
        raise ConfigError(f"a cache is made for the config of a model; found {config!r:.80}")
    config = config.get_text_config(decoder=True)
    kinds = config.layer_kinds()
    check_kinds(type(config).__name__, kinds, KINDS)
    lengths = {kind: config.declared(field) for kind, field in _LENGTHS.items()}
    for kind, length in lengths.items():
        if kind in kinds and (not isinstance(length, int) or length < 1):
            raise ConfigError(
                f"layer_types names layers of {kind}, and {_LENGTHS[kind]} is {length!r}; expected tokens, 1 or more"
            )
    return LayerTypes(kinds, len(kinds) - config.declared("num_kv_shared_layers", 0), *lengths.values())
