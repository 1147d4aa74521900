# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import EmbeddingGemma2TextConfig
from .model import EmbeddingGemma2TextModel as _EmbeddingGemma2TextModel

class EmbeddingGemma2TextPreTrainedModel(_LlamaPreTrainedModel):
    config: EmbeddingGemma2TextConfig

class EmbeddingGemma2TextModel(_EmbeddingGemma2TextModel, EmbeddingGemma2TextPreTrainedModel):
    config: EmbeddingGemma2TextConfig
