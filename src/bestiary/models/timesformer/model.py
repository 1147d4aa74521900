"""The modules of TimeSformer. Parameter names are the published ones."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ...core.outputs import BaseModelOutput
from ...modeling.base import PreTrainedModel
from ...modeling.heads.video_classification import VideoClassifier
from ...modeling.patch_attention import PatchOutput
from ...modeling.patch_embeddings import PatchEmbeddings
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, merge_heads
from ...nn.block import Block
from ...nn.films import check_film
from ...nn.init import Starting, constant, normal
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.patches import grid, pair
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import TimesformerConfig


def nearest(table: Tensor, size: tuple[int, ...]) -> Tensor:
    """A table (lengths..., D) of vectors along one or two axes, of other lengths `size`, by the nearest vector."""
    stretched: Tensor = interpolate(table.movedim(-1, 0).unsqueeze(0), size=size, mode="nearest")
    return stretched[0].movedim(0, -1)


class TimesformerPatchEmbeddings(PatchEmbeddings):
    """Each patch of every frame flattened and projected."""

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, T, C, Y, X) -> (B * T, patches, D)."""
        return super().forward(pixel_values.flatten(0, 1))


class TimesformerEmbeddings(Starting):
    """The class token and the patches of every frame, plus learned positions of patches and, but in "space_only", of frames."""

    num_patches = Alias("patch_embeddings.num_patches")

    def __init__(self, config: TimesformerConfig) -> None:
        super().__init__()
        size, self.config = config.hidden_size, config
        rows, columns = grid(config.image_size, config.patch_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size))
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + rows * columns, size))
        self.time_embeddings = None
        if config.attention_type != "space_only":
            self.time_embeddings = nn.Parameter(torch.zeros(1, config.num_frames, size))
        self.patch_embeddings = TimesformerPatchEmbeddings(config)
        self.pos_drop = nn.Dropout(config.hidden_dropout_prob)
        if self.time_embeddings is not None:
            self.time_drop = nn.Dropout(config.hidden_dropout_prob)
        self.starts = dict.fromkeys(("cls_token", "position_embeddings"), normal(config.initializer_range))
        if self.time_embeddings is not None:
            self.starts["time_embeddings"] = constant(0.0)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, T, C, Y, X) -> (B, 1 + patches * T, D), all frames of a patch one after the other.

        In "space_only" (B * T, 1 + patches, D).
        """
        batch, frames = pixel_values.shape[:2]
        x: Tensor = self.patch_embeddings(pixel_values)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)
        x = self.pos_drop(x + self.positions(pixel_values))
        if self.time_embeddings is None:
            return x
        first, times = x[:batch, :1], self.time_embeddings[0]
        by_patch = x[:, 1:].unflatten(0, (batch, frames)).transpose(1, 2).flatten(0, 1)  # (B * patches, T, D)
        by_patch = self.time_drop(by_patch + (times if frames == len(times) else nearest(times, (frames,))))
        return torch.cat((first, by_patch.reshape(batch, (x.shape[1] - 1) * frames, x.shape[-1])), dim=1)

    def positions(self, pixel_values: Tensor) -> Tensor:
        """Positions (1 + patches, D) of frames of the size of `pixel_values` (B, T, C, Y, X)."""
        places = self.position_embeddings[0]
        trained, target = (grid(size, self.config.patch_size) for size in (self.config.image_size, pixel_values.shape[-2:]))
        if trained[0] * trained[1] == target[0] * target[1]:
            return places
        return torch.cat((places[:1], nearest(places[1:].unflatten(0, trained), target).flatten(0, 1)))


class TimesformerSelfAttention(HasHeads):
    """Attention whose queries, keys and values are one projection."""

    query_name, dropout_name, calls_dropout = "qkv", "attn_drop", True

    def __init__(self, config: TimesformerConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.head_dim = size // config.num_attention_heads
        self.qkv = nn.Linear(size, 3 * size, bias=config.qkv_bias)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.qkv.out_features // 3, self.qkv.in_features

    def forward(self, x: Tensor, mask: Mask | None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        query, key, value = self.qkv(x).unflatten(-1, (3, -1, self.head_dim)).permute(2, 0, 3, 1, 4)
        return merge_heads(self.attend(query, key, value, mask))


class TimeSformerAttention(Block):
    """Self-attention and its output projection."""

    gives = "attentions"

    def __init__(self, config: TimesformerConfig) -> None:
        super().__init__()
        self.attention = TimesformerSelfAttention(config)
        self.output = PatchOutput(config.hidden_size, config)

    def forward(self, x: Tensor, mask: Mask | None) -> Tensor:
        output: Tensor = self.output(self.attention(x, mask))
        return output


class TimesformerIntermediate(nn.Module):
    """dropout(act(W x + b)), the wide half of the MLP."""

    def __init__(self, config: TimesformerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.intermediate_act_fn = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.intermediate_act_fn(self.dense(hidden_states)))
        return output


class TimesformerLayer(Layer):
    """One block. With attention divided, first along the frames, then over the patches of each frame.

    Args:
        drop_path_rate: how often a half is left out in training.
    """

    def __init__(self, config: TimesformerConfig, drop_path_rate: float = 0.0) -> None:
        super().__init__()
        size, eps = config.hidden_size, config.layer_norm_eps
        self.drop_path = StochasticDepth(drop_path_rate) if drop_path_rate else nn.Identity()
        self.attention = TimeSformerAttention(config)
        self.intermediate = TimesformerIntermediate(config)
        self.output = PatchOutput(config.intermediate_size, config)
        self.layernorm_before = nn.LayerNorm(size, eps)
        self.layernorm_after = nn.LayerNorm(size, eps)
        self.divided = config.attention_type == "divided_space_time"
        if self.divided:
            self.temporal_layernorm = nn.LayerNorm(size, eps)
            self.temporal_attention = TimeSformerAttention(config)
            self.temporal_dense = nn.Linear(size, size)

    def forward(self, x: Tensor, mask: Mask | None, frames: int) -> Tensor:
        """States (B, T, D) of a film of `frames` -> (B, T, D)."""
        x = self.over_time_and_space(x, frames) if self.divided else self.at_once(x, mask)
        output: Tensor = x + self.drop_path(self.output(self.intermediate(self.layernorm_after(x))))
        return output

    def at_once(self, x: Tensor, mask: Mask | None) -> Tensor:
        """x + attention(norm(x))."""
        output: Tensor = x + self.drop_path(self.attention(self.layernorm_before(x), mask))
        return output

    def over_time_and_space(self, x: Tensor, frames: int) -> Tensor:
        """Attention along the frames of each patch, then among the patches of each frame, beside which the class token stands.

        The class token's answers in the frames are averaged.
        """
        first, patches = x[:, :1], x[:, 1:]
        batch = len(x)
        along = patches.reshape(-1, frames, x.shape[-1])
        along = self.drop_path(self.temporal_attention(self.temporal_layernorm(along), None))
        patches = patches + self.temporal_dense(along.reshape(patches.shape))
        by_frame = patches.unflatten(1, (-1, frames)).transpose(1, 2).flatten(0, 1)  # (B * T, patches, D)
        leading = first.unsqueeze(1).expand(-1, frames, -1, -1).flatten(0, 1)
        among = torch.cat((leading, by_frame), dim=1)
        among = self.drop_path(self.attention(self.layernorm_before(among), None)).unflatten(0, (batch, frames))
        tokens = among[:, :, 1:].transpose(1, 2).flatten(1, 2)
        return torch.cat((first + among[:, :, :1].mean(1), patches + tokens), dim=1)


class TimesformerEncoder(nn.Module):
    """The stack of blocks."""

    def __init__(self, config: TimesformerConfig) -> None:
        super().__init__()
        rates = rising_rates(config.drop_path_rate, config.num_hidden_layers)
        self.layer = nn.ModuleList(TimesformerLayer(config, rate) for rate in rates)

    def forward(self, x: Tensor, mask: Mask | None, frames: int) -> Tensor:
        for layer in self.layer:
            x = layer(x, mask, frames)
        return x


class TimesformerPreTrainedModel(PreTrainedModel):
    """What all TimeSformer classes share."""

    config_class = TimesformerConfig
    base_model_prefix = "timesformer"
    main_input_name = "pixel_values"
    input_modalities = ("video",)
    stacks = {"": Stack("encoder.layer", unseen=("temporal_attention",))}
    _no_split_modules = ["TimesformerLayer"]
    config: TimesformerConfig


class TimesformerModel(TimesformerPreTrainedModel):
    """The encoder without a head."""

    def __init__(self, config: TimesformerConfig) -> None:
        super().__init__(config)
        self.embeddings = TimesformerEmbeddings(config)
        self.encoder = TimesformerEncoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutput:
        """Args:
        pixel_values: (B, T, C, Y, X), of any size; positions of places and frames that were not trained are those nearest.

        Returns:
            States of the class token and of the patches, all frames of a patch one after the other (B, 1 + patches * T, D); in
            "space_only" of every frame for itself (B * T, 1 + patches, D).
        """
        config = self.config
        pixels = check_film(pixel_values, config.num_channels, (1, *pair(config.patch_size)))
        x = self.embeddings(pixels)
        x = self.encoder(x, make_mask(x.shape[1], x.device, None, causal=False), pixels.shape[1])
        return BaseModelOutput(last_hidden_state=self.layernorm(x))


class TimesformerForVideoClassification(VideoClassifier, TimesformerPreTrainedModel):
    """TimeSformer that labels a film by its class token; in "space_only" every frame for itself, (B * T, N)."""

    backbone_class = TimesformerModel
