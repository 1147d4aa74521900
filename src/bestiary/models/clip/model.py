"""The modules of CLIP. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.logging import warn_once
from ...core.outputs import BaseModelOutputWithPooling, ContrastiveOutput, ImageEmbedsOutput, TextEmbedsOutput
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.headed import Headed, recorded
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.embeddings import LearnedPositions
from ...nn.init import Start, Starting, constant, normal
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.losses import contrastive_loss
from ...nn.masks import Mask, make_mask, slots_of_text
from ...nn.patches import check_pixels, grid, pair, stretch
from ...nn.values import is_true
from . import CLIPConfig, CLIPPartConfig, CLIPTextConfig, CLIPVisionConfig


class CLIPTextEmbeddings(Starting):
    """Tokens and learned positions."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = LearnedPositions(config.max_position_embeddings, config.hidden_size)
        start = normal(config.initializer_range * config.initializer_factor)
        self.starts = {"token_embedding.weight": start, "position_embedding.weight": start}

    def forward(self, input_ids: Tensor, position_ids: Tensor) -> Tensor:
        """(B, T) and (B or 1, T) -> (B, T, D)."""
        output: Tensor = self.position_embedding(position_ids) + self.token_embedding(input_ids)
        return output


class CLIPVisionEmbeddings(Starting):
    """A class vector and the patches, each through one convolution without bias, plus learned positions."""

    image_size, patch_size = Alias("config.image_size"), Alias("config.patch_size")
    embed_dim, num_positions = Alias("position_embedding.embedding_dim"), Alias("position_embedding.num_embeddings")

    @property
    def num_patches(self) -> int:
        """Patches of an image of the usual size."""
        return self.grid[0] * self.grid[1]

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__()
        size, patch = config.hidden_size, pair(config.patch_size)
        self.config, self.grid = config, grid(config.image_size, config.patch_size)
        self.class_embedding = nn.Parameter(torch.zeros(size))
        self.patch_embedding = nn.Conv2d(config.num_channels, size, kernel_size=patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding(1 + self.num_patches, size)
        start = normal(config.initializer_range * config.initializer_factor)
        self.starts = {
            "class_embedding": normal(size**-0.5 * config.initializer_factor),
            "patch_embedding.weight": start,
            "position_embedding.weight": start,
        }

    def forward(self, pixel_values: Tensor | None, any_size: bool) -> Tensor:
        """(B, C, Y, X) -> (B, 1 + patches, D)."""
        config, weight = self.config, self.patch_embedding.weight
        pixels = check_pixels(pixel_values, config.num_channels, config.patch_size, None if any_size else config.image_size)
        patches = self.patch_embedding(pixels.to(weight.dtype)).flatten(2).transpose(1, 2)
        x = torch.cat((self.class_embedding.expand(len(pixels), 1, -1), patches), dim=1)
        table = self.position_embedding(torch.arange(self.position_embedding.num_embeddings, device=x.device))
        return x + stretch(table, self.grid, grid(pixels.shape[-2:], config.patch_size))


class CLIPAttention(HasHeads, Starting):
    """Self-attention; what it may look at is the mask's matter."""

    def __init__(self, config: CLIPPartConfig) -> None:
        super().__init__()
        size = config.get("hidden_size")
        self.head_dim = size // config.get("num_attention_heads")
        self.k_proj = nn.Linear(size, size)
        self.v_proj = nn.Linear(size, size)
        self.q_proj = nn.Linear(size, size)
        self.out_proj = nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout)
        wide = size**-0.5 * config.initializer_factor
        narrow = normal(wide * (2 * config.num_hidden_layers) ** -0.5)
        self.starts = {
            **dict.fromkeys(("q_proj.weight", "k_proj.weight", "v_proj.weight"), narrow),
            "out_proj.weight": normal(wide),
        }

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.q_proj, self.k_proj, self.v_proj))
        output: Tensor = self.out_proj(merge_heads(self.attend(query, key, value, mask)))
        return output


class CLIPMLP(Starting):
    """fc2(act(fc1(x)))."""

    def __init__(self, config: CLIPPartConfig) -> None:
        super().__init__()
        size = config.get("hidden_size")
        self.fc1 = nn.Linear(size, config.get("intermediate_size"))
        self.fc2 = nn.Linear(config.get("intermediate_size"), size)
        self.act = activation(config.hidden_act)
        factor = config.initializer_factor
        self.starts = {
            "fc1.weight": normal((2 * size) ** -0.5 * factor),
            "fc2.weight": normal((2 * size * config.num_hidden_layers) ** -0.5 * factor),
        }

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.fc2(self.act(self.fc1(x)))
        return output


class CLIPEncoderLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: CLIPPartConfig) -> None:
        super().__init__()
        size = config.get("hidden_size")
        self.self_attn = CLIPAttention(config)
        self.layer_norm1 = nn.LayerNorm(size, config.layer_norm_eps)
        self.mlp = CLIPMLP(config)
        self.layer_norm2 = nn.LayerNorm(size, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x), mask)
        output: Tensor = x + self.mlp(self.layer_norm2(x))
        return output


class CLIPEncoder(nn.Module):
    """The stack of blocks, the same for texts and images."""

    def __init__(self, config: CLIPPartConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CLIPEncoderLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        for layer in self.layers:
            x = layer(x, mask)
        return x


class CLIPPreTrainedModel(PreTrainedModel):
    """What all CLIP classes share."""

    config_class: ClassVar[type[PreTrainedConfig]] = CLIPConfig
    base_model_prefix = "clip"
    _no_split_modules = ["CLIPTextEmbeddings", "CLIPEncoderLayer", "CLIPVisionEmbeddings"]


class CLIPTextModel(CLIPPreTrainedModel):
    """The text encoder. A text's vector is the state of its end token."""

    eos_token_id = Alias("config.eos_token_id")

    config_class = CLIPTextConfig
    base_model_prefix = "text_model"
    stacks = {"": Stack("encoder.layers")}
    config: CLIPTextConfig

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__(config)
        self.embeddings = CLIPTextEmbeddings(config)
        self.encoder = CLIPEncoder(config)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    @property
    def text_model(self) -> "CLIPTextModel":
        """This model; scripts written when its layers lay one level deeper look here."""
        return self

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.token_embedding

    def check_padding(self, ids: Tensor) -> None:
        """Nothing to say: what stands before the end token cannot see padding, which often is a real token's id."""

    def forward(
        self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, *, position_ids: Tensor | None = None
    ) -> BaseModelOutputWithPooling:
        """input_ids (B, T), each row with its end token; attention_mask (B, T); position_ids (B or 1, T)."""
        if input_ids is None:
            raise InputError("pass input_ids")
        if position_ids is None:
            position_ids = slots_of_text(attention_mask, input_ids.shape[1], input_ids.device)
        x = self.embeddings(input_ids, position_ids)
        x = self.encoder(x, make_mask(x.shape[1], x.device, attention_mask))
        x = self.final_layer_norm(x)
        rows = torch.arange(len(x), device=x.device)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=x[rows, self._end(input_ids, attention_mask)])

    def _end(self, ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Index (B,) of the first real end token of each row of (B, T); padding often has the same id.

        In a row without one, the first token is taken, with a warning; or the end token that the mask hides.
        """
        padding = None if attention_mask is None or attention_mask.dim() != 2 else attention_mask == 0
        end = self.config.eos_token_id
        if end == 2:  # what configs said while the end token was found as the highest id
            return (ids if padding is None else ids.masked_fill(padding, -1)).argmax(-1)
        ends = torch.isin(ids, torch.tensor(end, device=ids.device))
        real = ends if padding is None else ends & ~padding
        has_end = real.any(-1)
        if is_true((~has_end).any()):
            warn_once(
                "no-end-token",
                f"row {int(has_end.int().argmin())} of input_ids has no end token ({end}) outside of padding, whose state is a"
                " text's vector; its first token's is taken (the tokenizer adds the end token)",
            )
        return torch.where(has_end, real.int().argmax(-1), ends.int().argmax(-1))


class CLIPVisionModel(CLIPPreTrainedModel):
    """The image encoder. An image's vector is the normalised state of its class token."""

    config_class = CLIPVisionConfig
    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layers")}
    config: CLIPVisionConfig

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__(config)
        self.embeddings = CLIPVisionEmbeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)  # published with this spelling
        self.encoder = CLIPEncoder(config)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    @property
    def vision_model(self) -> "CLIPVisionModel":
        """This model; scripts written when its layers lay one level deeper look here."""
        return self

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embedding

    def forward(
        self, pixel_values: Tensor | None = None, *, interpolate_pos_encoding: bool | None = False
    ) -> BaseModelOutputWithPooling:
        """pixel_values (B, C, Y, X), of any size with `interpolate_pos_encoding`; `last_hidden_state` is not normalised."""
        x = self.pre_layrnorm(self.embeddings(pixel_values, bool(interpolate_pos_encoding)))
        x = self.encoder(x, make_mask(x.shape[1], x.device, causal=False))
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=self.post_layernorm(x[:, 0]))


# Heads on one encoder open checkpoints of both, and leave the other encoder alone.
_OLD = PreTrainedModel._keys_to_ignore_on_load_unexpected


def _projection(part: CLIPPartConfig, size: int) -> tuple[nn.Linear, Start]:
    """A linear layer to the shared space of `size`, and how its weights start."""
    hidden = part.get("hidden_size")
    return nn.Linear(hidden, size, bias=False), normal(hidden**-0.5 * part.initializer_factor)


class CLIPModel(CLIPPreTrainedModel):
    """Both encoders: how well each text describes each image."""

    projection_dim = Alias("config.projection_dim")
    text_embed_dim, vision_embed_dim = Alias("config.text_config.hidden_size"), Alias("config.vision_config.hidden_size")

    stacks = {
        "text_model_output.": Stack("text_model.encoder.layers"),
        "vision_model_output.": Stack("vision_model.encoder.layers"),
    }
    config: CLIPConfig

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        text, vision = config.text_config, config.vision_config
        self.text_model = CLIPTextModel(text)
        self.vision_model = CLIPVisionModel(vision)
        self.visual_projection, visual = _projection(vision, config.projection_dim)
        self.text_projection, textual = _projection(text, config.projection_dim)
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
    ) -> Any:
        """The text encoder's output, with `pooler_output` (B, projection) in the shared space, not normalised.

        `options`: output_hidden_states, output_attentions.
        """
        output = self.text_model(input_ids, attention_mask, position_ids=position_ids, return_dict=True, **options)
        output.pooler_output = self.text_projection(output.pooler_output)
        return output if (self.config.return_dict if return_dict is None else return_dict) else output.to_tuple()

    def get_image_features(
        self, pixel_values: Tensor, interpolate_pos_encoding: bool = False, return_dict: bool | None = None, **options: Any
    ) -> Any:
        """The image encoder's output, as `get_text_features` gives the text encoder's."""
        any_size = interpolate_pos_encoding
        output = self.vision_model(pixel_values, interpolate_pos_encoding=any_size, return_dict=True, **options)
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
            raise InputError("CLIPModel compares input_ids with pixel_values; for one, get_text_features or get_image_features")
        text = self.get_text_features(input_ids, attention_mask, position_ids, return_dict=True)
        vision = self.get_image_features(pixel_values, interpolate_pos_encoding, return_dict=True)
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


class CLIPTextModelWithProjection(Headed, CLIPPreTrainedModel):
    """The text encoder and its projection to the shared space."""

    config_class = CLIPTextConfig
    base_model_prefix = "text_model"
    backbone_class = CLIPTextModel
    stacks = CLIPTextModel.stacks
    _keys_to_ignore_on_load_unexpected = [*_OLD, r"^vision_model\.", r"^(visual_projection\.weight|logit_scale)$"]

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__(config)
        self.text_projection, start = _projection(config, config.projection_dim)
        self.starts = {"text_projection.weight": start}

    def forward(self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, **inputs: Any) -> TextEmbedsOutput:
        """As `CLIPTextModel`."""
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        projected, state = self.text_projection(output.pooler_output), output.last_hidden_state
        return TextEmbedsOutput(text_embeds=projected, last_hidden_state=state, **recorded(output))


class CLIPVisionModelWithProjection(Headed, CLIPPreTrainedModel):
    """The image encoder and its projection to the shared space."""

    config_class = CLIPVisionConfig
    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"
    backbone_class = CLIPVisionModel
    stacks = CLIPVisionModel.stacks
    _keys_to_ignore_on_load_unexpected = [*_OLD, r"^text_model\.", r"^(text_projection\.weight|logit_scale)$"]

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__(config)
        self.visual_projection, start = _projection(config, config.projection_dim)
        self.starts = {"visual_projection.weight": start}

    def forward(self, pixel_values: Tensor | None = None, **inputs: Any) -> ImageEmbedsOutput:
        """As `CLIPVisionModel`."""
        output = self.run_backbone(pixel_values, **inputs)
        projected, state = self.visual_projection(output.pooler_output), output.last_hidden_state
        return ImageEmbedsOutput(image_embeds=projected, last_hidden_state=state, **recorded(output))


class CLIPForImageClassification(ImageClassifier, CLIPPreTrainedModel):
    """The image encoder, labelling an image by the mean of its patches."""

    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"
    backbone_class = CLIPVisionModel
    backbone_part = "vision_config"
    stacks = CLIPVisionModel.stacks
    _keys_to_ignore_on_load_unexpected = [*_OLD, r"^text_model\.", r"^((text|visual)_projection\.weight|logit_scale)$"]

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        self.starts = {"classifier.weight": normal(config.vision_config.hidden_size**-0.5 * config.initializer_factor)}

    def pool(self, output: Any) -> Tensor:
        result: Tensor = output.last_hidden_state[:, 1:].mean(1)
        return result
