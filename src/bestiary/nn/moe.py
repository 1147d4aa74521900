"""Mixtures of experts: of many MLPs each token passes through a few, which a router chooses (Shazeer et al. 2017)."""

from abc import ABC, abstractmethod
from functools import reduce
from itertools import repeat
from operator import add
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from . import grouped
from .activations import activation
from .alias import Alias
from .part_order import put_last


class ScoresExperts(nn.Module):
    """A router. What it gives is a tuple.

    Class attributes:
        scores_at: which of its values are the scores of the experts.
    """

    scores_at: ClassVar[int] = 0


class ScoringLinear(nn.Linear):
    """Scores of experts, computed in a dtype of their own: small differences decide (Fedus et al. 2021, section 2.4)."""

    def __init__(self, size: int, experts: int, bias: bool = False, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(size, experts, bias=bias)
        self.computes_in = dtype

    def forward(self, x: Tensor) -> Tensor:
        """States (..., D) -> (..., E)."""
        bias = None if self.bias is None else self.bias.to(self.computes_in)
        return nn.functional.linear(x.to(self.computes_in), self.weight.to(self.computes_in), bias)


class Router(ScoresExperts, nn.Linear):
    """Scores E experts for each token and chooses the k best (Fedus et al. 2021; Jiang et al. 2024, section 2.1).

    Args:
        size: D. experts: E. experts_per_token: k.
        noise: in training, states are multiplied by random numbers between 1 - noise and 1 + noise first.
        shares_add_up: whether the shares of the chosen are divided by their sum; they are out of all E otherwise.
        bias: whether the scores have a bias.
    """

    num_experts, hidden_dim = Alias("out_features"), Alias("in_features")

    def __init__(
        self,
        size: int,
        experts: int,
        experts_per_token: int,
        noise: float = 0.0,
        shares_add_up: bool = True,
        bias: bool = False,
    ) -> None:
        super().__init__(size, experts, bias=bias)
        self.top_k, self.noise, self.shares_add_up = experts_per_token, noise, shares_add_up

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """States (N, D) -> scores (N, E), and of the k chosen the shares and the numbers (N, k)."""
        scores = self.scores(hidden_states)
        if self.shares_add_up:  # the softmax of the chosen alone
            best, experts = scores.topk(self.top_k, dim=-1)
            shares = best.softmax(dim=-1, dtype=torch.float32)
        else:
            shares, experts = scores.softmax(dim=-1, dtype=torch.float32).topk(self.top_k, dim=-1)
        return scores, shares.to(hidden_states.dtype), experts

    def scores(self, x: Tensor) -> Tensor:
        """States (N, D) -> scores (N, E)."""
        if self.training and self.noise > 0:
            x = x * torch.empty_like(x).uniform_(1.0 - self.noise, 1.0 + self.noise)
        return super().forward(x)


class GroupedRouter(Router):
    """Chooses the k experts with the highest sigmoids, out of the best groups (DeepSeek-AI 2024, DeepSeek-V3, section 2.1.2).

    To choose, each expert's `e_score_correction_bias` is added, which training moves until all get the same work; shares are
    without it. A group counts as much as its two best experts.

    Args:
        groups: how many groups of neighbours the experts form. groups_per_token: how many of them a token chooses from.
        scale: what the shares are multiplied by.
    """

    def __init__(
        self,
        size: int,
        experts: int,
        experts_per_token: int,
        *,
        groups: int = 1,
        groups_per_token: int = 1,
        scale: float = 1.0,
        shares_add_up: bool = True,
    ) -> None:
        super().__init__(size, experts, experts_per_token, shares_add_up=shares_add_up)
        self.groups, self.groups_per_token, self.scale = groups, groups_per_token, scale
        self.register_buffer("e_score_correction_bias", torch.zeros(experts))

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """States (..., D) -> scores (N, E), and of the k chosen the shares and the numbers (N, k), all scores in fp32."""
        scores = nn.functional.linear(hidden_states.float().flatten(0, -2), self.weight.float())
        sigmoids = scores.sigmoid()
        ranked = (sigmoids + self.get_buffer("e_score_correction_bias")).unflatten(-1, (self.groups, -1))
        best = ranked.topk(2, dim=-1).values.sum(-1).topk(self.groups_per_token, dim=-1).indices
        open_groups = torch.zeros_like(ranked[..., 0], dtype=torch.bool).scatter(1, best, True)
        experts = ranked.masked_fill(~open_groups[..., None], -torch.inf).flatten(1).topk(self.top_k, dim=-1).indices
        shares = sigmoids.gather(1, experts)
        if self.shares_add_up:
            shares = shares / (shares.sum(dim=-1, keepdim=True) + 1e-20)
        return scores, (shares * self.scale).to(hidden_states.dtype), experts


class SparseMixer(Router):
    """Chooses two experts one after the other, in training by chance (Liu et al. 2024, GRIN, section 2).

    The share of each is out of those whose scores are near the best of what is left: (best - score) / max(|score|, best) at
    most twice the `tolerance`. In training the choice is drawn by these shares, and the share of one that is not the best is
    cut to a third three times out of four, while gradients are as if it were not (Heun's third-order method).
    """

    def __init__(self, size: int, experts: int, tolerance: float) -> None:
        super().__init__(size, experts, experts_per_token=2)
        self.tolerance = tolerance

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """States (N, D) -> scores (N, E), and of the two chosen the shares and the numbers (N, 2)."""
        scores = nn.functional.linear(hidden_states, self.weight)
        first_share, first = self._choose(scores, scores)
        second_share, second = self._choose(scores, scores.scatter(1, first, -torch.inf))
        return scores, torch.cat((first_share, second_share), dim=1), torch.cat((first, second), dim=1)

    def _choose(self, scores: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        best, expert = left.max(dim=-1, keepdim=True)
        far = (best - scores) / scores.abs().clamp(min=best) > 2 * self.tolerance
        near = left.masked_fill(far.detach(), -torch.inf)
        if not self.training:
            return near.softmax(dim=-1).gather(1, expert), expert
        drawn = (near - torch.empty_like(near).exponential_().log()).argmax(dim=-1, keepdim=True)
        share = near.softmax(dim=-1).gather(1, drawn)
        whole = (drawn == expert) | (torch.rand_like(share) > 0.75)
        return share + (share * torch.where(whole, 1.0, 1 / 3) - share).detach(), drawn


class ExpertLoop(nn.Module, ABC):
    """E experts: each sees the tokens that chose it, one expert after the other."""

    @property
    @abstractmethod
    def num_experts(self) -> int:
        """E."""

    def stacks(self) -> dict[str, bool]:
        """Name of each parameter that holds a matrix (outputs, inputs) of every expert -> whether it is (inputs, outputs).

        Each may be quantized by itself. The parameter is (E, ., .), or has the matrices one under another, (E ., .).
        """
        return {}

    @abstractmethod
    def _one(self, expert: Any, x: Tensor) -> Tensor:
        """What an expert gives for states (N, D); of all at once (`_groups`), `expert` (E,) says where those of each end."""

    def forward(self, hidden_states: Tensor, top_k_index: Tensor, top_k_weights: Tensor) -> Tensor:
        """States (N, D), and for each its experts and their shares (N, k) -> (N, D), the sum of what they give times share."""
        x, experts, shares = hidden_states, top_k_index, top_k_weights
        if torch.compiler.is_compiling() or torch.jit.is_tracing() or x.is_meta:  # type: ignore[attr-defined, no-untyped-call]
            return self._all(x, shares, experts)
        if len(x) == 1:
            return reduce(add, map(self._share, experts.tolist()[0], repeat(x), shares.unbind(1)))
        by_expert = experts.flatten().argsort(stable=True)
        states, by_share = x[by_expert // experts.shape[1]], shares.flatten()[by_expert, None]
        if self._groups(experts, x):
            ends = experts.flatten().bincount(minlength=self.num_experts).cumsum(0, dtype=torch.int32)
            outputs = self._share(ends, states, by_share)
        else:
            chosen, counts = (numbers.tolist() for numbers in experts.unique(return_counts=True))
            outputs = torch.cat([*map(self._share, chosen, states.split(counts), by_share.split(counts))])
        result: Tensor = outputs[by_expert.argsort()].unflatten(0, experts.shape).sum(dim=1)
        return result

    def _groups(self, experts: Tensor, x: Tensor) -> bool:
        """Whether `_one` takes the states (N, D) of all `experts` (N, k) at once."""
        return False

    def _share(self, expert: Any, x: Tensor, shares: Tensor) -> Tensor:
        """What an expert adds for states (N, D), of which it has shares (N, 1), or (1,) of one."""
        return self._one(expert, x) * shares

    def _all(self, x: Tensor, shares: Tensor, experts: Tensor) -> Tensor:
        """The same in steps that do not depend on the choice, as a graph needs it: every expert sees every token."""
        by_expert = torch.zeros(x.shape[0], self.num_experts, dtype=x.dtype, device=x.device).scatter(1, experts, shares)
        return reduce(add, (self._share(expert, x, by_expert[:, expert, None]) for expert in range(self.num_experts)))


class Experts(ExpertLoop):
    """E gated MLPs, down(act(gate(x)) * up(x)), in two parameters: `gate_up_proj` (E, 2 I, D) and `down_proj` (E, D, I)."""

    @property
    def num_experts(self) -> int:
        return len(self.down_proj)

    @property
    def hidden_dim(self) -> int:
        """D."""
        return self.down_proj.shape[1]

    @property
    def intermediate_dim(self) -> int:
        """I."""
        return self.down_proj.shape[2]

    def __init__(self, count: int, size: int, inner: int, act: str) -> None:
        super().__init__()
        self.gate_up_proj = nn.Parameter(torch.empty(count, 2 * inner, size))
        self.down_proj = nn.Parameter(torch.empty(count, size, inner))
        self.act_fn = activation(act)

    def stacks(self) -> dict[str, bool]:
        return {name: False for name, each in self.named_parameters(recurse=False) if each.dim() == 3}

    def _groups(self, experts: Tensor, x: Tensor) -> bool:
        weights = self._parameters.values()
        return experts.numel() >= self.num_experts and grouped.fits(x, *(each for each in weights if each is not None))

    def _one(self, expert: Any, x: Tensor) -> Tensor:
        gate, up = grouped.product(x, self.gate_up_proj, expert).chunk(2, dim=-1)
        return grouped.product(self.act_fn(gate) * up, self.down_proj, expert)

    def extra_repr(self) -> str:
        return f"experts={self.num_experts}, size={self.hidden_dim}, inner={self.intermediate_dim}"


class PlainExperts(Experts):
    """E MLPs without gates, down(act(up(x))), in the parameters `up_proj` (E, I, D) and `down_proj` (E, D, I)."""

    def __init__(self, count: int, size: int, inner: int, act: str) -> None:
        super().__init__(count, size, inner, act)
        del self.gate_up_proj
        self.up_proj = nn.Parameter(torch.empty(count, inner, size))
        put_last(self, "down_proj")

    def _one(self, expert: Any, x: Tensor) -> Tensor:
        return grouped.product(self.act_fn(grouped.product(x, self.up_proj, expert)), self.down_proj, expert)


class TransposedExperts(Experts):
    """The same with the parameters the other way round: `gate_up_proj` (E, D, 2 I) and `down_proj` (E, I, D)."""

    hidden_size, intermediate_size = Alias("hidden_dim"), Alias("intermediate_dim")

    @property
    def hidden_dim(self) -> int:
        return self.down_proj.shape[2]

    @property
    def intermediate_dim(self) -> int:
        return self.down_proj.shape[1]

    def __init__(self, count: int, size: int, inner: int, act: str) -> None:
        super().__init__(count, size, inner, act)
        self.gate_up_proj = nn.Parameter(torch.empty(count, size, 2 * inner))
        self.down_proj = nn.Parameter(torch.empty(count, inner, size))

    def stacks(self) -> dict[str, bool]:
        return dict.fromkeys(super().stacks(), True)

    def _one(self, expert: Any, x: Tensor) -> Tensor:
        gate, up = grouped.product(x, self.gate_up_proj.mT, expert).chunk(2, dim=-1)
        return grouped.product(self.act_fn(gate) * up, self.down_proj.mT, expert)
