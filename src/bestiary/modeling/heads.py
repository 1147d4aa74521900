"""The heads that families share: one per task, parameterised by what checkpoints call the parts.

A family writes `class LlamaForCausalLM(CausalLM, LlamaPreTrainedModel): backbone_class = LlamaModel` and is done. The
backbone sits under the family's `base_model_prefix`. `**inputs` of every forward are the backbone's own arguments, which
refuses unknown ones.
"""

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.outputs import (
    CausalLMOutput,
    ImageClassifierOutput,
    MaskedLMOutput,
    ModelOutput,
    MultipleChoiceModelOutput,
    NextSentencePredictorOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from ..generation.mixin import GenerationMixin
from ..nn.losses import causal_lm_loss, classification_loss, span_loss, token_loss
from ..nn.pooling import last_real
from .base import PreTrainedModel
from .config import PreTrainedConfig


def recorded(output: ModelOutput) -> dict[str, Any]:
    """What a head passes on from the backbone's output besides the states it consumes itself."""
    consumed = ("last_hidden_state", "pooler_output")
    return {name: value for name, value in output.items() if name not in consumed}


class Headed(PreTrainedModel):
    """A backbone under its published name, with something on top.

    Class attributes:
        backbone_class: the class of the backbone. backbone_options: keywords for building it.
        backbone_part: the field of the config that the backbone is built from, in models made of parts.
    """

    backbone_class: ClassVar[type[PreTrainedModel]]
    backbone_options: ClassVar[dict[str, Any]] = {}
    backbone_part: ClassVar[str] = ""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        part = config.get(self.backbone_part) if self.backbone_part else config
        self.add_module(self.base_model_prefix, self.backbone_class(part, **self.backbone_options))

    @property
    def backbone(self) -> PreTrainedModel:
        """The model without its head."""
        backbone = self._modules[self.base_model_prefix]
        if not isinstance(backbone, PreTrainedModel):
            raise TypeError(f"{self.base_model_prefix} is a {type(backbone).__name__}")
        return backbone

    def get_input_embeddings(self) -> nn.Module:
        return self.backbone.get_input_embeddings()


def classified(model: PreTrainedModel, logits: Tensor, labels: Tensor | None) -> Tensor | None:
    """The loss of logits (B, N); what kind of problem it is, is settled with the first labels and kept in the config."""
    if labels is None:
        return None
    loss, model.config.problem_type = classification_loss(logits, labels, model.config.problem_type)
    return loss


class TextHead(Headed):
    """What heads on texts share: `logits` of the backbone's output, a `loss` where there are labels, in an `output_class`."""

    output_class: ClassVar[Any]

    if TYPE_CHECKING:

        def logits(self, output: Any) -> Tensor: ...

    def loss(self, logits: Tensor, labels: Tensor | None) -> Tensor | None:
        """Cross entropy of logits (..., N) against labels (...); -100 is ignored."""
        return None if labels is None else token_loss(logits, labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> Any:
        """labels: as the class says; the other inputs are the backbone's."""
        output = self.backbone(input_ids, attention_mask, **inputs)
        logits = self.logits(output)
        return self.output_class(loss=self.loss(logits, labels), logits=logits, **only(self.output_class, output))


def kept(hidden: Tensor, logits_to_keep: int | Tensor) -> Tensor:
    """The positions of (B, T, D) whose logits are wanted: all (0), the last n, or those of an index tensor."""
    if isinstance(logits_to_keep, Tensor):
        return hidden[:, logits_to_keep]
    if logits_to_keep < 0:
        raise InputError(f"logits_to_keep is {logits_to_keep}; expected how many of the last positions, or a tensor of places")
    return hidden[:, -logits_to_keep:] if logits_to_keep else hidden


class LanguageHead(Headed):
    """Logits over the vocabulary, by a linear layer `lm_head` that is usually tied to the embedding.

    A family whose head is more than that overrides the three methods.
    """

    lm_head_bias: ClassVar[bool] = False

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.add_head(config)

    def add_head(self, config: PreTrainedConfig) -> None:
        """Build the head."""
        self.lm_head = nn.Linear(config.get("hidden_size"), config.get("vocab_size"), bias=self.lm_head_bias)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        return self.lm_head(hidden)

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head


class CausalLM(GenerationMixin, LanguageHead):
    """Logits over the next token."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
        **inputs: Any,
    ) -> CausalLMOutput:
        """Args:
        labels: (B, T), shifted by the model; -100 is ignored.
        logits_to_keep: number of last positions (0: all), or their indices.
        num_items_in_batch: labels in all micro-batches of a step, to divide the summed loss by.
        """
        output = self.backbone(input_ids, attention_mask, **inputs)
        logits = self.vocabulary_logits(kept(output.last_hidden_state, logits_to_keep))
        loss = None if labels is None else causal_lm_loss(logits, labels, num_items_in_batch)
        return CausalLMOutput(loss=loss, logits=logits, **recorded(output))


class MaskedLM(TextHead, LanguageHead):
    """Logits over the token at each position, as seen from both sides. labels: (B, T), the tokens that were masked."""

    output_class = MaskedLMOutput

    def logits(self, output: Any) -> Tensor:
        return self.vocabulary_logits(output.last_hidden_state)


class LastTokenClassifier(Headed):
    """Logits over labels (B, N) from the state of the last real token, as decoders classify, by a linear layer `score`."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.score = nn.Linear(config.get("hidden_size"), config.num_labels, bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> SequenceClassifierOutput:
        """labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression."""
        output = self.backbone(input_ids, attention_mask, **inputs)
        logits = self.score(output.last_hidden_state)
        rows = torch.arange(len(logits), device=logits.device)
        pooled = logits[rows, self._last(input_ids, attention_mask, logits)]
        return SequenceClassifierOutput(loss=classified(self, pooled, labels), logits=pooled, **recorded(output))

    def _last(self, ids: Tensor | None, mask: Tensor | None, logits: Tensor) -> Tensor:
        """Index (B,) of each row's last real token: by the mask, else by the padding token, else the last of all."""
        pad, (batch, length) = self.config.pad_token_id, logits.shape[:2]
        if mask is not None and mask.dim() == 2:
            real = mask[:, -length:] != 0
        elif ids is not None and pad is not None:
            real = ids != pad
        elif batch == 1 or ids is None:
            return torch.full((batch,), length - 1, device=logits.device)
        else:
            raise InputError(
                f"a batch of {batch} needs an attention_mask, or config.pad_token_id, to find the last real token of each row"
            )
        return last_real(real)


class TokenClassifier(TextHead):
    """Logits over labels for each token (B, T, N), by dropout and a linear layer called `head_name`. labels: (B, T)."""

    output_class = TokenClassifierOutput
    head_name: ClassVar[str] = "classifier"

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.add_module(self.head_name, nn.Linear(config.get("hidden_size"), config.num_labels))

    def logits(self, output: Any) -> Tensor:
        head: nn.Module = self.get_submodule(self.head_name)
        return head(self.dropout(output.last_hidden_state))


class QuestionAnswering(Headed):
    """Logits of the first and last token of an answer (B, T), by a linear layer `qa_outputs`."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.qa_outputs = nn.Linear(config.get("hidden_size"), 2)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **inputs: Any,
    ) -> QuestionAnsweringModelOutput:
        """start_positions, end_positions: (B,); places outside of the input are ignored in the loss."""
        output = self.backbone(input_ids, attention_mask, **inputs)
        starts, ends = self.qa_outputs(output.last_hidden_state).unbind(-1)
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = span_loss(starts, ends, start_positions, end_positions)
        fields = only(QuestionAnsweringModelOutput, output)
        return QuestionAnsweringModelOutput(loss=loss, start_logits=starts, end_logits=ends, **fields)


class PooledClassifier(TextHead):
    """Logits over labels (B, N) from the pooled state, by dropout and a linear layer `classifier`, as encoders classify.

    labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression.
    """

    output_class = SequenceClassifierOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.classifier = nn.Linear(config.get("hidden_size"), config.num_labels)

    def logits(self, output: Any) -> Tensor:
        return self.classifier(self.dropout(output.pooler_output))

    def loss(self, logits: Tensor, labels: Tensor | None) -> Tensor | None:
        return classified(self, logits, labels)


class NextSentence(TextHead):
    """Whether the second text follows the first: logits (B, 2) of yes and no, by a linear layer `cls.seq_relationship`.

    labels: (B,), 0 where the second text follows the first, 1 where it is a random one.
    """

    output_class = NextSentencePredictorOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.cls = nn.ModuleDict({"seq_relationship": nn.Linear(config.get("hidden_size"), 2)})

    def logits(self, output: Any) -> Tensor:
        return self.cls["seq_relationship"](output.pooler_output)


class MultipleChoice(Headed):
    """One logit per choice (B, choices) from the pooled state of each choice; inputs are (B, choices, T)."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.classifier = nn.Linear(config.get("hidden_size"), 1)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **inputs: Any,
    ) -> MultipleChoiceModelOutput:
        """labels: (B,), the index of the right choice."""
        given = input_ids if input_ids is not None else inputs_embeds
        if given is None:
            raise InputError("pass input_ids or inputs_embeds")
        choices = given.shape[1]
        flat: dict[str, Any] = {name: x.flatten(0, 1) if isinstance(x, Tensor) else x for name, x in inputs.items()}
        output = self.backbone(
            None if input_ids is None else input_ids.flatten(0, 1),
            None if attention_mask is None else attention_mask.flatten(0, 1),
            inputs_embeds=None if inputs_embeds is None else inputs_embeds.flatten(0, 1),
            **flat,
        )
        logits = self.classifier(self.dropout(output.pooler_output)).view(-1, choices)
        loss = None if labels is None else token_loss(logits, labels)
        return MultipleChoiceModelOutput(loss=loss, logits=logits, **only(MultipleChoiceModelOutput, output))


class ImageClassifier(Headed):
    """Logits over labels (B, N) from one vector per image, by a linear layer `classifier`."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.classifier = nn.Linear(self.backbone.config.get("hidden_size"), config.num_labels)

    def pool(self, output: Any) -> Tensor:
        """The vector (B, D) of an image: the state of its class token, which comes first."""
        state: Tensor = output.last_hidden_state
        return state[:, 0]

    def forward(
        self, pixel_values: Tensor | None = None, *, labels: Tensor | None = None, **inputs: Any
    ) -> ImageClassifierOutput:
        """labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression."""
        output = self.backbone(pixel_values, **inputs)
        logits = self.classifier(self.pool(output))
        return ImageClassifierOutput(loss=classified(self, logits, labels), logits=logits, **recorded(output))


def only(kind: type[ModelOutput], output: ModelOutput) -> dict[str, Any]:
    """What the backbone gave that the output class `kind` has a field for."""
    names = kind.__dataclass_fields__
    return {name: value for name, value in recorded(output).items() if name in names}


def classifier_dropout(config: PreTrainedConfig, default: float = 0.0) -> float:
    """The first of `classifier_dropout`, `hidden_dropout`, `hidden_dropout_prob` that the config sets; else `default`."""
    for name in ("classifier_dropout", "hidden_dropout", "hidden_dropout_prob"):
        value = config.get(name)
        if value is not None:
            return float(value)
    return default
