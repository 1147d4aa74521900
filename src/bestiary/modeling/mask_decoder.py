"""What draws masks of an image for prompts, and says how good each is (Kirillov et al. 2023, appendix A)."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..nn.activations import activation
from ..nn.channel_norm import ChannelNorm
from .prompt_encoder import rows
from .two_way import TwoWayTransformer


class MaskMLP(nn.Module):
    """`depth` dense layers with an activation between them, and with `sigmoid_output` the logistic function behind them."""

    def __init__(self, size: int, inner: int, output: int, depth: int, act: str = "relu", sigmoid_output: bool = False) -> None:
        super().__init__()
        self.num_layers, self.sigmoid_output = depth, sigmoid_output
        self.activation = activation(act)
        self.proj_in = nn.Linear(size, inner)
        self.proj_out = nn.Linear(inner, output)
        self.layers = nn.ModuleList(nn.Linear(inner, inner) for _ in range(depth - 2))

    def forward(self, hidden_states: Tensor) -> Tensor:
        x = self.activation(self.proj_in(hidden_states))
        for layer in self.layers:
            x = self.activation(layer(x))
        output: Tensor = self.proj_out(x)
        return output.sigmoid() if self.sigmoid_output else output


class MaskDecoder(nn.Module):
    """Masks (B, P, M, 4 y, 4 x) of the prompts, and the overlap with the object that each is believed to have (B, P, M).

    Class attribute `transformer_class`: what tokens and image look at each other in.
    """

    transformer_class: ClassVar[type[TwoWayTransformer]] = TwoWayTransformer

    def __init__(self, config: Any) -> None:
        super().__init__()
        size, count = config.hidden_size, config.num_multimask_outputs + 1
        self.config = config
        self.hidden_size, self.num_multimask_outputs, self.num_mask_tokens = size, count - 1, count
        self.iou_token = nn.Embedding(1, size)
        self.mask_tokens = nn.Embedding(count, size)
        self.transformer = self.transformer_class(config)
        self.upscale_conv1 = nn.ConvTranspose2d(size, size // 4, kernel_size=2, stride=2)
        self.upscale_conv2 = nn.ConvTranspose2d(size // 4, size // 8, kernel_size=2, stride=2)
        self.upscale_layer_norm = ChannelNorm(size // 4, 1e-6)
        self.activation = nn.GELU()
        self.output_hypernetworks_mlps = nn.ModuleList(MaskMLP(size, size, size // 8, 3) for _ in range(count))
        self.iou_prediction_head = MaskMLP(size, config.iou_head_hidden_dim, count, config.iou_head_depth)

    def own_tokens(self, device: torch.device) -> Tensor:
        """The tokens (N, D) that stand before those of prompts."""
        return torch.cat((rows(self.iou_token, device), rows(self.mask_tokens, device)))

    def look(
        self,
        image_embeddings: Tensor,
        image_positional_embeddings: Tensor,
        sparse_prompt_embeddings: Tensor | None,
        dense_prompt_embeddings: Tensor,
        attention_similarity: Tensor | None = None,
        target_embedding: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Maps (B, D, y, x), their positions (B or 1, D, y, x), and the prompts' tokens (B, P, N, D) and map
        -> the last states of the tokens (B, P, T, D) and of the maps (B * P, D, y, x)."""
        batch, _, *grid = image_embeddings.shape
        count = 1 if sparse_prompt_embeddings is None else sparse_prompt_embeddings.shape[1]
        tokens = self.own_tokens(image_embeddings.device).expand(batch, count, -1, -1)
        if sparse_prompt_embeddings is not None:
            tokens = torch.cat((tokens, sparse_prompt_embeddings.to(tokens.dtype)), dim=2)
        if target_embedding is not None:
            target_embedding = target_embedding.expand(tokens.shape).flatten(0, 1)
        places = (image_embeddings + dense_prompt_embeddings).repeat_interleave(count, dim=0).flatten(2).transpose(1, 2)
        positions = image_positional_embeddings.flatten(2).transpose(1, 2)
        positions = positions if len(positions) == 1 else positions.repeat_interleave(count, dim=0)
        states, image = self.transformer(tokens.flatten(0, 1), places, positions, attention_similarity, target_embedding)
        return states.unflatten(0, (batch, count)), image.transpose(1, 2).unflatten(2, grid)

    def enlarged(self, image: Tensor) -> Tensor:
        """(B, D, y, x) -> (B, D / 8, 4 y, 4 x)."""
        x = self.activation(self.upscale_layer_norm(self.upscale_conv1(image)))
        output: Tensor = self.activation(self.upscale_conv2(x))
        return output

    def draw(self, tokens: Tensor, image: Tensor) -> Tensor:
        """The states of the tokens of masks (B, P, M, D) and a map (B * P, C, Y, X) -> (B, P, M, Y, X)."""
        networks = zip(self.output_hypernetworks_mlps, tokens.unbind(2), strict=True)
        vectors: Tensor = torch.stack([network(token) for network, token in networks], dim=2)
        return drawn(vectors, image)

    def forward(
        self,
        image_embeddings: Tensor,
        image_positional_embeddings: Tensor,
        sparse_prompt_embeddings: Tensor | None,
        dense_prompt_embeddings: Tensor,
        multimask_output: bool,
        attention_similarity: Tensor | None = None,
        target_embedding: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """See `look`. `multimask_output`: the masks of all that the prompts may mean, rather than one for a clear prompt."""
        states, image = self.look(
            image_embeddings,
            image_positional_embeddings,
            sparse_prompt_embeddings,
            dense_prompt_embeddings,
            attention_similarity,
            target_embedding,
        )
        masks = self.draw(states[:, :, 1 : 1 + self.num_mask_tokens], self.enlarged(image))
        overlaps = self.iou_prediction_head(states[:, :, 0])
        chosen = slice(1, None) if multimask_output else slice(0, 1)
        return masks[:, :, chosen], overlaps[:, :, chosen]


def drawn(vectors: Tensor, image: Tensor) -> Tensor:
    """The products of vectors (B, P, M, C) with the places of maps (B * P, C, Y, X), (B, P, M, Y, X)."""
    maps = image.unflatten(0, vectors.shape[:2])
    output: Tensor = (vectors @ maps.flatten(3)).unflatten(3, maps.shape[3:])
    return output
