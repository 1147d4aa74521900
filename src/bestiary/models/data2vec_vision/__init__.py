"""data2vec for images (Baevski et al. 2022): BEiT trained to predict the states of an average of its past selves.

Differs from BEiT: it names no patches, and is no backbone of other models.

Paper: https://arxiv.org/abs/2202.03555
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Whole, check
from ...modeling.biased_patch_config import BiasedPatchConfig
from ...modeling.variant import Import, variant
from .. import beit


class Data2VecVisionConfig(BiasedPatchConfig):
    """Hyperparameters: see `BiasedPatchConfig`. `out_indices` are the blocks whose states the head that labels places sees."""

    model_type: ClassVar[str] = "data2vec-vision"

    out_indices: Sequence[Whole] = (3, 5, 7, 11)

    def validate(self) -> None:
        super().validate()
        check(type(self).__name__, "out_indices", self.out_indices, Sequence[Whole])
        self.out_indices = list(self.out_indices)


TASKS = {
    "base": "Data2VecVisionModel",
    "image-classification": "Data2VecVisionForImageClassification",
    "semantic-segmentation": "Data2VecVisionForSemanticSegmentation",
}

PREPROCESSORS = {"image_processor": "BeitImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Data2VecVisionConfig,
    TASKS,
    beit,
    {
        "PreTrainedModel": {"base_model_prefix": "data2vec_vision", "_weight_rules": Import(".model.RULES")},
        "Model": Import(".model.Data2VecVisionModel"),
        "ForImageClassification": {"backbone_options": {"add_pooling_layer": True}},
        "Layer": Import(".model.Data2VecVisionLayer"),
    },
)
