"""The modules of GPT-Neo. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...core.outputs import BaseModelOutputWithPast
from ...modeling.base import PreTrainedModel
from ...modeling.decoder_layers import DecoderBlock, SelfAttention
from ...modeling.decoder_stack import PositionedDecoder
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.attention import LayerCache
from ...nn.masks import Mask
from . import GPTNeoConfig


class GPTNeoSelfAttention(SelfAttention):
    """Causal self-attention in fp32, without scaling."""

    in_fp32 = True

    def biases(self, config: GPTNeoConfig) -> tuple[bool, bool]:
        return False, True

    def heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.num_heads, self.head_dim).transpose(1, 2)  # of no rows too

    def score_scaling(self, config: GPTNeoConfig) -> float:
        return 1.0


class GPTNeoAttention(nn.Module):
    """Keeps the attention where the published files have it."""

    def __init__(self, config: GPTNeoConfig, layer_idx: int) -> None:
        super().__init__()
        self.attention = GPTNeoSelfAttention(config, layer_idx)

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None) -> Tensor:
        output: Tensor = self.attention(x, mask, cache)
        return output


class GPTNeoBlock(DecoderBlock):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    attention_class = GPTNeoAttention


class GPTNeoPreTrainedModel(PreTrainedModel):
    """What all GPT-Neo classes share."""

    config_class = GPTNeoConfig
    base_model_prefix = "transformer"
    stacks = {"": Stack("h", final="ln_f")}
    _no_split_modules = ["GPTNeoBlock"]
    _keys_to_ignore_on_load_unexpected = [r"attention\.(masked_)?bias$"]  # causal masks, once saved
    config: GPTNeoConfig


class GPTNeoModel(PositionedDecoder, GPTNeoPreTrainedModel):
    """The decoder without a head."""

    layer_class = GPTNeoBlock
    embed_dim = Alias("config.hidden_size")

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T).

        token_type_ids (B, T) are tokens whose embeddings are added.
        """
        return self.decode(
            input_ids,
            attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
        )


class GPTNeoForCausalLM(CausalLM, GPTNeoPreTrainedModel):
    """GPT-Neo with a language-modelling head."""

    backbone_class = GPTNeoModel
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}


class GPTNeoForSequenceClassification(LastTokenClassifier, GPTNeoPreTrainedModel):
    """GPT-Neo that classifies a text by its last token."""

    backbone_class = GPTNeoModel


class GPTNeoForTokenClassification(TokenClassifier, GPTNeoPreTrainedModel):
    """GPT-Neo that labels each token."""

    backbone_class = GPTNeoModel


class GPTNeoForQuestionAnswering(QuestionAnswering, GPTNeoPreTrainedModel):
    """GPT-Neo that marks the answer to a question in the text."""

    backbone_class = GPTNeoModel
