"""`plan_memory`: what loading, running and training a model will take, from its config and the headers of its files alone."""

import copy
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..core.dtypes import floating_dtype
from ..core.errors import BestiaryError, CapacityError, FileMissing
from ..core.sizes import show_size
from ..loading.headers import LoadNeed, load_need, main_dtype, read_headers
from .example_inputs import example_inputs
from .run_need import RunNeed, run_need
from .skeletons import class_of, packed_away, stored_away, weight_bytes, without_weights
from .training_need import TrainingNeed, training_need
from .workload import Workload


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes of memory, beside those of the program itself (Python and torch: about 350 MB on a CPU).

    Fields:
        model: the class. dtype: of its weights; of a checkpoint in few bits the method, such as "gptq".
        load: opening the checkpoint. run: a call, beside the weights; None where it cannot be found, and `unknown` says why.
        training: a step and update of training in fp32; None where none was asked for.
    """

    model: str
    dtype: str
    load: LoadNeed
    run: RunNeed | None
    training: TrainingNeed | None = None
    unknown: str = ""

    @property
    def run_peak(self) -> int:
        """Weights and the call together; the weights alone where nothing is known of the call."""
        return self.load.weights + (self.run.total if self.run else 0)

    @property
    def peak(self) -> int:
        """The most that loading, the call or the training takes."""
        return max(self.load.peak, self.run_peak, self.training.total if self.training else 0)

    def check(self, limit: int) -> None:
        """Raise `CapacityError`, with the numbers, when more than `limit` bytes are needed."""
        if self.peak > limit:
            parts = [f"weights {show_size(self.load.weights)}", f"peak of loading {show_size(self.load.peak)}"]
            if self.run:
                parts += [
                    f"cache {show_size(self.run.cache)}",
                    f"logits and activations {show_size(self.run.logits + self.run.activations)}",
                ]
            if self.training:
                parts.append(f"training {show_size(self.training.total)}")
            raise CapacityError(
                f"this needs {show_size(self.peak)} and {show_size(limit)} are allowed: {', '.join(parts)}."
                " Take fewer rows, shorter texts or a smaller dtype"
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields, and the sums."""
        return {**asdict(self), "run_peak": self.run_peak, "peak": self.peak}


def plan_memory(
    model: Any,
    call: Workload = Workload(),
    *,
    dtype: Any = None,
    attention: str | None = None,
    bits: int | None = None,
    cache: str | None = None,
    class_name: str | None = None,
    training: bool = False,
    optimizer_of: Callable[[Any], Any] | None = None,
    device: torch.device | str = "cpu",
    headers: Any = None,
    **hub: Any,
) -> MemoryPlan:
    """What a model will take, in bytes. No weights are read, downloaded or made.

    One call, `generate` of models that generate and a forward of others, is followed with tensors that have shapes and no
    contents; on a CPU, what is then measured of a process is within a tenth of it, beside what the C library keeps of memory
    that was freed (docs/guide/memory_and_speed.md).

    Args:
        model: a folder, a name on the hub, or a config alone.
        call: the size of the call, and of a row in training.
        dtype: of the weights; by default the config's, else what most of the file is in, else float32.
        bits: 8 or 4, as load_in_8bit and load_in_4bit open it. attention: the kernel of attention.
        cache: the `cache_implementation` of `generate`.
        class_name: another class of the family than the one that was saved.
        training: also forecast a training step, in fp32. optimizer_of: makes the optimizer of a model; by default AdamW.
        device: where it would run; the machine need not have it for "cpu" alone.
        headers: of the files, where they were read before (`loading.headers.read_headers`).
        hub: keywords of the hub: revision, subfolder, token, ...

    Raises:
        FileMissing, HubError, CorruptFile: the config cannot be had. ArgumentError, InputError: a wrong size or class.
    """
    config, headers = _described(model, headers, hub)
    kind = class_of(config, class_name)
    if dtype is None:
        dtype = config.dtype or (main_dtype(headers) if headers else torch.float32)
    dtype = floating_dtype(dtype)
    skeleton = without_weights(kind, copy.deepcopy(config), dtype, attention)
    weights = weight_bytes(skeleton)
    stored = ""
    if bits is not None:
        weights -= packed_away(without_weights(kind, copy.deepcopy(config), dtype), bits)
    elif headers and config.get("quantization_config") is not None:
        stored, less = stored_away(without_weights(kind, copy.deepcopy(config), dtype), headers)
        weights -= less
    parameters = sum(each.numel() for each in {id(each): each for each in skeleton.parameters()}.values())
    read = load_need(headers, dtype=dtype, tied=skeleton.tied_weights()) if headers else LoadNeed(parameters, weights, weights)
    load = LoadNeed(parameters, weights, weights + read.peak - read.weights)
    options = {} if cache is None else {"cache_implementation": cache}
    run, unknown = None, ""
    try:
        with _without_words():
            run = run_need(skeleton, call, device, **options)
    except BestiaryError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever torch raises where contents decide about shapes)
        unknown = f"what a call takes is not known, since contents decide about it: {type(error).__name__}: {error}"
    need = _training(kind, config, call, attention, optimizer_of, device) if training else None
    name = stored or str(dtype).removeprefix("torch.")
    return MemoryPlan(kind.__name__, name, load, run, need, " ".join(unknown.split())[:300])


def _described(model: Any, headers: Any, hub: dict[str, Any]) -> tuple[Any, Any]:
    """The config, and the tensors of the files; nothing of them where there is a config alone."""
    from ..auto import AutoConfig
    from ..hub.options import HubOptions
    from ..modeling.config import PreTrainedConfig

    if isinstance(model, PreTrainedConfig):
        return model, headers or {}
    config = AutoConfig.from_pretrained(model, **hub)
    try:
        return config, read_headers(model, HubOptions.split(dict(hub))[0])
    except FileMissing:
        return config, {}


def _training(kind: Any, config: Any, call: Workload, attention: Any, optimizer_of: Any, device: Any) -> TrainingNeed:
    def made() -> Any:
        return without_weights(kind, copy.deepcopy(config), torch.float32, attention).train()

    inputs = example_inputs(made(), call.batch, call.prompt)
    inputs.pop("decoder_input_ids", None)
    inputs["labels"] = inputs["input_ids"] if "input_ids" in inputs else torch.zeros(call.batch, dtype=torch.long)
    with _without_words():
        return training_need(made, lambda model, batch: model(**batch), inputs, optimizer_of or _adamw, device=device)


def _adamw(model: Any) -> Any:
    return torch.optim.AdamW(model.parameters(), lr=1e-5)


@contextmanager
def _without_words() -> Any:
    """What torch logs of operations it cannot follow is told by the plan."""
    import logging

    logger = logging.getLogger("torch._subclasses.fake_tensor")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
