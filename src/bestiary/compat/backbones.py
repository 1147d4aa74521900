"""`load_backbone`: the backbone that the config of a larger model names (`transformers.backbone_utils`)."""

from typing import Any

from ..auto import AutoBackbone
from ..modeling.config import PreTrainedConfig


def load_backbone(config: PreTrainedConfig) -> Any:
    """A backbone with fresh weights, of `config.backbone_config`, or of `config` itself where it has none."""
    inner = config.get("backbone_config", None)
    return AutoBackbone.from_config(config if inner is None else inner)
