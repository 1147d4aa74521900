"""What the pipelines that generate text share: whose settings count, which keywords are allowed, and why a text ended."""

import copy
import inspect
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from .. import auto
from ..core.errors import ArgumentError
from ..generation.config import GenerationConfig
from ..modeling.heads.generating import GenerationMixin
from .base import Pipeline
from .batching import BatchPadding

# Where a task fixes what the model is given, a caller cannot pass it again.
_SET_BY_PIPELINE = {"self", "inputs", "kwargs", "generation_config", "tokenizer", "trust_remote_code"}


class GeneratingPipeline(Pipeline):
    """A pipeline over `model.generate`.

    Settings come from the call, else from the pipeline's construction, else from a `generation_config` passed to either,
    else from the checkpoint (`task_specific_params` of its config for the task, then its generation settings), else from
    `generation_defaults`. The model's own settings are never changed; `generation_config` holds what is set over them.

    Class attributes:
        generation_defaults: settings for checkpoints that say nothing.
    """

    generation_defaults: ClassVar[dict[str, Any]] = {}
    rows: ClassVar[int] = 16
    tokens: ClassVar[int] = 4096  # most of the time goes into steps of one token a row

    def __init__(self, model: Any, *args: Any, **kwargs: Any) -> None:
        special = (model.config.get("task_specific_params") or {}).get(kwargs.get("task") or "") or {}
        self.prefix: str = special.get("prefix") or model.config.get("prefix") or ""
        fields = GenerationConfig.names()
        settings = {name: value for name, value in special.items() if name in fields}
        checkpoint = model.generation_config
        has_length = {"max_length", "max_new_tokens"} & settings.keys() or checkpoint.max_length or checkpoint.max_new_tokens
        for name, value in self.generation_defaults.items():
            if checkpoint.get(name) is None and not (name == "max_new_tokens" and has_length):
                settings.setdefault(name, value)
        self.generation_config = GenerationConfig(**settings)
        super().__init__(model, *args, **kwargs)

    def generation_options(self, options: dict[str, Any], also: tuple[str, ...] = ()) -> dict[str, Any]:
        """`options` if `generate` takes them all; `also` are other names to think of when one is misspelt.

        An `assistant_model` given by name or folder is opened, with its tokenizer where that differs.

        Raises:
            ArgumentError: a name that it does not take.
        """
        signature = inspect.signature(GenerationMixin.generate).parameters
        accepted = (GenerationConfig.names() | set(signature)) - _SET_BY_PIPELINE | {"generation_config", "assistant_tokenizer"}
        family_options = set(inspect.signature(type(self.model).generate).parameters) - _SET_BY_PIPELINE
        self._refuse_unknown(options, accepted | family_options | set(also))
        named = options.get("assistant_model")
        return {**options, **self._assistant(named)} if isinstance(named, str | os.PathLike) else options

    def _assistant(self, name: str | os.PathLike[str]) -> dict[str, Any]:
        """The assistant called `name`, opened once."""
        opened: dict[Any, dict[str, Any]] = self.__dict__.setdefault("_assistants", {})
        if name not in opened:
            opener = vars(auto)[self.models[0]]
            model = opener.from_pretrained(name, dtype=self.model.dtype).to(self.model.device)
            opened[name] = {"assistant_model": model}
            sizes = [one.config.get_text_config(decoder=True).get("vocab_size") for one in (self.model, model)]
            if sizes[0] != sizes[1]:
                opened[name]["assistant_tokenizer"] = auto.AutoTokenizer.from_pretrained(name)
        return opened[name]

    def generate(self, inputs: dict[str, Any], options: dict[str, Any]) -> tuple[Any, list[str | None]]:
        """Token ids (R, T) for a batch, and why each row ended; None where a `generate` of one's own does not say."""
        options = {name: value for name, value in options.items() if name != "return_dict_in_generate"}
        generation_config = options.pop("generation_config", None)
        settings: GenerationConfig = copy.deepcopy(self.generation_config if generation_config is None else generation_config)
        if options.get("max_length") is not None:
            settings.max_new_tokens = None
        draws = next((v for v in (options.get("do_sample"), settings.do_sample) if v is not None), None)
        if generation_config is None and not draws:
            settings.temperature = None  # it belongs to the sampling that is not wanted
        reading = ("assistant_tokenizer", "constraint", "streamer")
        if options.get("stop_strings", settings.stop_strings) or any(options.get(name) is not None for name in reading):
            options["tokenizer"] = self.tokenizer
        if (
            self.model.generation_config.pad_token_id is None
            and settings.pad_token_id is None
            and self.tokenizer.pad_token_id is not None
        ):
            settings.pad_token_id = self.tokenizer.pad_token_id
        settings.return_dict_in_generate = True  # no keyword: a `generate` of one's own need not take it
        output = self.model.generate(**inputs, generation_config=settings, **options)
        sequences = output if isinstance(output, Tensor) else output["sequences"]
        reasons = None if isinstance(output, Tensor) else output.get("finish_reasons")
        return sequences, [None] * len(sequences) if reasons is None else list(reasons)

    def stop_options(self, stop_sequence: Any) -> dict[str, Any]:
        """`stop_sequence`, the published name here of `stop_strings`."""
        stops = [stop_sequence] if isinstance(stop_sequence, str) else stop_sequence
        if not isinstance(stops, list | tuple) or not stops or not all(isinstance(stop, str) and stop for stop in stops):
            raise ArgumentError(f"stop_sequence is {stop_sequence!r}; expected a text or a list of texts")
        return {"stop_strings": list(stops)}

    def padding(self, options: Mapping[str, Any]) -> BatchPadding:
        padding = super().padding(options)
        if self.model.config.is_encoder_decoder:
            return padding
        # Beside a longer prompt, a length that counts the prompt would leave fewer new tokens: no padding then.
        return BatchPadding({} if self._counts_prompt(options) else padding.fill, "left")

    def _counts_prompt(self, options: Mapping[str, Any]) -> bool:
        """Whether a length of prompt and new tokens together is in force."""
        generation_config = options.get("generation_config")
        settings = (
            options,
            self.generation_config if generation_config is None else generation_config,
            self.model.generation_config,
        )
        if any(one.get("min_length") for one in settings):
            return True
        nearest = next((one for one in settings if one.get("max_new_tokens") or one.get("max_length")), {})
        return not nearest.get("max_new_tokens") and bool(nearest.get("max_length"))
