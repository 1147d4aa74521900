"""Decoders with mixtures of experts: the block, and a model whose routers' scores are recorded by hooks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from ..core.outputs import BaseModelOutputWithPast, MoeModelOutputWithPast
from ..nn.inputs import check_flag
from ..nn.moe import Experts, GroupedRouter, Router, ScoresExperts
from ..nn.part import part
from ..nn.part_order import put_last
from .decoder import Decoder
from .decoder_config import DecoderConfig


class Mixture(nn.Module):
    """A router and its experts: the sum of what those give that it chooses, by their shares (Shazeer et al. 2017).

    Of the config it reads `num_local_experts`, `num_experts_per_tok`, `moe_intermediate_size` (without it `intermediate_size`),
    `router_jitter_noise` and `norm_topk_prob` (whether the shares of the chosen add up to 1; without it they do).

    Class attributes:
        router_name: the published name of the router. router_last: whether it stands behind the experts.
    """

    router_name: ClassVar[str] = "gate"
    router_last: ClassVar[bool] = False

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        count = config.declared("num_local_experts")
        self.add_module(self.router_name, self.make_router(config, count))
        self.experts = self.make_experts(config, count)
        if self.router_last:
            put_last(self, self.router_name)

    def make_experts(self, config: DecoderConfig, count: int) -> Experts:
        """The `count` experts."""
        inner = config.declared("moe_intermediate_size", config.intermediate_size)
        return Experts(count, config.hidden_size, inner, config.hidden_act)

    def make_router(self, config: DecoderConfig, count: int) -> Router:
        """What chooses some of `count` experts for each token."""
        noise, whole = config.declared("router_jitter_noise", 0.0), config.declared("norm_topk_prob", True)
        return Router(config.hidden_size, count, config.declared("num_experts_per_tok"), noise, whole)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        states = hidden_states.flatten(0, 1)
        return self.mixed(states, *self.route(states)).view_as(hidden_states)

    def mixed(self, states: Tensor, shares: Tensor, experts: Tensor) -> Tensor:
        """What the chosen experts (N, k) make of states (N, D), by their shares (N, k)."""
        output: Tensor = self.experts(states, experts, shares)
        return output

    def route(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """States (N, D) -> the shares and the numbers (N, k) of the experts chosen for each."""
        _, shares, experts = part(self, self.router_name)(states)
        return shares, experts


class ExpertsFirstMixture(Mixture):
    """The same with the router behind the experts."""

    router_last = True


class SharedMixture(ExpertsFirstMixture):
    """The same with a `GroupedRouter`, plus an MLP of `n_shared_experts` experts that serve every token (DeepSeek-AI 2024).

    Class attributes:
        shared_class: the MLP, built as `shared_class(config, width)`.
    """

    shared_class: ClassVar[type[nn.Module]]

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.shared_experts = self.shared_class(config, self.shared_width(config))

    def shared_width(self, config: DecoderConfig) -> int:
        """The inner width of the MLP that serves every token."""
        return int(self.experts.intermediate_dim * config.declared("n_shared_experts"))

    def make_router(self, config: DecoderConfig, count: int) -> Router:
        return GroupedRouter(
            config.hidden_size,
            count,
            config.declared("num_experts_per_tok"),
            groups=config.declared("n_group"),
            groups_per_token=config.declared("topk_group"),
            scale=config.declared("routed_scaling_factor"),
            shares_add_up=config.declared("norm_topk_prob"),
        )

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        shared: Tensor = self.shared_experts(hidden_states)
        return super().forward(hidden_states) + shared


class GatedSharedMixture(Mixture):
    """A mixture, and an expert for every token, times a share (0 to 1) that the token's state decides (Qwen 2 MoE).

    Class attributes:
        shared_class: the expert, built as `shared_class(config, shared_expert_intermediate_size)`.
    """

    shared_class: ClassVar[type[nn.Module]]

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.shared_expert = self.shared_class(config, config.declared("shared_expert_intermediate_size"))
        self.shared_expert_gate = nn.Linear(config.hidden_size, 1, bias=False)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        always: Tensor = self.shared_expert_gate(hidden_states).sigmoid() * self.shared_expert(hidden_states)
        return super().forward(hidden_states) + always


class MixtureDecoder(Decoder):
    """A decoder that tells, on demand, the scores of its routers."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        output_router_logits: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """As `Decoder.forward`.

        Args:
            output_router_logits: also give the scores of each router, (B * T, experts) a layer; None does what the config says.
        """
        if output_router_logits is None:
            output_router_logits = self.config.declared("output_router_logits", False)
        run = partial(
            super().forward,
            input_ids,
            attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
        )
        check_flag(output_router_logits, "output_router_logits")
        if not output_router_logits:
            return run()
        with routers_recorded(self) as scores:
            output = run()
        return MoeModelOutputWithPast(**dict(output.items()), router_logits=tuple(scores))


@contextmanager
def routers_recorded(model: nn.Module) -> Iterator[list[Tensor]]:
    """The scores that each router gives while the body runs, on this thread, in order."""
    scores: list[Tensor] = []
    thread = threading.get_ident()

    def note(module: ScoresExperts, args: Any, output: tuple[Tensor, ...]) -> None:
        if threading.get_ident() == thread:
            scores.append(output[module.scores_at])

    routers = [module for module in model.modules() if isinstance(module, ScoresExperts)]
    handles = [router.register_forward_hook(note) for router in routers]
    try:
        yield scores
    finally:
        for handle in handles:
            handle.remove()
