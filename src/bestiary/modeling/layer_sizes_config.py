"""The hyperparameters of decoders whose layers have heads of their own sizes. Needs no torch."""

from typing import Any, ClassVar

from ..core.errors import ConfigError
from ..core.kinds import Size
from ..core.logging import warn_once
from .decoder_config import DecoderConfig


class LayerSizesConfig(DecoderConfig):
    """Base of the configs of Gemma 4 and its relatives.

    `per_layer_config`: number of a layer -> its `head_dim` and `num_key_value_heads`, where these are not the usual ones.
    Without it the layers that look at everything, which is every sixth and the last, have heads of `global_head_dim` (512).
    Of a family that declares `num_kv_shared_layers`, the last so many layers have no keys.
    """

    older_kinds: ClassVar[dict[str, Any]] = {
        "global_head_dim": Size | None,
        "num_global_key_value_heads": Size | None,
    }

    layer_types: list[str] | None = None
    per_layer_config: dict[int, dict[str, Size]] | None = None

    def read_tables(self) -> None:
        super().read_tables()
        if isinstance(self.per_layer_config, dict) and all(str(layer).isdecimal() for layer in self.per_layer_config):
            self.per_layer_config = {int(layer): sizes for layer, sizes in self.per_layer_config.items()}

    def validate(self) -> None:
        head = self.__dict__.pop("global_head_dim", None) or 512
        groups = self.global_groups(self.__dict__.pop("num_global_key_value_heads", None))
        super().validate()
        kinds = self.layer_kinds()
        if kinds and kinds[-1] != "full_attention":
            name = type(self).__name__
            warn_once("last-layer", f"{name}: the last layer looks at everything; layer_types says {kinds[-1]!r:.40}")
            self.layer_types = [*kinds[:-1], "full_attention"]
        if self.per_layer_config is None:
            sizes = {"head_dim": head} | ({"num_key_value_heads": groups} if groups else {})
            full = [layer for layer, kind in enumerate(self.layer_kinds()) if kind == "full_attention"]
            self.per_layer_config = {layer: dict(sizes) for layer in full}
        self._check_layers()

    def _check_layers(self) -> None:
        """Refuse sizes of layers that are none, and keys that nobody keeps.

        Raises:
            ConfigError: names what was found and what was expected.
        """
        known, kinds = {"head_dim", "num_key_value_heads"}, self.layer_kinds()
        for layer, sizes in (self.per_layer_config or {}).items():
            if layer >= len(kinds) or not sizes.keys() <= known:
                raise ConfigError(
                    f"{type(self).__name__}: per_layer_config says {sizes} of layer {layer}; expected"
                    f" {' and '.join(sorted(known))} of layers below {len(kinds)}"
                )
        for layer, kind in enumerate(kinds):
            heads, size, _ = self.cache_shape(layer)
            if heads and (self.num_attention_heads % heads or size % 2):
                raise ConfigError(
                    f"{type(self).__name__}: layer {layer} has {self.num_attention_heads} heads of queries and {heads} of keys,"
                    f" of {size} numbers; expected a multiple of the latter, and an even width"
                )
            if size != self.head_size_of(kind) and heads:
                raise ConfigError(f"{type(self).__name__}: heads of {size} in layer {layer}; those of a kind have one width")
        if missing := set(kinds) - set(kinds[: self.first_reader]):
            raise ConfigError(
                f"{type(self).__name__}: {self.readers} of {len(kinds)} layers have no keys (num_kv_shared_layers), and"
                f" no layer before them is of their kind: {', '.join(sorted(missing))}"
            )

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(6)

    def global_groups(self, groups: int | None) -> int | None:
        """How many heads of keys layers have that look at everything, by the file's `groups`; None: as many as others."""
        return groups

    @property
    def readers(self) -> int:
        """How many layers have no keys."""
        return int(self.declared("num_kv_shared_layers", 0))

    @property
    def first_reader(self) -> int:
        """The first of the layers that have no keys."""
        return self.num_hidden_layers - self.readers

    @property
    def kv_sharing_modes(self) -> list[str | None]:
        """Of each layer: "reuse" where it has no keys, "store" where it keeps those of its kind for such layers."""
        kinds = self.layer_kinds()
        keepers = {kind: index for index, kind in enumerate(kinds[: self.first_reader])} if self.readers else {}
        before = ["store" if index in keepers.values() else None for index in range(self.first_reader)]
        return [*before, *["reuse"] * self.readers]

    def head_size_of(self, kind: str) -> int:
        layers = (layer for layer, other in enumerate(self.layer_kinds()) if other == kind)
        return (self.per_layer_config or {}).get(next(layers, -1), {}).get("head_dim") or self.head_size

    def cache_shape(self, layer_idx: int) -> tuple[int, int, int]:
        sizes = (self.per_layer_config or {}).get(layer_idx, {})
        head = sizes.get("head_dim") or self.head_size
        return sizes.get("num_key_value_heads") or self.num_key_value_heads or self.num_attention_heads, head, head
