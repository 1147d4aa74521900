"""One label for a text: from its last token, its first token, its end token, or a pooled state."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.logging import warn_once
from ...core.outputs import Seq2SeqSequenceClassifierOutput, SequenceClassifierOutput
from ...nn.activations import activation
from ...nn.inputs import check_text
from ...nn.pooling import first_state, last_real
from ...nn.values import is_true
from ..config import PreTrainedConfig
from ..seq2seq import Seq2SeqHeaded
from .headed import Headed, TextHead, classifier_dropout, only, recorded
from .sequence_summary import SequenceSummary


class LabelsText(Headed):
    """Logits over labels (B, N), and a loss where there are labels."""

    loss_type = "ForSequenceClassification"

    def loss_of(self, logits: Tensor, labels: Tensor | None, all_logits: Tensor | None = None) -> Any:
        """The loss of logits (B, N); `all_logits` (B, T, N) are those of all tokens, where there are such."""
        if labels is None:
            return None
        all_logits = logits if all_logits is None else all_logits
        return self.loss_function(logits=all_logits, labels=labels, pooled_logits=logits, config=self.config)


class LastTokenClassifier(LabelsText):
    """Logits over labels (B, N) from the state of the last real token, as decoders classify, by a linear layer `score`."""

    output_class: ClassVar[Any] = SequenceClassifierOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.score = nn.Linear(config.get_text_config().output_size, config.num_labels, bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> SequenceClassifierOutput:
        """labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression."""
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        logits = self.score(output.last_hidden_state)
        rows = torch.arange(len(logits), device=logits.device)
        pooled = logits[rows, self._last(input_ids, attention_mask, logits)]
        loss, fields = self.loss_of(pooled, labels, logits), only(self.output_class, output)
        answer: SequenceClassifierOutput = self.output_class(loss=loss, logits=pooled, **fields)
        return answer

    def _last(self, ids: Tensor | None, mask: Tensor | None, logits: Tensor) -> Tensor:
        """Index (B,) of each row's last real token: by the mask, else by the padding token, else the last of all."""
        pad, (batch, length) = self.config.get_text_config().pad_token_id, logits.shape[:2]
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


class VectorClassifier(TextHead[SequenceClassifierOutput], LabelsText):
    """Logits over labels (B, N) from one vector per text, as encoders classify.

    labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression.
    """

    output_class = SequenceClassifierOutput

    def loss(self, logits: Tensor, labels: Tensor | None) -> Tensor | None:
        loss: Tensor | None = self.loss_of(logits, labels)
        return loss


class PooledClassifier(VectorClassifier):
    """From the pooled state, by dropout and a linear layer `classifier`."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.classifier = nn.Linear(config.get("hidden_size"), config.num_labels)

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        result: Tensor = self.classifier(self.dropout(output.pooler_output))
        return result


class SummaryClassifier(VectorClassifier):
    """From a `SequenceSummary`, whose projection gives the logits.

    Class attributes:
        head_name: the published name of a linear layer from the summary to the logits, where there is one.
    """

    head_name: ClassVar[str] = ""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.sequence_summary = SequenceSummary(config, config.num_labels)
        if self.head_name:
            self.add_module(self.head_name, nn.Linear(config.get("hidden_size"), config.num_labels))

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        summary: Tensor = self.sequence_summary(output.last_hidden_state, real=real)
        return self.get_submodule(self.head_name)(summary) if self.head_name else summary


class ClassificationHead(nn.Module):
    """out_proj(act(dense(x))), with dropout before both."""

    def __init__(self, config: PreTrainedConfig, act: str = "tanh") -> None:
        super().__init__()
        size = config.get("hidden_size")
        self.dense, self.activation = nn.Linear(size, size), activation(act)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.out_proj = nn.Linear(size, config.num_labels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, N)."""
        output: Tensor = self.out_proj(self.dropout(self.activation(self.dense(self.dropout(x)))))
        return output


class FirstTokenClassifier(VectorClassifier):
    """From the state of the first real token, by a `ClassificationHead` called `classifier`.

    Class attributes:
        head_act: its activation; "" for the config's `hidden_act`.
    """

    head_act: ClassVar[str] = "tanh"

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.classifier = ClassificationHead(config, self.head_act or config.get("hidden_act"))

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        result: Tensor = self.classifier(first_state(output.last_hidden_state, real))
        return result


class EndTokenClassifier(LabelsText, Seq2SeqHeaded):
    """Logits over labels (B, N) from the decoder's state at the last end-of-sequence token of the text, which it reads too."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.classification_head = ClassificationHead(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> Seq2SeqSequenceClassifierOutput:
        """labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression."""
        last = self._last_end(input_ids, attention_mask)
        output = self.run_backbone(input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, **inputs)
        states = output.last_hidden_state
        logits = self.classification_head(states[torch.arange(len(states), device=states.device), last])
        return Seq2SeqSequenceClassifierOutput(loss=self.loss_of(logits, labels), logits=logits, **recorded(output))

    def _last_end(self, input_ids: Tensor | None, attention_mask: Tensor | None) -> Tensor:
        """Index (B,) of the last end-of-sequence token of each row: of the real ones, where the mask leaves any."""
        if input_ids is None:
            raise InputError(
                f"{type(self).__name__} classifies the state of the end-of-sequence token, which it finds in input_ids; pass"
                " them (inputs_embeds do not say where it is)"
            )
        check_text(input_ids, attention_mask)
        ends = torch.isin(input_ids, torch.tensor(self.config.eos_token_id, device=input_ids.device))
        if is_true((~ends.any(1)).any()):
            row = int((~ends.any(1)).nonzero()[0])
            raise InputError(
                f"row {row} of input_ids has no end-of-sequence token ({self.config.eos_token_id}); its state is what is"
                " classified, and the family's tokenizer adds it"
            )
        if attention_mask is not None and attention_mask.dim() == 2:
            real = ends & (attention_mask != 0)
            if is_true((~real.any(1)).any()):
                warn_once(
                    "end-token-hidden",
                    "attention_mask hides the end-of-sequence token of a row of input_ids, whose state is what is classified",
                )
            ends = torch.where(real.any(1, keepdim=True), real, ends)
        return last_real(ends)
