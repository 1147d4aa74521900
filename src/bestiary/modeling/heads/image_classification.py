"""A label for an image."""

from typing import Any, ClassVar, cast

from torch import Tensor, nn

from ...core.outputs import ImageClassifierOutput
from ..config import PreTrainedConfig
from .headed import Headed, recorded


class ImageClassifier(Headed):
    """Logits over labels (B, N) from one vector per image, by `classifier`, a linear layer."""

    loss_type = "ForImageClassification"
    output_class: ClassVar[Any] = ImageClassifierOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.classifier = self.make_classifier(config)

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        """From the vector (B, D) of an image to its logits (B, N)."""
        return nn.Linear(self.base_model.config.get("hidden_size"), config.num_labels)

    def pool(self, output: Any) -> Tensor:
        """The vector (B, D) of an image: the state of its class token, which comes first."""
        state: Tensor = output.last_hidden_state
        return state[:, 0]

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of logits (B, N) by `loss_function`, called as published heads of the family call it."""
        loss: Tensor = self.loss_function(labels, logits, self.config)
        return loss

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None, **inputs: Any) -> ImageClassifierOutput:
        """labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression."""
        output = self.run_backbone(pixel_values, **inputs)
        logits = self.classifier(self.pool(output))
        loss = None if labels is None else self.loss(logits, labels)
        return cast(ImageClassifierOutput, self.output_class(loss=loss, logits=logits, **recorded(output)))


class PooledImageClassifier(ImageClassifier):
    """Logits from the backbone's pooled vector, whose width is that of the last of its `hidden_sizes`, or its `hidden_size`."""

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        backbone = self.base_model.config
        sizes = backbone.get("hidden_sizes")
        return nn.Linear(sizes[-1] if sizes else backbone.get("hidden_size"), config.num_labels)

    def pool(self, output: Any) -> Tensor:
        pooled: Tensor = output.pooler_output
        return pooled
