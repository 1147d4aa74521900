"""`Seq2SeqTrainer`: a trainer whose evaluations and predictions can be generated text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..core.logging import warn_once
from ..generation.config import GenerationConfig
from .arguments import TrainingArguments
from .callbacks.handler import Callback
from .evaluation import PredictionOutput
from .seq2seq_arguments import Seq2SeqTrainingArguments
from .trainer import Trainer

# Predictions and labels are at least this wide where the model's settings name no length.
_WIDTH = 20
_LENGTHS = ("max_length", "max_new_tokens")


class Seq2SeqTrainer(Trainer):
    """A `Trainer` that predicts by `generate`, where `args.predict_with_generate` is on.

    How is said, first what counts most, by keywords of `evaluate` and `predict`, `args.generation_max_length` and
    `args.generation_num_beams`, and the model's `generation_config`, which `args.generation_config` replaces.

    Generated tokens (B, T) and labels are filled with the padding token on the right up to the `max_length` of the model's
    `generation_config` (20 where it has none), or, if they are as wide, up to its `max_new_tokens` + 1. Of a decoder without
    an encoder the prompt is the whole `input_ids`, and the tokens begin with it.

    Args:
        args: by default `Seq2SeqTrainingArguments("tmp_trainer")`. The others are those of `Trainer`.

    Raises:
        ArgumentError: `args` are not those of this trainer; and all that `Trainer` raises.
    """

    args: Seq2SeqTrainingArguments
    # The keywords of generate that count while an evaluation runs.
    _gen_kwargs: Mapping[str, Any] = {}

    def __init__(
        self,
        model: nn.Module | None = None,
        args: TrainingArguments | None = None,
        data_collator: Callable[[list[Any]], Any] | None = None,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        processing_class: Any = None,
        model_init: Callable[..., nn.Module] | None = None,
        compute_loss_func: Callable[..., Tensor] | None = None,
        compute_metrics: Callable[..., dict[str, Any]] | None = None,
        callbacks: Sequence[Callback] | None = None,
        optimizers: tuple[Any, Any] = (None, None),
        preprocess_logits_for_metrics: Callable[[Any, Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        args = Seq2SeqTrainingArguments("tmp_trainer") if args is None else args
        if not hasattr(args, "predict_with_generate"):
            raise ArgumentError(f"args are {type(args).__name__}; a {type(self).__name__} takes Seq2SeqTrainingArguments")
        super().__init__(
            model=model,
            args=args,
            data_collator=data_collator,
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            processing_class=processing_class,
            model_init=model_init,
            compute_loss_func=compute_loss_func,
            compute_metrics=compute_metrics,
            callbacks=callbacks,
            optimizers=optimizers,
            preprocess_logits_for_metrics=preprocess_logits_for_metrics,
            **kwargs,
        )

    def _read_model(self) -> None:
        super()._read_model()
        if self.args.generation_config is not None:
            self.model.generation_config = self.load_generation_config(self.args.generation_config)

    @staticmethod
    def load_generation_config(gen_config_arg: str | Path | GenerationConfig) -> GenerationConfig:
        """Settings of generation: a copy of some, or those of a JSON file, a folder, or a model on the hub.

        Raises:
            ConfigError: a setting would have no effect; the model could not be saved with it.
        """
        if isinstance(gen_config_arg, GenerationConfig):
            settings = deepcopy(gen_config_arg)
        else:
            path = Path(gen_config_arg)
            named = (path.parent, path.name) if path.is_file() else (str(gen_config_arg), None)
            settings = GenerationConfig.from_pretrained(*named)
        settings.validate(strict=True)
        return settings

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
        **gen_kwargs: Any,
    ) -> dict[str, float]:
        """`Trainer.evaluate`; further keywords (`max_length`, `num_beams`, ...) go to `generate`, in this evaluation only."""
        with self._generating_by(gen_kwargs):
            return super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)

    def predict(
        self,
        test_dataset: Any,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "test",
        **gen_kwargs: Any,
    ) -> PredictionOutput:
        """`Trainer.predict`; further keywords (`max_length`, `num_beams`, ...) go to `generate`, in this prediction only."""
        with self._generating_by(gen_kwargs):
            return super().predict(test_dataset, ignore_keys, metric_key_prefix)

    @contextmanager
    def _generating_by(self, gen_kwargs: Mapping[str, Any]) -> Iterator[None]:
        """A context in which these keywords count, or those around it if there are none: of several data sets each has them."""
        if gen_kwargs and not self.args.predict_with_generate:
            names = ", ".join(gen_kwargs)
            warn_once("no-choice", f"{names} without effect: args.predict_with_generate is off, so nothing is generated", names)
        before = self._gen_kwargs
        self._gen_kwargs = self._with_defaults(gen_kwargs or before)
        try:
            yield
        finally:
            self._gen_kwargs = before

    def _with_defaults(self, gen_kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Keywords of generate, and what `args` say where these say nothing."""
        said = {name: value for name, value in gen_kwargs.items() if value is not None}
        defaults = {"num_beams": self.args.generation_num_beams}
        if not said.keys() & _LENGTHS:
            defaults["max_length"] = self.args.generation_max_length
        return {name: value for name, value in defaults.items() if value is not None} | said

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
        **gen_kwargs: Any,
    ) -> tuple[Any, Any, Any]:
        """Loss, generated tokens (B, T) and labels of a batch; loss and labels are None where it has no labels.

        Args:
            prediction_loss_only: generate nothing and return the loss alone. ignore_keys: of outputs that are not generated.
            gen_kwargs: keywords of `generate`, instead of those of the evaluation that runs.

        Raises:
            ArgumentError: the model has no `generate`, or no padding token is known.
        """
        if prediction_loss_only or not self.args.predict_with_generate:
            return super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        if not hasattr(self.model, "generate"):
            raise ArgumentError(f"predict_with_generate is on, and a {type(self.model).__name__} has no generate; set it off")
        inputs = {name: value for name, value in self._prepare_inputs(inputs).items() if value is not None}
        labels, started = inputs.get("labels"), inputs.get("decoder_input_ids")
        # Decoder inputs made from labels would give the answer away.
        shifted = labels is not None and started is not None and started.shape == labels.shape
        left_out = {"labels", *(("decoder_input_ids", "decoder_attention_mask") if shifted else ())}
        prompt = {name: value for name, value in inputs.items() if name not in left_out}
        # With a cache, unlike a forward for a loss; and processes end their texts after other numbers of steps.
        with torch.no_grad(), self.autocast_smart_context_manager(), self.gathered():
            tokens = self.model.generate(**prompt, **self._with_defaults(gen_kwargs or self._gen_kwargs))
        with torch.no_grad(), self.compute_loss_context_manager():
            loss = None if labels is None else self.compute_loss(model, inputs).detach().mean()
        return loss, self._filled(tokens), None if labels is None else self._filled(labels)

    def _filled(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T), as wide as the model's settings make them."""
        settings = self.model.generation_config
        width = settings.max_length or _WIDTH
        if tokens.shape[-1] >= width and settings.max_new_tokens is not None:
            width = settings.max_new_tokens + 1
        return self._pad_tensors_to_max_len(tokens, width) if tokens.shape[-1] < width else tokens

    def _pad_tensors_to_max_len(self, tensor: Tensor, max_length: int) -> Tensor:
        """Tokens (B, T), filled up to `max_length` with the padding token, or the end of text where a tokenizer has none.

        Raises:
            ArgumentError: neither the tokenizer nor the model has a padding token.
        """
        of_tokenizer = (getattr(self.processing_class, name, None) for name in ("pad_token_id", "eos_token_id"))
        of_model = (getattr(place, "pad_token_id", None) for place in (self.model.config, self.model.generation_config))
        padding = next((each for each in (*of_tokenizer, *of_model) if each is not None), None)
        if padding is None:
            raise ArgumentError(
                f"rows of {tensor.shape[-1]} tokens are to be filled up to {max_length}, and no padding token is known; set"
                " model.config.pad_token_id, or pass the tokenizer as processing_class"
            )
        return nn.functional.pad(tensor, (0, max(0, max_length - tensor.shape[-1])), value=padding)
