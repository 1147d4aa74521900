"""The modules of VideoMAE. Parameter names are those of published files, but for the biases of queries and values."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError, InputError
from ...core.outputs import BaseModelOutput, ModelOutput, Tensors
from ...loading.rules import rename
from ...modeling.base import PreTrainedModel
from ...modeling.heads.headed import Headed, recorded
from ...modeling.heads.video_classification import VideoClassifier
from ...modeling.patch_attention import PatchAttention, PatchSelfAttention
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...modeling.tubelet_embeddings import TubeletEmbeddings
from ...nn.alias import Alias
from ...nn.embeddings import alternating_sinusoids
from ...nn.films import check_film
from ...nn.init import constant
from ...nn.masks import make_mask
from ...nn.part_order import put_last
from ..vit.model import ViTEncoder, ViTLayer
from . import VideoMAEConfig

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the pixels that its processor takes out


@dataclass
class VideoMAEForPreTrainingOutput(ModelOutput):
    """`logits` (B, masked tubes, numbers of a tube), what was painted; `loss`, their mean squared distance from the film."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class VideoMAEPatchEmbeddings(TubeletEmbeddings):
    """Each tube flattened and projected."""


class VideoMAEEmbeddings(nn.Module):
    """The tubes plus sinusoids of their numbers; those that are masked are left out."""

    num_patches = Alias("patch_embeddings.num_patches")

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        self.patch_embeddings = VideoMAEPatchEmbeddings(config)
        self.config = config

    def forward(self, pixel_values: Tensor | None, bool_masked_pos: Tensor | None) -> Tensor:
        """(B, T, C, Y, X) and (B, tubes) -> (B, visible tubes, D)."""
        config = self.config
        pixels = check_film(pixel_values, config.num_channels, config.tube(), config.film())
        x: Tensor = self.patch_embeddings(pixels)
        x = x + alternating_sinusoids(x.shape[1], x.shape[2], device=x.device).to(x.dtype)
        return x if bool_masked_pos is None else taken(x, ~masked_places(bool_masked_pos, x))


class VideoMAESelfAttention(PatchSelfAttention):
    """Every tube looks at every tube."""

    key_bias, bias_name = False, "qv_bias"


class VideoMAEAttention(PatchAttention):
    """Self-attention and its output projection."""

    attention_class = VideoMAESelfAttention


class VideoMAELayer(ViTLayer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    attention_class = VideoMAEAttention

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        put_last(self, "layernorm_before", "layernorm_after")


class VideoMAEEncoder(ViTEncoder):
    """The stack of blocks."""

    layer_class = VideoMAELayer


class VideoMAEPreTrainedModel(PreTrainedModel):
    """What all VideoMAE classes share."""

    config_class = VideoMAEConfig
    base_model_prefix = "videomae"
    main_input_name = "pixel_values"
    input_modalities = ("video",)
    stacks = {"": Stack("encoder.layer")}
    head_weights = HeadWeights(
        ("attention.attention.query", "attention.attention.key", "attention.attention.value"), "attention.output.dense"
    )
    _no_split_modules = ["VideoMAEEmbeddings", "VideoMAELayer"]
    _weight_rules = (
        rename("attention.attention.q_bias", "attention.attention.query.bias"),
        rename("attention.attention.v_bias", "attention.attention.value.bias"),
    )
    config: VideoMAEConfig


class VideoMAEModel(VideoMAEPreTrainedModel):
    """The encoder without a head."""

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__(config)
        self.embeddings = VideoMAEEmbeddings(config)
        self.encoder = VideoMAEEncoder(config)
        self.layernorm = None if config.use_mean_pooling else nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(self, pixel_values: Tensor | None = None, bool_masked_pos: Tensor | None = None) -> BaseModelOutput:
        """Args:
        pixel_values: (B, T, C, Y, X). bool_masked_pos: (B, tubes), True where a tube is not seen, as often in every row.
        """
        x = self.embeddings(pixel_values, bool_masked_pos)
        x = self.encoder(x, make_mask(x.shape[1], x.device, None, causal=False))
        return BaseModelOutput(last_hidden_state=x if self.layernorm is None else self.layernorm(x))


class VideoMAEForVideoClassification(VideoClassifier, VideoMAEPreTrainedModel):
    """VideoMAE that labels a film."""

    backbone_class = VideoMAEModel
    config: VideoMAEConfig

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__(config)
        self.fc_norm = nn.LayerNorm(config.hidden_size) if config.use_mean_pooling else None
        put_last(self, "classifier")

    def pool(self, output: Any) -> Tensor:
        """The mean of all tubes, normed, or the first tube."""
        states: Tensor = output.last_hidden_state
        return states[:, 0] if self.fc_norm is None else self.fc_norm(states.mean(1))


class VideoMAEDecoder(nn.Module):
    """Blocks over the seen tubes' states and the mask tokens, and a dense layer to the numbers of a tube."""

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__()
        inner, tube = copy.copy(config), config.tube()
        inner.hidden_size, inner.intermediate_size = config.decoder_hidden_size, config.decoder_intermediate_size
        inner.num_hidden_layers = config.decoder_num_hidden_layers
        inner.num_attention_heads = config.decoder_num_attention_heads
        self.decoder_layers = nn.ModuleList(VideoMAELayer(inner) for _ in range(inner.num_hidden_layers))
        self.norm = nn.LayerNorm(inner.hidden_size)
        self.head = nn.Linear(inner.hidden_size, config.num_channels * tube[0] * tube[1] * tube[2])

    def forward(self, x: Tensor, masked: int) -> Tensor:
        """States (B, T, D), of which the last `masked` become numbers (B, masked, numbers of a tube)."""
        mask = make_mask(x.shape[1], x.device, None, causal=False)
        for layer in self.decoder_layers:
            x = layer(x, mask)
        output: Tensor = self.head(self.norm(x[:, x.shape[1] - masked :]))
        return output


class VideoMAEForPreTraining(Headed, VideoMAEPreTrainedModel):
    """VideoMAE that paints the tubes it does not see."""

    backbone_class = VideoMAEModel
    output_class = VideoMAEForPreTrainingOutput
    config: VideoMAEConfig

    def __init__(self, config: VideoMAEConfig) -> None:
        super().__init__(config)
        self.encoder_to_decoder = nn.Linear(config.hidden_size, config.decoder_hidden_size, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, config.decoder_hidden_size))
        self.decoder = VideoMAEDecoder(config)
        self.starts = {"mask_token": constant(0.0)}

    def forward(
        self, pixel_values: Tensor | None = None, bool_masked_pos: Tensor | None = None
    ) -> VideoMAEForPreTrainingOutput:
        """Args:
        pixel_values: (B, T, C, Y, X). bool_masked_pos: (B, tubes), True where a tube is to be painted, as often in every row.
        """
        if bool_masked_pos is None:
            raise InputError("pass bool_masked_pos (batch, tubes), True where a tube is hidden from the encoder and painted")
        config = self.config
        output = self.run_backbone(pixel_values, bool_masked_pos)
        x = self.encoder_to_decoder(output.last_hidden_state)
        pixels = check_film(pixel_values, config.num_channels, config.tube(), config.film())
        target = self.targets(pixels)
        hidden = masked_places(bool_masked_pos, target)
        count = target.shape[1] - x.shape[1]
        if count == 0:
            raise InputError("bool_masked_pos masks no tube, so there is nothing to paint; mask some in every row")
        places = alternating_sinusoids(target.shape[1], x.shape[2], device=x.device).to(x.dtype).expand(len(x), -1, -1)
        x = torch.cat((x + taken(places, ~hidden), self.mask_token + taken(places, hidden)), dim=1)
        logits = self.decoder(x, count)
        loss = nn.functional.mse_loss(logits, taken(target, hidden))
        return VideoMAEForPreTrainingOutput(loss=loss, logits=logits, **recorded(output))

    @torch.no_grad()
    def targets(self, pixels: Tensor) -> Tensor:
        """What the tubes of films (B, T, C, Y, X) should be painted as, (B, tubes, numbers of a tube)."""
        channels, (deep, high, wide), (frames, rows, columns) = pixels.shape[2], self.config.tube(), self.config.tubes()
        if channels == len(MEAN):
            deviation, mean = (pixels.new_tensor(each).view(-1, 1, 1) for each in (DEVIATION, MEAN))
            pixels = pixels * deviation + mean
        elif not self.config.norm_pix_loss:
            raise ConfigError(
                f"the pixels of films of {channels} channels, as they were before their mean was taken out, are not known;"
                " set norm_pix_loss=True, or num_channels=3"
            )
        pixels = pixels[:, : frames * deep, :, : rows * high, : columns * wide]
        split = pixels.reshape(len(pixels), frames, deep, channels, rows, high, columns, wide)
        tubes = split.permute(0, 1, 4, 6, 2, 5, 7, 3).flatten(4, 6).flatten(1, 3)  # (B, tubes, pixels of a tube, C)
        if self.config.norm_pix_loss:
            tubes = (tubes - tubes.mean(-2, keepdim=True)) / (tubes.var(-2, unbiased=True, keepdim=True).sqrt() + 1e-6)
        return tubes.flatten(2)


def masked_places(mask: Tensor, x: Tensor) -> Tensor:
    """A mask (B, tubes) as truth values, once it is known to fit the tubes of `x` (B, tubes, ...).

    Raises:
        InputError: it does not, or masks another number of tubes in each row.
    """
    if mask.shape != x.shape[:2]:
        raise InputError(f"bool_masked_pos has shape {tuple(mask.shape)}; expected {tuple(x.shape[:2])}")
    counts = mask.bool().sum(-1)
    if not len(counts) or torch.compiler.is_compiling():
        return mask.bool()
    if bool((counts != counts[0]).any()):
        raise InputError(f"bool_masked_pos masks {counts.tolist()} tubes in its rows; mask as many in each")
    if int(counts[0]) == mask.shape[1]:
        raise InputError("bool_masked_pos masks every tube, so there is nothing to see; leave some in every row")
    return mask.bool()


def taken(x: Tensor, places: Tensor) -> Tensor:
    """States (B, N, D) at `places` (B, N), as many in each row -> (B, places, D)."""
    return x[places].view(len(x), -1, x.shape[-1]) if len(x) else x[:, :0]
