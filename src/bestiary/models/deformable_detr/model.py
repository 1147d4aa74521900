"""The models of Deformable DETR. Parameter names are the published ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ...core.errors import InputError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.detector import DetectorBackbone
from ...modeling.heads.headed import Headed
from ...modeling.heads.object_detection import BoxHead, ObjectDetection
from ...modeling.recording import Stack
from ...modeling.seq2seq import encoder_output
from ...nn.detection import Predicted
from ...nn.grid_positions import LearnedGridPositions, point_sines, sine_positions
from ...nn.init import Starting, constant, normal, start_usually
from ...nn.inputs import check_states
from ...nn.map_points import place_boxes, real_shares
from ...nn.masks import make_mask
from ..resnet.weights import timm_names
from . import DeformableDetrConfig
from .layers import DeformableDetrDecoder, DeformableDetrEncoder, moved


@dataclass
class DeformableDetrModelOutput(ModelOutput):
    """States (B, L, Q, D) and points or boxes (B, L, Q, 2 or 4) behind each layer; `init_reference_points` are the first.

    With two stages `enc_outputs_class` (B, S, N) and `enc_outputs_coord_logits` (B, S, 4) tell what each place may hold.
    """

    init_reference_points: Tensor | None = None
    last_hidden_state: Tensor | None = None
    intermediate_hidden_states: Tensor | None = None
    intermediate_reference_points: Tensor | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    enc_outputs_class: Tensor | None = None
    enc_outputs_coord_logits: Tensor | None = None


@dataclass
class DeformableDetrObjectDetectionOutput(ModelOutput):
    """`logits` (B, Q, N), classes judged one by one; `pred_boxes` (B, Q, 4), centers in 0..1; the rest as the model's."""

    loss: Tensor | None = None
    loss_dict: dict[str, Tensor] | None = None
    logits: Tensor | None = None
    pred_boxes: Tensor | None = None
    auxiliary_outputs: list[dict[str, Tensor]] | None = None
    last_hidden_state: Tensor | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    init_reference_points: Tensor | None = None
    intermediate_hidden_states: Tensor | None = None
    intermediate_reference_points: Tensor | None = None
    enc_outputs_class: Tensor | None = None
    enc_outputs_coord_logits: Tensor | None = None


class DeformableDetrConvEncoder(DetectorBackbone):
    """The backbone, its batch norms frozen; of its layers those behind the first go on learning."""


class DeformableDetrMLPPredictionHead(BoxHead):
    """Dense layers with ReLU between them."""


class DeformableDetrPreTrainedModel(PreTrainedModel):
    """What all Deformable DETR classes share."""

    config_class = DeformableDetrConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    stacks = {"encoder_": Stack("encoder.layers"), "decoder_": Stack("decoder.layers")}
    kind_starts = dict.fromkeys((nn.Linear, nn.Conv2d, nn.Embedding), lambda part, config: start_usually(part, config.init_std))
    _no_split_modules = ["DeformableDetrConvEncoder", "DeformableDetrEncoderLayer", "DeformableDetrDecoderLayer"]
    _weight_rules = timm_names("backbone.conv_encoder.model")
    _keys_to_ignore_on_load_unexpected = [r"\.num_batches_tracked$"]
    config: DeformableDetrConfig


class DeformableDetrModel(DeformableDetrPreTrainedModel, Starting):
    """Backbone, encoder and decoder without a head."""

    def __init__(self, config: DeformableDetrConfig) -> None:
        super().__init__(config)
        size = config.d_model
        self.level_embed = nn.Parameter(torch.zeros(config.num_feature_levels, size))
        self.starts = {"level_embed": normal(1.0)}
        encoder = DeformableDetrConvEncoder(config)
        self.backbone = nn.ModuleDict({"conv_encoder": encoder})
        if config.position_embedding_type == "learned":
            self.position_embedding = LearnedGridPositions(size)
        self.input_proj = nn.ModuleList(_projections(encoder.model.channels, size, config.num_feature_levels))
        if not config.two_stage:
            self.query_position_embeddings = nn.Embedding(config.num_queries, 2 * size)
        self.encoder, self.decoder = DeformableDetrEncoder(config), DeformableDetrDecoder(config)
        if config.two_stage:
            self.enc_output, self.enc_output_norm = nn.Linear(size, size), nn.LayerNorm(size)
            self.pos_trans, self.pos_trans_norm = nn.Linear(2 * size, 2 * size), nn.LayerNorm(2 * size)
        else:
            self.reference_points = nn.Linear(size, 2)
            self.starts |= {
                "reference_points.weight": nn.init.xavier_uniform_,
                "reference_points.bias": constant(0.0),
            }

    def get_input_embeddings(self) -> nn.Module:
        projection: nn.Module = self.input_proj.get_submodule("0.0")
        return projection

    def maps(self, pixels: Tensor | None, pixel_mask: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """Maps (B, D, y, x) of all levels, each with its mask (B, y, x), True where real."""
        found: list[tuple[Tensor, Tensor]] = self.backbone["conv_encoder"](pixels, pixel_mask)
        count = len(found)
        maps = [(self.input_proj[number](feature), real) for number, (feature, real) in enumerate(found)]
        for number in range(count, self.config.num_feature_levels):
            feature = self.input_proj[number](found[-1][0] if number == count else maps[-1][0])
            mask = torch.ones_like(feature[:1, :1]) if pixel_mask is None else pixel_mask[:, None].float()
            real = interpolate(mask, size=feature.shape[-2:])[:, 0].bool().expand(len(feature), -1, -1)
            maps.append((feature, real))
        return maps

    def positions(self, real: Iterable[Tensor], dtype: torch.dtype) -> Tensor:
        """Of the places of all maps with such masks (B, y, x), (B, S, D)."""
        size, levels = self.config.d_model, []
        for level, mask in zip(self.level_embed, real, strict=True):
            if self.config.position_embedding_type == "learned":
                grid = self.position_embedding(mask)
            else:
                grid = sine_positions(mask, size, before=0.5)
            levels.append(grid.flatten(1, 2).to(dtype) + level)
        return torch.cat(levels, dim=1)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        decoder_inputs_embeds: Tensor | None = None,
    ) -> DeformableDetrModelOutput:
        """Args:
        pixel_values: (B, C, Y, X). pixel_mask: (B, Y, X), 0 where the image was padded.
        decoder_attention_mask: (B, Q), 0 for queries to look away from. decoder_inputs_embeds: (B, Q, D), states that the
            queries start with.
        encoder_outputs: the encoder's output of an earlier call.
        """
        maps, masks = zip(*self.maps(pixel_values, pixel_mask), strict=True)
        sizes = [(feature.shape[2], feature.shape[3]) for feature in maps]
        places = torch.cat([each.flatten(2).transpose(1, 2) for each in maps], dim=1)
        real, shares = torch.cat([mask.flatten(1) for mask in masks], dim=1), real_shares(masks)
        if encoder_outputs is None:
            encoder_outputs = self.encoder(places, real, self.positions(masks, places.dtype), sizes, shares)
        encoded = encoder_output(encoder_outputs)
        memory: Any = encoded.last_hidden_state
        check_states(memory, "encoder_outputs", len(places), self.config.d_model, "pixel_values", places.shape[1])
        if self.config.two_stage:
            queries, states, reference, first = self._proposed(memory, sizes, shares, real)
        else:
            numbers, first = torch.arange(self.config.num_queries, device=places.device), {}
            queries, states = self.query_position_embeddings(numbers).expand(len(places), -1, -1).chunk(2, dim=-1)
            reference = self.reference_points(queries).sigmoid()
        if decoder_inputs_embeds is not None:
            count = queries.shape[1]
            check_states(
                decoder_inputs_embeds, "decoder_inputs_embeds", len(places), self.config.d_model, "pixel_values", count
            )
            states = decoder_inputs_embeds
        mask = make_mask(queries.shape[1], places.device, decoder_attention_mask, causal=False, name="decoder_attention_mask")
        between, references = self.decoder(
            states,
            mask,
            positions=queries,
            reference=reference,
            memory=memory,
            sizes=sizes,
            shares=shares.to(memory.dtype),
            real=real,
        )
        others: dict[str, Any] = {f"encoder_{name}": value for name, value in encoded.items()} | first
        return DeformableDetrModelOutput(
            init_reference_points=reference,
            last_hidden_state=between[:, -1],
            intermediate_hidden_states=between,
            intermediate_reference_points=references,
            **others,
        )

    def _proposed(
        self, memory: Tensor, sizes: list[tuple[int, int]], shares: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Positions, states and boxes of the queries that stand for the likeliest places, and what every place may hold."""
        if "bbox_embed" not in self.decoder._modules:
            raise InputError(
                "DeformableDetrModel with two_stage=True has no heads that propose; DeformableDetrForObjectDetection has"
            )
        boxes, inside = place_boxes(sizes, shares, real)
        found = self.enc_output_norm(self.enc_output(memory.masked_fill(~inside[..., None], 0.0)))
        classes, change = (
            self.decoder.get_submodule(f"{name}.{self.config.decoder_layers}")(found) for name in ("class_embed", "bbox_embed")
        )
        coordinates = change + boxes.to(found.dtype)
        count = self.config.two_stage_num_proposals
        if count > found.shape[1]:
            raise InputError(
                f"the image has {found.shape[1]} places in its maps, fewer than two_stage_num_proposals ({count}); use a larger"
                " one"
            )
        best = classes[..., 0].topk(count, dim=1).indices
        chosen = coordinates.gather(1, best[..., None].expand(-1, -1, 4)).detach()
        sines = point_sines(chosen.sigmoid(), self.config.d_model, rows_first=False).to(found.dtype)
        queries, states = self.pos_trans_norm(self.pos_trans(sines)).chunk(2, dim=-1)
        return queries, states, chosen.sigmoid(), {"enc_outputs_class": classes, "enc_outputs_coord_logits": coordinates}


def _projections(channels: list[int], size: int, levels: int) -> Iterable[nn.Module]:
    """What makes maps of the width `size` of the backbone's; of those beyond them, each half as large as the one before."""
    for number in range(levels):
        if number < len(channels):
            convolution = nn.Conv2d(channels[number], size, kernel_size=1)
        else:
            inner = channels[-1] if number == len(channels) else size
            convolution = nn.Conv2d(inner, size, kernel_size=3, stride=2, padding=1)
        yield nn.Sequential(convolution, nn.GroupNorm(32, size))


class DeformableDetrForObjectDetection(ObjectDetection[DeformableDetrObjectDetectionOutput], DeformableDetrPreTrainedModel):
    """Deformable DETR that names the objects in an image, with a box around each."""

    backbone_class = DeformableDetrModel
    output_class = DeformableDetrObjectDetectionOutput
    loss_type = "DeformableDetrForObjectDetection"

    def __init__(self, config: DeformableDetrConfig) -> None:
        Headed.__init__(self, config)
        decoder: Any = self.base_model.get_submodule("decoder")
        if config.with_box_refine:
            decoder.bbox_embed = self._box_heads()
        if config.two_stage:
            decoder.class_embed = self._classifiers()
        self.class_embed, self.bbox_embed = self._classifiers(), self._box_heads()

    def _classifiers(self) -> nn.ModuleList:
        count = self.config.decoder_layers + self.config.two_stage
        return nn.ModuleList(nn.Linear(self.config.d_model, self.config.num_labels) for _ in range(count))

    def _box_heads(self) -> nn.ModuleList:
        count, size = self.config.decoder_layers + self.config.two_stage, self.config.d_model
        return nn.ModuleList(DeformableDetrMLPPredictionHead([size, size, size, 4]) for _ in range(count))

    def ties(self) -> dict[str, str]:
        """Heads of layers are those of the decoder where it has some, else those of the first layer."""
        tied = {}
        for name, own in (("bbox_embed", self.config.with_box_refine), ("class_embed", self.config.two_stage)):
            heads = self.get_submodule(name)
            for path, _ in heads.named_parameters(remove_duplicate=False):
                number, _, leaf = path.partition(".")
                if own:
                    tied[f"{name}.{path}"] = f"model.decoder.{name}.{path}"
                elif number != "0":
                    tied[f"{name}.{path}"] = f"{name}.0.{leaf}"
        return tied if self.config.tie_word_embeddings else {}

    def predictions(self, output: Any) -> tuple[Predicted, Predicted | None]:
        references = [output.init_reference_points, *output.intermediate_reference_points.unbind(1)]
        logits, boxes = [], []
        for number, state in enumerate(output.intermediate_hidden_states.unbind(1)):
            logits.append(self.class_embed[number](state))
            boxes.append(moved(self.bbox_embed[number](state), references[number]).sigmoid())
        return Predicted(logits[-1], boxes[-1]), Predicted(torch.stack(logits), torch.stack(boxes))
