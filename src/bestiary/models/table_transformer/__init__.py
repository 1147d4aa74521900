"""Table Transformer (Smock et al. 2022, "PubTables-1M: towards comprehensive table extraction from unstructured documents").

DETR that finds tables in pages, and the rows, columns and cells in tables. Its norms stand before each half of a layer, and
one more behind the encoder.

Paper: https://arxiv.org/abs/2110.00061
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Rate
from ...modeling.detector_config import DetectorConfig
from ...modeling.stack import Stack
from ...modeling.variant import variant
from .. import detr


class TableTransformerConfig(DetectorConfig):
    """Hyperparameters: see `DetectorConfig`. `eos_coefficient` is the weight of "no object" in the loss."""

    model_type: ClassVar[str] = "table-transformer"

    decoder_layerdrop: Rate = 0.0
    eos_coefficient: Amount = 0.1


TASKS = {"base": "TableTransformerModel", "object-detection": "TableTransformerForObjectDetection"}

PREPROCESSORS = {"image_processor": "DetrImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    TableTransformerConfig,
    TASKS,
    detr,
    {
        "EncoderLayer": {"norm_first": True},
        "DecoderLayer": {"norm_first": True},
        "Encoder": {"final_norm": True},
        "Model": {"last_parts": ("query_position_embeddings", "encoder", "decoder")},
        "PreTrainedModel": {
            "stacks": {"encoder_": Stack("encoder.layers"), "decoder_": Stack("decoder.layers", "decoder.layernorm")}
        },
    },
)
