"""Guesses by a smaller model, or by the first layers of the model itself."""

import copy
from typing import Any, Literal

import torch

from ...core.errors import ArgumentError, ConfigError
from ...core.kinds import Natural, Rate
from ...core.outputs import map_rows, repeat_rows
from ..call import Call
from ..config import GenerationConfig
from ..decoding import Decoding
from ..model import GeneratingModel, has_encoder
from ..options import Option
from ..prompt import Prompt, forward_parameters
from ..speculation.bridging import BridgeDrafter
from ..speculation.drafting import Confidence, ModelDrafter, Schedule
from ..speculation.verification import Speculation
from ..strategy import plain_strategy

OPTIONS = {
    "assistant_early_exit": Option(int),
    "num_assistant_tokens": Option(Natural, default=20, needs=("assistant_model", "assistant_early_exit")),
    "num_assistant_tokens_schedule": Option(
        Literal["constant", "heuristic", "heuristic_transient"],
        default="constant",
        needs=("assistant_model", "assistant_early_exit"),
    ),
    "assistant_confidence_threshold": Option(Rate, default=0.4, needs=("assistant_model", "assistant_early_exit")),
    "assistant_lookbehind": Option(int, default=10, needs=("assistant_tokenizer",)),
    "target_lookbehind": Option(int, default=10, needs=("assistant_tokenizer",)),
    # The last one only to be refused.
    "assistant_ensemble_weight": Option(float, needs=("assistant_model", "assistant_early_exit", "prompt_lookup_num_tokens")),
}
CHOSEN_BY = ("assistant_model", "assistant_early_exit")
MODE = "assisted_generation"

# What a draft does not take over: what it is told otherwise, what ends a text, and what runs the model once more.
_NOT_FOR_DRAFTS = (
    "max_new_tokens", "min_new_tokens", "stop_strings", "max_time", "num_return_sequences", "guidance_scale",
    "cache_implementation", "cache_config", "max_cache_len", "return_dict_in_generate", "output_scores", "output_logits",
    "output_attentions", "output_hidden_states", "decoder_start_token_id", "bos_token_id", *OPTIONS,
)  # fmt: skip


class Assisted(Speculation):
    """Greedy decoding or draws, helped by `assistant_model`, or by the model's first `assistant_early_exit` layers.

    Greedy tokens are those of plain decoding, drawn ones have its distribution, whatever the assistant is. The assistant
    stays as it is. Batches are served too; all rows take as many guesses as the worst of them allows.
    """

    def start(self, run: Decoding, call: Call) -> None:
        settings, assistant = self.settings, call.assistant_model
        if assistant is not None and settings.assistant_early_exit:
            raise ArgumentError(f"assistant_model and assistant_early_exit={settings.assistant_early_exit} exclude each other")
        if run.ids.shape[1] == 0 or (run.prompt.embeds is not None and run.prompt.offset):
            raise ArgumentError(
                "assisted decoding needs input_ids, as many as inputs_embeds: an assistant cannot read these of another model"
            )
        if assistant is None:
            assistant, layers = run.model.first_layers(settings.assistant_early_exit or 0)
            cost = (settings.assistant_early_exit or 0) / layers
        else:
            _check(run.model, assistant)
            cost = _size(assistant) / max(_size(run.model), 1)
        defaults = assistant.generation_config
        schedule, confidence = Schedule(settings, call.assistant_model or run.model, defaults), Confidence(settings, defaults)
        vocabulary = run.model.config.get_text_config(decoder=True).vocab_size
        weight = settings.assistant_ensemble_weight
        if _bridged(run.model, assistant, call):
            if weight is not None:
                raise ConfigError(
                    f"assistant_ensemble_weight={weight} and assistant_tokenizer exclude each other: only distributions over "
                    "the same tokens can be mixed"
                )
            self.drafter = BridgeDrafter(run, assistant, call, schedule, confidence, cost)
        else:
            choice = plain_strategy(settings, self.generator, run, call)
            keep = weight is not None or (bool(settings.do_sample) and call.seed is None)
            draft = _draft_run(run, assistant, call)
            self.drafter = ModelDrafter(draft, choice, keep, schedule, confidence, cost, vocabulary)
        super().start(run, call)


def _check(model: GeneratingModel, assistant: GeneratingModel) -> None:
    whole, draft = has_encoder(model), has_encoder(assistant)
    if draft and not whole:
        raise ArgumentError(f"{type(assistant).__name__} has an encoder and {type(model).__name__} has none: it cannot assist")
    if whole and not draft and "encoder_outputs" not in forward_parameters(assistant):
        raise ArgumentError(
            f"{type(model).__name__} has an encoder, whose output {type(assistant).__name__} cannot look at: it cannot assist"
        )


def _bridged(model: GeneratingModel, assistant: GeneratingModel, call: Call) -> bool:
    """Whether the two models have different tokens; refused where that cannot be overcome."""
    sizes = [one.config.get_text_config(decoder=True).vocab_size for one in (model, assistant)]
    if call.assistant_tokenizer is None:
        if sizes[0] != sizes[1]:
            raise ArgumentError(
                f"the assistant has a vocabulary of {sizes[1]} tokens and the model one of {sizes[0]}: pass tokenizer= and "
                "assistant_tokenizer= to go from one to the other by way of text"
            )
        return False
    if call.tokenizer is None:
        raise ArgumentError("assistant_tokenizer needs the model's own tokenizer too: pass tokenizer=")
    return bool(call.tokenizer.get_vocab() != call.assistant_tokenizer.get_vocab())


def _size(model: GeneratingModel) -> int:
    part = model.get_decoder() if has_encoder(model) else model
    return sum(parameter.numel() for parameter in part.parameters())


def _draft_run(run: Decoding, assistant: GeneratingModel, call: Call) -> Decoding:
    """The assistant's decoding of the rows of `run`, by the same settings as far as they concern single tokens."""
    settings = copy.copy(run.settings)
    longest = run.finish.max_length
    if assistant.has_last_position():
        longest = min(longest, assistant.context_length() or longest)
    changes: dict[str, Any] = {**dict.fromkeys(_NOT_FOR_DRAFTS), "max_length": longest, "use_cache": True}
    # What has no effect on drafts was not asked for on their behalf: nothing is pointed out.
    settings.__dict__.update(changes, _origins=dict.fromkeys(GenerationConfig.names(), "checkpoint"))
    seq2seq = run.prompt.encoder_outputs is not None
    inputs = _seq2seq_inputs(run, assistant, call) if seq2seq else _decoder_inputs(run.prompt)
    names = forward_parameters(assistant) | {assistant.main_input_name}
    inputs_here = {
        name: map_rows(value, lambda part: part.to(assistant.device), run.ids.shape[0])
        for name, value in inputs.items()
        if name in names
    }
    model_inputs = {name: value for name, value in inputs_here.items() if value is not None}
    draft: Decoding = assistant.begin(settings, **model_inputs)
    return draft


def _decoder_inputs(prompt: Prompt) -> dict[str, Any]:
    mask = torch.ones_like(prompt.ids) if prompt.mask is None else prompt.mask[:, prompt.offset :]
    others = {name: value for name, value in prompt.first.items() if name != "logits_to_keep"}
    return {**prompt.constant, **others, "input_ids": prompt.ids, "attention_mask": mask}


def _seq2seq_inputs(run: Decoding, assistant: GeneratingModel, call: Call) -> dict[str, Any]:
    """The encoder's output where the two share an encoder, or where nothing else was passed; else what the encoder takes."""
    prompt, main = run.prompt, run.model.main_input_name
    mask = torch.ones_like(prompt.ids) if prompt.mask is None else prompt.mask
    states = prompt.constant["encoder_outputs"]
    source = call.model_inputs.get(main) if call.inputs is None else call.inputs
    whole = has_encoder(assistant)
    encoder_outputs = call.assistant_encoder_outputs
    if encoder_outputs is not None:
        rows = encoder_outputs.last_hidden_state.shape[0]
        encoded = {"encoder_outputs": repeat_rows(encoder_outputs, prompt.ids.shape[0] // rows, rows)}
    elif whole and source is not None and _encoder(assistant) is not _encoder(run.model):
        rows = source.shape[0]
        encoded = {main: repeat_rows(source, prompt.ids.shape[0] // rows, rows)}
    else:
        widths = states.last_hidden_state.shape[-1], assistant.config.get_text_config(decoder=True).hidden_size
        if widths[0] != widths[1]:
            raise ArgumentError(
                f"the encoder's output has width {widths[0]} and {type(assistant).__name__} expects {widths[1]}: an assistant "
                f"with another encoder needs {main}"
            )
        encoded = {"encoder_outputs": states}
        if whole and prompt.encoder_ids is not None:
            encoded[main] = prompt.encoder_ids  # for processors that look at the encoder's tokens
    if not whole:
        return {**encoded, "input_ids": prompt.ids, "attention_mask": mask}
    source_mask = {"attention_mask": prompt.constant.get("attention_mask")}
    return {**encoded, **source_mask, "decoder_input_ids": prompt.ids, "decoder_attention_mask": mask}


def _encoder(model: GeneratingModel) -> Any:
    return model.get_encoder() if has_encoder(model) else None


STRATEGY = Assisted
