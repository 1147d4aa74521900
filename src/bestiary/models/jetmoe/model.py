"""What of JetMoE is not Llama. Parameter names are the published ones."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...loading.rules import rename
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, LayerCache, merge_heads, split_heads
from ...nn.grouped import product
from ...nn.init import Starting, constant
from ...nn.kernels import default_scaling
from ...nn.masks import Mask
from ...nn.moe import ExpertLoop, Router
from ...nn.norm import RMSNorm
from ...nn.rope import rotate_both
from . import JetMoeConfig

RULES = (rename("router.layer.weight", "router.weight"),)


class JetMoeRMSNorm(RMSNorm):
    """A norm of a block: its epsilon is always 1e-6, the config's is that of the norm behind the last block."""

    def __init__(self, size: int, eps: float = 1e-6) -> None:
        super().__init__(size)


class JetMoeParallelExperts(ExpertLoop):
    """E dense layers: `weight` (E, outputs, inputs)."""

    def __init__(self, count: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, outputs, inputs))

    @property
    def num_experts(self) -> int:
        return len(self.weight)

    def stacks(self) -> dict[str, bool]:
        return {"weight": False}

    def _one(self, expert: int, x: Tensor) -> Tensor:
        return product(x, self.weight, expert)


class JetMoeMoA(Starting):
    """A router, and experts each of which has a dense layer before and one behind what the caller does in between.

    Args:
        inner, outputs: the widths of what the second layers read, and of what the first give.
    """

    starts = {"bias": constant(0.0)}
    num_experts, input_size, hidden_size = Alias("router.num_experts"), Alias("router.hidden_dim"), Alias("inner")
    top_k = Alias("router.top_k")

    def __init__(self, config: JetMoeConfig, inner: int, outputs: int) -> None:
        super().__init__()
        count, size, self.inner = config.num_local_experts, config.hidden_size, inner
        self.bias = nn.Parameter(torch.empty(size))
        self.input_linear = JetMoeParallelExperts(count, size, outputs)
        self.output_linear = JetMoeParallelExperts(count, inner, size)
        self.router = Router(size, count, config.num_experts_per_tok)

    def forward(self, x: Tensor, between: Callable[[Tensor], Tensor]) -> Tensor:
        """States (B, T, D) -> the sum over k experts of each token, by their shares, (B, T, D).

        Args:
            between: makes of what the first layers give (B, T, k, outputs) what the second read (B, T, k, inner).
        """
        batch, length, chosen = *x.shape[:2], self.router.top_k
        states = x.flatten(0, 1)
        _, shares, experts = self.router(states)
        shares, experts = shares.flatten()[:, None], experts.flatten()[:, None]
        each = self.input_linear(states.repeat_interleave(chosen, dim=0), experts, torch.ones_like(shares))
        each = between(each.view(batch, length, chosen, each.shape[-1]))
        output: Tensor = self.output_linear(each.flatten(0, 2), experts, shares)
        return output.view(batch, length, chosen, output.shape[-1]).sum(dim=2) + self.bias


class JetMoeMoE(JetMoeMoA):
    """The sum of what the chosen experts give, gated MLPs, by their shares."""

    def __init__(self, config: JetMoeConfig) -> None:
        super().__init__(config, config.intermediate_size, 2 * config.intermediate_size)
        self.activation = activation(config.activation_function)

    def forward(self, layer_input: Tensor) -> Tensor:  # type: ignore[override]
        """(B, T, D) -> (B, T, D)."""
        return super().forward(layer_input, self.gated)

    def gated(self, each: Tensor) -> Tensor:
        """Gates and what they open (..., 2 I) -> (..., I)."""
        gate, up = each.chunk(2, dim=-1)
        return self.activation(gate) * up


class JetMoeAttention(HasHeads):
    """Causal self-attention whose chosen experts each have heads for all keys and values, by shares."""

    num_key_value_groups = 1
    top_k, num_key_value_heads = Alias("experts.top_k"), Alias("config.num_key_value_heads")

    def __init__(self, config: JetMoeConfig, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx, self.head_dim, self.interleaved = layer_idx, config.head_size, config.interleaved_rotary
        width = self.head_dim * config.declared("num_key_value_heads")
        self.experts = JetMoeMoA(config, width, width)
        self.kv_proj = nn.Linear(config.hidden_size, 2 * width, bias=False)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.experts.inner * self.experts.router.top_k, self.kv_proj.in_features

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, *, rotary: tuple[Tensor, Tensor]) -> Tensor:
        key, value = (split_heads(part, self.head_dim) for part in self.kv_proj(x).chunk(2, dim=-1))

        def attended(each: Tensor) -> Tensor:
            query, keys = rotate_both(split_heads(each.flatten(2), self.head_dim), key, *rotary, self.interleaved)
            values = value
            if cache is not None:
                keys, values = cache.update(keys, values, self.layer_idx)
            keys, values = (states.repeat(1, each.shape[2], 1, 1) for states in (keys, values))
            return merge_heads(self.attend(query, keys, values, mask)).view_as(each)

        output: Tensor = self.experts(x, attended)
        return output
