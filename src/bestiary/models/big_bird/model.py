"""The classes of BigBird; its attention is that of `modeling/block_sparse.py`. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import QuestionAnsweringModelOutput
from ...modeling.block_sparse import BlockSparseEncoder, BlockSparseSelfAttention, without_filling
from ...modeling.encoder import (
    Encoder,
    EncoderAttention,
    EncoderEmbeddings,
    EncoderIntermediate,
    EncoderLayer,
    EncoderOutput,
    EncoderPreTrainedModel,
    EncoderStack,
)
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.headed import WithoutPooler, only
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.pretraining import PreTraining, PreTrainingOutput
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import FirstTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import TransformedLanguageHead
from ...modeling.stack import Stack
from ...nn.inputs import check_text
from ...nn.masks import Mask
from ...nn.pooling import first_state
from . import BigBirdConfig


class BigBirdEmbeddings(EncoderEmbeddings):
    """norm(dropout(word + segment + position)), perhaps with scaled words."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__(config)
        self.rescale_embeddings, self.hidden_size = config.rescale_embeddings, config.hidden_size

    def joined(self, words: Tensor, token_type_ids: Tensor | None, position_ids: Tensor | None) -> Tensor:
        words = words * self.hidden_size**0.5 if self.rescale_embeddings else words
        output: Tensor = self.LayerNorm(self.dropout(self.summed(words, token_type_ids, position_ids)))
        return output


class BigBirdAttention(EncoderAttention):
    """The first half of a block: attention, then norm(residual + dense(x))."""

    self_class = BlockSparseSelfAttention


class BigBirdLayer(EncoderLayer):
    """norm(x + attention(x)), perhaps norm(x + attention(x, memory)), then norm(x + mlp(x))."""

    attention_class = BigBirdAttention


class BigBirdEncoder(EncoderStack):
    """The blocks, one after another; what fills the last block of a text is left out at the end."""

    def forward(self, x: Tensor, mask: Mask, cache: Any, **context: Any) -> Tensor:
        return without_filling(super().forward(x, mask, cache, **context), mask)


class BigBirdPreTrainedModel(EncoderPreTrainedModel):
    """What all BigBird classes share."""

    config_class = BigBirdConfig
    base_model_prefix = "bert"
    stacks = {"": Stack("encoder.layer", "encoder")}
    _no_split_modules = ["BigBirdEmbeddings", "BigBirdLayer"]
    config: BigBirdConfig


class BigBirdPooler(nn.Linear):
    """tanh(W x_0 + b) of the state of the first real token."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, D)."""
        return torch.tanh(super().forward(first_state(x, padding)))


class BigBirdModel(BlockSparseEncoder, BigBirdPreTrainedModel, Encoder):
    """The encoder (or, with `config.is_decoder`, decoder) without a head."""

    embeddings_class, layer_class = BigBirdEmbeddings, BigBirdLayer
    stack_class, pooler_class = BigBirdEncoder, BigBirdPooler

    def __init__(self, config: BigBirdConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer)
        self.activation = nn.Tanh() if add_pooling_layer else None

    def filling(self, ids: Tensor, length: int) -> Tensor:
        places = torch.arange(length, length + ids.shape[1], device=ids.device)
        places = places.clamp(max=self.config.max_position_embeddings - 1).unsqueeze(0)
        output: Tensor = self.embeddings(ids, None, places)
        return output


class BigBirdLanguageHead(TransformedLanguageHead):
    """The vocabulary head, tied to the words of BigBird."""

    backbone_class = BigBirdModel
    _tied_weights_keys = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }


@dataclass
class BigBirdForPreTrainingOutput(PreTrainingOutput):
    """The published name of `PreTrainingOutput`."""


@dataclass
class BigBirdForQuestionAnsweringModelOutput(QuestionAnsweringModelOutput):
    """`start_logits` and `end_logits` (B, T) of the answer span; `pooler_output` (B, D) where there is a pooler."""

    pooler_output: Tensor | None = None


class BigBirdForPreTraining(BigBirdLanguageHead, PreTraining, BigBirdPreTrainedModel):
    """BigBird with the two heads it is trained with."""

    output_class = BigBirdForPreTrainingOutput


class BigBirdForMaskedLM(BigBirdLanguageHead, MaskedLM, BigBirdPreTrainedModel):
    """BigBird that fills in masked tokens."""


class BigBirdForCausalLM(BigBirdLanguageHead, CausalLM, BigBirdPreTrainedModel):
    """BigBird as a decoder that continues a text (`config.is_decoder`)."""


class BigBirdForSequenceClassification(FirstTokenClassifier, BigBirdPreTrainedModel):
    """BigBird that classifies a text or a pair of texts."""

    backbone_class = BigBirdModel
    head_act = ""


class BigBirdForTokenClassification(TokenClassifier, BigBirdPreTrainedModel):
    """BigBird that labels each token."""

    backbone_class = BigBirdModel


class BigBirdForMultipleChoice(MultipleChoice, BigBirdPreTrainedModel):
    """BigBird that chooses among several continuations."""

    backbone_class = BigBirdModel


class BigBirdForQuestionAnsweringHead(nn.Module):
    """qa_outputs(norm(x + mlp(x)))."""

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__()
        self.dropout, self.intermediate = nn.Dropout(config.hidden_dropout_prob), EncoderIntermediate(config)
        self.output, self.qa_outputs = EncoderOutput(config), nn.Linear(config.hidden_size, 2)

    def forward(self, encoder_output: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, 2)."""
        logits: Tensor = self.qa_outputs(self.output(self.intermediate(self.dropout(encoder_output)), encoder_output))
        return logits


class BigBirdForQuestionAnswering(WithoutPooler, QuestionAnswering, BigBirdPreTrainedModel):
    """BigBird that marks the answer to a question in a text; the question itself is no answer."""

    backbone_class, output_class = BigBirdModel, BigBirdForQuestionAnsweringModelOutput
    head_name = "qa_classifier"

    def __init__(self, config: BigBirdConfig, add_pooling_layer: bool = False) -> None:
        super().__init__(config)
        if add_pooling_layer:
            self.bert = BigBirdModel(config)
        self.qa_classifier = BigBirdForQuestionAnsweringHead(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        question_lengths: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **inputs: Any,
    ) -> BigBirdForQuestionAnsweringModelOutput:
        """question_lengths (B, 1): how many tokens the question has, with those around it; by default up to the first
        `config.sep_token_id`. Without token_type_ids the text behind is of the second segment.

        start_positions, end_positions: (B,); places outside of the input are ignored in the loss.
        """
        if input_ids is not None:
            check_text(input_ids, attention_mask)
        in_question, hidden = self.question(input_ids, attention_mask, inputs_embeds, question_lengths)
        if in_question is not None and token_type_ids is None:
            token_type_ids = (~in_question).long()
        texts = {"token_type_ids": token_type_ids, "inputs_embeds": inputs_embeds}
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **texts, **inputs)
        logits = self.span_logits(output.last_hidden_state)
        logits = logits if hidden is None else logits - hidden.unsqueeze(-1) * 1e6
        starts, ends = logits.unbind(-1)
        return BigBirdForQuestionAnsweringModelOutput(
            loss=self.loss_function(starts, ends, start_positions, end_positions),
            start_logits=starts,
            end_logits=ends,
            pooler_output=output.pooler_output,
            **only(BigBirdForQuestionAnsweringModelOutput, output),
        )

    def question(
        self, ids: Tensor | None, attention_mask: Tensor | None, embeds: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Which tokens (B, T) are of the question, and which of these are no answer: all but the first, which stands for none.

        None where nobody says how long the question is. Padding before a text is of the question.
        """
        words, separator = ids if embeds is None else embeds, self.config.sep_token_id
        if words is None or (lengths is None and (ids is None or separator is None)):
            return None, None
        padded = attention_mask is not None and attention_mask.dim() == 2
        real = attention_mask if padded and attention_mask is not None else words.new_ones(words.shape[:2])
        places = ((real != 0).cumsum(1) - 1).expand(words.shape[:2])
        if lengths is None and ids is not None and separator is not None:
            lengths = (places.gather(1, ids.eq(separator).int().argmax(dim=1, keepdim=True)) + 1).clamp(min=1)
        in_question = places < torch.as_tensor(lengths, device=places.device).reshape(-1, 1)
        return in_question, in_question & (places != 0)
