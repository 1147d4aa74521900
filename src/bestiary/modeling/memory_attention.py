"""Maps of a frame that look at what is remembered of earlier ones (Ravi et al. 2024, SAM 2, "memory attention").

Queries and keys turn with row and column of their places (Heo et al. 2024, "Rotary position embedding for vision
transformer"); what stands for a whole object does not turn.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ..nn.activations import activation
from ..nn.attention import Attend, HasHeads, merge_heads, split_heads
from ..nn.kernels import default_scaling
from ..nn.layer import Layer
from ..nn.rope import rotate

Angles = tuple[Tensor, Tensor]
POSITIONS = 0.1  # how much of a map's positions is added to it


def axial_angles(columns: int, rows: int, size: int, theta: float, device: torch.device) -> Angles:
    """Cosines and sines (rows * columns, size) of the places of a map: half of the pairs turn by column, half by row."""
    inverse = theta ** (-torch.arange(0, size, 4, dtype=torch.float32, device=device)[: size // 4] / size)
    places = torch.arange(rows * columns, device=device)
    across, down = (place.float()[:, None] * inverse for place in (places % columns, places // columns))
    angles = torch.cat((across, down), dim=-1).repeat_interleave(2, dim=-1)
    return angles.cos(), angles.sin()


class TurningAttention(HasHeads):
    """Attention of places to places, of a map or of several; `source` is the width of keys and values."""

    def __init__(self, config: Any, source: int) -> None:
        super().__init__()
        size = config.memory_attention_hidden_size
        inner = size // config.memory_attention_downsample_rate
        self.head_dim = inner // config.memory_attention_num_attention_heads
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, inner) for width in (size, source, source))
        self.o_proj = nn.Linear(inner, size)
        self.attend = Attend(default_scaling(self.head_dim), config.memory_attention_rope_dropout)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, rotary: Angles, unturned: int = 0) -> Tensor:
        """Queries (B, T, D), keys and values (B, S, C), angles of the T places -> (B, T, D).

        The keys are those of maps, one after the other, but for the last `unturned` ones.
        """
        projected = (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        q, k, v = (split_heads(each, self.head_dim) for each in projected)
        cos, sin = (each.unsqueeze(0) for each in rotary)
        turned = k.shape[2] - unturned
        times = turned // cos.shape[1]
        maps = rotate(k[:, :, :turned].float(), cos.repeat(1, times, 1), sin.repeat(1, times, 1), interleaved=True)
        k = torch.cat((maps.to(k.dtype), k[:, :, turned:]), dim=2)
        q = rotate(q.float(), cos, sin, interleaved=True).to(q.dtype)
        output: Tensor = self.o_proj(merge_heads(self.attend(q, k, v)))
        return output


class MemoryLayer(Layer):
    """A map looks at itself, then at memories, then goes through an MLP; a norm before each."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        size, rate = config.memory_attention_hidden_size, config.memory_attention_dropout
        inner = config.memory_attention_feed_forward_hidden_size
        self.self_attn = TurningAttention(config, size)
        self.cross_attn_image = TurningAttention(config, config.memory_encoder_output_channels)
        self.linear1, self.dropout, self.linear2 = nn.Linear(size, inner), nn.Dropout(rate), nn.Linear(inner, size)
        self.layer_norm1, self.layer_norm2, self.layer_norm3 = (nn.LayerNorm(size) for _ in range(3))
        self.dropout1, self.dropout2, self.dropout3 = (nn.Dropout(rate) for _ in range(3))
        self.activation = activation(config.memory_attention_feed_forward_hidden_act)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, rotary: Angles, unturned: int) -> Tensor:
        """A map (B, T, D), memories with and without their positions (B, S, C) -> (B, T, D)."""
        x = self.layer_norm1(queries)
        x = queries + self.dropout1(self.self_attn(x, x, x, rotary))
        x = x + self.dropout2(self.cross_attn_image(self.layer_norm2(x), keys, values, rotary, unturned))
        wide = self.dropout(self.activation(self.linear1(self.layer_norm3(x))))
        output: Tensor = x + self.dropout3(self.linear2(wide))
        return output


class MemoryAttention(nn.Module):
    """The stack of blocks."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(MemoryLayer(config) for _ in range(config.memory_attention_num_layers))
        self.layer_norm = nn.LayerNorm(config.memory_attention_hidden_size)

    def forward(
        self, features: Tensor, memory: Tensor, positions: Tensor, memory_positions: Tensor, object_tokens: int = 0
    ) -> Tensor:
        """A map and its positions (T, B, D), memories and theirs (S, B, C), the last `object_tokens` of which stand for whole
        objects -> (T, B, D)."""
        config = self.config
        columns, rows = config.memory_attention_rope_feat_sizes
        width = config.memory_attention_hidden_size // config.memory_attention_downsample_rate
        size = width // config.memory_attention_num_attention_heads
        rotary = axial_angles(columns, rows, size, config.rope_parameters["rope_theta"], features.device)
        x = (features + POSITIONS * positions).transpose(0, 1)
        values = memory.transpose(0, 1)
        keys = values + memory_positions.transpose(0, 1)
        for layer in self.layers:
            x = layer(x, keys, values, rotary, object_tokens)
        output: Tensor = self.layer_norm(x).transpose(0, 1)
        return output
