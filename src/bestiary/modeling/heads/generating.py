"""Where generation meets models: the one file of `modeling/` that knows it."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from ...batching.mixin import ContinuousMixin
from ...core.errors import ArgumentError
from ...core.logging import warn_once
from ...core.outputs import ModelOutput, repeat_rows
from ...generation.begin import criteria_of
from ...generation.caching import cache_options
from ...generation.call import Call
from ...generation.config import GenerationConfig
from ...generation.mixin import Generating
from ...generation.model import has_encoder
from ...generation.outputs import GenerateDecoderOnlyOutput, GenerateEncoderDecoderOutput
from ...generation.processor import Context, LogitsProcessorList, processors_for
from ...generation.prompt import check_arguments
from ...generation.settings import end_tokens, padding_token
from ...generation.stopping import EosTokenCriteria, MaxLengthCriteria, StoppingCriteriaList
from ...hub.code.files import GENERATE
from ...hub.code.opening import open_generate
from ...hub.code.options import CodeOptions
from ...hub.files import HubOptions, find_file
from ...structured.mixin import StructuredMixin
from ..early_exit import first_layers
from ..own_hooks import OwnHooks
from ..parts import FurtherSettings

CHANGED = ("_sample", "_update_model_kwargs_for_generation", "_get_logits_processor", "_get_stopping_criteria", "_prefill")
_COLUMNS = ("position_ids", "decoder_position_ids", "token_type_ids")  # inputs with a number for each token
_CACHES = ("past_key_values", "cache_params")


class GenerationSteps(OwnHooks, Generating):
    """The steps of a generation under their published names, for loops that people write, and for classes that change one.

    `generate` has a loop of its own. Where the class of a model changes one of `CHANGED`, it runs the plain loop made of the
    steps, `_sample`, so that the change counts.

    `model_kwargs` are the inputs of forward besides the ids, by name, and cover all tokens so far.
    """

    def loop_of_its_own(self, call: Call) -> Callable[..., Any] | None:
        """The loop made of the steps, where the class changes one and no beams, drafts or seeds are asked for."""
        changed = changed_steps(type(self))
        if not changed:
            return None
        if call.settings.effective("num_beams") == 1 and call.assistant_model is None and call.seed is None:
            return partial(_by_steps, call=call)
        message = f"{type(self).__name__} changes {', '.join(changed)}, which beams, drafts and seeds do not call"
        warn_once(f"changed-steps-{type(self).__name__}", message)
        return None

    # before the first step -----------------------------------------------------------------------------------------------

    def _prepare_generation_config(
        self: Any, generation_config: GenerationConfig | None, **kwargs: Any
    ) -> tuple[GenerationConfig, dict[str, Any]]:
        """The settings of a call with these keywords, and the keywords that are inputs of forward."""
        fields = {name: kwargs.pop(name) for name in GenerationConfig.names() & kwargs.keys()}
        settings = self.generation_settings(generation_config, kwargs.pop("use_model_defaults", None), **fields)
        recorded = {name: True for name in ("output_attentions", "output_hidden_states") if settings.get(name)}
        return settings, kwargs | recorded

    def _prepare_special_tokens(
        self: Any,
        generation_config: GenerationConfig,
        kwargs_has_attention_mask: bool | None = None,
        device: torch.device | str | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Put the special tokens as tensors into `generation_config`: `_eos_token_tensor` (N,), `_pad_token_tensor` (), ..."""
        device = torch.device(self.device if device is None else device)
        eos = end_tokens(generation_config, device)
        start = generation_config.decoder_start_token_id
        no_padding = eos is None and generation_config.pad_token_id is None
        numbers = {
            "_bos_token_tensor": generation_config.bos_token_id,
            "_pad_token_tensor": None if no_padding else padding_token(generation_config),
            "_decoder_start_token_tensor": generation_config.bos_token_id if start is None and has_encoder(self) else start,
        }
        tensors = {name: None if each is None else torch.tensor(each, device=device) for name, each in numbers.items()}
        vars(generation_config).update(tensors, _eos_token_tensor=eos)

    def _prepare_model_inputs(
        self: Any, inputs: Tensor | None, bos_token_id: Tensor | None, model_kwargs: dict[str, Any]
    ) -> tuple[Tensor, str, dict[str, Any]]:
        """The main input, what forward calls it, and the other inputs; without any, the token that texts begin with."""
        name, rest = self.main_input_name, dict(model_kwargs)
        by_name = rest.pop(name, None)
        if inputs is not None and by_name is not None:
            raise ArgumentError(f"inputs and {name} are the same thing; pass one of them")
        inputs = by_name if inputs is None else inputs
        embeds = rest.get("inputs_embeds")
        if embeds is not None and name == "input_ids":
            if not has_encoder(self):
                rest["input_ids"] = embeds.new_zeros(embeds.shape[0], 0, dtype=torch.long) if inputs is None else inputs
            return embeds, "inputs_embeds", rest
        if inputs is None and bos_token_id is None:
            raise ArgumentError(f"there is no {name}, and no bos_token_id to begin with; pass one of them")
        if inputs is None:
            rows = next((each.shape[0] for each in rest.values() if isinstance(each, Tensor)), 1)
            inputs = torch.as_tensor(bos_token_id, device=self.device).reshape(1, 1).repeat(rows, 1)
        return inputs, name, rest

    def _prepare_attention_mask_for_generation(
        self: Any, inputs_tensor: Tensor, generation_config: GenerationConfig, model_kwargs: dict[str, Any]
    ) -> Tensor:
        """A mask (B, T): 0 where the padding token stands, unless that is an end token too; ones for what is no ids."""
        ids = model_kwargs.get("input_ids")
        ids = inputs_tensor if ids is None or not ids.shape[1] else ids
        ones = torch.ones(ids.shape[:2], dtype=torch.long, device=ids.device)
        pad, eos = generation_config.pad_token_id, end_tokens(generation_config, ids.device)
        if pad is None or ids.dim() != 2 or ids.is_floating_point() or (eos is not None and pad in eos.tolist()):
            return ones
        return ids.ne(pad).long()

    def _prepare_cache_for_generation(
        self: Any,
        generation_config: GenerationConfig,
        model_kwargs: dict[str, Any],
        generation_mode: Any = None,
        batch_size: int | None = None,
        max_cache_length: int = 0,
    ) -> bool:
        """Put an empty cache into `model_kwargs` if the settings ask for one and there is none; whether there is one then."""
        if generation_config.effective("use_cache") and model_kwargs.get("past_key_values") is None:
            kind = generation_config.cache_implementation or "dynamic"
            model_kwargs["past_key_values"] = self.make_cache(kind, max_cache_length, cache_options(generation_config))
        return model_kwargs.get("past_key_values") is not None

    @staticmethod
    def _expand_inputs_for_generation(
        expand_size: int = 1, is_encoder_decoder: bool = False, input_ids: Tensor | None = None, **model_kwargs: Any
    ) -> tuple[Tensor | None, dict[str, Any]]:
        """Each row `expand_size` times, side by side, in the ids and in all inputs that have as many rows."""
        tensors = [each for each in (input_ids, *model_kwargs.values()) if isinstance(each, Tensor)]
        if expand_size == 1 or not tensors:
            return input_ids, model_kwargs
        rows = tensors[0].shape[0]
        ids = repeat_rows(input_ids, expand_size, rows)
        return ids, {name: repeat_rows(each, expand_size, rows) for name, each in model_kwargs.items()}

    def _validate_model_kwargs(self: Any, model_kwargs: dict[str, Any]) -> None:
        """Refuse what forward does not take (`ArgumentError`)."""
        check_arguments(self, dict(model_kwargs), set(GenerationConfig.names()))

    def _get_logits_processor(
        self: Any,
        generation_config: GenerationConfig,
        input_ids_seq_length: int | None = None,
        encoder_input_ids: Tensor | None = None,
        prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None = None,
        logits_processor: list[Any] | None = None,
        device: torch.device | str | None = None,
        model_kwargs: dict[str, Any] | None = None,
        negative_prompt_ids: Tensor | None = None,
        negative_prompt_attention_mask: Tensor | None = None,
    ) -> LogitsProcessorList:
        """The processors that the settings ask for, those of `logits_processor` in their place among them."""
        prompt, place = input_ids_seq_length or 0, torch.device(self.device if device is None else device)
        length, new = generation_config.max_length, generation_config.max_new_tokens
        context = Context(
            config=generation_config,
            prompt_length=prompt,
            max_length=prompt + new if new is not None else prompt + 20 if length is None else length,
            device=place,
            model=self,
            eos=end_tokens(generation_config, place),
            encoder_input_ids=encoder_input_ids,
            prefix_allowed_tokens_fn=prefix_allowed_tokens_fn,
            negative_prompt_ids=negative_prompt_ids,
            negative_prompt_attention_mask=negative_prompt_attention_mask,
        )
        return processors_for(context, list(logits_processor or ()))

    def _get_stopping_criteria(
        self: Any, generation_config: GenerationConfig, stopping_criteria: list[Any] | None = None, tokenizer: Any = None
    ) -> StoppingCriteriaList:
        """The criteria that the settings ask for (`max_length` counts the prompt), then those of `stopping_criteria`."""
        call = Call(generation_config, stopping_criteria=stopping_criteria, tokenizer=tokenizer)
        length, eos = generation_config.max_length, end_tokens(generation_config, self.device)
        first = [] if length is None else [MaxLengthCriteria(length, self.context_length())]
        return StoppingCriteriaList([*first, *([] if eos is None else [EosTokenCriteria(eos)]), *criteria_of(call)])

    # each step -----------------------------------------------------------------------------------------------------------

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor | None,
        is_first_iteration: bool = False,
        next_sequence_length: int | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The arguments of one forward pass; a model whose passes need more, or less, overrides this.

        Args:
            input_ids: (R, T) the decoder's tokens; None when embeddings stand for them.
            next_sequence_length: the last tokens, that the cache does not hold; None for all of `input_ids`.
            is_first_iteration: whether this pass is over the prompt, whose `inputs_embeds` then stand for the ids.
            kwargs: everything else, under the names of the model's forward.
        """
        if not has_encoder(self._model) and input_ids is not None and kwargs.get("inputs_embeds") is not None:
            input_ids = None if is_first_iteration else input_ids
            kwargs["inputs_embeds"] = kwargs["inputs_embeds"] if is_first_iteration else None
        kwargs = {name: each for name, each in kwargs.items() if name != "labels"}
        if next_sequence_length is not None and input_ids is not None:
            input_ids = input_ids[:, -next_sequence_length:]
        elif next_sequence_length is not None:
            kwargs["inputs_embeds"] = kwargs["inputs_embeds"][:, -next_sequence_length:]
        if next_sequence_length is not None:
            kwargs |= {name: kwargs[name][..., -next_sequence_length:] for name in _COLUMNS if kwargs.get(name) is not None}
        return super().prepare_inputs_for_generation(input_ids, is_first_iteration=is_first_iteration, **kwargs)

    def _prefill(
        self: Any,
        input_ids: Tensor,
        generation_config: GenerationConfig,
        model_kwargs: dict[str, Any],
        is_first_iteration: bool = True,
    ) -> ModelOutput:
        """The pass over the prompt, of which a cache may hold the beginning; the mask then tells ids of all from new ones."""
        cached, mask = model_kwargs.get("past_key_values"), model_kwargs.get(self._mask_name())
        length = 0 if cached is None else cached.get_seq_length()
        whole = mask is None or mask.shape[1] == input_ids.shape[1]
        new = input_ids.shape[1] - length if length and whole else None
        inputs = self.prepare_inputs_for_generation(
            input_ids, next_sequence_length=new, is_first_iteration=is_first_iteration, **model_kwargs
        )
        output: ModelOutput = self(**inputs, return_dict=True)
        return output

    def _update_model_kwargs_for_generation(
        self: Any,
        outputs: ModelOutput,
        model_kwargs: dict[str, Any],
        is_encoder_decoder: bool = False,
        num_new_tokens: int = 1,
    ) -> dict[str, Any]:
        """`model_kwargs`, changed for the next step: the cache of `outputs`, and columns for `num_new_tokens` more tokens."""
        model_kwargs.update({name: outputs[name] for name in _CACHES if name in outputs})
        for name in ("token_type_ids", "decoder_position_ids" if is_encoder_decoder else "position_ids"):
            if (columns := model_kwargs.get(name)) is not None:
                more = columns[..., -1:].repeat(*[1] * (columns.dim() - 1), num_new_tokens)
                if name != "token_type_ids":
                    more = more + torch.arange(1, num_new_tokens + 1, device=more.device)
                model_kwargs[name] = torch.cat([columns, more], dim=-1)
        name = "decoder_attention_mask" if is_encoder_decoder else "attention_mask"
        if (mask := model_kwargs.get(name)) is not None:
            model_kwargs[name] = torch.cat([mask, mask.new_ones(mask.shape[0], num_new_tokens)], dim=-1)
        return model_kwargs

    @staticmethod
    def _has_unfinished_sequences(this_peer_finished: bool, synced_gpus: bool, device: torch.device) -> bool:
        """Whether to go on; with `synced_gpus`, while any process of the distributed run does."""
        if not synced_gpus:
            return not this_peer_finished
        going_on = torch.tensor(0.0 if this_peer_finished else 1.0, device=device)
        torch.distributed.all_reduce(going_on)
        return bool(going_on.item())

    def _mask_name(self: Any) -> str:
        return "decoder_attention_mask" if has_encoder(self) else "attention_mask"

    # the loop made of them -----------------------------------------------------------------------------------------------

    def _sample(
        self: Any,
        input_ids: Tensor,
        logits_processor: Any,
        stopping_criteria: Any,
        generation_config: GenerationConfig,
        synced_gpus: bool = False,
        streamer: Any = None,
        **model_kwargs: Any,
    ) -> Any:
        """Tokens (R, T), each the likeliest or drawn; with `return_dict_in_generate` an output that holds them."""
        settings, encoder = generation_config, has_encoder(self)
        asked = {name: settings.effective(name) for name in ("output_scores", "output_logits", "do_sample")}
        scores: list[Tensor] = []
        logits: list[Tensor] = []
        unfinished = torch.ones(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
        output = None
        while self._has_unfinished_sequences(not unfinished.any(), synced_gpus, input_ids.device):
            if output is None:
                output = self._prefill(input_ids, settings, model_kwargs)
            else:
                new = 1 if model_kwargs.get("past_key_values") is not None else None
                output = self(**self.prepare_inputs_for_generation(input_ids, next_sequence_length=new, **model_kwargs))
            model_kwargs = self._update_model_kwargs_for_generation(output, model_kwargs, is_encoder_decoder=encoder)
            last = output.logits[:, -1].float()
            ranked = logits_processor(input_ids, last)
            logits += [last] if asked["output_logits"] else []
            scores += [ranked] if asked["output_scores"] else []
            drawn = torch.multinomial(ranked.softmax(-1), 1)[:, 0] if asked["do_sample"] else ranked.argmax(-1)
            drawn = torch.where(unfinished, drawn, padding_token(settings))
            input_ids = torch.cat([input_ids, drawn[:, None]], dim=1)
            if streamer is not None:
                streamer.put(drawn.cpu())
            unfinished = unfinished & ~stopping_criteria(input_ids, tuple(scores))
        if streamer is not None:
            streamer.end()
        if not settings.effective("return_dict_in_generate"):
            return input_ids
        kind: Any = GenerateEncoderDecoderOutput if encoder else GenerateDecoderOnlyOutput
        parts = {"scores": tuple(scores) or None, "logits": tuple(logits) or None}
        return kind(sequences=input_ids, past_key_values=model_kwargs.get("past_key_values"), **parts)


def changed_steps(kind: type[Any]) -> list[str]:
    """The steps that `kind`, or what it derives from, has of its own."""
    mine = vars(GenerationSteps)
    return [name for name in CHANGED if next(vars(each)[name] for each in kind.__mro__ if name in vars(each)) is not mine[name]]


def _by_steps(
    model: Any,
    input_ids: Tensor,
    call: Call,
    logits_processor: Any,
    stopping_criteria: Any,
    generation_config: GenerationConfig,
    streamer: Any = None,
    **model_kwargs: Any,
) -> Any:
    """A `custom_generate` that calls what a class changed."""
    changed = changed_steps(type(model))
    if "_get_logits_processor" in changed:
        logits_processor = model._get_logits_processor(
            generation_config=generation_config,
            input_ids_seq_length=input_ids.shape[1],
            encoder_input_ids=input_ids,
            prefix_allowed_tokens_fn=call.prefix_allowed_tokens_fn,
            logits_processor=LogitsProcessorList(call.logits_processor or ()),
            device=input_ids.device,
            model_kwargs=model_kwargs,
            negative_prompt_ids=call.negative_prompt_ids,
            negative_prompt_attention_mask=call.negative_prompt_attention_mask,
        )
    if "_get_stopping_criteria" in changed:
        theirs = model._get_stopping_criteria(
            generation_config=generation_config,
            stopping_criteria=StoppingCriteriaList(call.stopping_criteria or ()),
            tokenizer=call.tokenizer,
        )
        stopping_criteria = StoppingCriteriaList([stopping_criteria[0], *theirs])  # the first ends a row by its length
    return model._sample(
        input_ids,
        logits_processor=logits_processor,
        stopping_criteria=stopping_criteria,
        generation_config=generation_config,
        synced_gpus=False,
        streamer=streamer,
        **model_kwargs,
    )


class GenerationMixin(GenerationSteps, StructuredMixin, ContinuousMixin, FurtherSettings):
    """What a model with a language-modelling head can do besides its forward."""

    def open_settings(self, name_or_path: Any, config: GenerationConfig | None, hub: HubOptions, code: CodeOptions) -> None:
        """Take the generation settings `config`, else those in the checkpoint's file, else those that its config holds.

        Without `config`, a checkpoint that has a `generate` of its own gives it to the model, where the caller allows code.
        """
        if not self.can_generate():
            return
        if code.trust_remote_code and config is None and name_or_path is not None:
            if find_file(name_or_path, GENERATE, replace(hub, subfolder="")) is not None:
                self.__dict__["generate"] = partial(open_generate(name_or_path, hub, code), model=self)
        if config is not None:
            self.generation_config = copy.deepcopy(config)
        elif name_or_path is not None and (path := find_file(name_or_path, GenerationConfig.file_name, hub)) is not None:
            self.generation_config = GenerationConfig.from_pretrained(path)
        else:
            self.generation_config = GenerationConfig.from_model_config(self._model.config)

    def save_settings(self, folder: Path) -> list[Path]:
        """Write the generation settings; returns the paths written."""
        return [Path(path) for path in self.generation_config.save_pretrained(folder)] if self.can_generate() else []

    def first_layers(self, count: int) -> tuple[Self, int]:
        """A model of the first `count` layers and the head, with the same weights, and how many layers this one has."""
        return first_layers(self, count)
