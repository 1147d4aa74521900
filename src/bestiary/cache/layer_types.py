"""What a config says of the layers of its model: which have a window, and which keep a state instead of keys."""

from typing import Any, NamedTuple

from ..core.errors import ConfigError


class LayerTypes(NamedTuple):
    """What a config says of each layer: its kind ("full_attention", "sliding_attention", ...), and the window in tokens."""

    kinds: tuple[str, ...] = ()
    window: int | None = None

    def window_of(self, layer_idx: int) -> int | None:
        """The window of layer `layer_idx`; None when it looks at all tokens."""
        kind = self.kinds[layer_idx] if layer_idx < len(self.kinds) else ""
        return self.window if kind == "sliding_attention" else None

    def is_recurrent(self, layer_idx: int) -> bool:
        """Whether layer `layer_idx` keeps a state instead of keys."""
        return layer_idx < len(self.kinds) and self.kinds[layer_idx] in ("linear_attention", "mamba", "conv")

    @property
    def slides(self) -> bool:
        """Whether any layer has a window."""
        return "sliding_attention" in self.kinds


def layer_types(config: Any) -> LayerTypes:
    """The kinds of the decoder's layers by `layer_types`, `sliding_window` and `use_sliding_window` of `config` (or None).

    Raises:
        ConfigError: a layer slides, and there is no window.
    """
    if config is None:
        return LayerTypes()
    config = config.get_text_config(decoder=True)
    window, kinds = config.get("sliding_window"), config.get("layer_types")
    if kinds is None:
        slides = window is not None and config.get("use_sliding_window", True)
        kinds = ["sliding_attention"] * config.num_hidden_layers if slides else []
    if "sliding_attention" in kinds and (not isinstance(window, int) or window < 1):
        raise ConfigError(
            f"layer_types names layers with a window, and sliding_window is {window!r}; expected tokens, 1 or more"
        )
    return LayerTypes(tuple(kinds), window)
