"""What of Bamba is not data: its loss."""

from torch import Tensor

from ..llama.model import LlamaForCausalLM
from . import BambaConfig


class BambaForCausalLM(LlamaForCausalLM):
    """Bamba with a language-modelling head."""

    config: BambaConfig

    def loss(
        self, logits: Tensor, labels: Tensor, num_items: Tensor | int | None, shift_labels: Tensor | None = None
    ) -> Tensor:
        loss, share = super().loss(logits, labels, num_items, shift_labels), self.config.z_loss_coefficient
        return loss + share * logits.logsumexp(dim=-1).to(loss.dtype).square().mean() if share > 0 else loss
