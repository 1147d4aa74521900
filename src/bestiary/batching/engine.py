"""The engine: many requests through one model, in passes that each take every request some way on."""

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..cache.layer_types import layer_types
from ..cache.paged import BlockPool
from ..core.errors import ArgumentError, CapacityError, EngineError
from ..core.logging import warn_once
from ..generation import checks
from ..generation.begin import criteria_of, processors_of
from ..generation.call import Call
from ..generation.choice import rivals, strategy_name
from ..generation.config import GenerationConfig, default_of
from ..generation.model import GeneratingModel
from ..generation.prompt import DECODER_ONLY, Prompt, check_arguments
from ..generation.settings import check_settings, end_tokens, leave_ends_open, max_length
from ..nn.attention import Attend
from ..nn.evaluating import evaluating
from ..nn.highest import highest
from ..nn.inputs import token_list
from ..nn.masks import Mask
from ..nn.paged import Layout, PromptPiece, tables_of, visits_of
from ..nn.row_draws import as_seed
from .choosing import next_token, reason_to_end
from .config import ContinuousBatchingConfig
from .paged_cache import PagedCache
from .requests import RequestState
from .scheduler import Plan, Scheduler
from .sizing import blocks_for, longest_request

# Settings of `generate` that mean nothing here: the cache is the engine's, and what results hold is always the same.
_ELSEWHERE = (
    "cache_implementation", "cache_config", "max_cache_len", "prefill_chunk_size", "return_dict_in_generate", "output_scores",
    "output_logits", "output_attentions", "output_hidden_states", "output_token_logprobs", "return_legacy_cache",
    "compile_config", "token_healing",
)  # fmt: skip
_STRATEGIES = ("greedy", "sample")
# What a request may bring besides settings.
_OBJECTS = ("tokenizer", "logits_processor", "stopping_criteria", "prefix_allowed_tokens_fn", "constraint")


class Engine:
    """Works on many requests at once; `step` by `step`, in the thread that calls it.

    The model's weights must stay as they are while it is in use. It is left as it was, in its mode and with its kernel.

    Args:
        generation_config: settings of requests that bring none of their own; those of the checkpoint come after.
        config: of the engine, or the dictionary of it; without it, that of `generation_config`.

    Raises:
        ArgumentError: the model is no decoder alone, or has layers that keep a state instead of keys.
    """

    def __init__(
        self,
        model: GeneratingModel,
        generation_config: GenerationConfig | None = None,
        config: ContinuousBatchingConfig | dict[str, Any] | None = None,
    ) -> None:
        if model.config.is_encoder_decoder or any(isinstance(part, Attend) and part.cross for part in model.modules()):
            raise ArgumentError(f"{type(model).__name__} looks at an encoder; batches of requests are for decoders alone")
        if layer_types(model.config).keeps_states:
            raise ArgumentError(
                f"{type(model).__name__} has layers that keep a state, and batches of requests share keys and values in pages: "
                "call generate, which takes prompts padded on the left"
            )
        self.model, self.generation_config = model, generation_config
        if config is None and generation_config is not None:
            config = generation_config.continuous_batching_config
        self.config = ContinuousBatchingConfig.of(config)
        self.context, self.context_is_firm = longest_request(model)
        self._settings: GenerationConfig | None = None
        self.pool = BlockPool(0, self.config.page_size)

    def allocate(self, tokens: int | None = None) -> None:
        """Make the cache, before the first request is added.

        Args:
            tokens: how many all requests that run together may need, where that is known.

        Raises:
            CapacityError: there is no memory for a single block.
        """
        config = self.config
        if tokens is None and self.context is not None:
            tokens = config.max_requests_per_batch * self.context
        with evaluating(self.model):
            blocks = config.num_blocks or blocks_for(self.model, config, tokens)
        self.pool = BlockPool(blocks, config.page_size)
        self.cache = PagedCache(blocks, config.page_size)
        self.scheduler = Scheduler(
            self.pool, config.max_batch_tokens, config.max_requests_per_batch, config.allow_block_sharing
        )

    # requests --------------------------------------------------------------------------------------------------------

    def request(
        self,
        request_id: str,
        input_ids: Sequence[int],
        *,
        listener: Callable[[RequestState], None] | None = None,
        record_timestamps: bool = False,
        seed: int | None = None,
        **options: Any,
    ) -> RequestState:
        """Check a request and make what `add` takes. May be called from any thread.

        Args:
            options: settings of its own, and objects that `generate` takes (`_OBJECTS`).

        Raises:
            InputError: the prompt is no list of ids of the vocabulary. ArgumentError, ConfigError: of the settings.
            CapacityError: it is longer than the context.
        """
        tokens = token_list(input_ids, self.model.config.get_text_config(decoder=True).vocab_size)
        objects = {name: options.pop(name) for name in _OBJECTS if name in options}
        config = self._resolve(options)
        checks.check_token_ids(config, self.model, rows=1)
        if objects.get("constraint") is not None:
            config = copy.deepcopy(config)
            leave_ends_open(config)
        call = Call(config, **objects)
        limit = max_length(config, len(tokens), self.context, self.context_is_firm)
        eos = end_tokens(config, self.model.device)
        ids = torch.tensor([tokens], device=self.model.device)
        prompt = Prompt(config, DECODER_ONLY, ids, encoder_ids=ids, max_length=limit)
        seed = self.config.seed if seed is None else as_seed(seed)
        return RequestState(
            tokens,
            request_id,
            len(tokens),
            limit,
            config,
            processors_of(self.model, call, prompt, eos),
            criteria_of(call),
            frozenset([] if eos is None else eos.tolist()),
            int(torch.randint(2**62, ())) if seed is None and config.do_sample else seed or 0,
            listener,
            record_timestamps,
        )

    def _resolve(self, fields: dict[str, Any]) -> GenerationConfig:
        """The settings of a request that says `fields`; made once for all that say nothing."""
        if not fields and self._settings is not None:
            return self._settings
        unknown = {name: value for name, value in fields.items() if name not in GenerationConfig.names()}
        check_arguments(self.model, unknown, set(GenerationConfig.names()))
        for name in unknown:
            raise ArgumentError(f"{name} is an input of the model's forward; a request in a batch has only its token ids")
        settings = self.model.generation_settings(self.generation_config, **fields)
        for name in _ELSEWHERE:
            value = settings.get(name)
            if value and value != default_of(name) and settings.origin(name) in ("call", "config"):
                raise ArgumentError(f"{name}={value!r} is for generate; requests in a batch have no such choice")
        check_settings(settings, {})
        strategy = strategy_name(settings)
        stored = [name for name in rivals("greedy") if settings.is_set(name) and settings.origin(name) == "checkpoint"]
        if strategy not in _STRATEGIES and stored:
            said = ", ".join(f"{name}={settings.effective(name)!r:.80}" for name in stored)
            for name in stored:
                setattr(settings, name, default_of(name))
            warn_once(
                "batch-strategy",
                f"the checkpoint's settings ask for {strategy!r} decoding ({said}), and requests in a batch are greedy or"
                " sampled: they go without; call generate for it",
            )
            strategy = strategy_name(settings)
        if strategy not in _STRATEGIES:
            raise ArgumentError(f"the settings ask for {strategy!r} decoding; requests in a batch are greedy or sampled")
        if settings.effective("num_return_sequences") > 1:
            raise ArgumentError("num_return_sequences is for generate; add the same prompt several times, each with its seed")
        if settings.use_cache is False and settings.origin("use_cache") in ("call", "config"):
            raise ArgumentError("use_cache=False and continuous batching exclude each other: it is all about the cache")
        if not fields:
            self._settings = settings
        return settings

    def check_room(self, request: RequestState) -> None:
        """Refuse a request that the whole cache could not hold.

        Raises:
            CapacityError: with the numbers.
        """
        needed = request.limit - 1
        if needed > self.pool.size * self.pool.page_size:
            raise CapacityError(
                f"a prompt of {request.prompt} tokens and its continuation take up to {needed}; the whole cache has room for "
                f"{self.pool.size} blocks of {self.pool.page_size}: set num_blocks or a smaller max_new_tokens"
            )

    def add(self, request: RequestState) -> None:
        """Let `request` wait for its turn."""
        self.scheduler.waiting.append(request)

    def cancel(self, request: RequestState, reason: str = "cancelled", error: BaseException | None = None) -> None:
        """End `request`, whether it waits or runs; its blocks are free at once."""
        self.scheduler.remove(request)
        request.finish(reason, error)

    @property
    def requests(self) -> list[RequestState]:
        """All that run or wait."""
        return [*self.scheduler.running, *self.scheduler.waiting]

    # passes ----------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def step(self) -> bool:
        """One pass through the model; False when there was nothing to do. Listeners are told of what it brought.

        Raises:
            Exception: what the model raised. The requests that took part have failed with it, the others can go on.
        """
        plan = self.scheduler.plan()
        taking_part = [*plan.decoding, *(request for request, _ in plan.pieces)]
        if not taking_part:
            for request in self.requests:
                self._fail(
                    request, EngineError(f"{len(self.requests)} requests wait and none can go on: a fault of the engine")
                )
            return False
        now = time.perf_counter()
        for request in taking_part:
            request.began = now if request.began < 0 else request.began
        try:
            logits = self._forward(plan)
            for request, count in [*((request, 1) for request in plan.decoding), *plan.pieces]:
                self.scheduler.advance(request, count)
            heads = [request for request in taking_part if request.remaining == 0]
            if heads:
                self._continue(heads, logits)
        except Exception as error:
            for request in taking_part:
                if not request.finish_reason:
                    self._fail(request, error)
            raise
        return True

    def _forward(self, plan: Plan) -> Tensor:
        """The logits (n, V) of those whose last token takes part, in order."""
        device, page = self.model.device, self.pool.page_size
        tokens = [request.tokens[-1] for request in plan.decoding]
        positions = [request.cached for request in plan.decoding]
        blocks = [request.blocks[request.cached // page] for request in plan.decoding]
        heads = list(range(len(tokens)))
        pieces = []
        for request, count in plan.pieces:
            start, end = request.cached, request.cached + count
            index = torch.tensor(request.blocks[: -(-end // page)], device=device)
            mask = Mask(count, end, device, causal=True, first_query=start)
            pieces.append(PromptPiece(len(tokens), len(tokens) + count, index, mask))
            tokens += request.tokens[start:end]
            positions += range(start, end)
            blocks += [request.blocks[slot // page] for slot in range(start, end)]
            if end == len(request.tokens):
                heads.append(len(tokens) - 1)
        newest = torch.tensor([*(request.cached for request in plan.decoding), -1], device=device)
        listed = [request.blocks for request in plan.decoding]
        visits = visits_of(listed, lambda block: self.pool.users(block) > 1, device)
        read_alone = all(visit.owners.shape[1] == 1 for visit in visits)
        self.cache.layout = Layout(page, newest, visits, pieces, tables_of(listed, device) if read_alone else None)
        position_ids = torch.tensor(positions, device=device)
        end = 1 + max(max(request.blocks) for request in self.scheduler.running)
        self.cache.wipe(self.pool.pop_reused())  # NaN in values that nobody looks at would spoil the sum
        self.cache.place(torch.tensor(blocks, device=device), position_ids % page, end)
        with evaluating(self.model):
            output = self.model(
                input_ids=torch.tensor([tokens], device=device),
                position_ids=position_ids.unsqueeze(0) + self.model.config.get_text_config(decoder=True).first_position,
                past_key_values=self.cache,
                use_cache=True,
                logits_to_keep=torch.tensor(heads, dtype=torch.int64, device=device),
            )
        logits: Tensor = output.logits[0]
        return logits

    def _continue(self, requests: list[RequestState], logits: Tensor) -> None:
        """Give each of `requests` its next token, by its row of `logits` (n, V)."""
        scores = logits.float()
        best = highest(scores)
        highest_scores = scores.gather(1, best.unsqueeze(1)).squeeze(1).tolist()
        logprobs = scores.log_softmax(-1) if self.config.return_logprobs else None
        now = time.perf_counter()
        for row, (request, token) in enumerate(zip(requests, best.tolist(), strict=True)):
            try:
                token = next_token(request, scores[row : row + 1], token, highest_scores[row])
                request.tokens.append(token)
                request.timestamps.append(now)
                if logprobs is not None:
                    request.logprobs.append(float(logprobs[row, token]))
                reason = reason_to_end(request, scores[row : row + 1])
            except Exception as error:  # noqa: BLE001 (somebody's processor or criterion: the others go on)
                self._fail(request, error)
                continue
            if reason:
                self.cancel(request, reason)
            elif request.listener is not None:
                request.listener(request)

    def _fail(self, request: RequestState, error: Exception) -> None:
        """End `request` with `error`. Nobody meets what its blocks hold, which may be no numbers."""
        self.pool.forget([block for block in request.blocks if self.pool.users(block) == 1])
        self.cancel(request, "error", error)
