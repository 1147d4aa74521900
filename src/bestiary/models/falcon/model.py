"""The modules of Falcon. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...modeling.base import PreTrainedModel
from ...modeling.decoder import RotaryDecoder
from ...modeling.decoder_layers import DecoderBlock, FusedSelfAttention, PlainMLP
from ...modeling.decoder_stack import CacheBeforeMask
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.headed import classifier_dropout
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.alibi import Alibi, slopes, with_alibi
from ...nn.kernels import default_scaling
from ...nn.masks import Mask
from . import FalconConfig


class FalconAttention(FusedSelfAttention):
    """Causal self-attention whose heads share keys and values."""

    dropout_name = "attention_dropout"
    split_size = hidden_size = Alias("embed_dim")
    hidden_dropout = Alias("config.hidden_dropout")

    def groups(self, config: FalconConfig) -> int:
        return config.groups

    def grouped(self, fused: Tensor) -> Tensor:
        groups = self.num_heads // self.num_key_value_groups
        return fused.view(*fused.shape[:2], groups, self.per_group, self.head_dim)  # of no rows too

    def biases(self, config: FalconConfig) -> tuple[bool, bool]:
        return config.bias, config.bias


class FalconMLP(PlainMLP):
    """dense_4h_to_h(act(dense_h_to_4h(x)))."""

    drops = False
    names = ("dense_h_to_4h", "dense_4h_to_h")
    hidden_dropout = Alias("config.hidden_dropout")

    def dense(self, config: FalconConfig, name: str, inputs: int, outputs: int) -> nn.Module:
        return nn.Linear(inputs, outputs, bias=config.bias)


class FalconDecoderLayer(DecoderBlock):
    """x + attention(norm(x)) + mlp(norm(x)), with one norm or two; by config one after the other."""

    order = "hidden_states alibi attention_mask position_ids layer_past use_cache output_attentions position_embeddings"
    gives = "attentions"
    drops = True
    attention_class, mlp_class = FalconAttention, FalconMLP
    attention_name = "self_attention"
    num_heads = Alias("config.num_attention_heads")

    def __init__(self, config: FalconConfig, layer_idx: int) -> None:
        self.parallel = config.is_parallel
        self.norm_names = ("input_layernorm", "input_layernorm" if self.parallel else "post_attention_layernorm")
        if config.new_decoder_architecture and config.num_ln_in_parallel_attn == 2:
            self.norm_names = ("ln_attn", "ln_mlp")
        self.last_parts = ("mlp", *(self.norm_names if self.parallel else reversed(self.norm_names)))
        super().__init__(config, layer_idx)


class FalconPreTrainedModel(PreTrainedModel):
    """What all Falcon classes share."""

    config_class = FalconConfig
    base_model_prefix = "transformer"
    stacks = {"": Stack("h", final="ln_f")}
    _no_split_modules = ["FalconDecoderLayer"]
    _dense_of_own_class = True


class FalconModel(CacheBeforeMask, RotaryDecoder, FalconPreTrainedModel):
    """The decoder without a head."""

    layer_class = FalconDecoderLayer
    counted_by_config = False
    norm_class = nn.LayerNorm
    embedding_name = "word_embeddings"
    zero_padding = packs = False
    embed_dim, num_heads = Alias("config.hidden_size"), Alias("config.num_attention_heads")
    use_alibi = Alias("config.alibi")
    config: FalconConfig

    def shared(self, x: Tensor, position_ids: Tensor) -> dict[str, dict[str, Any]]:
        return {} if self.config.alibi else super().shared(x, position_ids)

    @property
    def reach(self) -> int | None:
        return None if self.config.alibi else super().reach

    def layer_mask(self, layer_idx: int, x: Tensor, attention_mask: Tensor | None, cache: Any) -> Mask:
        """As of every decoder, with ALiBi, as published: rounded to bfloat16, and scaled as scores are."""
        mask = super().layer_mask(layer_idx, x, attention_mask, cache)
        if not self.config.alibi:
            return mask
        each = torch.tensor(slopes(self.config.num_attention_heads), dtype=torch.bfloat16, device=x.device)
        return with_alibi(mask, Alibi(each, default_scaling(self.config.head_size)), x.dtype)


class FalconForCausalLM(CausalLM, FalconPreTrainedModel):
    """Falcon with a language-modelling head."""

    backbone_class = FalconModel
    _tied_weights_keys = {"lm_head.weight": "transformer.word_embeddings.weight"}


class FalconForSequenceClassification(LastTokenClassifier, FalconPreTrainedModel):
    """Falcon that classifies a text by its last token."""

    backbone_class = FalconModel


class FalconForTokenClassification(TokenClassifier, FalconPreTrainedModel):
    """Falcon that labels each token."""

    backbone_class = FalconModel

    def __init__(self, config: FalconConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config, default=0.1))


class FalconForQuestionAnswering(QuestionAnswering, FalconPreTrainedModel):
    """Falcon that marks the answer to a question in the text."""

    backbone_class = FalconModel
