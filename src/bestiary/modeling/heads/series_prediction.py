"""Continuing a series: the distribution of each future value, and futures drawn from it."""

from typing import Any, cast

import torch
from torch import Tensor
from torch.distributions import Distribution

from ...core.errors import InputError
from ...core.series_outputs import SampleTSPredictionOutput, Seq2SeqTSPredictionOutput
from ...nn.distributions import NegativeBinomialOutput, distribution_output
from ...nn.losses import weighted_average
from ...nn.values import is_true
from ..config import PreTrainedConfig
from ..series import SeriesBase
from .headed import Headed, only


class SeriesPrediction(Headed):
    """An encoder-decoder of series whose decoder's states become the parameters of distributions."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.distribution_output = distribution_output(config.get("distribution_output"), config.get("input_size"))
        self.parameter_projection = self.distribution_output.get_parameter_projection(self.states_size)
        self.target_shape = self.distribution_output.event_shape

    @property
    def backbone(self) -> SeriesBase:
        """The model without its head, for its methods of series."""
        return cast(SeriesBase, self.base_model)

    @property
    def states_size(self) -> int:
        """The width of the states that parameters are made of."""
        return int(self.config.get("d_model"))

    def states(self, output: Any) -> Tensor:
        """What parameters are made of (B, T, D), of the backbone's output."""
        states: Tensor = output.last_hidden_state
        return states

    def output_params(self, dec_output: Tensor) -> tuple[Tensor, ...]:
        """The parameters of the distributions of states (B, T, D)."""
        parameters: tuple[Tensor, ...] = self.parameter_projection(dec_output)
        return parameters

    def output_distribution(
        self,
        params: tuple[Tensor, ...],
        loc: Tensor | None = None,
        scale: Tensor | None = None,
        trailing_n: int | None = None,
    ) -> Distribution:
        """The distribution of values in the series' own size, or of the last `trailing_n` of them."""
        parameters = params if trailing_n is None else tuple(each[:, -trailing_n:] for each in params)
        return self.distribution_output.distribution(parameters, loc, scale)

    def forward(
        self,
        past_values: Tensor | None = None,
        past_time_features: Tensor | None = None,
        past_observed_mask: Tensor | None = None,
        static_categorical_features: Tensor | None = None,
        static_real_features: Tensor | None = None,
        future_values: Tensor | None = None,
        future_time_features: Tensor | None = None,
        future_observed_mask: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> Seq2SeqTSPredictionOutput:
        """Args:
        future_values: the targets, (B, prediction_length) or with C; the loss is their mean negative log likelihood.
        future_observed_mask: as future_values, 0 for those that do not count.

        The other inputs are the backbone's.
        """
        output = self.run_backbone(
            past_values=past_values,
            past_time_features=past_time_features,
            past_observed_mask=past_observed_mask,
            static_categorical_features=static_categorical_features,
            static_real_features=static_real_features,
            future_values=future_values,
            future_time_features=future_time_features,
            decoder_attention_mask=decoder_attention_mask,
            encoder_outputs=encoder_outputs,
            past_key_values=past_key_values,
            use_cache=use_cache if future_values is None else False,
        )
        loss, params = None, None
        if future_values is not None:
            params = self.output_params(self.states(output))
            distribution = self.output_distribution(params, output.loc, output.scale)
            loss = self.loss(distribution, future_values, future_observed_mask)
        return Seq2SeqTSPredictionOutput(loss=loss, params=params, **only(Seq2SeqTSPredictionOutput, output))

    def loss(self, distribution: Distribution, targets: Tensor, observed: Tensor | None) -> Tensor:
        """The mean negative log likelihood of targets (B, T) or (B, T, C); of C at once, all must have been observed.

        Raises:
            InputError: a negative binomial cannot give these targets, which are no counts.
        """
        values = self.backbone.values_of(targets, "future_values", (None, self.config.get("prediction_length")))
        counts = isinstance(self.distribution_output, NegativeBinomialOutput)
        if counts and is_true(((values < 0) | (values != values.round())).any()):
            raise InputError("future_values hold what is no count; a negative_binomial gives whole numbers from 0 on")
        weights = torch.ones_like(values)
        if observed is not None:
            weights = self.backbone.values_of(observed, "future_observed_mask", (values.shape[0], values.shape[1]))
        weights = weights.amin(-1) if self.target_shape else weights
        return weighted_average(-distribution.log_prob(values), weights)

    @torch.no_grad()
    def generate(
        self,
        past_values: Tensor,
        past_time_features: Tensor,
        future_time_features: Tensor,
        past_observed_mask: Tensor | None = None,
        static_categorical_features: Tensor | None = None,
        static_real_features: Tensor | None = None,
    ) -> SampleTSPredictionOutput:
        """Draw `config.num_parallel_samples` futures of each series; inputs as those of forward."""
        output = self.run_backbone(
            past_values=past_values,
            past_time_features=past_time_features,
            past_observed_mask=past_observed_mask,
            static_categorical_features=static_categorical_features,
            static_real_features=static_real_features,
            use_cache=False,
        )
        length, samples = self.config.get("prediction_length"), self.config.get("num_parallel_samples")
        model, rows = self.backbone, len(past_values)
        future = model.time_features(future_time_features, "future_time_features", rows, length)
        past = model.time_features(past_time_features, "past_time_features", rows, None)
        features = torch.cat([past, future], dim=1)
        static = output.static_features[:, None].expand(-1, features.shape[1], -1)
        drawn = self.drawn(
            *(
                each.repeat_interleave(samples, dim=0)
                for each in (
                    (past_values.to(self.dtype) - output.loc) / output.scale,
                    torch.cat([static, features], dim=-1),
                    output.encoder_last_hidden_state,
                    output.loc,
                    output.scale,
                )
            )
        )
        return SampleTSPredictionOutput(drawn.unflatten(0, (-1, samples)))

    def drawn(self, past: Tensor, features: Tensor, memory: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        """A future (R, prediction_length) or with C of each of R series, each value drawn knowing those before it.

        Args:
            past: (R, past) or with C, scaled. features: (R, past + prediction_length, F). memory: the encoder's states.
        """
        length, decoder = self.config.get("prediction_length"), self.backbone.get_decoder()
        future = []
        for count in range(1, length + 1):
            before = self.backbone.get_lagged_subsequences(past, count, shift=1).flatten(2)
            of_time = features[:, -length : count - length or None]
            states = decoder(inputs_embeds=torch.cat([before, of_time], dim=-1), encoder_hidden_states=memory, use_cache=False)
            params = self.output_params(states.last_hidden_state[:, -1:])
            value = self.output_distribution(params, loc, scale).sample()
            past = torch.cat([past, (value - loc) / scale], dim=1)
            future.append(value)
        return torch.cat(future, dim=1)
