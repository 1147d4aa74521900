"""BEiT (Bao et al. 2022, "BEiT: BERT pre-training of image transformers").

Differs from ViT: positions are biases on scores, one for each distance of two patches, keys have no bias, what each half of a
block adds is scaled channel by channel, and it learns to name masked patches as the words of a vocabulary.

Paper: https://arxiv.org/abs/2106.08254
"""

from typing import ClassVar

from ...core.kinds import Length
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.biased_patch_config import BiasedPatchConfig


class BeitConfig(BiasedPatchConfig, BackboneConfig):
    """Hyperparameters: see `BiasedPatchConfig`. `vocab_size` is the number of words that patches are named by.

    A backbone's maps are 4, 2, 1 and half as fine as its patches with `add_fpn`; without `reshape_hidden_states` they are the
    states of all tokens (B, T, D).
    """

    model_type: ClassVar[str] = "beit"

    vocab_size: Length = 8192
    add_fpn: bool = False
    reshape_hidden_states: bool = True

    def validate(self) -> None:
        self.stage_names = stage_list(self.num_hidden_layers)
        super().validate()


TASKS = {
    "base": "BeitModel",
    "image-classification": "BeitForImageClassification",
    "masked-image-tokens": "BeitForMaskedImageModeling",
    "semantic-segmentation": "BeitForSemanticSegmentation",
    "backbone": "BeitBackbone",
}

PREPROCESSORS = {"image_processor": "BeitImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["BeitPreTrainedModel", *TASKS.values()],
        "image_processor": ["BeitImageProcessor", "BeitImageProcessorFast", "BeitImageProcessorPil", "BeitFeatureExtractor"],
    },
)
