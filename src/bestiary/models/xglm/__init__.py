"""XGLM (Lin et al. 2021): a decoder of thirty languages, as fairseq built them.

Differs from OPT: sinusoids in place of learned positions, embeddings times the square root of their width, and, by config,
attention to the output of an encoder.

Paper: https://arxiv.org/abs/2112.10668
"""

from typing import ClassVar

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class XGLMConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of XGLM 564M."""

    model_type: ClassVar[str] = "xglm"
    attribute_map: ClassVar[dict[str, str]] = {
        "num_attention_heads": "attention_heads",
        "hidden_size": "d_model",
        "num_hidden_layers": "num_layers",
    }
    internal_map: ClassVar[dict[str, str]] = {
        "initializer_range": "init_std",
        "decoder_attention_heads": "attention_heads",
        "decoder_ffn_dim": "ffn_dim",
    }

    vocab_size: Length = 256008
    max_position_embeddings: Length = 2048
    d_model: Size = 1024
    ffn_dim: Size = 4096
    num_layers: Depth = 24
    attention_heads: Size = 16
    activation_function: str = "gelu"
    dropout: Rate = 0.1
    attention_dropout: Rate = 0.1
    activation_dropout: Rate = 0.0
    layerdrop: Rate = 0.0
    init_std: Amount = 0.02
    scale_embedding: bool = True
    decoder_start_token_id: int | None = 2
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        self.divides("d_model", "attention_heads")


TASKS = {"base": "XGLMModel", "causal-lm": "XGLMForCausalLM"}

PREPROCESSORS = {"tokenizer": "XGLMTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {"model": ["XGLMPreTrainedModel", *TASKS.values()], "tokenizer": ["XGLMTokenizer", "XGLMTokenizerFast"]},
)
