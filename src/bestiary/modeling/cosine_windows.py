"""Windows whose scores are cosines, as Swin V2 and its relatives have them (Liu et al. 2022).

Biases of distances are computed by an MLP from their logarithms, and norms stand behind each half of a block.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..nn.attention import Attend, merge_heads, split_heads
from ..nn.init import Starting, constant
from ..nn.kernels import weights
from ..nn.masks import Mask
from ..nn.part_order import put_last
from ..nn.windows import pair_biases
from .config import PreTrainedConfig
from .patch_attention import PatchSelfAttention
from .window_config import WindowConfig
from .windowed import WindowAttention, WindowLayer


def log_distances(size: int, pretrained: int, like: Tensor) -> Tensor:
    """The distances (down, across) in a window of `size` a side, as the MLP of biases reads them, ((2 size - 1)^2, 2).

    They are counted in units of an eighth of the longest one, and enter by their logarithm (Liu et al. 2022, equation 4).

    Args:
        pretrained: the side of the windows whose longest distance counts; 0 means these.
    """
    steps = torch.arange(1 - size, size, device=like.device, dtype=torch.float32)
    steps = steps * 8 / max((pretrained or size) - 1, 1)
    steps = steps.sign() * (steps.abs() + 1).log2() / 3  # in units of log2(8)
    return torch.cartesian_prod(steps, steps).to(like.dtype)


class CosineAttend(Attend):
    """Attention whose scores are cosines, times a number of each head; written out, as published, scores are multiplied."""

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Mask | None = None,
        bias: Tensor | None = None,
        need_weights: bool = False,
        sinks: Tensor | None = None,
        factors: Tensor | float = 1.0,
    ) -> Any:
        """As of `Attend`; factors: (H, 1, 1)."""
        query, key = nn.functional.normalize(query, dim=-1), nn.functional.normalize(key, dim=-1)
        is_written_out = (need_weights or self.implementation == "eager") and self.replacement is None
        if not is_written_out or not isinstance(self.dropper, nn.Dropout):
            return super().forward(query * factors, key, value, mask, bias, need_weights, sinks)
        scores: Any = self.scoring._replace(scaling=factors)  # type: ignore[arg-type]
        rate = self.rate if self._drops() else 0.0
        probabilities = nn.functional.dropout(weights(query, key, mask, bias, scores), rate, training=rate > 0)
        mixed = probabilities @ value
        return (mixed, probabilities) if need_weights else mixed


class CosineSelfAttention(PatchSelfAttention, Starting):
    """Attention whose scores are cosines, times a trained number of each head that is at most 100, plus biases."""

    key_bias = False
    dropout_name, calls_dropout = "dropout", True

    def __init__(self, config: PreTrainedConfig, size: int, heads: int) -> None:
        super().__init__(config, size, heads)
        self.attend = CosineAttend(1.0, config.get("attention_probs_dropout_prob"))
        self.logit_scale = nn.Parameter(torch.zeros(heads, 1, 1))
        self.continuous_position_bias_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, heads, bias=False))
        put_last(self, "query", "key", "value", self.dropout_name)
        self.starts = {"logit_scale": constant(math.log(10))}

    def forward(self, x: Tensor, mask: Mask | None, *, bias: Tensor | None = None) -> Tensor:
        """States (B, T, D) and what is added to the scores (B or 1, H, T, T) -> (B, T, D)."""
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.query, self.key, self.value))
        factors = self.logit_scale.clamp(max=math.log(100)).exp()
        return merge_heads(self.attend(query, key, value, mask, bias, factors=factors))


class CosineWindowAttention(WindowAttention):
    """Self-attention in windows, with its output projection; biases are between 0 and 16."""

    attention_class = CosineSelfAttention
    output_rate = "attention_probs_dropout_prob"

    def add_biases(self, config: Any, stage: int) -> None:
        self.pretrained_window_size = config.get("pretrained_window_sizes", [0] * len(config.depths))[stage]

    def biases(self, size: int, like: Tensor) -> Tensor:
        mlp: Any = self.self.get_submodule("continuous_position_bias_mlp")
        return 16 * pair_biases(mlp(log_distances(size, self.pretrained_window_size, like)), size).sigmoid()

    def forward(self, windows: Tensor, size: int, mask: Tensor | None) -> Tensor:
        # Published attention adds the mask twice, which counts where scores differ by hundreds.
        return super().forward(windows, size, None if mask is None else 2 * mask)


class CosineWindowLayer(WindowLayer):
    """x + norm(attention(x)) in windows, maybe shifted, then x + norm(mlp(x)); windows are as large on images of any size."""

    attention_class = CosineWindowAttention

    def __init__(self, config: WindowConfig, stage: int, rate: float, shifts: bool) -> None:
        super().__init__(config, stage, rate, shifts)
        height = config.stage_height(stage)
        if height <= self.window_size:
            self.window_size, self.shift_size = height, 0
        put_last(self, "layernorm_after")

    def window(self, height: int, width: int) -> tuple[int, int]:
        return self.window_size, self.shift_size

    def forward(self, hidden_states: Tensor) -> Tensor:
        x = hidden_states + self.drop_path(self.layernorm_before(self.look(hidden_states)))
        output: Tensor = x + self.drop_path(self.layernorm_after(self.output(self.intermediate(x))))
        return output
