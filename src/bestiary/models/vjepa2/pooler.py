"""From all tubes of a film to one vector, by attention of a learned query (Bardes et al. 2024, "V-JEPA")."""

import torch
from torch import Tensor, nn

from ...modeling.tower import TowerAttention, TowerLayer
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.init import Starting, truncated_normal
from ...nn.kernels import default_scaling
from ...nn.masks import make_mask
from . import VJEPA2Config
from .layers import VJEPA2MLP

RATIO = 4.0  # how much wider than the states its MLPs are, whatever the config says of the encoder's


class VJEPA2PoolerSelfAttention(TowerAttention):
    """Every tube looks at every tube, whatever its place."""


class VJEPA2PoolerSelfAttentionLayer(TowerLayer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    attention_class = VJEPA2PoolerSelfAttention

    def __init__(self, config: VJEPA2Config) -> None:
        nn.Module.__init__(self)
        size, eps = config.hidden_size, config.layer_norm_eps
        self.layer_norm1 = nn.LayerNorm(size, eps)
        self.self_attn = VJEPA2PoolerSelfAttention(config)
        self.layer_norm2 = nn.LayerNorm(size, eps)
        self.mlp = VJEPA2MLP(config, size, RATIO)


class VJEPA2PoolerCrossAttention(HasHeads):
    """Queries look at the tubes; nothing projects what they find."""

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__()
        size = config.hidden_size
        self.head_dim = size // config.num_attention_heads
        self.k_proj = nn.Linear(size, size)
        self.v_proj = nn.Linear(size, size)
        self.q_proj = nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout, cross=True)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """Queries (B, Q, D) and tubes (B, N, D) -> (B, Q, D)."""
        query, key, value = (
            split_heads(project(each), self.head_dim)
            for project, each in ((self.q_proj, x), (self.k_proj, memory), (self.v_proj, memory))
        )
        return merge_heads(self.attend(query, key, value))


class VJEPA2PoolerCrossAttentionLayer(nn.Module):
    """query + attention(norm(tubes)), then x + mlp(norm(x))."""

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__()
        size, eps = config.hidden_size, config.layer_norm_eps
        self.layer_norm1 = nn.LayerNorm(size, eps)
        self.cross_attn = VJEPA2PoolerCrossAttention(config)
        self.layer_norm2 = nn.LayerNorm(size, eps)
        self.mlp = VJEPA2MLP(config, size, RATIO)

    def forward(self, queries: Tensor, hidden_state: Tensor) -> Tensor:
        x = queries + self.cross_attn(queries, self.layer_norm1(hidden_state))
        output: Tensor = x + self.mlp(self.layer_norm2(x))
        return output


class VJEPA2AttentivePooler(Starting):
    """Blocks over the tubes, then the query's block."""

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__()
        self.query_tokens = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.cross_attention_layer = VJEPA2PoolerCrossAttentionLayer(config)
        self.self_attention_layers = nn.ModuleList(
            VJEPA2PoolerSelfAttentionLayer(config) for _ in range(config.num_pooler_layers)
        )
        deviation, layers = config.initializer_range, config.num_pooler_layers
        self.starts = {"query_tokens": truncated_normal(deviation, 2.0)}
        # What blocks add starts the smaller, the deeper they are.
        self.starts |= {
            f"self_attention_layers.{index}.{part}.weight": truncated_normal(deviation / (index + 1) ** 0.5, 2.0)
            for index in range(layers)
            for part in ("self_attn.out_proj", "mlp.fc2")
        }
        self.starts["cross_attention_layer.mlp.fc2.weight"] = truncated_normal(deviation / (layers + 1) ** 0.5, 2.0)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, N, D) -> (B, D)."""
        x, mask = hidden_state, make_mask(hidden_state.shape[1], hidden_state.device, None, causal=False)
        for layer in self.self_attention_layers:
            x = layer(x, mask)
        output: Tensor = self.cross_attention_layer(self.query_tokens.expand(len(x), -1, -1), x)
        return output.squeeze(1)
