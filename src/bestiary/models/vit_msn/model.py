"""What ViT-MSN does otherwise than ViT."""

from ...loading.rules import rename
from ...modeling.patch_config import PooledPatchConfig
from ..vit.model import ViTForImageClassification, ViTModel


class ViTMSNModel(ViTModel):
    """The encoder without a head and without a pooler.

    Args:
        use_mask_token: allow `bool_masked_pos`.
    """

    def __init__(self, config: PooledPatchConfig, use_mask_token: bool = False) -> None:
        super().__init__(config, False, use_mask_token)


class ViTMSNForImageClassification(ViTForImageClassification):
    """ViT-MSN that labels an image by its class token."""

    backbone_options = {}
    # Published classifiers now write their blocks without the prefix of the model in them, unlike all else.
    _weight_rules = (
        rename("encoder.layer.{*}", "vit.encoder.layer.{*}"),
        rename("vit.vit.encoder.layer.{*}", "vit.encoder.layer.{*}", reverse=False),  # where they had it
    )
