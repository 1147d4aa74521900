"""Jina Embeddings v3 (Sturua et al. 2024): XLM-RoBERTa with rotary positions, for embeddings of texts of 8192 tokens.

Differs from XLM-RoBERTa: the positions and the names in files. Its tasks are adapters of the `peft` package, in subfolders of
the checkpoint: `load_adapter(name, adapter_name=task, adapter_kwargs={"subfolder": task})`, then `set_adapter(task)`.

Paper: https://arxiv.org/abs/2409.10173
"""

from typing import ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.rotary_encoder_config import RotaryEncoderConfig


class JinaEmbeddingsV3Config(RotaryEncoderConfig):
    """Hyperparameters; the defaults are those of jina-embeddings-v3."""

    model_type: ClassVar[str] = "jina_embeddings_v3"
    default_theta: ClassVar[float] = 20_000.0

    vocab_size: Length = 250002
    hidden_size: Size = 1024
    num_hidden_layers: Depth = 24
    num_attention_heads: Size = 16
    intermediate_size: Size = 4096
    max_position_embeddings: Length = 8194
    type_vocab_size: Size = 1
    layer_norm_eps: Rate = 1e-5
    bos_token_id: int | None = 0
    pad_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    use_cache: bool = True
    tie_word_embeddings: bool = True


TASKS = {
    "base": "JinaEmbeddingsV3Model",
    "masked-lm": "JinaEmbeddingsV3ForMaskedLM",
    "sequence-classification": "JinaEmbeddingsV3ForSequenceClassification",
    "token-classification": "JinaEmbeddingsV3ForTokenClassification",
    "question-answering": "JinaEmbeddingsV3ForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "XLMRobertaTokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["JinaEmbeddingsV3PreTrainedModel", "JinaEmbeddingsV3Layer", *TASKS.values()]})
