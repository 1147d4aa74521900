"""The classes of RoFormer; its layers are those of `modeling/encoder.py`. Parameter names are the published ones."""

from typing import Any

from torch import Tensor

from ...core.outputs import BaseModelOutputWithPoolingAndCrossAttentions
from ...modeling import encoder
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import SummaryMultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import FirstTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import TransformedLanguageHead
from ...nn.embeddings import FixedPositions
from ...nn.layer import Layer
from ...nn.part_order import put_last
from . import RoFormerConfig


class RoFormerEmbeddings(encoder.EncoderEmbeddings):
    """norm(word + segment)."""

    has_positions = False


class RoFormerSelfAttention(encoder.RotarySelfAttention):
    """Attention whose queries and keys, and values where the config says so, turn with their positions."""

    calls_dropout = True
    interleaved = turns = True

    def __init__(self, config: RoFormerConfig, layer_idx: int, cross: bool = False) -> None:
        super().__init__(config, layer_idx, cross)
        self.turns_values = config.rotary_value


class RoFormerAttention(encoder.EncoderAttention):
    """The first half of a block: attention, then norm(residual + dense(x))."""

    self_class = RoFormerSelfAttention


class RoFormerLayer(encoder.EncoderLayer):
    """norm(x + attention(x)), perhaps norm(x + attention(x, memory)), then norm(x + mlp(x))."""

    attention_class = RoFormerAttention


class RoFormerEncoder(encoder.EncoderStack):
    """The blocks, and the table of sines and cosines that they turn by."""

    def __init__(self, config: RoFormerConfig, layer_class: type[Layer] = RoFormerLayer) -> None:
        super().__init__(config, layer_class)
        self.embed_positions = FixedPositions(config.max_position_embeddings, config.hidden_size // config.num_attention_heads)
        put_last(self, "layer")


class RoFormerPreTrainedModel(encoder.EncoderPreTrainedModel):
    """What all RoFormer classes share."""

    config_class = RoFormerConfig
    base_model_prefix = "roformer"
    _no_split_modules = ["RoFormerEmbeddings", "RoFormerLayer"]


class RoFormerModel(RoFormerPreTrainedModel, encoder.EncoderCore):
    """The encoder (or, with `config.is_decoder`, decoder) without a head."""

    embeddings_class, layer_class, stack_class = RoFormerEmbeddings, RoFormerLayer, RoFormerEncoder

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__(config, add_pooling_layer=False)

    def shared(self, x: Tensor, position_ids: Tensor) -> dict[str, Any]:
        sines, cosines = self.encoder.get_submodule("embed_positions")(position_ids=position_ids).chunk(2, dim=-1)
        return {"rotary": (cosines.repeat_interleave(2, dim=-1), sines.repeat_interleave(2, dim=-1))}

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        *,
        position_ids: Tensor | None = None,
    ) -> BaseModelOutputWithPoolingAndCrossAttentions:
        """input_ids, token_type_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T).

        encoder_hidden_states (B, S, D) and encoder_attention_mask (B, S): what a decoder with cross-attention looks at.
        """
        return self.encode(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            encoder_hidden_states,
            encoder_attention_mask,
            past_key_values,
            use_cache,
        )


class RoFormerLanguageHead(TransformedLanguageHead, RoFormerPreTrainedModel):
    """The vocabulary head, tied to the words of RoFormer."""

    backbone_class = RoFormerModel
    _tied_weights_keys = {
        "cls.predictions.decoder.weight": "roformer.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }


class RoFormerForMaskedLM(RoFormerLanguageHead, MaskedLM):
    """RoFormer that fills in masked tokens."""


class RoFormerForCausalLM(RoFormerLanguageHead, CausalLM):
    """RoFormer as a decoder that continues a text (`config.is_decoder`)."""


class RoFormerForSequenceClassification(FirstTokenClassifier, RoFormerPreTrainedModel):
    """RoFormer that classifies a text or a pair of texts."""

    backbone_class = RoFormerModel
    head_act = ""


class RoFormerForTokenClassification(TokenClassifier, RoFormerPreTrainedModel):
    """RoFormer that labels each token."""

    backbone_class = RoFormerModel


class RoFormerForQuestionAnswering(QuestionAnswering, RoFormerPreTrainedModel):
    """RoFormer that marks the answer to a question in a text."""

    backbone_class = RoFormerModel


class RoFormerForMultipleChoice(SummaryMultipleChoice, RoFormerPreTrainedModel):
    """RoFormer that chooses among several continuations, by the last state of each unless `summary_type` says another."""

    backbone_class = RoFormerModel
