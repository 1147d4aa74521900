"""The objects of an image: for each query a class, or none, and a box."""

from itertools import pairwise
from typing import Any, ClassVar, Generic, cast

from torch import Tensor, nn

from ...nn.detection import Predicted
from ..config import PreTrainedConfig
from .headed import Headed, Output, only


class BoxHead(nn.Module):
    """Dense layers of these `sizes` with ReLU between them."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(inner, outer) for inner, outer in pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        output: Tensor = self.layers[-1](x)
        return output


class ObjectDetection(Headed, Generic[Output]):
    """Logits and boxes of each query, by `class_labels_classifier` and `bbox_predictor`.

    Class attributes:
        box_head_class: what makes boxes of states. output_class: what forward gives. width_name: the field of the config that
            holds the width of the states. names_nothing: whether there is a class more, "no object".
    """

    box_head_class: ClassVar[type[BoxHead]] = BoxHead
    loss_type = "ForObjectDetection"
    width_name: ClassVar[str] = "d_model"
    names_nothing: ClassVar[bool] = True

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        size = config.get(self.width_name)
        self.class_labels_classifier = self.make_classifier(size, config.num_labels + self.names_nothing)
        self.bbox_predictor = self.box_head_class([size, size, size, 4])

    def make_classifier(self, size: int, classes: int) -> nn.Module:
        """From the state of a query (..., D) to its logits (..., N+1)."""
        return nn.Linear(size, classes)

    def queries(self, output: Any) -> Tensor:
        """The states (B, Q, D) of the queries in the backbone's output."""
        states: Tensor = output.last_hidden_state
        return states

    def predict(self, states: Tensor, output: Any) -> Predicted:
        """(..., Q, D), of the backbone's `output` -> logits (..., Q, N+1) and boxes (..., Q, 4)."""
        return Predicted(self.class_labels_classifier(states), self.bbox_predictor(states).sigmoid())

    def predictions(self, output: Any) -> tuple[Predicted, Predicted | None]:
        """What the last layer predicts, and what all layers do, (L, B, Q, ...), where the backbone's output tells of them."""
        states = output.get("intermediate_hidden_states")
        return self.predict(self.queries(output), output), None if states is None else self.predict(states, output)

    def objects(
        self, output: Any, labels: Any, kind: Any = None, masks: Tensor | None = None, loss_function: Any = None
    ) -> Any:
        """An output of class `kind` from the backbone's: predictions, and their loss where there are `labels`.

        `masks` (B, Q, y, x) and `loss_function` are those of a model around this one that draws masks.
        """
        (predicted, layers), loss, parts = self.predictions(output), None, None
        told = layers is not None and self.config.get("auxiliary_loss")
        earlier = [Predicted(*each) for each in zip(*layers, strict=True)][:-1] if told and layers is not None else []
        if labels is not None:
            drawn = () if masks is None else (masks,)
            call = (predicted.logits, labels, self.device, predicted.boxes, *drawn, self.config, *(layers or (None, None)))
            loss, parts, *_ = (loss_function or self.loss_function)(*call)
        kind = self.output_class if kind is None else kind
        return kind(
            loss=loss,
            loss_dict=parts,
            logits=predicted.logits,
            pred_boxes=predicted.boxes,
            auxiliary_outputs=[{"logits": each.logits, "pred_boxes": each.boxes} for each in earlier] or None,
            last_hidden_state=output.last_hidden_state,
            **only(kind, output),
        )

    def forward(
        self, pixel_values: Tensor | None = None, pixel_mask: Tensor | None = None, *, labels: Any = None, **inputs: Any
    ) -> Output:
        """labels: of each image a dictionary with `class_labels` (M,) and `boxes` (M, 4), centers in 0..1."""
        return cast(Output, self.objects(self.run_backbone(pixel_values, pixel_mask, **inputs), labels))
