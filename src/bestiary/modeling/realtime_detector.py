"""The floor of RT-DETR and its relatives: a backbone, an encoder of its maps, and a decoder that starts from likely places."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.outputs import BaseModelOutput, ModelOutput, Tensors
from ..nn.deformable_attention import MapSizes
from ..nn.denoising import Denoising, denoising_queries
from ..nn.detection import Predicted, read_labels
from ..nn.frozen_norm import freeze_batch_norms
from ..nn.init import Starting, constant, start_usually
from ..nn.map_points import place_boxes
from ..nn.masks import Mask
from ..nn.part_order import put_last
from ..nn.patches import required
from .backbone import build_backbone
from .base import PreTrainedModel
from .heads.headed import Headed, only
from .heads.object_detection import BoxHead
from .hybrid_encoder import HybridEncoder
from .realtime_detector_config import HybridDetectorConfig
from .refining_decoder import RefiningDecoder


@dataclass
class RealtimeModelOutput(ModelOutput):
    """What layers of the decoder tell (B, L, Q, ...), the proposals they start from, and maps (B, D, y, x) of the encoder.

    `init_reference_points` (B, Q, 4) and `enc_outputs_coord_logits` (B, S, 4) are numbers whose sigmoids are boxes.
    `denoising_meta_values` tells of queries made of real objects, which stand before the others in training.
    """

    last_hidden_state: Tensor | None = None
    intermediate_hidden_states: Tensor | None = None
    intermediate_logits: Tensor | None = None
    intermediate_reference_points: Tensor | None = None
    intermediate_predicted_corners: Tensor | None = None
    initial_reference_points: Tensor | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Any = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    init_reference_points: Tensor | None = None
    enc_topk_logits: Tensor | None = None
    enc_topk_bboxes: Tensor | None = None
    enc_outputs_class: Tensor | None = None
    enc_outputs_coord_logits: Tensor | None = None
    denoising_meta_values: dict[str, Any] | None = None


@dataclass
class RealtimeDetectionOutput(ModelOutput):
    """`logits` (B, Q, N), classes judged one by one; `pred_boxes` (B, Q, 4), centers in 0..1; the rest as the model's."""

    loss: Tensor | None = None
    loss_dict: dict[str, Tensor] | None = None
    logits: Tensor | None = None
    pred_boxes: Tensor | None = None
    auxiliary_outputs: list[dict[str, Tensor]] | None = None
    last_hidden_state: Tensor | None = None
    intermediate_hidden_states: Tensor | None = None
    intermediate_logits: Tensor | None = None
    intermediate_reference_points: Tensor | None = None
    intermediate_predicted_corners: Tensor | None = None
    initial_reference_points: Tensor | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Any = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    init_reference_points: Tensor | None = None
    enc_topk_logits: Tensor | None = None
    enc_topk_bboxes: Tensor | None = None
    enc_outputs_class: Tensor | None = None
    enc_outputs_coord_logits: Tensor | None = None
    denoising_meta_values: dict[str, Any] | None = None


class RealtimeBackbone(nn.Module):
    """The backbone, whose batch norms are frozen where the config says so."""

    def __init__(self, config: HybridDetectorConfig) -> None:
        super().__init__()
        self.model = build_backbone(config.backbone_config)
        if config.freeze_backbone_batch_norms:
            freeze_batch_norms(self.model)

    def forward(self, pixel_values: Tensor | None) -> list[Tensor]:
        """(B, C, Y, X) -> maps (B, D, y, x), the largest first."""
        return list(self.model(required(pixel_values), return_dict=True).feature_maps)


def start_detector_part(part: Any, config: HybridDetectorConfig) -> None:
    """Starting values of dense layers and, as published, of the scales of batch norms too."""
    start_usually(part, config.initializer_range)
    if isinstance(part, nn.BatchNorm2d):
        part.weight.data.normal_(0.0, config.initializer_range)


def class_starts(config: HybridDetectorConfig, *names: str) -> dict[str, Any]:
    """Starting values of what tells classes: every class has the same small probability."""
    share = config.initializer_bias_prior_prob or 1 / (config.num_labels + 1)
    bias = math.log(share / (1 - share))
    return {
        f"{name}.{leaf}": start
        for name in names
        for leaf, start in (("weight", nn.init.xavier_uniform_), ("bias", constant(bias)))
    }


class RealtimeDetector(PreTrainedModel, Starting):
    """Backbone, encoder and decoder without a head.

    Class attributes: the classes of its parts, and of its output. `keeps_widths`: the decoder sees the encoder's maps as they
    are where they are as wide as it. `last_parts`: names of parts that stand behind the others.
    """

    detector_backbone_class: ClassVar[type[RealtimeBackbone]] = RealtimeBackbone
    encoder_class: ClassVar[type[nn.Module]] = HybridEncoder
    decoder_class: ClassVar[type[RefiningDecoder]] = RefiningDecoder
    box_head_class: ClassVar[type[BoxHead]] = BoxHead
    output_class: ClassVar[type[RealtimeModelOutput]] = RealtimeModelOutput
    keeps_widths: ClassVar[bool] = False
    last_parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: HybridDetectorConfig) -> None:
        super().__init__(config)
        size, labels, eps = config.d_model, config.num_labels, config.layer_norm_eps
        self.backbone = self.detector_backbone_class(config)
        self.encoder_input_proj = nn.ModuleList(
            self.projection(channels, config.encoder_hidden_dim, eps=1e-5) for channels in self.backbone.model.channels
        )
        self.encoder = self.encoder_class(config)
        if config.num_denoising > 0:
            self.denoising_class_embed = nn.Embedding(labels + 1, size, padding_idx=labels)
        if config.learn_initial_query:
            self.weight_embedding = nn.Embedding(config.num_queries, size)
        self.enc_output = nn.Sequential(nn.Linear(size, size), nn.LayerNorm(size, eps))
        self.enc_score_head = nn.Linear(size, labels)
        self.enc_bbox_head = self.box_head_class([size, size, size, 4])
        self.decoder_input_proj = nn.ModuleList(self._level(number) for number in range(config.num_feature_levels))
        self.decoder = self.decoder_class(config)
        put_last(self, *self.last_parts)
        learned = {f"{name}.weight": nn.init.xavier_uniform_ for name in ("denoising_class_embed", "weight_embedding")}
        self.starts = class_starts(config, "enc_score_head") | {
            name: start for name, start in learned.items() if name.partition(".")[0] in self._modules
        }

    def projection(self, inner: int, outer: int, kernel: int = 1, stride: int = 1, eps: float | None = None) -> nn.Module:
        """A convolution and a norm, whose `eps` may be another than the config's."""
        convolution = nn.Conv2d(inner, outer, kernel, stride, padding=kernel // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outer, self.config.batch_norm_eps if eps is None else eps))

    def _level(self, number: int) -> nn.Module:
        """What makes a map of the decoder of the encoder's; those beyond them are half as large as the last."""
        channels, size = self.config.decoder_in_channels, self.config.d_model
        if self.keeps_widths and channels[-1] == size:
            return nn.Identity()
        if number < len(channels):
            return self.projection(channels[number], size)
        return self.projection(channels[-1] if number == len(channels) else size, size, 3, 2)

    def get_input_embeddings(self) -> nn.Module:
        first: nn.Module = self.backbone.model.get_input_embeddings()
        return first

    def levels(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The maps (B, D, y, x) of all levels that the decoder sees, of the encoder's, the last of which makes all smaller."""
        last = len(maps) - 1
        return [project(maps[min(number, last)]) for number, project in enumerate(self.decoder_input_proj)]

    def forward(
        self,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        labels: Any = None,
    ) -> RealtimeModelOutput:
        """Args:
        pixel_values: (B, C, Y, X). pixel_mask: (B, Y, X), which is of no effect: padding is looked at, as published.
        encoder_outputs: the encoder's output of an earlier call, whose `last_hidden_state` are its maps.
        labels: as the head takes them; in training, queries are made of these objects.
        """
        if encoder_outputs is None:
            maps = [project(each) for project, each in zip(self.encoder_input_proj, self.backbone(pixel_values), strict=True)]
            encoder_outputs = BaseModelOutput(last_hidden_state=self.encoder(maps))
        encoded = encoder_outputs if isinstance(encoder_outputs, ModelOutput) else BaseModelOutput(*encoder_outputs)
        levels = self.levels(cast(Any, encoded).last_hidden_state)
        sizes = [(each.shape[2], each.shape[3]) for each in levels]
        memory = torch.cat([each.flatten(2).transpose(1, 2) for each in levels], dim=1)
        states, boxes, proposed = self.proposals(memory, sizes)
        noisy = self._denoising(labels, proposed) if self.training and labels is not None else None
        mask = Mask(states.shape[1], states.shape[1], states.device)
        if noisy is not None:
            states = torch.cat((self.denoising_class_embed(noisy.classes).to(states.dtype), states), dim=1)
            boxes = torch.cat((noisy.boxes.to(boxes.dtype), boxes), dim=1)
            mask = Mask(states.shape[1], states.shape[1], states.device, dense=noisy.sees[None, None])
        told = self.decoder(states, mask, boxes.detach(), memory, sizes)
        others = {f"encoder_{name}": value for name, value in encoded.items()} | told | proposed
        return self.output_class(
            init_reference_points=boxes.detach(),
            denoising_meta_values=None if noisy is None else noisy.told,
            **cast(Any, others),
        )

    def proposals(self, memory: Tensor, sizes: MapSizes) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """States (B, Q, D) and boxes (B, Q, 4) of the likeliest places of all maps, and what the output holds of these.

        Raises:
            InputError: there are fewer places than queries.
        """
        count, device = self.config.num_queries, memory.device
        if count > memory.shape[1]:
            raise InputError(
                f"the image has {memory.shape[1]} places in its maps, fewer than num_queries ({count}); use a larger one"
            )
        real = torch.ones(1, memory.shape[1], dtype=torch.bool, device=device)
        beyond = torch.finfo(memory.dtype).max
        around, inside = place_boxes(sizes, memory.new_ones(1, len(sizes), 2), real, beyond=beyond)
        found = self.enc_output(inside[..., None].to(memory.dtype) * memory)
        classes, places = self.enc_score_head(found), self.enc_bbox_head(found) + around.to(memory.dtype)
        best = classes.amax(-1).topk(count, dim=1).indices[..., None]
        boxes = places.gather(1, best.expand(-1, -1, 4))
        if self.config.learn_initial_query:
            states = self.weight_embedding.weight.expand(len(memory), -1, -1)
        else:
            states = found.gather(1, best.expand(-1, -1, found.shape[-1])).detach()
        told = {
            "enc_topk_logits": classes.gather(1, best.expand(-1, -1, classes.shape[-1])),
            "enc_topk_bboxes": boxes.sigmoid(),
            "enc_outputs_class": classes,
            "enc_outputs_coord_logits": places,
        }
        return states, boxes, told

    def _denoising(self, labels: Any, proposed: dict[str, Tensor]) -> Denoising | None:
        """The queries made of the real objects of a batch."""
        predicted = Predicted(proposed["enc_topk_logits"], proposed["enc_topk_bboxes"])
        config, classes = self.config, predicted.logits.shape[-1]
        return denoising_queries(
            read_labels(labels, predicted, classes=classes),
            classes,
            config.num_queries,
            config.num_denoising,
            config.label_noise_ratio,
            config.box_noise_scale,
        )


class RealtimeDetection(Headed, Starting):
    """A detector that names the objects in an image, with a box around each.

    Class attribute `names_heads_twice`: whether the heads of the decoder are its own too, which are not called.
    """

    names_heads_twice: ClassVar[bool] = False
    output_class: ClassVar[type[RealtimeDetectionOutput]] = RealtimeDetectionOutput

    def __init__(self, config: HybridDetectorConfig) -> None:
        super().__init__(config)
        decoder: Any = self.base_model.get_submodule("decoder")
        decoder.class_embed, decoder.bbox_embed = decoder.make_heads(config)
        paths = [f"{self.base_model_prefix}.decoder."]
        if self.names_heads_twice:
            self.class_embed, self.bbox_embed = decoder.make_heads(config)
            paths.append("")
        self.starts = {}
        for path in paths:
            for number, head in enumerate(decoder.bbox_embed):
                last = f"{path}bbox_embed.{number}.layers.{len(head.layers) - 1}"
                self.starts |= {f"{last}.weight": constant(0.0), f"{last}.bias": constant(0.0)}
                self.starts |= class_starts(config, f"{path}class_embed.{number}")

    def ties(self) -> dict[str, str]:
        """Heads named twice are the decoder's."""
        if not self.names_heads_twice or not self.config.tie_word_embeddings:
            return {}
        path = f"{self.base_model_prefix}.decoder"
        heads = [(name, self.get_submodule(name)) for name in ("class_embed", "bbox_embed")]
        names = [f"{name}.{leaf}" for name, head in heads for leaf, _ in head.named_parameters(remove_duplicate=False)]
        return {name: f"{path}.{name}" for name in names}

    def forward(
        self, pixel_values: Tensor | None = None, pixel_mask: Tensor | None = None, *, labels: Any = None, **inputs: Any
    ) -> RealtimeDetectionOutput:
        """labels: of each image a dictionary with `class_labels` (M,) and `boxes` (M, 4), centers in 0..1."""
        output = self.run_backbone(pixel_values, pixel_mask, labels=labels, **inputs)
        logits, boxes = output.intermediate_logits[:, -1], output.intermediate_reference_points[:, -1]
        loss, parts, earlier = None, None, None
        if labels is not None:
            layers = output.intermediate_logits, output.intermediate_reference_points
            call = (logits, labels, self.device, boxes, self.config, *layers)
            loss, parts, earlier = self.loss_function(*call, **self.loss_inputs(output))
        return self.output_class(
            loss=loss,
            loss_dict=parts,
            logits=logits,
            pred_boxes=boxes,
            auxiliary_outputs=earlier,
            last_hidden_state=output.last_hidden_state,
            **only(self.output_class, output),
        )

    def loss_inputs(self, output: Any) -> dict[str, Any]:
        """What the loss is told besides, by its arguments' names."""
        return {
            "enc_topk_logits": output.enc_topk_logits,
            "enc_topk_bboxes": output.enc_topk_bboxes,
            "denoising_meta_values": output.denoising_meta_values,
            "predicted_corners": output.intermediate_predicted_corners,
            "initial_reference_points": output.initial_reference_points,
        }
