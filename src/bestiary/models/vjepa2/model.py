"""The encoder of V-JEPA 2, its predictor and its classifier. Parameter names are the published ones."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import ImageClassifierOutput, ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.heads.headed import only
from ...modeling.heads.video_classification import VideoClassifier
from ...modeling.recording import Stack
from ...modeling.tubelet_embeddings import TubeletEmbeddings
from ...nn.alias import Alias
from ...nn.films import check_film
from ...nn.init import Starting, constant, truncated_normal
from ...nn.masks import make_mask
from ...nn.part_order import put_last
from . import VJEPA2Config
from .layers import VJEPA2Layer, angles, rates
from .pooler import VJEPA2AttentivePooler


@dataclass
class VJEPA2WithMaskedInputPredictorOutput(ModelOutput):
    """`last_hidden_state` (B, target tubes, D), what is predicted; `target_hidden_state`, what the encoder says of the same."""

    last_hidden_state: Tensor | None = None
    masked_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    target_hidden_state: Tensor | None = None


@dataclass
class VJEPA2WithMaskedInputModelOutput(ModelOutput):
    """`last_hidden_state` (B, tubes, D); `masked_hidden_state`, those of them that the predictor is shown."""

    last_hidden_state: Tensor | None = None
    masked_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    predictor_output: VJEPA2WithMaskedInputPredictorOutput | None = None


class VJEPA2PatchEmbeddings3D(TubeletEmbeddings):
    """Each tube flattened and projected."""

    projection_name, channels_name = "proj", "in_chans"
    patch_size = Alias("config.patch_size")


class VJEPA2Embeddings(nn.Module):
    """The tubes; of a picture, or of fewer frames than a tube has, the frames are repeated."""

    hidden_size, patch_size = Alias("config.hidden_size"), Alias("config.patch_size")

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__()
        self.config = config
        self.patch_embeddings = VJEPA2PatchEmbeddings3D(config)

    def forward(self, pixel_values_videos: Tensor | None) -> Tensor:
        """(B, T, C, Y, X) -> (B, tubes, D)."""
        pixels, tube = pixel_values_videos, self.config.tube()
        if pixels is not None and pixels.dim() == 5 and 0 < pixels.shape[1] < tube[0]:
            pixels = pixels.repeat(1, tube[0], 1, 1, 1)
        checked = check_film(pixels, self.config.in_chans, tube, name="pixel_values_videos")
        x: Tensor = self.patch_embeddings(checked)
        return x


class VJEPA2Encoder(nn.Module):
    """The tubes, the stack of blocks, and a norm."""

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__()
        self.config = config
        self.embeddings = VJEPA2Embeddings(config)
        size, heads, ratio = config.hidden_size, config.num_attention_heads, config.mlp_ratio
        drops = rates(config.drop_path_rate, config.num_hidden_layers)
        self.layer = nn.ModuleList(VJEPA2Layer(config, size, heads, ratio, rate) for rate in drops)
        self.layernorm = nn.LayerNorm(size, config.layer_norm_eps)

    def forward(self, pixel_values_videos: Tensor | None) -> Tensor:
        """(B, T, C, Y, X) -> (B, tubes, D)."""
        x = self.embeddings(pixel_values_videos)
        mask, places = make_mask(x.shape[1], x.device, None, causal=False), torch.arange(x.shape[1], device=x.device)
        rotary = angles(places[None], self.config, self.config.hidden_size // self.config.num_attention_heads, x)
        for layer in self.layer:
            x = layer(x, mask, rotary=rotary)
        output: Tensor = self.layernorm(x)
        return output


class VJEPA2PredictorEmbeddings(Starting):
    """The encoder's states in the width of the predictor, and the tokens that stand for tubes to be predicted."""

    patch_size = Alias("config.patch_size")

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__()
        self.config = config
        self.predictor_embeddings = nn.Linear(config.hidden_size, config.pred_hidden_size)
        self.mask_tokens = nn.Parameter(torch.zeros(config.pred_num_mask_tokens, 1, 1, config.pred_hidden_size))
        spread = truncated_normal(config.initializer_range, 2.0)
        self.starts = {"mask_tokens": constant(0.0) if config.pred_zero_init_mask_tokens else spread}

    def forward(self, hidden_states: Tensor, count: int, mask_index: int = 1) -> Tensor:
        """States (B, N, D) of tubes that are shown -> (B, N + count, D'), with tokens for `count` others."""
        token = self.mask_tokens[mask_index % len(self.mask_tokens)]
        shown = self.predictor_embeddings(hidden_states)
        return torch.cat((shown, token.expand(len(shown), count, -1)), dim=1)


class VJEPA2Predictor(nn.Module):
    """The states of some tubes, said from those of others."""

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__()
        self.config = config
        self.embeddings = VJEPA2PredictorEmbeddings(config)
        size, heads, ratio = config.pred_hidden_size, config.pred_num_attention_heads, config.pred_mlp_ratio
        drops = rates(config.drop_path_rate, config.pred_num_hidden_layers)
        self.layer = nn.ModuleList(VJEPA2Layer(config, size, heads, ratio, rate) for rate in drops)
        self.layernorm = nn.LayerNorm(size, config.layer_norm_eps)
        self.proj = nn.Linear(size, config.hidden_size)

    def forward(self, hidden_states: Tensor, context: Tensor, target: Tensor) -> Tensor:
        """States (B, N, D) at the places `context` (B, N), and the places `target` (B, M) -> (B, M, D)."""
        x = self.embeddings(hidden_states, target.shape[1])
        places = torch.cat((context, target), dim=1)
        order = places.argsort(dim=1, stable=True)
        places, x = places.gather(1, order), x.gather(1, order.unsqueeze(-1).expand_as(x))
        mask = make_mask(x.shape[1], x.device, None, causal=False)
        rotary = angles(places, self.config, self.config.pred_hidden_size // self.config.pred_num_attention_heads, x)
        for layer in self.layer:
            x = layer(x, mask, rotary=rotary)
        x = self.layernorm(x)
        x = x.gather(1, order.argsort(dim=1).unsqueeze(-1).expand_as(x))
        output: Tensor = self.proj(x[:, context.shape[1] :])
        return output


class VJEPA2PreTrainedModel(PreTrainedModel):
    """What all V-JEPA 2 classes share."""

    config_class = VJEPA2Config
    base_model_prefix = "vjepa2"
    main_input_name = "pixel_values_videos"
    input_modalities = ("video",)
    stacks = {"": Stack("encoder.layer")}
    _no_split_modules = [
        "VJEPA2Layer",
        "VJEPA2PoolerSelfAttentionLayer",
        "VJEPA2PoolerCrossAttentionLayer",
        "VJEPA2PredictorEmbeddings",
    ]
    config: VJEPA2Config


class VJEPA2Model(VJEPA2PreTrainedModel):
    """The encoder and the predictor."""

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__(config)
        self.encoder = VJEPA2Encoder(config)
        self.predictor = VJEPA2Predictor(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.embeddings.patch_embeddings

    def forward(
        self,
        pixel_values_videos: Tensor | None = None,
        context_mask: list[Tensor] | None = None,
        target_mask: list[Tensor] | None = None,
        *,
        skip_predictor: bool = False,
    ) -> VJEPA2WithMaskedInputModelOutput:
        """Args:
        pixel_values_videos: (B, T, C, Y, X).
        context_mask, target_mask: lists of numbers (B, N) of the tubes that the predictor is shown, and (B, M) of those that it
            shall say, one mask after the other; without either, all of them.
        skip_predictor: leave the predictor out.

        Raises:
            InputError: one of the masks alone, or numbers of tubes that are not there.
        """
        x = self.encoder(pixel_values_videos)
        if context_mask is None and target_mask is None:
            context_mask = target_mask = [torch.arange(x.shape[1], device=x.device).expand(len(x), -1)]
        if context_mask is None or target_mask is None or len(context_mask) != len(target_mask):
            raise InputError("context_mask and target_mask belong together: pass as many of one as of the other, or neither")
        contexts, targets = (
            _checked(masks, x, name) for masks, name in ((context_mask, "context_mask"), (target_mask, "target_mask"))
        )
        shown, predicted = _at(x, contexts), None
        if not skip_predictor:
            said = self.predictor(shown, torch.cat(contexts), torch.cat(targets))
            predicted = VJEPA2WithMaskedInputPredictorOutput(last_hidden_state=said, target_hidden_state=_at(x, targets))
        return VJEPA2WithMaskedInputModelOutput(last_hidden_state=x, masked_hidden_state=shown, predictor_output=predicted)

    def get_vision_features(self, pixel_values_videos: Tensor) -> Tensor:
        """The encoder's states (B, tubes, D) of films (B, T, C, Y, X)."""
        output: Tensor = self.encoder(pixel_values_videos)
        return output


def _checked(masks: list[Tensor], x: Tensor, name: str) -> list[Tensor]:
    """Numbers of tubes (B, N) of states `x` (B, tubes, D), each of them there."""
    for mask in masks:
        whole = isinstance(mask, Tensor) and mask.dim() == 2 and not (mask.is_floating_point() or mask.is_complex())
        if not whole or mask.dtype == torch.bool or len(mask) != len(x) or not mask.shape[1]:
            found = f"{mask.dtype} of shape {tuple(mask.shape)}" if isinstance(mask, Tensor) else f"a {type(mask).__name__}"
            raise InputError(f"{name} holds {found}; expected numbers of tubes ({len(x)}, count)")
        if not torch.compiler.is_compiling() and len(x) and not 0 <= int(mask.min()) <= int(mask.max()) < x.shape[1]:
            raise InputError(f"{name} names tubes {int(mask.min())} to {int(mask.max())}; there are 0 to {x.shape[1] - 1}")
    return [mask.long() for mask in masks]


def _at(x: Tensor, masks: list[Tensor]) -> Tensor:
    """States (B, tubes, D) at the places of each mask (B, N), one mask after the other (masks * B, N, D)."""
    return torch.cat([x.gather(1, mask.unsqueeze(-1).expand(-1, -1, x.shape[-1])) for mask in masks])


class VJEPA2ForVideoClassification(VideoClassifier, VJEPA2PreTrainedModel):
    """V-JEPA 2 that labels a film, by attention of a learned query to all of its tubes."""

    backbone_class = VJEPA2Model
    config: VJEPA2Config

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__(config)
        self.pooler = VJEPA2AttentivePooler(config)
        put_last(self, "classifier")

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = self.loss_function(pooled_logits=logits, labels=labels, config=self.config)
        return loss

    def forward(  # type: ignore[override]  # as published
        self, pixel_values_videos: Tensor | None = None, labels: Tensor | None = None
    ) -> ImageClassifierOutput:
        """pixel_values_videos: (B, T, C, Y, X). labels: as `ImageClassifier.forward` says."""
        output = self.run_backbone(pixel_values_videos, skip_predictor=True)
        logits = self.classifier(self.pooler(output.last_hidden_state))
        loss = None if labels is None else self.loss(logits, labels)
        return ImageClassifierOutput(loss=loss, logits=logits, **only(ImageClassifierOutput, output))
