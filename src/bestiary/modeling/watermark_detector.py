"""SynthID's detector and its trained part: how likely a text is marked, by Bayes' rule.

https://www.nature.com/articles/s41586-024-08025-4, Bayesian scoring.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ..core.outputs import ModelOutput
from .base import PreTrainedModel
from .config import PreTrainedConfig

Tensor = torch.Tensor


class BayesianDetectorConfig(PreTrainedConfig):
    """Config of `BayesianDetectorModel`.

    watermarking_depth: rounds of the tournament. base_rate: share of marked texts among all. model_name and
    watermarking_config: whose texts it was trained on.
    """

    watermarking_depth: int | None = None
    base_rate: float = 0.5
    model_name: str | None = None
    watermarking_config: dict[str, Any] | None = None

    def set_detector_information(self, model_name: str, watermarking_config: dict[str, Any]) -> None:
        """Note whose texts the detector is trained on."""
        self.model_name = model_name
        self.watermarking_config = watermarking_config


@dataclass
class BayesianWatermarkDetectorModelOutput(ModelOutput):
    """`posterior_probabilities` (B,) that each text is marked; `loss` is a scalar when labels were given."""

    loss: Tensor | None = None
    posterior_probabilities: Tensor | None = None


class BayesianDetectorWatermarkedLikelihood(nn.Module):
    """Likelihood of values g (B, N, depth) in marked text: in each round two tokens compete unless they are the same."""

    def __init__(self, watermarking_depth: int) -> None:
        super().__init__()
        self.watermarking_depth = watermarking_depth
        self.beta = nn.Parameter(-2.5 + 0.001 * torch.randn(1, 1, watermarking_depth))
        self.delta = nn.Parameter(0.001 * torch.randn(1, 1, watermarking_depth, watermarking_depth))

    def forward(self, g_values: Tensor) -> Tensor:
        """(B, N, depth)."""
        values = g_values.to(self.delta.dtype)
        # Whether the two differ depends on the values of the earlier rounds.
        logits = (self.delta * values.unsqueeze(-2)).tril(-1).sum(-1) + self.beta
        two = logits.sigmoid()
        return 0.5 * ((values + 0.5) * two + 1 - two)


class BayesianDetectorModel(PreTrainedModel):
    """The probability that a text is marked, from the values of its tokens."""

    config_class = BayesianDetectorConfig
    base_model_prefix = "model"
    main_input_name = "g_values"
    config: BayesianDetectorConfig

    def __init__(self, config: BayesianDetectorConfig) -> None:
        super().__init__(config)
        self.prior = nn.Parameter(torch.tensor([config.base_rate]))
        self.likelihood_model_watermarked = BayesianDetectorWatermarkedLikelihood(config.watermarking_depth or 0)

    def forward(
        self, g_values: Tensor, mask: Tensor, labels: Tensor | None = None, loss_batch_weight: float = 1
    ) -> BayesianWatermarkDetectorModelOutput:
        """Judge texts.

        Args:
            g_values: (B, N, depth) of 0 and 1. mask: (B, N), 1 for tokens that count.
            labels: (B,) 1 for marked texts. loss_batch_weight: of the penalty on `delta`.
        """
        marked = self.likelihood_model_watermarked(g_values)
        # Without a mark, each value is a fair coin.
        ratio = ((marked.clamp(1e-30).log() - torch.tensor(0.5).log()) * mask.unsqueeze(-1)).sum((1, 2))
        prior = self.prior.clamp(1e-5, 1 - 1e-5)
        posterior = (ratio + prior.log() - (1 - prior).log()).sigmoid()
        if labels is None:
            return BayesianWatermarkDetectorModelOutput(posterior_probabilities=posterior)
        penalty = (self.likelihood_model_watermarked.delta**2).sum() * loss_batch_weight
        loss = F.binary_cross_entropy(posterior.clamp(1e-5, 1 - 1e-5), labels.to(posterior.dtype)) + penalty
        return BayesianWatermarkDetectorModelOutput(loss, posterior)


class SynthIDTextWatermarkDetector:
    """Finds SynthID's watermark with a trained `BayesianDetectorModel`.

    Args:
        logits_processor: a `SynthIDTextWatermarkLogitsProcessor` with the settings that the text was made with.
        tokenizer: gives the end token.
    """

    def __init__(self, detector_module: Any, logits_processor: Any, tokenizer: Any) -> None:
        self.detector_module = detector_module
        self.logits_processor = logits_processor
        self.tokenizer = tokenizer

    def __call__(self, tokenized_outputs: Tensor) -> Tensor:
        """The probability (B,) that each text (B, T) is marked. What follows an end token, or repeats, does not count."""
        processor = self.logits_processor
        before_end = processor.compute_eos_token_mask(tokenized_outputs, self.tokenizer.eos_token_id)
        fresh = processor.compute_context_repetition_mask(tokenized_outputs)
        mask = fresh & before_end[:, processor.ngram_len - 1 :]
        judged = processor.compute_g_values(tokenized_outputs)
        probabilities: Tensor = self.detector_module(judged, mask, return_dict=True).posterior_probabilities
        return probabilities
