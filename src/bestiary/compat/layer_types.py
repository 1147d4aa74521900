"""The published kinds of layers, which code of others checks its configs by (`transformers.configuration_utils`)."""

from collections.abc import Sequence

from ..cache.layer_types import PUBLISHED_KINDS
from ..core.errors import ConfigError, did_you_mean

ALLOWED_ATTN_LAYER_TYPES = PUBLISHED_KINDS
ALLOWED_MLP_LAYER_TYPES = ("sparse", "dense")
ALLOWED_LAYER_TYPES = ALLOWED_ATTN_LAYER_TYPES + ALLOWED_MLP_LAYER_TYPES


def layer_type_validation(layer_types: Sequence[str], num_hidden_layers: int | None = None, attention: bool = True) -> None:
    """Check the kinds of a model's layers, one for each; kinds of MLPs pass whatever `attention` says, as published.

    Raises:
        ConfigError: an unknown kind, or not as many as there are layers.
    """
    for kind in layer_types:
        if kind not in ALLOWED_LAYER_TYPES:
            near = did_you_mean(str(kind), ALLOWED_LAYER_TYPES)
            raise ConfigError(f"layer_types holds {kind!r:.80}.{near} Known: {', '.join(ALLOWED_LAYER_TYPES)}")
    if num_hidden_layers is not None and num_hidden_layers != len(layer_types):
        raise ConfigError(f"layer_types holds {len(layer_types)} kinds; expected num_hidden_layers, {num_hidden_layers}")
