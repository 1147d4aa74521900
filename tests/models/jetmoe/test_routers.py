"""The scores of JetMoE's routers: one of attention and one of the experts in each layer, and the loss of all of them."""

import torch
from kit.families import pair
from transformers.models.jetmoe.modeling_jetmoe import load_balancing_loss_func


@torch.no_grad()
def test_every_router_counts_once() -> None:
    models = pair("jetmoe", "JetMoeForCausalLM")
    inputs = {**models.inputs, **models.labels, "output_router_logits": True}
    plain, ours = models.ours(**models.inputs, **models.labels), models.ours(**inputs)
    reference = models.reference(**models.reference_inputs(), **models.labels, output_router_logits=True).router_logits
    attention, again, experts = (torch.stack(reference[first::3]) for first in range(3))
    assert torch.equal(attention, again)
    real = models.inputs["attention_mask"].flatten().bool()
    torch.testing.assert_close(torch.stack(ours.router_logits[::2])[:, real], attention[:, real])
    torch.testing.assert_close(torch.stack(ours.router_logits[1::2])[:, real], experts[:, real])
    loss = load_balancing_loss_func(ours.router_logits, 4, 2, models.inputs["attention_mask"])
    torch.testing.assert_close(ours.aux_loss, loss)
    torch.testing.assert_close(ours.loss, plain.loss + 0.01 * loss)
