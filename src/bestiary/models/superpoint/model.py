"""The modules of SuperPoint. Parameter names are the published ones."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.errors import ArgumentError, InputError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.recording import Stack
from ...nn.keypoints import best_nearby
from ...nn.patches import floating, required
from . import SuperPointConfig

CELL = 8  # pixels that a place of the map stands for, a side


@dataclass
class SuperPointKeypointDescriptionOutput(ModelOutput):
    """Points of each image, padded with zeros to as many as the image with the most has.

    `keypoints` (B, N, 2), x and y in 0..1 of the image, `scores` (B, N), `descriptors` (B, N, D), vectors of length 1, and
    `mask` (B, N), 1 where there is a point.
    """

    loss: Tensor | None = None
    keypoints: Tensor | None = None
    scores: Tensor | None = None
    descriptors: Tensor | None = None
    mask: Tensor | None = None
    hidden_states: Tensors | None = None


class SuperPointConvBlock(nn.Module):
    """Two convolutions with ReLU, and a map of half the size with `add_pooling`."""

    def __init__(self, config: SuperPointConfig, in_channels: int, out_channels: int, add_pooling: bool = False) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
        self.conv_b = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2) if add_pooling else None

    def forward(self, hidden_states: Tensor) -> Tensor:
        x = self.relu(self.conv_b(self.relu(self.conv_a(hidden_states))))
        output: Tensor = x if self.pool is None else self.pool(x)
        return output


class SuperPointEncoder(nn.Module):
    """The blocks; the map behind the last is eight times smaller than the image."""

    def __init__(self, config: SuperPointConfig) -> None:
        super().__init__()
        widths = (1, *config.encoder_hidden_sizes)
        self.conv_blocks = nn.ModuleList(
            SuperPointConvBlock(config, inner, outer, add_pooling=place < len(widths) - 2)
            for place, (inner, outer) in enumerate(pairwise(widths))
        )

    def forward(self, input: Tensor) -> Tensor:
        """(B, 1, Y, X) -> (B, D, Y / 8, X / 8)."""
        x = input
        for block in self.conv_blocks:
            x = block(x)
        return x


class SuperPointInterestPointDecoder(nn.Module):
    """How likely each pixel is a point, and which pixels of an image are."""

    def __init__(self, config: SuperPointConfig) -> None:
        super().__init__()
        self.config = config
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.conv_score_a = nn.Conv2d(config.encoder_hidden_sizes[-1], config.decoder_hidden_size, kernel_size=3, padding=1)
        self.conv_score_b = nn.Conv2d(config.decoder_hidden_size, config.keypoint_decoder_dim, kernel_size=1)

    def scores(self, encoded: Tensor) -> Tensor:
        """(B, D, y, x) -> (B, Y, X), zero where a better point is near."""
        logits = self.conv_score_b(self.relu(self.conv_score_a(encoded)))
        by_cell = logits.softmax(1)[:, :-1].permute(0, 2, 3, 1).unflatten(-1, (CELL, CELL))  # (B, y, x, 8, 8)
        return best_nearby(by_cell.transpose(2, 3).flatten(3, 4).flatten(1, 2), self.config.nms_radius)

    def forward(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """The map (1, D, y, x) of one image -> its points (N, 2), x and y in pixels, and their scores (N,)."""
        return self.points(self.scores(encoded)[0])

    def points(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (Y, X) of one image -> its points (N, 2), x and y in pixels, and their scores (N,)."""
        places, border = (scores > self.config.keypoint_threshold).nonzero(), self.config.border_removal_distance
        # The published model measures the other two borders from edges eight times further away, so none is left out there.
        limits = torch.tensor(scores.shape, device=scores.device) * CELL - border
        places = places[((places >= border) & (places < limits)).all(1)]
        certain = scores[places[:, 0], places[:, 1]]
        if 0 <= self.config.max_keypoints < len(places):
            certain, best = certain.topk(self.config.max_keypoints)
            places = places[best]
        return places.flip(1).float(), certain


class SuperPointDescriptorDecoder(nn.Module):
    """A vector for each place of the map, and between places for each point."""

    def __init__(self, config: SuperPointConfig) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        inner = config.decoder_hidden_size
        self.conv_descriptor_a = nn.Conv2d(config.encoder_hidden_sizes[-1], inner, kernel_size=3, padding=1)
        self.conv_descriptor_b = nn.Conv2d(inner, config.descriptor_decoder_dim, kernel_size=1)

    def vectors(self, encoded: Tensor) -> Tensor:
        """(B, D, y, x) -> (B, D', y, x), of length 1."""
        return F.normalize(self.conv_descriptor_b(self.relu(self.conv_descriptor_a(encoded))), dim=1)

    def forward(self, encoded: Tensor, keypoints: Tensor) -> Tensor:
        """The map (1, D, y, x) of one image and points (N, 2) in pixels -> (N, D')."""
        return self.sampled(self.vectors(encoded)[0], keypoints)

    def sampled(self, vectors: Tensor, keypoints: Tensor) -> Tensor:
        """Vectors (D', y, x) at points (N, 2), x and y in pixels -> (N, D')."""
        height, width = vectors.shape[1:]
        far = keypoints.new_tensor([width, height]) * CELL - CELL / 2 - 0.5
        places = ((keypoints - CELL / 2 + 0.5) / far * 2 - 1).to(vectors.dtype)
        sampled = F.grid_sample(vectors[None], places.view(1, 1, -1, 2), mode="bilinear", align_corners=True)
        return F.normalize(sampled[0, :, 0], dim=0).t()


class SuperPointPreTrainedModel(PreTrainedModel):
    """What the SuperPoint classes share."""

    config_class = SuperPointConfig
    base_model_prefix = "superpoint"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.conv_blocks", states=("encoder.conv_blocks",))}
    supports_gradient_checkpointing = False
    _no_split_modules = ["SuperPointConvBlock"]
    config: SuperPointConfig

    def extract_one_channel_pixel_values(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> the first channel (B, 1, Y, X)."""
        return pixel_values[:, :1]


class SuperPointForKeypointDetection(SuperPointPreTrainedModel):
    """SuperPoint: points of images that can be found again, with a vector for each."""

    def __init__(self, config: SuperPointConfig) -> None:
        super().__init__(config)
        self.encoder = SuperPointEncoder(config)
        self.keypoint_decoder = SuperPointInterestPointDecoder(config)
        self.descriptor_decoder = SuperPointDescriptorDecoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.conv_blocks[0].get_submodule("conv_a")

    def forward(self, pixel_values: Tensor | None = None, labels: None = None) -> SuperPointKeypointDescriptionOutput:
        """Args:
        pixel_values: (B, C, Y, X), of any size from 8 x 8 on; the first channel is looked at. labels: None; the model has no
            loss, as published.

        Raises:
            ArgumentError: there are labels. InputError: the images do not fit.
        """
        if labels is not None:
            raise ArgumentError("SuperPoint has no loss, as published; leave labels out")
        pixels = required(pixel_values)
        expected = f"expected floating-point numbers of shape (batch, channels, height, width), from {CELL} x {CELL} pixels on"
        if pixels.dim() != 4 or not pixels.shape[1] or min(pixels.shape[2:]) < CELL:
            raise InputError(f"pixel_values are {pixels.dtype} of shape {tuple(pixels.shape)}; {expected}")
        pixels = floating(pixels, expected)
        encoded = self.encoder(self.extract_one_channel_pixel_values(pixels).to(self.dtype))
        scores, vectors = self.keypoint_decoder.scores(encoded), self.descriptor_decoder.vectors(encoded)
        points = [self.keypoint_decoder.points(each) for each in scores]
        described = [self.descriptor_decoder.sampled(map_, places) for map_, (places, _) in zip(vectors, points, strict=True)]
        size = torch.tensor([pixels.shape[3], pixels.shape[2]], dtype=torch.float32, device=pixels.device)
        padded = [
            nn.utils.rnn.pad_sequence(rows, batch_first=True)
            for rows in ([places / size for places, _ in points], [score for _, score in points], described)
        ]
        mask = nn.utils.rnn.pad_sequence([torch.ones_like(score, dtype=torch.int) for _, score in points], batch_first=True)
        return SuperPointKeypointDescriptionOutput(keypoints=padded[0], scores=padded[1], descriptors=padded[2], mask=mask)
