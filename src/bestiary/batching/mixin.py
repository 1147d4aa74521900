"""What a decoder can do with many requests at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..core.errors import ArgumentError
from ..core.logging import warn_once
from ..generation.config import GenerationConfig
from ..generation.model import GeneratingModel
from .config import ContinuousBatchingConfig

# The engine is imported when it is asked for: most who import a model never do.
if TYPE_CHECKING:
    from .manager import ContinuousBatchingManager
    from .requests import GenerationOutput

Prompt = Sequence[int] | Mapping[str, Any]


class ContinuousMixin:
    """Adds `generate_batch` and the batching manager to models that generate."""

    def generate_batch(
        self: GeneratingModel,
        inputs: Sequence[Prompt],
        generation_config: GenerationConfig | None = None,
        continuous_batching_config: ContinuousBatchingConfig | dict[str, Any] | None = None,
        record_timestamps: bool = False,
        progress_bar: bool = False,
        **kwargs: Any,
    ) -> "dict[str, GenerationOutput]":
        """Continue many prompts of any lengths; each gets the tokens that it would get alone.

        Requests come and go while others run, and share the memory of what they begin with; see `ContinuousBatchingConfig`.

        Args:
            inputs: token ids of each prompt, or a dictionary with "input_ids" and settings for this prompt alone.
            generation_config: settings for all; those in `kwargs` go before them, those of the checkpoint after.
            record_timestamps: results say when each token came. progress_bar: show how many requests are done.
            kwargs: fields of `GenerationConfig`; `seed`, `tokenizer` (for `stop_strings` and `constraint`), `constraint`,
                `logits_processor` and `stopping_criteria`, which all requests use.

        Returns:
            A result for each prompt, in order, named "req_0", "req_1", ... One that failed says why in `error`.

        Raises:
            ArgumentError, ConfigError, InputError, CapacityError: before the first pass, for whatever is wrong with a request.
            Exception: what the first request failed with, if all have failed.
        """
        from tqdm import tqdm

        from .engine import Engine

        if not isinstance(inputs, Iterable) or isinstance(inputs, Mapping | str):
            raise ArgumentError(f"inputs are a {type(inputs).__name__}; expected a list of prompts")
        engine = Engine(self, generation_config, continuous_batching_config)
        requests = []
        for index, prompt in enumerate(inputs):
            arguments = dict(prompt) if isinstance(prompt, Mapping) else {"input_ids": prompt}
            if "input_ids" not in arguments:
                raise ArgumentError(f"request {index} has no input_ids; it has {sorted(arguments)}")
            for name in ("request_id", "listener", "record_timestamps"):
                if name in arguments:
                    raise ArgumentError(f"request {index} has {name!r}, which is no setting of a prompt; leave it out")
            options = {**kwargs, **arguments, "record_timestamps": record_timestamps}
            requests.append(engine.request(f"req_{index}", **options))
        if not requests:
            return {}
        limits = sorted(request.limit for request in requests)
        engine.allocate(sum(limits[-engine.config.max_requests_per_batch :]))
        for request in requests:
            engine.check_room(request)
            engine.add(request)
        with tqdm(total=len(requests), disable=not progress_bar, unit="request") as bar:
            while engine.requests:
                with suppress(Exception):  # the requests of this pass hold it; the others go on
                    engine.step()
                bar.update(len(requests) - len(engine.requests) - bar.n)
        failed = [request for request in requests if request.error is not None]
        if len(failed) == len(requests) and failed[0].error is not None:
            raise failed[0].error
        if failed:
            warn_once("failed-requests", f"{len(failed)} of {len(requests)} requests failed; their results say why in `error`")
        return {request.request_id: request.output() for request in requests}

    def init_continuous_batching(
        self: GeneratingModel,
        generation_config: GenerationConfig | None = None,
        continuous_batching_config: ContinuousBatchingConfig | dict[str, Any] | None = None,
    ) -> "ContinuousBatchingManager":
        """A manager that takes requests for this model from any thread; call its `start`, or use it with `with`."""
        from .manager import ContinuousBatchingManager

        return ContinuousBatchingManager(self, generation_config, continuous_batching_config)

    @contextmanager
    def continuous_batching_context_manager(
        self: GeneratingModel,
        generation_config: GenerationConfig | None = None,
        block: bool = True,
        timeout: float | None = None,
        continuous_batching_config: ContinuousBatchingConfig | dict[str, Any] | None = None,
    ) -> "Iterator[ContinuousBatchingManager]":
        """A running manager for the body, stopped after it: see `ContinuousBatchingManager.stop` for `block` and `timeout`."""
        from .manager import ContinuousBatchingManager

        manager = ContinuousBatchingManager(self, generation_config, continuous_batching_config)
        manager.start()
        try:
            yield manager
        except BaseException:
            manager.stop(hard_stop=True)
            raise
        manager.stop(block, timeout)
