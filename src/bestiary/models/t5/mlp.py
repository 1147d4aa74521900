"""The MLPs of T5. Parameter names are the published ones."""

import torch
from torch import Tensor, nn

from ...nn.activations import activation
from ...nn.part_order import put_last
from . import T5Config


class T5DenseActDense(nn.Module):
    """wo(act(wi(x)))."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.wi = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)
        self.dropout = nn.Dropout(config.dropout_rate)
        self.act = activation(config.dense_act_fn or "")

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.out(self.act(self.wi(hidden_states)))

    def out(self, x: Tensor) -> Tensor:
        """wo(dropout(x)), in fp32 where `wo` is kept so, because its sums overflow fp16."""
        x = self.dropout(x)
        output: Tensor = self.wo(x.float() if self.wo.weight.dtype == torch.float32 else x)
        return output


class T5DenseGatedActDense(T5DenseActDense):
    """wo(act(wi_0(x)) * wi_1(x)) (Shazeer 2020)."""

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        del self.wi
        self.wi_0 = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.wi_1 = nn.Linear(config.d_model, config.d_ff, bias=False)
        put_last(self, "wo")

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.out(self.act(self.wi_0(hidden_states)) * self.wi_1(hidden_states))
