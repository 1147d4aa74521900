"""The modules of DETR. Parameter names are the published ones."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ...core.errors import InputError
from ...core.outputs import ModelOutput, Tensors
from ...loading.rules import rename
from ...modeling.backbone import build_backbone
from ...modeling.base import PreTrainedModel
from ...modeling.heads.headed import Headed, only
from ...modeling.recording import Stack
from ...modeling.seq2seq import encoder_output
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.detection import Predicted, SetLoss
from ...nn.frozen_norm import freeze_batch_norms
from ...nn.grid_positions import LearnedGridPositions, sine_positions
from ...nn.init import start_usually
from ...nn.inputs import check_states, warn_of_hidden_rows
from ...nn.kernels import default_scaling
from ...nn.layer import Layer, skipped
from ...nn.masks import Mask, make_mask
from ...nn.patches import required
from ..resnet.weights import timm_names
from . import DetrConfig


@dataclass
class DetrModelOutput(ModelOutput):
    """`last_hidden_state` (B, Q, D) of the queries; with `auxiliary_loss`, `intermediate_hidden_states` (L, B, Q, D)."""

    last_hidden_state: Tensor | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None
    intermediate_hidden_states: Tensor | None = None


@dataclass
class DetrObjectDetectionOutput(ModelOutput):
    """`logits` (B, Q, N+1), the last class being "no object"; `pred_boxes` (B, Q, 4), centers in 0..1 of the image.

    `loss_dict` holds the parts of `loss` by name, `auxiliary_outputs` the logits and boxes of the layers before the last.
    """

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


class DetrConvEncoder(nn.Module):
    """The backbone, its batch norms frozen; of its layers those behind the first go on learning (appendix A.4)."""

    def __init__(self, config: DetrConfig) -> None:
        super().__init__()
        self.model = build_backbone(config.backbone_config)
        freeze_batch_norms(self.model)
        self.model.requires_grad_(False)
        for stage in list(self.model.get_submodule(self.model.stacks[""].layers).children())[1:]:
            stage.requires_grad_(True)

    def forward(self, pixels: Tensor | None, pixel_mask: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """(B, C, Y, X) and its mask (B, Y, X) -> feature maps (B, D, y, x), each with its mask (B, y, x), True where real."""
        pixels = required(pixels)
        maps = self.model(pixels, return_dict=True).feature_maps
        shape = (len(maps[0]), *pixels.shape[2:])
        if pixel_mask is None:
            pixel_mask = torch.ones(shape, device=maps[0].device)
        if pixel_mask.shape not in (shape, (1, *shape[1:])):
            raise InputError(f"pixel_mask has shape {tuple(pixel_mask.shape)}; expected {shape}, one number for each pixel")
        pixel_mask = pixel_mask.expand(shape)
        warn_of_hidden_rows(pixel_mask, "pixel_mask")
        mask = pixel_mask[:, None].float()
        return [(each, nn.functional.interpolate(mask, size=each.shape[-2:])[:, 0].bool()) for each in maps]


class DetrAttention(HasHeads):
    """Attention whose queries and keys have positions added; values have none."""

    def __init__(self, config: DetrConfig, heads: int, cross: bool = False) -> None:
        super().__init__()
        size = config.d_model
        self.head_dim = size // heads
        self.q_proj, self.k_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.v_proj, self.out_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout, cross=cross)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask) -> Tensor:
        """Queries (B, T, D), keys and values (B, S, D) -> (B, T, D)."""
        projected = (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        output: Tensor = self.out_proj(merge_heads(self.attend(*(split_heads(x, self.head_dim) for x in projected), mask)))
        return output


class DetrLayer(Layer):
    """What the layers of encoder and decoder share: norm(x + attention(x)), and norm(x + mlp(x))."""

    def __init__(self, config: DetrConfig, heads: int, inner: int) -> None:
        super().__init__()
        self.self_attn = DetrAttention(config, heads)
        self.self_attn_layer_norm = nn.LayerNorm(config.d_model)
        self.fc1, self.fc2 = nn.Linear(config.d_model, inner), nn.Linear(inner, config.d_model)
        self.final_layer_norm = nn.LayerNorm(config.d_model)
        self.act = activation(config.activation_function)
        self.dropout, self.activation_dropout = config.dropout, config.activation_dropout

    def attention(self, x: Tensor, mask: Mask, positions: Tensor) -> Tensor:
        """The half of the layer in which `x` looks at itself."""
        attended = self.self_attn(x + positions, x + positions, x, mask)
        output: Tensor = self.self_attn_layer_norm(x + dropout(attended, self.dropout, self.training))
        return output

    def mlp(self, x: Tensor) -> Tensor:
        """The half of the layer with the MLP: norm(x + mlp(x))."""
        inner = dropout(self.act(self.fc1(x)), self.activation_dropout, self.training)
        output: Tensor = self.final_layer_norm(x + dropout(self.fc2(inner), self.dropout, self.training))
        return output


class DetrEncoderLayer(DetrLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def forward(self, x: Tensor, mask: Mask, *, positions: Tensor) -> Tensor:
        return self.mlp(self.attention(x, mask, positions))


class DetrDecoderLayer(DetrLayer):
    """As in the encoder, with norm(x + attention to the encoder's states) between the halves."""

    def __init__(self, config: DetrConfig, heads: int, inner: int) -> None:
        super().__init__(config, heads, inner)
        self.encoder_attn = DetrAttention(config, heads, cross=True)
        self.encoder_attn_layer_norm = nn.LayerNorm(config.d_model)

    def forward(
        self, x: Tensor, mask: Mask, *, positions: Tensor, memory: Tensor, memory_keys: Tensor, memory_mask: Mask
    ) -> Tensor:
        x = self.attention(x, mask, positions)
        attended = self.encoder_attn(x + positions, memory_keys, memory, memory_mask)
        return self.mlp(self.encoder_attn_layer_norm(x + dropout(attended, self.dropout, self.training)))


class DetrPreTrainedModel(PreTrainedModel):
    """What all DETR classes share."""

    config_class = DetrConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    stacks = {"encoder_": Stack("encoder.layers"), "decoder_": Stack("decoder.layers", "decoder.layernorm", outputs=True)}
    kind_starts = dict.fromkeys((nn.Linear, nn.Conv2d, nn.Embedding), lambda part, config: start_usually(part, config.init_std))
    _no_split_modules = ["DetrConvEncoder", "DetrEncoderLayer", "DetrDecoderLayer"]
    _weight_rules = (
        *timm_names("backbone.conv_encoder.model"),
        rename("backbone.position_embedding.{}.weight", "position_embedding.{}.weight", reverse=False),
    )
    _keys_to_ignore_on_load_unexpected = [r"\.num_batches_tracked$"]
    config: DetrConfig


class DetrEncoder(nn.Module):
    """The stack of layers over the places of a feature map."""

    dropout = Alias("config.dropout")

    def __init__(self, config: DetrConfig) -> None:
        super().__init__()
        heads, inner = config.encoder_attention_heads, config.encoder_ffn_dim
        self.layers = nn.ModuleList(DetrEncoderLayer(config, heads, inner) for _ in range(config.encoder_layers))
        self.layerdrop = config.encoder_layerdrop

    def forward(self, x: Tensor, mask: Mask, positions: Tensor) -> Tensor:
        """States (B, T, D) and their positions (B, T, D) -> (B, T, D)."""
        for layer in self.layers:
            if not skipped(self.layerdrop, self.training):
                x = layer(x, mask, positions=positions)
        return x


class DetrDecoder(nn.Module):
    """The stack of layers over the queries; with `auxiliary_loss` it also gives the normed states behind every layer.

    These are what the next layer goes on with then, as in the published library; in the paper they are not.
    """

    dropout = Alias("config.dropout")

    def __init__(self, config: DetrConfig) -> None:
        super().__init__()
        heads, inner = config.decoder_attention_heads, config.decoder_ffn_dim
        self.layers = nn.ModuleList(DetrDecoderLayer(config, heads, inner) for _ in range(config.decoder_layers))
        self.layernorm = nn.LayerNorm(config.d_model)
        self.layerdrop, self.norm_between = config.decoder_layerdrop, config.auxiliary_loss

    def forward(self, x: Tensor, mask: Mask, **others: Any) -> tuple[Tensor, Tensor | None]:
        """States (B, Q, D) -> the same behind the last norm, and (L, B, Q, D) or None."""
        between = []
        for layer in self.layers:
            if not skipped(self.layerdrop, self.training):
                x = layer(x, mask, **others)
                if self.norm_between:
                    x = self.layernorm(x)
                    between.append(x)
        return self.layernorm(x), torch.stack(between) if between else None


class DetrModel(DetrPreTrainedModel):
    """Backbone, encoder and decoder without a head."""

    def __init__(self, config: DetrConfig) -> None:
        super().__init__(config)
        encoder = DetrConvEncoder(config)
        self.backbone = nn.ModuleDict({"conv_encoder": encoder})
        if config.position_embedding_type == "learned":
            self.position_embedding = LearnedGridPositions(config.d_model)
        self.input_projection = nn.Conv2d(encoder.model.channels[-1], config.d_model, kernel_size=1)
        self.query_position_embeddings = nn.Embedding(config.num_queries, config.d_model)
        self.encoder, self.decoder = DetrEncoder(config), DetrDecoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.input_projection

    def get_encoder(self) -> nn.Module:
        """The encoder's layers."""
        return self.encoder

    def feature_maps(self, pixels: Tensor | None, pixel_mask: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """The backbone's maps (B, C, y, x), each with its mask (B, y, x)."""
        maps: list[tuple[Tensor, Tensor]] = self.backbone["conv_encoder"](pixels, pixel_mask)
        return maps

    def positions(self, real: Tensor) -> Tensor:
        """Of places (B, y, x), True where real -> (B, y * x, D)."""
        if self.config.position_embedding_type == "learned":
            grid = self.position_embedding(real)
        else:
            grid = sine_positions(real, self.config.d_model)
        output: Tensor = grid.flatten(1, 2).to(self.input_projection.weight.dtype)
        return output

    def forward(
        self,
        pixel_values: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        decoder_inputs_embeds: Tensor | None = None,
        maps: list[tuple[Tensor, Tensor]] | None = None,
    ) -> DetrModelOutput:
        """Args:
        pixel_values: (B, C, Y, X). pixel_mask: (B, Y, X), 0 where the image was padded.
        decoder_attention_mask: (B, Q), 0 for queries to look away from. decoder_inputs_embeds: (B, Q, D), states that the
            queries start with; zeros otherwise.
        encoder_outputs: the encoder's output of an earlier call. maps: what `feature_maps` gave for these images.
        """
        feature, real = (self.feature_maps(pixel_values, pixel_mask) if maps is None else maps)[-1]
        batch, places, count = len(feature), real.flatten(1), self.config.num_queries
        positions = self.positions(real)
        if encoder_outputs is None:
            x = self.input_projection(feature).flatten(2).transpose(1, 2)
            mask = make_mask(places.shape[1], x.device, places, causal=False)
            encoder_outputs = self.encoder(x, mask, positions)
        encoded = encoder_output(encoder_outputs)
        memory: Any = encoded.last_hidden_state
        check_states(memory, "encoder_outputs", batch, self.config.d_model, "pixel_values", places.shape[1])
        if decoder_inputs_embeds is not None:
            name = "decoder_inputs_embeds"
            check_states(decoder_inputs_embeds, name, batch, self.config.d_model, "pixel_values", count)
        queries = self.query_position_embeddings(torch.arange(count, device=feature.device)).expand(batch, -1, -1)
        last, between = self.decoder(
            torch.zeros_like(queries) if decoder_inputs_embeds is None else decoder_inputs_embeds,
            make_mask(count, feature.device, decoder_attention_mask, causal=False, name="decoder_attention_mask"),
            positions=queries,
            memory=memory,
            memory_keys=memory + positions,
            memory_mask=make_mask(count, feature.device, places, causal=False, keys=places.shape[1]),
        )
        states = {f"encoder_{name}": value for name, value in encoded.items()}
        return DetrModelOutput(last, **states, intermediate_hidden_states=between)


class DetrMLPPredictionHead(nn.Module):
    """Dense layers with ReLU between them."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(inner, outer) for inner, outer in pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        output: Tensor = self.layers[-1](x)
        return output


class DetrForObjectDetection(Headed, DetrPreTrainedModel):
    """DETR that names the objects in an image, with a box around each."""

    backbone_class = DetrModel

    def __init__(self, config: DetrConfig) -> None:
        super().__init__(config)
        size = config.d_model
        self.class_labels_classifier = nn.Linear(size, config.num_labels + 1)
        self.bbox_predictor = DetrMLPPredictionHead([size, size, size, 4])

    def predict(self, states: Tensor) -> Predicted:
        """(..., Q, D) -> logits (..., Q, N+1) and boxes (..., Q, 4)."""
        return Predicted(self.class_labels_classifier(states), self.bbox_predictor(states).sigmoid())

    def set_loss(self) -> SetLoss:
        """The loss, weighted as the config says."""
        config = self.config
        return SetLoss(
            class_cost=config.class_cost,
            bbox_cost=config.bbox_cost,
            giou_cost=config.giou_cost,
            bbox_weight=config.bbox_loss_coefficient,
            giou_weight=config.giou_loss_coefficient,
            mask_weight=config.mask_loss_coefficient,
            dice_weight=config.dice_loss_coefficient,
            empty_weight=config.eos_coefficient,
        )

    def objects(self, output: Any, labels: Any, kind: Any = DetrObjectDetectionOutput, masks: Tensor | None = None) -> Any:
        """An output of class `kind` from the backbone's: predictions, and their loss where there are `labels`."""
        predicted = self.predict(output.last_hidden_state)
        earlier = [] if output.intermediate_hidden_states is None else map(self.predict, output.intermediate_hidden_states[:-1])
        earlier, loss, parts = list(earlier), None, None
        if labels is not None:
            loss, parts = self.set_loss()(predicted, labels, earlier, masks)
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
    ) -> DetrObjectDetectionOutput:
        """labels: of each image a dictionary with `class_labels` (M,) and `boxes` (M, 4), centers in 0..1."""
        output: DetrObjectDetectionOutput = self.objects(self.run_backbone(pixel_values, pixel_mask, **inputs), labels)
        return output
