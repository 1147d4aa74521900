"""The text half of EmbeddingGemma 2 (Gemma Team 2026): Gemma 4's blocks looking both ways, for embeddings of texts.

Differs from Gemma 4's text half: nothing is kept for later, what each layer is told of tokens comes from their embeddings
alone, and a projection stands behind the last layer.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from ...core.kinds import Depth, Length, Size
from ...modeling.layer_sizes_config import LayerSizesConfig
from ...modeling.variant import Import, variant
from .. import llama


class EmbeddingGemma2TextConfig(LayerSizesConfig):
    """Hyperparameters; the defaults are those of the published code.

    `sliding_window`: how many tokens to either side a layer with a window looks. The layers without one have
    `num_global_key_value_heads` (1) of keys. `embedding_dim` is the width of what comes out.
    """

    model_type: ClassVar[str] = "embedding_gemma2_text"
    internal_map: ClassVar[dict[str, str]] = {"hidden_act": "hidden_activation"}
    default_rope_parameters: ClassVar[dict[str, Any] | None] = {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        "full_attention": {"rope_type": "default", "rope_theta": 1_000_000.0},
    }

    vocab_size: Length = 262144
    hidden_size: Size = 512
    intermediate_size: Size = 2048
    num_hidden_layers: Depth = 24
    num_attention_heads: Size = 4
    num_key_value_heads: Size | None = 2
    head_dim: Size | None = 256
    hidden_activation: str = "gelu_pytorch_tanh"
    max_position_embeddings: Length = 262144
    pad_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    bos_token_id: int | None = 2
    attention_bias: bool = False
    sliding_window: Length = 512
    hidden_size_per_layer_input: Size = 512
    embedding_dim: Size = 768

    def global_groups(self, groups: int | None) -> int | None:
        return groups or 1

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(self.__dict__.pop("sliding_window_pattern", 6))


TASKS = {"base": "EmbeddingGemma2TextModel"}

PREPROCESSORS = {"tokenizer": "GemmaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    EmbeddingGemma2TextConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_no_split_modules": ["EmbeddingGemma2EncoderLayer"]},
        "Model": Import(".model.EmbeddingGemma2TextModel"),
    },
)
