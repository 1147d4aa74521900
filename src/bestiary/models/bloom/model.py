"""The modules of BLOOM. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...modeling.base import PreTrainedModel
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
from ...nn.attention import LayerCache
from ...nn.masks import Mask
from . import BloomConfig


class BranchEnd(nn.Linear):
    """The projection that ends a branch; in `parts` it has no bias, and their products are summed one after the other."""

    def __init__(self, inputs: int, outputs: int, parts: int) -> None:
        super().__init__(inputs, outputs)
        self.parts = parts

    @property
    def is_plain_product(self) -> bool:
        """Whether a layer in few bits may stand in the place of this one."""
        return self.parts == 1

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        if self.parts == 1:
            return super().forward(x)
        pairs = zip(x.chunk(self.parts, dim=-1), self.weight.chunk(self.parts, dim=1), strict=True)
        return torch.stack([nn.functional.linear(part, weight) for part, weight in pairs]).sum(0)


class BloomAttention(FusedSelfAttention):
    """Causal self-attention."""

    order = "hidden_states residual alibi attention_mask layer_past use_cache output_attentions"
    dropout_name, calls_dropout = "attention_dropout", True
    split_size = hidden_size = Alias("embed_dim")
    hidden_dropout = Alias("config.hidden_dropout")

    def add_projections(self, config: BloomConfig, size: int) -> None:
        super().add_projections(config, size)
        self.dense = BranchEnd(size, size, parts(config))


class BloomMLP(PlainMLP):
    """dense_4h_to_h(gelu(dense_h_to_4h(x)))."""

    drops = False
    names = ("dense_h_to_4h", "dense_4h_to_h")

    def dense(self, config: BloomConfig, name: str, inputs: int, outputs: int) -> nn.Module:
        return BranchEnd(inputs, outputs, parts(config)) if name == self.names[1] else nn.Linear(inputs, outputs)


def parts(config: BloomConfig) -> int:
    """In how many parts the projections at the ends of branches are computed."""
    return config.pretraining_tp if config.slow_but_exact else 1


class BloomBlock(DecoderBlock):
    """x + attention(norm(x)), then x + mlp(norm(x)); by config norm(x) takes the place of x in both sums."""

    order, gives = "hidden_states alibi attention_mask layer_past use_cache output_attentions", "attentions"
    drops = True
    attention_class, mlp_class = BloomAttention, BloomMLP
    attention_name = "self_attention"
    norm_names = ("input_layernorm", "post_attention_layernorm")
    num_heads = Alias("config.n_head")

    def __init__(self, config: BloomConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.apply_residual_connection_post_layernorm = config.apply_residual_connection_post_layernorm

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        if not self.apply_residual_connection_post_layernorm:
            return super().forward(x, mask, cache, **positions)
        x = self.norm(0)(x)
        x = self.norm(1)(x + self.attend(x, mask, cache, **positions))
        return x + self.transform(x)


class BloomPreTrainedModel(PreTrainedModel):
    """What all BLOOM classes share."""

    config_class = BloomConfig
    base_model_prefix = "transformer"
    stacks = {"": Stack("h", final="ln_f")}
    kernels: ClassVar[tuple[str, ...]] = ("sdpa", "eager", "flex_attention")
    _no_split_modules = ["BloomBlock"]
    config: BloomConfig


class BloomModel(CacheBeforeMask, BloomPreTrainedModel):
    """The decoder without a head."""

    layer_class = BloomBlock
    embedding_name, packs = "word_embeddings", False
    embed_dim, num_heads = Alias("config.hidden_size"), Alias("config.n_head")

    def add_entry(self, config: BloomConfig) -> None:
        self.word_embeddings_layernorm = self.make_norm(config)

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        output: Tensor = self.word_embeddings_layernorm(x)
        return output

    def layer_mask(self, layer_idx: int, x: Tensor, attention_mask: Tensor | None, cache: Any) -> Mask:
        mask = super().layer_mask(layer_idx, x, attention_mask, cache)
        return with_alibi(mask, Alibi(torch.tensor(slopes(self.config.n_head), device=x.device)), x.dtype)


class BloomForCausalLM(CausalLM, BloomPreTrainedModel):
    """BLOOM with a language-modelling head."""

    backbone_class = BloomModel
    _tied_weights_keys = {"lm_head.weight": "transformer.word_embeddings.weight"}


class BloomForSequenceClassification(LastTokenClassifier, BloomPreTrainedModel):
    """BLOOM that classifies a text by its last token."""

    backbone_class = BloomModel


class BloomForTokenClassification(TokenClassifier, BloomPreTrainedModel):
    """BLOOM that labels each token."""

    backbone_class = BloomModel

    def __init__(self, config: BloomConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config, default=0.1))


class BloomForQuestionAnswering(QuestionAnswering, BloomPreTrainedModel):
    """BLOOM that marks the answer to a question in the text."""

    backbone_class = BloomModel
