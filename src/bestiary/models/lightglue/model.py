"""The modules of LightGlue. Parameter names are the published ones."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from ...core.outputs import ModelOutput, Tensors
from ...modeling.keypoint_pairs import OverKeypoints
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.kernels import default_scaling
from ...nn.keypoints import centered, mutual_matches
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.rope import rotate
from . import LightGlueConfig


@dataclass
class LightGlueKeypointMatchingOutput(ModelOutput):
    """See `KeypointMatchingOutput`; `prune` (B, 2, N) is how many layers each point went into, where points are left out."""

    loss: Tensor | None = None
    matches: Tensor | None = None
    matching_scores: Tensor | None = None
    keypoints: Tensor | None = None
    prune: Tensor | None = None
    mask: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class LightGluePositionalEncoder(nn.Module):
    """Angles by which points turn: trained sums of their two coordinates, one for each pair of numbers of a head."""

    def __init__(self, config: LightGlueConfig) -> None:
        super().__init__()
        self.projector = nn.Linear(2, config.descriptor_dim // config.num_attention_heads // 2, bias=False)

    def forward(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, N, 2) -> cosines and sines (B, N, K)."""
        angles = self.projector(keypoints).repeat_interleave(2, dim=-1)
        return angles.cos(), angles.sin()


class LightGlueAttention(HasHeads):
    """Points look at points: of their own image, turned by where they lie, or of the other one."""

    order = "hidden_states position_embeddings attention_mask encoder_hidden_states encoder_attention_mask"
    interleaved = True

    @property
    def num_key_value_groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.q_proj.out_features // self.k_proj.out_features

    def __init__(self, config: LightGlueConfig, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx = layer_idx
        size, bias = config.descriptor_dim, config.attention_bias
        self.head_dim = size // config.num_attention_heads
        narrow = self.head_dim * (config.num_key_value_heads or config.num_attention_heads)
        self.q_proj = nn.Linear(size, size, bias=bias)
        self.k_proj, self.v_proj = nn.Linear(size, narrow, bias=bias), nn.Linear(size, narrow, bias=bias)
        self.o_proj = nn.Linear(size, size, bias=bias)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout)

    def forward(
        self,
        x: Tensor,
        mask: Mask | None,
        *,
        rotary: tuple[Tensor, Tensor] | None = None,
        memory: Tensor | None = None,
        memory_mask: Mask | None = None,
    ) -> Tensor:
        """States (B, N, D) and, of the other images, `memory` (B, N, D) -> (B, N, D)."""
        query = split_heads(self.q_proj(x), self.head_dim)
        key, value = (split_heads(part(x if memory is None else memory), self.head_dim) for part in (self.k_proj, self.v_proj))
        if rotary is not None:
            query, key = (rotate(each, *rotary, interleaved=True) for each in (query, key))
        output: Tensor = self.o_proj(merge_heads(self.attend(query, key, value, mask if memory is None else memory_mask)))
        return output


class LightGlueMLP(nn.Module):
    """fc2(act(norm(fc1(x)))), of a state and what its attention found."""

    def __init__(self, config: LightGlueConfig) -> None:
        super().__init__()
        inner = 2 * config.descriptor_dim
        self.fc1, self.fc2 = nn.Linear(inner, inner), nn.Linear(inner, config.descriptor_dim)
        self.layer_norm = nn.LayerNorm(inner)
        self.activation_fn = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.fc2(self.activation_fn(self.layer_norm(self.fc1(hidden_states))))
        return output


class LightGlueTransformerLayer(Layer):
    """x + mlp(x, attention(x)) among the points of each image, then the same with attention to those of the other.

    Seven states of a layer are told as hidden states, in an order that is not that of their making: `told` is shown them.
    """

    def __init__(self, config: LightGlueConfig, layer_idx: int) -> None:
        super().__init__()
        self.self_attention, self.self_mlp = LightGlueAttention(config, layer_idx), LightGlueMLP(config)
        self.cross_attention, self.cross_mlp = LightGlueAttention(config, layer_idx), LightGlueMLP(config)
        self.told = nn.Identity()

    def forward(self, x: Tensor, mask: Mask, *, rotary: tuple[Tensor, Tensor], memory_mask: Mask) -> Tensor:
        """States (2B, N, D), the two images of a pair one after the other. memory_mask: the points of the other image."""
        within = torch.cat((x, self.self_attention(x, mask, rotary=rotary)), dim=-1)
        found = self.self_mlp(within)
        inner = x + found
        across = torch.cat((inner, self.cross_attention(inner, None, memory=swapped(inner), memory_mask=memory_mask)), dim=-1)
        other = self.cross_mlp(across)
        output: Tensor = inner + other
        for state in (x, inner, within, found, output, across, other):
            self.told(state)
        return output


class LightGlueMatchAssignmentLayer(nn.Module):
    """How likely each point of an image is each point of the other, or none."""

    def __init__(self, config: LightGlueConfig) -> None:
        super().__init__()
        self.final_projection = nn.Linear(config.descriptor_dim, config.descriptor_dim)
        self.matchability = nn.Linear(config.descriptor_dim, 1)

    def forward(self, descriptors: Tensor, mask: Tensor) -> Tensor:
        """(2B, N, D) and which are points (2B, N) -> log-probabilities (B, N, N)."""
        first, second = (self.final_projection(descriptors) / descriptors.shape[-1] ** 0.25).unflatten(0, (-1, 2)).unbind(1)
        real = mask.unflatten(0, (-1, 2))
        hidden = ~(real[:, 0, :, None] & real[:, 1, None])
        similar = (first @ second.mT).masked_fill(hidden, torch.finfo(first.dtype).min)
        can = logsigmoid(self.matchability(descriptors)).unflatten(0, (-1, 2))
        scores: Tensor = similar.log_softmax(2) + similar.log_softmax(1) + can[:, 0] + can[:, 1].mT
        return scores

    def get_matchability(self, descriptors: Tensor) -> Tensor:
        """(B, N, D) -> (B, N), the chance that a point matches any."""
        chance: Tensor = self.matchability(descriptors).sigmoid().squeeze(-1)
        return chance


class LightGlueTokenConfidenceLayer(nn.Module):
    """How certain a point is of what it matches."""

    def __init__(self, config: LightGlueConfig) -> None:
        super().__init__()
        self.token = nn.Linear(config.descriptor_dim, 1)

    def forward(self, descriptors: Tensor) -> Tensor:
        """(B, N, D) -> (B, N)."""
        certain: Tensor = self.token(descriptors.detach()).sigmoid().squeeze(-1)
        return certain


class LightGluePreTrainedModel(OverKeypoints):
    """What the LightGlue classes share."""

    config_class = LightGlueConfig
    base_model_prefix = "lightglue"
    stacks = {"": Stack("transformer_layers")}
    _no_split_modules = ["LightGlueTransformerLayer"]
    config: LightGlueConfig


@dataclass
class _Left:
    """The pairs that go on: states (2b, n, D), rotary (2b, n, K), which are points, their places, the numbers of the pairs."""

    x: Tensor
    cos: Tensor
    sin: Tensor
    real: Tensor
    places: Tensor
    pairs: Tensor

    def of_pairs(self, chosen: Tensor) -> "_Left":
        """Those of the pairs (b,) that are `chosen`."""
        rows = chosen.repeat_interleave(2)
        real, places = self.real[rows], self.places[rows]
        return _Left(self.x[rows], self.cos[rows], self.sin[rows], real, places, self.pairs[chosen])

    def of_points(self, kept: Tensor) -> "_Left":
        """The points (2b, n) that are `kept`, moved to the front."""
        counts = kept.sum(1)
        order = kept.int().argsort(dim=1, descending=True, stable=True)[:, : int(counts.max())]
        real = torch.arange(order.shape[1], device=kept.device) < counts[:, None]

        def moved(values: Tensor) -> Tensor:
            return values.gather(1, order[..., None].expand(-1, -1, values.shape[-1])) * real[..., None]

        return _Left(moved(self.x), moved(self.cos), moved(self.sin), real, self.places.gather(1, order), self.pairs)

    @property
    def rows(self) -> Tensor:
        """(2b,), where the images are among those of all pairs."""
        return (2 * self.pairs[:, None] + torch.arange(2, device=self.pairs.device)).flatten()


class LightGlueForKeypointMatching(LightGluePreTrainedModel):
    """LightGlue: which points of two images are the same."""

    def __init__(self, config: LightGlueConfig) -> None:
        super().__init__(config)
        self.put_detector()
        states = tuple(f"transformer_layers.{number}.told" for number in range(config.num_hidden_layers))
        self.__dict__["stacks"] = {"": replace(self.stacks[""], states=states)}
        depth, found = config.num_hidden_layers, config.keypoint_detector_config.get("descriptor_decoder_dim")
        same = found == config.descriptor_dim
        self.input_projection = nn.Identity() if same else nn.Linear(found, config.descriptor_dim)
        self.positional_encoder = LightGluePositionalEncoder(config)
        self.transformer_layers = nn.ModuleList(LightGlueTransformerLayer(config, number) for number in range(depth))
        self.match_assignment_layers = nn.ModuleList(LightGlueMatchAssignmentLayer(config) for _ in range(depth))
        self.token_confidence = nn.ModuleList(LightGlueTokenConfidenceLayer(config) for _ in range(depth - 1))

    def forward(self, pixel_values: Tensor | None = None, labels: None = None) -> LightGlueKeypointMatchingOutput:
        """Args:
        pixel_values: (B, 2, C, Y, X), pairs of images of any size from 8 x 8 on. labels: None; the model has no loss, as
            published.

        Raises:
            ArgumentError: there are labels. InputError: the images do not fit.
        """
        points = self.points_of_pairs(pixel_values, labels)
        count, length = points.mask.shape
        device = points.mask.device
        cos, sin = self.positional_encoder(centered(points.places, points.height, points.width).to(self.dtype))
        every = torch.arange(length, device=device).expand(count, -1)
        pairs = torch.arange(count // 2, device=device)
        left = _Left(self.input_projection(points.descriptors), cos, sin, points.mask.bool(), every, pairs)
        matches = every.new_full((count, length), -1)
        scores = points.scores.new_zeros(count, length)
        layers = torch.ones_like(matches) if self.config.width_confidence > 0 else torch.full_like(matches, self.depth)
        if length:
            self._match(left, matches, scores, layers)
        in_pairs = [each.unflatten(0, (-1, 2)) for each in (matches, scores, points.places, layers, points.mask)]
        names = ("matches", "matching_scores", "keypoints", "prune", "mask")
        return LightGlueKeypointMatchingOutput(**dict(zip(names, in_pairs, strict=True)))

    @property
    def depth(self) -> int:
        """How many layers there are."""
        return len(self.transformer_layers)

    def _match(self, left: _Left, matches: Tensor, scores: Tensor, layers: Tensor) -> None:
        """Go through the layers and write into `matches`, `scores` and `layers` (2B, N)."""
        totals = left.real.sum(1).unflatten(0, (-1, 2)).sum(1)
        for number, layer in enumerate(self.transformer_layers):
            mask, other = (self._mask(real) for real in (left.real, swapped(left.real)))
            left = replace(left, x=layer(left.x, mask, rotary=(left.cos, left.sin), memory_mask=other))
            ended = torch.full_like(left.pairs, number == self.depth - 1, dtype=torch.bool)
            certain = None
            if number < self.depth - 1 and self.config.depth_confidence > 0:
                certain = self.token_confidence[number](left.x)
                unsure = ((certain < self._needed(number)) & left.real).unflatten(0, (-1, 2)).sum((1, 2))
                ended = 1 - unsure / totals[left.pairs] > self.config.depth_confidence
            if ended.any():
                self._finish(number, left.of_pairs(ended), matches, scores)
                certain = None if certain is None else certain[~ended.repeat_interleave(2)]
                left = left.of_pairs(~ended)
            if self.config.width_confidence > 0 and len(left.pairs):
                left = self._pruned(number, left, certain)
                layers[left.rows[:, None].expand_as(left.places)[left.real], left.places[left.real]] += 1
            if not left.x.shape[0] or not left.x.shape[1]:
                return

    def _mask(self, real: Tensor) -> Mask:
        return make_mask(real.shape[1], real.device, real, causal=False)

    def _needed(self, layer: int) -> float:
        """The confidence from which on a point is certain behind a layer; the first ones are less to be trusted."""
        return 0.8 + 0.1 * math.exp(-4.0 * layer / self.depth)

    def _pruned(self, layer: int, left: _Left, certain: Tensor | None) -> _Left:
        """Without the points that are certain to match nothing."""
        part: Any = self.match_assignment_layers[layer]
        kept = part.get_matchability(left.x) > 1 - self.config.width_confidence
        kept = kept if certain is None else kept | (certain <= self._needed(layer))
        return left.of_points(kept & left.real)

    def _finish(self, layer: int, left: _Left, matches: Tensor, scores: Tensor) -> None:
        """Match the points that are left of some pairs, behind a layer."""
        assigned = self.match_assignment_layers[layer](left.x, left.real)
        found, certain = (each.flatten(0, 1) for each in mutual_matches(assigned, self.config.filter_threshold))
        found = torch.where(found < 0, found, swapped(left.places).gather(1, found.clamp(min=0)))
        rows = left.rows[:, None].expand_as(left.places)[left.real]
        matches[rows, left.places[left.real]] = found[left.real]
        scores[rows, left.places[left.real]] = certain[left.real].to(scores.dtype)


def swapped(values: Tensor) -> Tensor:
    """(2B, ...) with the two of each pair in the other order."""
    pairs: Tensor = values.unflatten(0, (-1, 2))
    return pairs.flip(1).flatten(0, 1)
