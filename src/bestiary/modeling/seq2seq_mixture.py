"""Encoder-decoders with mixtures of experts: the experts, and models that tell, on demand, the scores of their routers."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from ..core.mixture_outputs import Seq2SeqMoEModelOutput
from ..core.outputs import BaseModelOutput, MoeModelOutputWithPast
from ..nn.inputs import check_flag
from ..nn.moe import ExpertLoop
from .base import PreTrainedModel
from .mixture import routers_recorded
from .seq2seq import TextSeq2SeqModel


class NamedExperts(ExpertLoop, nn.ModuleDict):
    """E modules under the names `expert_0`, `expert_1`, ..., each of which takes and gives states (N, D)."""

    @property
    def num_experts(self) -> int:
        return len(self)

    @classmethod
    def of(cls, experts: list[nn.Module]) -> "NamedExperts":
        """These experts, in order."""
        return cls({f"expert_{index}": expert for index, expert in enumerate(experts)})

    def _one(self, expert: int, x: Tensor) -> Tensor:
        output: Tensor = self[f"expert_{expert}"](x)
        return output


class TellsScores(PreTrainedModel):
    """One half of an encoder-decoder; what it is without scores follows in the order of bases."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        output_router_logits: bool | None = None,
        **inputs: Any,
    ) -> Any:
        """As the half itself.

        Args:
            output_router_logits: also give the scores of each router as `router_logits`; None does what the config says.
        """
        if not _asks(self, output_router_logits):
            return super().forward(input_ids, attention_mask, **inputs)
        with routers_recorded(self) as scores:
            output: BaseModelOutput = super().forward(input_ids, attention_mask, **inputs)
        return MoeModelOutputWithPast(**dict(output.items()), router_logits=tuple(scores))


class MixtureSeq2SeqModel(TextSeq2SeqModel):
    """An encoder and a decoder without a head."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        encoder_outputs: Any = None,
        output_router_logits: bool | None = None,
        **inputs: Any,
    ) -> Any:
        """As `TextSeq2SeqModel.forward`; gives a `Seq2SeqMoEModelOutput`.

        Args:
            output_router_logits: also give the scores of each router; None does what the config says.
        """
        texts = input_ids, attention_mask, decoder_input_ids, decoder_attention_mask
        run = partial(super().forward, *texts, encoder_outputs=encoder_outputs, **inputs)
        if not _asks(self, output_router_logits):
            return Seq2SeqMoEModelOutput(**dict(run().items()))
        with routers_recorded(self.encoder) as of_encoder, routers_recorded(self.decoder) as of_decoder:
            output = run()
        scores = tuple(of_encoder)
        if isinstance(encoder_outputs, MoeModelOutputWithPast):
            scores = encoder_outputs.router_logits or ()
        told: dict[str, Any] = {"encoder_router_logits": scores or None, "decoder_router_logits": tuple(of_decoder) or None}
        return Seq2SeqMoEModelOutput(**dict(output.items()), **told)


def _asks(model: PreTrainedModel, output_router_logits: bool | None) -> bool:
    """Whether a caller, or else the config, asks for the scores."""
    if output_router_logits is None:
        return bool(model.config.get("output_router_logits", False))
    check_flag(output_router_logits, "output_router_logits")
    return output_router_logits
