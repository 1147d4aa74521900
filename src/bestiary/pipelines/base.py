"""`Pipeline`: from raw input to an answer, in three steps that a task fills in.

`preprocess` makes of one input what the model takes, `_forward` runs the model on a batch, `postprocess` makes the answer.
What a keyword of a call means to which step says `_sanitize_parameters`. A class of one's own does the same four things.
"""

import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..core.errors import ArgumentError, ConfigError, InputError, did_you_mean
from ..core.kinds import Natural, Whole, describe, fits
from ..core.logging import warn_once
from ..placement.device_map import check_available
from .batching import BatchPadding, collate, plan, rows_of, split, tensors, to_device, windows
from .custom import Table, save_pipeline
from .datasets import PipelineIterator

Parameters = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]

# An accelerator works on as many tokens at a time as so many CPU threads.
ACCELERATOR_THREADS = 64


class Result(dict[str, Any]):
    """An answer on its way out of `postprocess`, which also knows how it came about; `handed_out` makes a dictionary of it.

    Attributes:
        dropped_tokens: tokens of the input that were cut off before the model saw it.
        finish_reason: of generated text: why it ended ("eos", "stop" or "length"), else None.
    """

    def __init__(self, values: Mapping[str, Any], dropped_tokens: int = 0, finish_reason: str | None = None) -> None:
        super().__init__(values)
        self.dropped_tokens = dropped_tokens
        self.finish_reason = finish_reason


def handed_out(answer: Any, details: bool) -> Any:
    """`answer` with a plain dictionary in the place of each `Result`; with `details` it has what that knows besides."""
    if type(answer) in (list, tuple):
        return type(answer)(handed_out(each, details) for each in answer)
    if isinstance(answer, Result):
        known: dict[str, Any] = {"dropped_tokens": answer.dropped_tokens} if details else {}
        known |= {"finish_reason": answer.finish_reason} if details and answer.finish_reason is not None else {}
        return {**answer, **known}
    return {name: handed_out(each, details) for name, each in answer.items()} if type(answer) is dict else answer


class Pipeline(ABC):
    """Base of every pipeline.

    Class attributes:
        parts: the preprocessors it needs: "tokenizer", "feature_extractor", "image_processor", "video_processor",
            "processor"; None takes whatever the checkpoint has.
        models: the Auto classes that can open a model for it, the usual one first.
        rows, tokens: most rows of a batch, and most tokens for each CPU thread, when the caller names no `batch_size`; more
            would only cost memory, cache misses and padding.

    Args:
        model: the model; anything that is called with the preprocessor's output and has a `config`.
        task: the name under which it was asked for.
        device: where to put the model; None leaves it where it is. -1 is the CPU, a number an accelerator.
        batch_size: rows of a batch; by default lists and data sets are put together by length into batches of good size,
            and streams are answered one by one.
        num_workers: threads that prepare inputs; 0 prepares them in the calling thread. binary_output: without effect.
        **parameters: defaults for the keywords of a call, which take precedence for that call.

    Raises:
        ArgumentError: an unknown keyword, or a preprocessor is missing.
    """

    parts: ClassVar[tuple[str, ...] | None] = None
    models: ClassVar[tuple[str, ...]] = ()
    rows: ClassVar[int] = 128
    tokens: ClassVar[int] = 512
    _registered: ClassVar[Table] = {}  # the tasks that a class of one's own is for

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        feature_extractor: Any = None,
        image_processor: Any = None,
        video_processor: Any = None,
        processor: Any = None,
        task: str = "",
        device: Any = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        binary_output: bool = False,
        **parameters: Any,
    ) -> None:
        self.binary_output = binary_output
        if binary_output:
            warn_once("binary-output", "binary_output=True changes nothing, as published: answers are Python objects")
        self.model = model
        self.tokenizer = tokenizer
        self.feature_extractor = feature_extractor
        self.image_processor = image_processor
        self.video_processor = video_processor
        self.processor = processor
        self.task = task
        self._batch_size = _check("batch_size", batch_size, Natural)
        self._num_workers = _check("num_workers", num_workers, Whole) or 0
        for part in self.parts or ():
            if vars(self)[part] is None:
                raise ArgumentError(f"{type(self).__name__} needs {part}=, and the checkpoint has none or none was passed")
        if device is not None:
            self.model.to(read_device(device))
        self._preprocess_params = self._forward_params = self._postprocess_params = dict[str, Any]()
        self._preprocess_params, self._forward_params, self._postprocess_params = self._read(parameters)

    # what a task fills in --------------------------------------------------------------------------------------------

    @abstractmethod
    def _sanitize_parameters(self, *args: Any, **parameters: Any) -> Parameters:
        """The keywords of a call (only those given), as keywords of `preprocess`, `_forward` and `postprocess`."""

    @abstractmethod
    def preprocess(self, *args: Any, **parameters: Any) -> Any:
        """`preprocess(input_, ...)`: what the model takes for one input, a mapping whose tensors have rows first; whatever
        else it holds is handed on."""

    @abstractmethod
    def _forward(self, *args: Any, **parameters: Any) -> Any:
        """`_forward(input_tensors, ...)`: run the model on one unit, or on a batch: tensors padded and joined by rows, other
        values in lists."""

    @abstractmethod
    def postprocess(self, *args: Any, **parameters: Any) -> Any:
        """`postprocess(model_outputs, ...)`: the answer for one input, from its part of what `_forward` returned."""

    # calling ---------------------------------------------------------------------------------------------------------

    def __call__(
        self,
        inputs: Any,
        *,
        batch_size: int | None = None,
        num_workers: int | None = None,
        show_progress: bool = False,
        return_details: bool = False,
        **parameters: Any,
    ) -> Any:
        """Answer one input, a list (a list comes back), or a data set or any iterable (an iterator comes back).

        Results come in the order of the inputs, and do not depend on what shared a batch.

        Args:
            batch_size: rows of a batch. num_workers: threads that prepare inputs. See the class.
            show_progress: show a bar that counts inputs.
            return_details: also say in each answer how many `dropped_tokens` of the input were cut off before the model saw it
                and, of generated text, the `finish_reason`: why it ended ("eos", "stop" or "length").
            **parameters: what the task takes, for this call only.
        """
        parameters_of = self._read(parameters)
        size = self._batch_size if batch_size is None else _check("batch_size", batch_size, Natural)
        workers = self._num_workers if num_workers is None else _check("num_workers", num_workers, Whole) or 0
        if self.is_one(inputs):
            return handed_out(self._one(inputs, parameters_of), return_details)
        total = len(inputs) if isinstance(inputs, Sized) else None
        least = size or (None if total is not None else 1)
        answers = self._many(_each(inputs), parameters_of, size, least if total is None else None, workers)
        results: Iterator[Any] = (handed_out(answer, return_details) for answer in answers)
        if show_progress:
            results = iter(tqdm(results, total=total))
        return list(results) if isinstance(inputs, list | tuple) else PipelineIterator(results, total)

    def is_one(self, inputs: Any) -> bool:
        """Whether `inputs` is one input, rather than a list, a data set or a stream of them."""
        if isinstance(inputs, str | bytes | os.PathLike | Mapping | np.ndarray | Tensor):
            return True
        indexable = hasattr(type(inputs), "__getitem__") and hasattr(type(inputs), "__len__")
        return not (isinstance(inputs, Iterable) or indexable)

    def _read(self, parameters: dict[str, Any]) -> Parameters:
        """The parameters of the three steps: the pipeline's own, and over them those of a call, once checked."""
        accepted = inspect.signature(self._sanitize_parameters).parameters
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
            self._refuse_unknown(parameters, set(accepted))
        steps = self._sanitize_parameters(**parameters)
        own = self._preprocess_params, self._forward_params, self._postprocess_params
        before, forward, after = ({**old, **new} for old, new in zip(own, steps, strict=True))
        return before, forward, after

    def _refuse_unknown(self, parameters: Iterable[str], accepted: AbstractSet[str]) -> None:
        for name in parameters:
            if name not in accepted:
                near = did_you_mean(name, sorted(accepted | {"batch_size", "num_workers", "show_progress", "return_details"}))
                listed = f" It takes {', '.join(sorted(accepted))}" if len(accepted) < 16 else ""
                raise ArgumentError(f"{type(self).__name__} takes no argument {name!r:.80}.{near}{listed}")

    def _one(self, input_: Any, parameters: Parameters) -> Any:
        before, during, after = parameters
        return self._finish([self.forward(unit, **during) for unit in self._units(input_, before)], after)

    def _units(self, input_: Any, parameters: dict[str, Any]) -> Iterable[Any]:
        """The units of one input: each is what one forward pass takes."""
        return [self.preprocess(input_, **parameters)]

    def _finish(self, outputs: list[Any], parameters: dict[str, Any]) -> Any:
        """The answer for one input, from the outputs of its units."""
        return self.postprocess(outputs[0], **parameters)

    def _many(
        self, inputs: Iterable[Any], parameters: Parameters, size: int | None, least: int | None, workers: int
    ) -> Iterator[Any]:
        """Answers in order. `least` inputs are read ahead at most; None reads as many as are good to sort together."""
        before, during, after = parameters
        threads = torch.get_num_threads() if self.device.type == "cpu" else ACCELERATOR_THREADS
        rows, budget = (size, None) if size else (self.rows, self.tokens * threads)
        padding = self.padding(during)
        with ThreadPoolExecutor(workers) if workers else nullcontext() as pool:
            for window in windows(self._prepared(inputs, before, pool, least), least):
                units = [unit for of_one in window for unit in of_one]
                outputs: list[Any] = [None] * len(units)
                for batch in plan(units, padding, rows, budget):
                    members = [units[index] for index in batch]
                    joined = self.forward(members[0] if len(members) == 1 else collate(members, padding), **during)
                    for index, output in zip(batch, split(joined, [rows_of(unit) for unit in members]), strict=True):
                        outputs[index] = output
                stream = iter(outputs)
                for of_one in window:
                    yield self._finish(list(islice(stream, len(of_one))), after)

    def _prepared(
        self, inputs: Iterable[Any], parameters: dict[str, Any], pool: ThreadPoolExecutor | None, least: int | None
    ) -> Iterator[list[Any]]:
        """The units of each input; an error says at which input it happened."""
        prepare = lambda item: list(self._units(item, parameters))  # noqa: E731
        ahead = _ahead(inputs, prepare, pool, least or 64) if pool else (partial(prepare, item) for item in inputs)
        for number, get_units in enumerate(ahead):
            try:
                yield get_units()
            except Exception as error:
                error.add_note(f"This was input {number} (counted from 0).")
                raise

    def forward(self, model_inputs: Any, **parameters: Any) -> Any:
        """`_forward` without gradients, on the model's device; what it returns comes back to the CPU."""
        with torch.no_grad():
            output = self._forward(to_device(model_inputs, self.device), **parameters)
        return to_device(output, "cpu")

    def padding(self, options: Mapping[str, Any]) -> BatchPadding:
        """How units of unequal length are padded into a batch that `_forward` gets with these options."""
        tokenizer = self.tokenizer
        pad = None if tokenizer is None else tokenizer.pad_token_id
        # Without a padding token any id will do: the mask hides it.
        fill = {"input_ids": pad or 0, "attention_mask": 0, "token_type_ids": 0, "special_tokens_mask": 1}
        return BatchPadding(fill, "right" if tokenizer is None else tokenizer.padding_side)

    def tokenizer_options(self, options: dict[str, Any], also: Iterable[str] = ()) -> dict[str, Any]:
        """`options` if the tokenizer takes them all; `also` are other names to think of when one is misspelt.

        Raises:
            ArgumentError: a name that the tokenizer does not take.
        """
        accepted = set(inspect.signature(type(self.tokenizer).__call__).parameters) - {"self", "text"}
        self._refuse_unknown(options, accepted | set(also))
        return options

    # facts -----------------------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the model takes its inputs."""
        return torch.device(getattr(self.model, "device", "cpu"))  # a model from elsewhere may have none

    @property
    def dtype(self) -> torch.dtype | None:
        """The model's floating-point type."""
        dtype: torch.dtype | None = getattr(self.model, "dtype", None)
        return dtype

    @property
    def torch_dtype(self) -> torch.dtype | None:
        """The older name of `dtype`."""
        return self.dtype

    @property
    def framework(self) -> str:
        """Always "pt": PyTorch."""
        return "pt"

    def check_model_type(self, supported_models: Mapping[Any, Any] | Sequence[str]) -> None:
        """Refuse the model unless its class is one of `supported_models` (names, or a mapping to names or classes).

        Raises:
            InputError: it is not.
        """
        listed = supported_models.values() if isinstance(supported_models, Mapping) else supported_models
        names = sorted({name if isinstance(name, str) else name.__name__ for name in listed})
        model_name = type(self.model).__name__
        if model_name not in names:
            raise InputError(f"{type(self).__name__} cannot use a {model_name}; it takes {', '.join(names)}")

    @contextmanager
    def device_placement(self) -> Iterator[None]:
        """Tensors made inside are on the pipeline's device."""
        with self.device:
            yield

    def ensure_tensor_on_device(self, **inputs: Any) -> dict[str, Any]:
        """`inputs` with their tensors on the pipeline's device."""
        moved: dict[str, Any] = to_device(inputs, self.device)
        return moved

    def transform(self, X: Any) -> Any:
        """The same as calling the pipeline: scikit-learn's name for it."""
        return self(X)

    def predict(self, X: Any) -> Any:
        """The same as calling the pipeline: scikit-learn's name for it."""
        return self(X)

    def save_pretrained(self, save_directory: str | os.PathLike[str], **kwargs: Any) -> None:
        """Write the model and its preprocessors into a folder; keywords are those of the model's `save_pretrained`."""
        save_pipeline(type(self), self._registered, self.model.config, save_directory)
        self.model.save_pretrained(save_directory, **kwargs)
        for part in (self.tokenizer, self.feature_extractor, self.image_processor, self.video_processor, self.processor):
            if part is not None:
                part.save_pretrained(save_directory)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(task={self.task!r}, model={type(self.model).__name__}, device={str(self.device)!r})"


class ChunkPipeline(Pipeline):
    """A pipeline whose `preprocess` yields several units for one input; `postprocess` gets the list of their outputs."""

    def _units(self, input_: Any, parameters: dict[str, Any]) -> Iterable[Any]:
        units: Iterable[Any] = self.preprocess(input_, **parameters)
        return units

    def _finish(self, outputs: list[Any], parameters: dict[str, Any]) -> Any:
        return self.postprocess(outputs, **parameters)

    def _one(self, input_: Any, parameters: Parameters) -> Any:
        # The pieces of one input share batches as those of many do.
        return next(self._many([input_], parameters, self._batch_size, None, 0))


def _each(inputs: Any) -> Iterable[Any]:
    if isinstance(inputs, Iterable):
        return inputs
    return (inputs[index] for index in range(len(inputs)))


def _ahead(inputs: Iterable[Any], prepare: Any, pool: ThreadPoolExecutor, depth: int) -> Iterator[Any]:
    """Calls that give what `prepare` makes of each input; up to `depth` inputs are being prepared in the threads of `pool`."""
    waiting: list[Any] = []
    for item in inputs:
        waiting.append(pool.submit(prepare, item).result)
        if len(waiting) >= depth:
            yield waiting.pop(0)
    yield from waiting


def _check(name: str, value: int | None, kind: Any) -> int | None:
    if value is not None and not fits(value, kind):
        raise ArgumentError(f"{name} is {value!r:.80}; expected {describe(kind)}")
    return value


def options_of(**keyword: Any) -> dict[str, Any]:
    """A keyword that holds options, as a dictionary of its own; empty for None.

    Raises:
        ArgumentError: it is no dictionary.
    """
    [(name, options)] = keyword.items()
    if options is not None and not isinstance(options, Mapping):
        raise ArgumentError(f"{name} is {options!r:.80}; expected a dictionary of options")
    return dict(options or {})


def read_device(device: Any) -> torch.device:
    """A torch device from itself, its name, or a number: that of an accelerator, where there is one; below 0 the CPU.

    Raises:
        ArgumentError: no such device.
    """
    if isinstance(device, int):
        accelerator = torch.accelerator.current_accelerator()
        if device >= 0 and accelerator is None:
            warn_once("no-accelerator", f"device={device} names an accelerator, and this machine has none: the CPU is used")
        if device < 0 or accelerator is None:
            return torch.device("cpu")
        return check_available(torch.device(accelerator.type, device))
    try:
        return check_available(device)
    except ConfigError as error:
        raise ArgumentError(str(error)) from error


def note_cut(dropped: int) -> None:
    """Say once that inputs are being cut, where the result has no place for the number."""
    if dropped:
        warn_once("input-cut", f"{dropped} tokens of an input were cut off; `dropped_tokens` of each encoding counts them")


__all__ = ["ChunkPipeline", "Pipeline", "Result", "note_cut", "read_device", "tensors"]
