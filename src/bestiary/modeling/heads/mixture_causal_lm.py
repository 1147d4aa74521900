"""Predicting the next token with a mixture of experts."""

from typing import Any, cast

from torch import Tensor

from ...core.outputs import MoeCausalLMOutputWithPast
from ...nn.alias import Alias
from ...nn.losses import load_balancing_loss
from .causal_lm import CausalLM


class MixtureCausalLM(CausalLM):
    """Logits over the next token, and a loss that is least where all experts get the same work.

    The latter is there where the scores of the routers are (`output_router_logits`). The config says the number of experts
    (`num_local_experts`), how many serve a token (`num_experts_per_tok`), and the weight of this loss in the whole
    (`router_aux_loss_coef`).
    """

    output_class = MoeCausalLMOutputWithPast
    num_experts, num_experts_per_tok = Alias("config.num_local_experts"), Alias("config.num_experts_per_tok")
    router_aux_loss_coef = Alias("config.router_aux_loss_coef")

    def forward(  # type: ignore[override] # its output has the fields of the usual one, and more in between
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
        shift_labels: Tensor | None = None,
        **inputs: Any,
    ) -> MoeCausalLMOutputWithPast:
        """As `CausalLM.forward`; padding counts for no expert."""
        inputs |= {"logits_to_keep": logits_to_keep, "num_items_in_batch": num_items_in_batch, "shift_labels": shift_labels}
        output: Any = super().forward(input_ids, attention_mask, labels=labels, **inputs)
        if output.router_logits is not None:
            output.aux_loss = load_balancing_loss(output.router_logits, self.num_experts_per_tok, attention_mask)
            if output.loss is not None:
                output.loss = output.loss + self.router_aux_loss_coef * output.aux_loss
        return cast(MoeCausalLMOutputWithPast, output)
