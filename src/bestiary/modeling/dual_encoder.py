"""Two encoders whose vectors are compared (Radford et al. 2021), and each of them alone with its way to the shared space."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.outputs import BaseModelOutputWithPooling, ContrastiveOutput, ImageEmbedsOutput, TextEmbedsOutput
from ..nn.alias import Alias
from ..nn.init import Start, constant, normal
from ..nn.losses import contrastive_loss
from .base import PreTrainedModel
from .config import PreTrainedConfig
from .dual_config import DualConfig
from .heads.headed import Headed, recorded
from .recording import Stack


def projection(part: PreTrainedConfig, size: int) -> tuple[nn.Linear, Start]:
    """A linear layer from the vectors of an encoder to the shared space of `size`, and how its weights start."""
    hidden = part.get("hidden_size")
    return nn.Linear(hidden, size, bias=False), normal(hidden**-0.5 * part.get("initializer_factor"))


class DualEncoder(PreTrainedModel):
    """Both encoders: how well each text describes each image.

    Class attributes:
        text_class, vision_class: the encoders, each built from its part of the config; their `pooler_output` is projected.
    """

    text_class: ClassVar[type[PreTrainedModel]]
    vision_class: ClassVar[type[PreTrainedModel]]
    stacks = {
        "text_model_output.": Stack("text_model.encoder.layers"),
        "vision_model_output.": Stack("vision_model.encoder.layers"),
    }
    projection_dim = Alias("config.projection_dim")
    text_embed_dim, vision_embed_dim = Alias("config.text_config.hidden_size"), Alias("config.vision_config.hidden_size")
    config: DualConfig

    def __init__(self, config: DualConfig) -> None:
        super().__init__(config)
        text, vision = config.text_config, config.vision_config
        self.text_model = self.text_class(text)
        self.vision_model = self.vision_class(vision)
        self.visual_projection, visual = projection(vision, config.projection_dim)
        self.text_projection, textual = projection(text, config.projection_dim)
        self.logit_scale = nn.Parameter(torch.tensor(float(config.logit_scale_init_value)))
        self.starts = {
            "visual_projection.weight": visual,
            "text_projection.weight": textual,
            "logit_scale": constant(config.logit_scale_init_value),
        }

    def get_input_embeddings(self) -> nn.Module:
        return self.text_model.get_input_embeddings()

    def get_text_features(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        return_dict: bool | None = None,
        **options: Any,
    ) -> BaseModelOutputWithPooling | tuple[Any, ...]:
        """The text encoder's output, with `pooler_output` (B, projection) in the shared space, not normalised.

        `options`: output_hidden_states, output_attentions.
        """
        output: BaseModelOutputWithPooling = self.text_model(
            input_ids, attention_mask, position_ids=position_ids, return_dict=True, **options
        )
        output.pooler_output = self.text_projection(output.pooler_output)
        return output if (self.config.return_dict if return_dict is None else return_dict) else output.to_tuple()

    def get_image_features(
        self, pixel_values: Tensor, interpolate_pos_encoding: bool = False, return_dict: bool | None = None, **options: Any
    ) -> BaseModelOutputWithPooling | tuple[Any, ...]:
        """The image encoder's output, as `get_text_features` gives the text encoder's."""
        any_size = interpolate_pos_encoding
        output: BaseModelOutputWithPooling = self.vision_model(
            pixel_values, interpolate_pos_encoding=any_size, return_dict=True, **options
        )
        output.pooler_output = self.visual_projection(output.pooler_output)
        return output if (self.config.return_dict if return_dict is None else return_dict) else output.to_tuple()

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        return_loss: bool | None = None,
        interpolate_pos_encoding: bool = False,
    ) -> ContrastiveOutput:
        """Texts (B, T) and images (B', C, Y, X).

        `return_loss`: also the contrastive loss, for which text i belongs to image i.
        """
        if input_ids is None or pixel_values is None:
            name = type(self).__name__
            raise InputError(f"{name} compares input_ids with pixel_values; for one, get_text_features or get_image_features")
        text: Any = self.get_text_features(input_ids, attention_mask, position_ids, return_dict=True)
        vision: Any = self.get_image_features(pixel_values, interpolate_pos_encoding, return_dict=True)
        texts, images = (x / x.norm(dim=-1, keepdim=True) for x in (text.pooler_output, vision.pooler_output))
        logits = texts @ images.t().to(texts.device) * self.logit_scale.exp().to(texts.device)
        return ContrastiveOutput(
            loss=contrastive_loss(logits) if return_loss else None,
            logits_per_image=logits.t(),
            logits_per_text=logits,
            text_embeds=texts,
            image_embeds=images,
            text_model_output=text,
            vision_model_output=vision,
        )


class TextProjection(Headed):
    """The text encoder and its way to the shared space."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.text_projection, start = projection(config, config.get("projection_dim"))
        self.starts = {"text_projection.weight": start}

    def forward(self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, **inputs: Any) -> TextEmbedsOutput:
        """As the encoder."""
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        projected, state = self.text_projection(output.pooler_output), output.last_hidden_state
        return TextEmbedsOutput(text_embeds=projected, last_hidden_state=state, **recorded(output))


class ImageProjection(Headed):
    """The image encoder and its way to the shared space."""

    main_input_name = "pixel_values"

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.visual_projection, start = projection(config, config.get("projection_dim"))
        self.starts = {"visual_projection.weight": start}

    def forward(self, pixel_values: Tensor | None = None, **inputs: Any) -> ImageEmbedsOutput:
        """As the encoder."""
        output = self.run_backbone(pixel_values, **inputs)
        projected, state = self.visual_projection(output.pooler_output), output.last_hidden_state
        return ImageEmbedsOutput(image_embeds=projected, last_hidden_state=state, **recorded(output))
