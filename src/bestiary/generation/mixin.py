"""`Generating`: what a model with a language-modelling head can do besides its forward."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast, overload

import torch
from torch import Tensor

from ..cache import building as caches
from ..cache.base import Cache
from ..cache.encoder_decoder import EncoderDecoderCache
from ..cache.kinds.offloaded import OffloadedCache
from ..core.errors import ArgumentError
from ..hub.code.opening import open_generate
from ..hub.code.options import CodeOptions
from ..hub.options import HubOptions
from ..nn.embeddings import LearnedPositions
from ..nn.reproducible import reproducible as reproducible_scope
from ..nn.rope import Rotary
from . import custom
from .begin import Generation, begin
from .call import Call
from .collecting import Collector, transition_scores
from .config import GenerationConfig, resolve
from .decoding import Decoding
from .healing import heal
from .loop import Step, decode
from .model import GeneratingModel, has_encoder
from .outputs import GenerateOutput
from .prompt import check_arguments
from .streaming.feeding import as_streamer, fail, feed

if TYPE_CHECKING:
    from .fields import GenerateKeywords, OptionKeywords, StepKeywords

# The arguments of `generate` that a call keeps as they are.
_OBJECTS = {field.name for field in fields(Call)} - {"settings", "inputs", "model_inputs"}


class Generating:
    """Adds `generate` to a model class; `GenerationMixin` (modeling/heads/generating.py) is this and what stands above it."""

    @classmethod
    def can_generate(cls) -> bool:
        """True."""
        return True

    @property
    def _model(self) -> GeneratingModel:
        """This model as generation sees it."""
        return cast(GeneratingModel, self)

    @property
    def generation_config(self) -> GenerationConfig:
        """The settings that came with the checkpoint, or those that its config holds. Yours to change."""
        settings: GenerationConfig | None = self.__dict__.get("_generation_config")
        if settings is None:
            settings = self.__dict__["_generation_config"] = GenerationConfig.from_model_config(self._model.config)
        return settings

    @generation_config.setter
    def generation_config(self, value: GenerationConfig) -> None:
        self.__dict__["_generation_config"] = value

    def context_length(self) -> int | None:
        """Most tokens the decoder was made for, prompt and new ones together; None where there is no such limit."""
        for module in self._positions():
            return module.reach if isinstance(module, Rotary) else module.num_embeddings - module.first
        config = self._model.config.get_text_config(decoder=True)
        positions: int | None = config.get("max_position_embeddings")
        return None if positions is None else positions - config.first_position

    def has_last_position(self) -> bool:
        """Whether nothing can be computed beyond `context_length`, the end of a table; other positions only get worse there."""
        return isinstance(next(self._positions(), None), LearnedPositions)

    def _positions(self) -> Iterator[Rotary | LearnedPositions]:
        """What says where the decoder's tokens stand and was made for so many of them."""
        decoder = self._model.get_decoder() if has_encoder(self._model) else self._model
        for module in decoder.modules():
            if isinstance(module, Rotary) or (isinstance(module, LearnedPositions) and module.has_end):
                yield module

    def make_cache(self, name: str, length: int, options: dict[str, Any]) -> Cache:
        """An empty cache of the kind `name` for at most `length` tokens; a model that needs another kind overrides this."""
        cache = caches.build(name, self._model.config.get_text_config(decoder=True), length, options)
        if not has_encoder(self._model):
            return cache
        return EncoderDecoderCache(cache, None if cache.transfer is None else OffloadedCache())

    def prepare_inputs_for_generation(
        self, input_ids: Tensor | None, is_first_iteration: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """The arguments of one forward pass in `generate`; a model whose passes need more, or less, overrides this.

        Args:
            input_ids: (R, new) the decoder's tokens that the cache does not hold; None when embeddings stand for them.
            is_first_iteration: whether this pass is over the prompt.
            kwargs: everything else, under the names of the model's forward.
        """
        name = "decoder_input_ids" if has_encoder(self._model) else "input_ids"
        return {**kwargs, name: input_ids} if input_ids is not None else kwargs

    def generation_settings(
        self,
        generation_config: GenerationConfig | None = None,
        use_model_defaults: bool | None = None,
        **kwargs: "Unpack[OptionKeywords]",
    ) -> GenerationConfig:
        """The settings that `generate` would use with these arguments; `.explain()` says where each value comes from."""
        fields = {name: value for name, value in kwargs.items() if name in GenerationConfig.names()}
        # A token that the caller says is None does not exist; any other None leaves the choice to others.
        gone = {name for name, value in fields.items() if value is None and name.endswith("_token_id")}
        settings = resolve(fields, generation_config, self.generation_config, use_model_defaults)
        for name in gone:
            settings.__dict__[name] = None
            settings.__dict__["_origins"][name] = "call"
        return settings

    @overload
    def generate(
        self,
        inputs: Tensor | Mapping[str, Any] | None = None,
        generation_config: None = None,
        *,
        return_dict_in_generate: Literal[False] | None = None,
        **kwargs: "Unpack[GenerateKeywords]",
    ) -> Tensor: ...

    @overload
    def generate(
        self,
        inputs: Tensor | Mapping[str, Any] | None = None,
        generation_config: GenerationConfig | None = None,
        *,
        return_dict_in_generate: Literal[True],
        **kwargs: "Unpack[GenerateKeywords]",
    ) -> GenerateOutput: ...

    @overload
    def generate(
        self,
        inputs: Tensor | Mapping[str, Any] | None = None,
        generation_config: GenerationConfig | None = None,
        *,
        return_dict_in_generate: bool | None = None,
        **kwargs: "Unpack[GenerateKeywords]",
    ) -> Tensor | GenerateOutput: ...

    def generate(
        self,
        inputs: Tensor | Mapping[str, Any] | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: list[Any] | None = None,
        stopping_criteria: list[Any] | None = None,
        prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None = None,
        synced_gpus: bool | None = None,
        assistant_model: GeneratingModel | None = None,
        streamer: Any = None,
        negative_prompt_ids: Tensor | None = None,
        negative_prompt_attention_mask: Tensor | None = None,
        custom_generate: Any = None,
        use_model_defaults: bool | None = None,
        tokenizer: Any = None,
        seed: int | list[int] | None = None,
        generator: torch.Generator | None = None,
        constraint: Any = None,
        reproducible: bool = False,
        prefix_store: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Continue each prompt, token by token.

        Without a length, 20 new tokens are made, fewer where the context ends. No object passed in is changed, save for a
        cache passed as `past_key_values`, which is continued, and `generator`.

        Args:
            inputs: the model's main input: token ids (B, T) of a decoder, or what the encoder takes; or all inputs by name,
                as a tokenizer returns them.
            generation_config: settings; those in `kwargs` go before them, those of the checkpoint after.
            logits_processor, stopping_criteria: your own, besides those that the settings ask for.
            prefix_allowed_tokens_fn: (row of the batch, its ids) -> ids that may come next.
            streamer: gets the prompt, each new token, and the end; or by row (`RowStreamer`); or a function, which gets each
                `TextPiece` of new text (with `tokenizer`, else of new tokens) and returns False to stop.
            negative_prompt_ids, negative_prompt_attention_mask: (B, T) for `guidance_scale`.
            use_model_defaults: False takes only the special tokens from the checkpoint.
            tokenizer: needed for `stop_strings` and `constraint`.
            constraint: the form of the new text (`JsonSchema`, `Regex`, `Choice`, `Grammar`, or a dictionary, which is a JSON
                schema), or a list with one for each prompt, None for a free one. A row that ends by itself ("eos") has it;
                one that is cut ("length" or any other reason) does not.
            seed: makes the draws repeatable, for each row by itself: with a seed, a prompt gets the same tokens alone, in any
                batch, streamed, or from a cache. One for all prompts, or a list with one for each; the k-th of
                `num_return_sequences` draws by `row_seed(seed, k)`. Or pass a `generator`. Neither: torch's global one.
            reproducible: the logits of a row are the same to the last bit in any batch, with or without a cache, however its
                prompt is cut into passes (see `bestiary.reproducible`); slower.
            prefix_store: a `PrefixStore`; what it knows of a prompt's beginning is not computed again, and this conversation is
                taken up. The tokens stay the same.
            custom_generate: a function that decodes in place of the loop: called with the model, `input_ids`, and by name
                `logits_processor`, `stopping_criteria`, `generation_config` and what the model's forward takes; further
                arguments of the call whose names it has go to it. Its result is returned. Or a folder or a name on the hub,
                whose `custom_generate/generate.py` has such a function, with `trust_remote_code=True`: it is called with the
                model and the arguments of this call as they are.
            kwargs: fields of `GenerationConfig`, and inputs of the model (`attention_mask`, `past_key_values`, ...).

        Returns:
            Token ids (B * num_return_sequences, T), or with `return_dict_in_generate` an output that also says why each row
            ended.

        Raises:
            ArgumentError, ConfigError, InputError, CapacityError: before the first step, for all that can be seen by then.
            NumericsError: the model gives NaN.
        """
        arguments = {**locals()}
        if isinstance(custom_generate, str):
            code, arguments = CodeOptions.split(arguments | arguments.pop("kwargs"))
            function = open_generate(arguments.pop("custom_generate"), HubOptions.split(arguments)[0], code)
            return function(model=arguments.pop("self"), **arguments)
        for name, switch in (("reproducible", reproducible), ("use_model_defaults", use_model_defaults)):
            if not isinstance(switch, bool | None):
                raise ArgumentError(f"{name} is {switch!r:.80}; expected True or False")
        if streamer is not None:
            streamer = as_streamer(streamer, tokenizer)
        try:
            extras: dict[str, Any] = {}
            if custom_generate is not None:
                objects = {"tokenizer": tokenizer, "assistant_model": assistant_model}
                extras = custom.split(custom_generate, self._model, kwargs, objects)
                assistant_model = None if "assistant_model" in extras else assistant_model  # the function helps itself
            with torch.no_grad(), exactly(self._model, kwargs) if reproducible else nullcontext():
                call = read_call(
                    self._model,
                    inputs,
                    {**kwargs, "synced_gpus": synced_gpus},
                    generation_config,
                    use_model_defaults,
                    logits_processor=logits_processor,
                    stopping_criteria=stopping_criteria,
                    prefix_allowed_tokens_fn=prefix_allowed_tokens_fn,
                    assistant_model=assistant_model,
                    negative_prompt_ids=negative_prompt_ids,
                    negative_prompt_attention_mask=negative_prompt_attention_mask,
                    tokenizer=tokenizer,
                    seed=seed,
                    generator=generator,
                    constraint=constraint,
                    prefix_store=prefix_store,
                )
                generation = begin(self._model, call)
                custom_generate = custom_generate or self.loop_of_its_own(call)
                if custom_generate is not None:
                    return custom.run(custom_generate, generation.run, extras, streamer)
                return _finished(generation, streamer)
        except BaseException as error:
            fail(streamer, error)
            raise

    def generate_steps(
        self, inputs: Tensor | Mapping[str, Any] | None = None, **options: "Unpack[StepKeywords]"
    ) -> Iterator[Step]:
        """The steps of a generation as they happen; takes what `generate` takes, but no streamer. Close it to stop."""
        kwargs: dict[str, Any] = {**options}
        for name in ("streamer", "custom_generate"):
            if kwargs.pop(name, None) is not None:
                raise ArgumentError(f"generate_steps takes no {name}: the steps are what it gives; or call generate")
        objects = {name: kwargs.pop(name) for name in _OBJECTS & kwargs.keys()}
        settings = (kwargs.pop(name, None) for name in ("generation_config", "use_model_defaults"))
        with torch.no_grad():
            generation = begin(self._model, read_call(self._model, inputs, kwargs, *settings, **objects))
        return torch.no_grad()(_steps)(generation)

    def begin(self, settings: GenerationConfig, **model_inputs: Any) -> Decoding:
        """What a draft goes on from: a generation of these inputs of the forward that is ready for its first step."""
        return begin(self._model, Call(settings, model_inputs=model_inputs)).run

    def loop_of_its_own(self, call: Call) -> Callable[..., Any] | None:
        """A `custom_generate` that the class of this model brings; None for most."""
        return None

    def heal_tokens(self, input_ids: Tensor, tokenizer: Any = None, attention_mask: Tensor | None = None) -> Tensor:
        """`input_ids` (B, T) with the last token of each row replaced by the likeliest one that begins with its text.

        What `token_healing=True` does to a prompt.
        """
        return heal(self._model, input_ids, attention_mask, tokenizer)

    def compute_transition_scores(
        self, sequences: Tensor, scores: tuple[Tensor, ...], beam_indices: Tensor | None = None, normalize_logits: bool = False
    ) -> Tensor:
        """The score of each chosen token (R, new), from `scores` as `generate` returns them: one (R, V) for each new token.

        Args:
            beam_indices: (R, new) the row of `scores` that each token was chosen in, below 0 after the end; None for its own.
            normalize_logits: take log probabilities instead of scores.
        """
        return transition_scores(sequences, scores, beam_indices, normalize_logits)


def read_call(
    model: GeneratingModel,
    inputs: Tensor | Mapping[str, Any] | None,
    keywords: dict[str, Any],
    generation_config: GenerationConfig | None = None,
    use_model_defaults: bool | None = None,
    **objects: Any,
) -> Call:
    """The call of `generate` with these arguments.

    Args:
        keywords: fields of `GenerationConfig`, inputs of the model, and what an assistant needs.
        objects: fields of `Call`.

    Raises:
        ArgumentError: a keyword that nobody takes, or arguments that exclude each other.
    """
    if isinstance(inputs, Mapping):  # what a tokenizer or a chat template returns
        keywords = {**inputs, **keywords}
        inputs = None
    if keywords.pop("synced_gpus", False):
        raise ArgumentError("synced_gpus asks for something this version does not have")
    _, keywords = CodeOptions.split(keywords)  # nothing here needs code from elsewhere
    options = GenerationConfig.names()
    keywords |= {} if use_model_defaults is None else {"use_model_defaults": use_model_defaults}
    settings, keywords = model._prepare_generation_config(generation_config, **keywords)
    empty = {name for name in ("past_key_values", "encoder_outputs") if keywords.get(name) is None}
    rest = {name: value for name, value in keywords.items() if name not in options | empty}
    objects |= {name: rest.pop(name) for name in ("assistant_tokenizer", "assistant_encoder_outputs") if name in rest}
    check_arguments(model, rest, _OBJECTS | options)
    model_inputs = {name: value for name, value in rest.items() if value is not None}
    if settings.token_healing:
        if "past_key_values" in model_inputs:
            raise ArgumentError("token_healing and past_key_values exclude each other: it changes the prompt's last token")
        ids = model_inputs.pop("input_ids", None) if inputs is None else inputs
        inputs = heal(model, ids, model_inputs.get("attention_mask"), objects.get("tokenizer"))
    return Call(settings, inputs, model_inputs, **objects)


def exactly(model: GeneratingModel, keywords: dict[str, Any]) -> reproducible_scope:
    """The scope in which a generation of `model` gives each row the same bits in any company.

    Args:
        keywords: of the call; steps are not compiled, which would choose other kernels.

    Raises:
        ArgumentError: compiling is asked for, or the model attends to a window, which moves with the passes.
    """
    window = model.config.get_text_config(decoder=True).get("sliding_window")
    if window:
        raise ArgumentError(f"reproducible=True and sliding_window={window} exclude each other: a window moves with the passes")
    if keywords.get("compile_config") is not None:
        raise ArgumentError("reproducible=True and compile_config exclude each other: what is compiled rounds otherwise")
    keywords["disable_compile"] = True
    return reproducible_scope()


def _finished(generation: Generation, streamer: Any) -> Any:
    """All steps of a generation, with its `streamer`; returns what `generate` does."""
    run, strategy, prefixes = generation
    settings = run.settings
    collector = Collector(run.prompt, strategy)
    follower = None if streamer is None else feed(streamer, run, strategy)
    for step in decode(run, strategy):
        collector.add(step)
        if follower is not None:
            follower.add(step)
            if follower.cancelled:
                run.finish.cancel()
                break
    if prefixes is not None:
        prefixes.keep(run)
    sequences = strategy.sequences(run)
    if follower is not None:
        follower.end(sequences)
    if run.cache is not None and (run.prompt.continued or settings.return_dict_in_generate):
        strategy.leave_cache(run, sequences)
    return collector.output(generation, sequences) if settings.return_dict_in_generate else sequences


def _steps(generation: Generation) -> Iterator[Step]:
    """The steps of `decode`; a generation that reached its end is taken up by the store of prefixes."""
    yield from decode(generation.run, generation.strategy)
    if generation.prefixes is not None:
        generation.prefixes.keep(generation.run)
