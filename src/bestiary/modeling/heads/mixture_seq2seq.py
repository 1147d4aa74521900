"""Writing text by an encoder-decoder with mixtures of experts."""

from typing import Any

from torch import Tensor

from ...core.mixture_outputs import Seq2SeqMoEOutput
from ...nn.alias import Alias
from ...nn.losses import load_balancing_loss
from .seq2seq import Seq2SeqLM


class MixtureSeq2SeqLM(Seq2SeqLM):
    """A language-modelling head, whose loss has parts for the routers where their scores are there.

    Each part is weighed by a field of the config, `router_aux_loss_coef` and so on.
    """

    output_class = Seq2SeqMoEOutput
    num_experts = Alias("config.num_experts")
    router_aux_loss_coef, router_z_loss_coef = Alias("config.router_aux_loss_coef"), Alias("config.router_z_loss_coef")

    def router_losses(self, half: str, scores: tuple[Tensor, ...], mask: Tensor | None) -> dict[str, Tensor]:
        """The parts by name, from the scores of the routers of the "encoder" or the "decoder" and its padding (B, T)."""
        return {"aux_loss": load_balancing_loss(scores, 2, mask)}

    def forward(  # type: ignore[override] # its output has the fields of the usual one, and more in between
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **inputs: Any,
    ) -> Seq2SeqMoEOutput:
        """As `Seq2SeqLM.forward`."""
        inputs |= {"labels": labels, "num_items_in_batch": num_items_in_batch}
        output: Any = super().forward(input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, **inputs)
        for half, mask in (("encoder", attention_mask), ("decoder", decoder_attention_mask)):
            scores = output.get(f"{half}_router_logits")
            parts = {} if scores is None else self.router_losses(half, scores, mask)
            for name, part in parts.items():
                output[f"{half}_{name}"] = part
                if output.loss is not None:
                    output.loss = output.loss + self.config.get(f"router_{name}_coef") * part
        answer: Seq2SeqMoEOutput = output
        return answer
