"""The head of DeiT that ViT does not have. Parameter names are the published ones."""

from dataclasses import dataclass

from torch import Tensor, nn

from ...core.outputs import ModelOutput, Tensors
from ...modeling.heads.headed import Headed, recorded
from ...modeling.patch_config import PooledPatchConfig
from ..vit.model import ViTModel, ViTPreTrainedModel


@dataclass
class DeiTForImageClassificationWithTeacherOutput(ModelOutput):
    """`logits` (B, N), the mean of `cls_logits`, those of the class token, and `distillation_logits`, of the other one."""

    logits: Tensor | None = None
    cls_logits: Tensor | None = None
    distillation_logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class DeiTForImageClassificationWithTeacher(Headed, ViTPreTrainedModel):
    """DeiT that labels an image by both of its tokens. It computes no loss: what the teacher says is not an input."""

    backbone_class = ViTModel
    backbone_options = {"add_pooling_layer": False}

    def __init__(self, config: PooledPatchConfig) -> None:
        super().__init__(config)
        self.cls_classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.distillation_classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        *,
        interpolate_pos_encoding: bool = False,
        attention_mask: Tensor | None = None,
    ) -> DeiTForImageClassificationWithTeacherOutput:
        """The inputs are those of `DeiTModel`."""
        output = self.run_backbone(
            pixel_values, interpolate_pos_encoding=interpolate_pos_encoding, attention_mask=attention_mask
        )
        by_class, by_teacher = (
            classify(output.last_hidden_state[:, place])
            for place, classify in enumerate((self.cls_classifier, self.distillation_classifier))
        )
        return DeiTForImageClassificationWithTeacherOutput(
            logits=(by_class + by_teacher) / 2, cls_logits=by_class, distillation_logits=by_teacher, **recorded(output)
        )
