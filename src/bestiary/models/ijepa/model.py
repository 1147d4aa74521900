"""What I-JEPA does otherwise than ViT."""

from typing import Any

from torch import Tensor

from ...modeling.patch_config import PooledPatchConfig
from ..vit.model import ViTForImageClassification, ViTModel


class IJepaModel(ViTModel):
    """The encoder without a head, by default without a pooler too.

    Args:
        add_pooling_layer: also give `pooler_output`, the first patch's state through a dense layer.
        use_mask_token: allow `bool_masked_pos`.
    """

    def __init__(self, config: PooledPatchConfig, add_pooling_layer: bool = False, use_mask_token: bool = False) -> None:
        super().__init__(config, add_pooling_layer, use_mask_token)


class IJepaForImageClassification(ViTForImageClassification):
    """I-JEPA that labels an image by the mean of its patches' states."""

    def pool(self, output: Any) -> Tensor:
        mean: Tensor = output.last_hidden_state.mean(dim=1)
        return mean
