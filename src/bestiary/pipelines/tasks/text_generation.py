"""Text generation: a prompt or a chat, continued."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar

from torch import Tensor

from ...core.errors import ArgumentError, InputError
from ..base import Parameters, Result, options_of
from ..batching import each, tensors
from ..generating import GeneratingPipeline
from .text_classification import encode

__all__ = ["TextGenerationPipeline"]

CHECKPOINTS = {"openai-community/gpt2": "gpt2"}
IMPLIED = True


class ReturnType(Enum):
    """What comes back: ids, new text, or the prompt with it."""

    TENSORS = 0
    NEW_TEXT = 1
    FULL_TEXT = 2


class Chat:
    """A conversation: messages, mappings with `role` and `content`."""

    def __init__(self, messages: list[Mapping[str, Any]]) -> None:
        for message in messages:
            if not (isinstance(message, Mapping) and "role" in message and ("content" in message or "tool_calls" in message)):
                raise InputError(
                    f"a message of a chat is a mapping with 'role' and 'content' (or 'tool_calls'); found {message!r:.80}"
                )
        self.messages = list(messages)


class TextGenerationPipeline(GeneratingPipeline):
    """`[{"generated_text": ...}]` for a prompt; one entry for each of `num_return_sequences`.

    An encoder-decoder reads the prompt, and all that its decoder writes is the new text.

    Inputs: a prompt, a chat (a list of messages with `role` and `content`), or lists of either. For a chat the text is the
    list of its messages with the reply as the last, or, where the last message is the assistant's, that message continued.

    Keywords of a call:
        return_full_text: False leaves the prompt out (of a chat: everything but the new text). return_text, return_tensors,
            return_type: the same choice, or token ids as `generated_token_ids`.
        continue_final_message: whether the last message of a chat is continued; by default when it is the assistant's.
        prefix: text put before every prompt. stop_sequence: text, or texts, that end the generation; they are kept.
        handle_long_generation: "hole" cuts the beginning of a prompt that leaves no room for the new tokens.
        clean_up_tokenization_spaces, skip_special_tokens: for decoding.
        truncation, max_length, padding, add_special_tokens, tokenizer_encode_kwargs: for encoding; `max_length` also limits
            prompt and new tokens together, as in `generate`.
        tools, documents: for the chat template.
        others: what `generate` takes.

    `return_details=True` adds to each answer its `finish_reason` and, of the prompt, the `dropped_tokens`. Without a
    length, 256 tokens are made at most; a checkpoint that does not say how to choose is sampled at temperature 0.7, as
    published.
    """

    parts = ("tokenizer",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForCausalLM", "AutoModelForSeq2SeqLM")
    generation_defaults: ClassVar[dict[str, Any]] = {"max_new_tokens": 256, "do_sample": True, "temperature": 0.7}

    def _sanitize_parameters(
        self,
        return_full_text: bool | None = None,
        return_tensors: bool | None = None,
        return_text: bool | None = None,
        return_type: ReturnType | None = None,
        clean_up_tokenization_spaces: bool | None = None,
        prefix: str | None = None,
        handle_long_generation: str | None = None,
        stop_sequence: Any = None,
        truncation: Any = None,
        max_length: int | None = None,
        continue_final_message: bool | None = None,
        skip_special_tokens: bool | None = None,
        tokenizer_encode_kwargs: dict[str, Any] | None = None,
        tools: list[Any] | None = None,
        documents: list[Any] | None = None,
        add_special_tokens: bool | None = None,
        padding: Any = None,
        **generate: Any,
    ) -> Parameters:
        before: dict[str, Any] = {"prefix": prefix, "continue_final": continue_final_message}
        before |= {"tools": tools, "documents": documents}
        encoding = {"truncation": truncation, "add_special_tokens": add_special_tokens, "padding": padding}
        encoding = {name: value for name, value in encoding.items() if value is not None}
        if max_length is not None:
            generate["max_length"] = max_length
            encoding |= {"max_length": max_length} if truncation else {}
        encoding |= options_of(tokenizer_encode_kwargs=tokenizer_encode_kwargs)
        before |= {"encoding": encoding or None, "hole": self._hole(handle_long_generation, generate)}
        if stop_sequence is not None:
            generate |= self.stop_options(stop_sequence)
        after = {
            "return_type": _return_type(return_full_text, return_text, return_tensors, return_type),
            "continue_final": continue_final_message,
            "clean_up_tokenization_spaces": clean_up_tokenization_spaces,
            "skip_special_tokens": skip_special_tokens,
        }
        steps = tuple({name: value for name, value in step.items() if value is not None} for step in (before, after))
        return steps[0], self.generation_options(generate, ("return_full_text", "stop_sequence", "prefix")), steps[1]

    def _hole(self, handle: str | None, generate: dict[str, Any]) -> int | None:
        """Tokens to leave free for the new ones, under "hole"."""
        if handle not in (None, "hole"):
            raise ArgumentError(f"handle_long_generation is {handle!r}; expected None or 'hole'")
        if handle is None:
            return None
        settings = self.generation_config if generate.get("generation_config") is None else generate["generation_config"]
        checkpoint = self.model.generation_config.max_new_tokens
        new = (
            generate.get("max_new_tokens")
            or self._forward_params.get("max_new_tokens")
            or settings.max_new_tokens
            or checkpoint
        )
        if not isinstance(new, int):
            raise ArgumentError("handle_long_generation='hole' needs max_new_tokens, to know how much room to leave")
        return new

    def __call__(self, text_inputs: Any, **parameters: Any) -> Any:  # type: ignore[override]
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        return super().__call__(text_inputs, **parameters)

    def is_one(self, inputs: Any) -> bool:
        return isinstance(inputs, Chat) or _is_chat(inputs) or super().is_one(inputs)

    def preprocess(
        self,
        input_: Any,
        prefix: str | None = None,
        continue_final: bool | None = None,
        hole: int | None = None,
        encoding: dict[str, Any] | None = None,
        tools: list[Any] | None = None,
        documents: list[Any] | None = None,
    ) -> Any:
        options = {**({"verbose": False} if hole else {}), **self.tokenizer_options(encoding or {})}
        if isinstance(input_, Chat) or _is_chat(input_):
            chat = input_ if isinstance(input_, Chat) else Chat(input_)
            go_on = _continues(chat, continue_final)
            text = self.tokenizer.apply_chat_template(
                chat.messages,
                tools=tools,
                documents=documents,
                add_generation_prompt=not go_on,
                continue_final_message=go_on,
                tokenize=False,
            )
            unit = encode(self.tokenizer, text, **{**options, "add_special_tokens": False})
            unit["prompt"] = chat
        elif isinstance(input_, str):
            unit = encode(self.tokenizer, (self.prefix if prefix is None else prefix) + input_, **options)
            unit["prompt"] = input_
        else:
            raise InputError(f"a prompt is a text or a chat (a list of messages); found {type(input_).__name__} {input_!r:.60}")
        unit.pop("token_type_ids", None)
        return self._cut(unit, hole) if hole else unit

    def _cut(self, unit: dict[str, Any], new: int) -> dict[str, Any]:
        room = min(self.tokenizer.model_max_length, self.model.context_length() or self.tokenizer.model_max_length) - new
        surplus = unit["input_ids"].shape[1] - room
        if room < 1:
            raise ArgumentError(f"{new} new tokens leave no room for a prompt; the model's limit is {room + new} in all")
        if surplus <= 0:
            return unit
        cut = {name: value[:, surplus:] if isinstance(value, Tensor) else value for name, value in unit.items()}
        return {**cut, "dropped_tokens": unit["dropped_tokens"] + surplus}

    def _forward(self, input_tensors: Any, **options: Any) -> dict[str, Any]:
        inputs = tensors(input_tensors)
        if inputs["input_ids"].shape[1] == 0 and not self.model.config.is_encoder_decoder:
            inputs = {}  # generation begins with the beginning-of-text token by itself
        ids, reasons = self.generate(inputs, options)
        rows = input_tensors["input_ids"].shape[0]
        others = {
            name: value for name, value in input_tensors.items() if name in ("prompt", "dropped_tokens", "attention_mask")
        }
        copies = len(reasons) // rows
        ended = each([reasons[row * copies : (row + 1) * copies] for row in range(rows)])
        alone = each([options.get("constraint") is not None] * rows)
        return {**others, "sequences": ids.reshape(rows, copies, -1), "reasons": ended, "alone": alone}

    def postprocess(
        self,
        model_outputs: Any,
        return_type: ReturnType = ReturnType.FULL_TEXT,
        continue_final: bool | None = None,
        clean_up_tokenization_spaces: bool | None = None,
        skip_special_tokens: bool = True,
    ) -> list[Result]:
        mask = model_outputs["attention_mask"][0]
        prompt, width, padding = model_outputs["prompt"], len(mask), int((mask == 0).sum())
        if self.model.config.is_encoder_decoder:  # the decoder's tokens are an answer, with no prompt before it
            width = padding = 0
        answers = []
        for ids, reason in zip(model_outputs["sequences"][0], model_outputs["reasons"], strict=True):
            if return_type is ReturnType.TENSORS:
                values: dict[str, Any] = {"generated_token_ids": ids[padding:].tolist()}
            else:
                begin = width if model_outputs["alone"] else padding
                clean = (
                    False if model_outputs["alone"] and clean_up_tokenization_spaces is None else clean_up_tokenization_spaces
                )
                new = self._new_text(ids, width, begin, skip_special_tokens, clean)
                full = return_type is ReturnType.FULL_TEXT
                values = {"generated_text": _joined(prompt, new, continue_final) if full else new}
            answers.append(Result(values, model_outputs["dropped_tokens"], reason))
        return answers

    def _new_text(self, ids: Tensor, width: int, begin: int, skip: bool, clean: bool | None) -> str:
        """The text of the new tokens, decoded behind the prompt, since a token may read differently at the beginning.

        What a constraint shaped has its form by itself: then it `begin`s with the new tokens, and no space is tidied away.
        Without a decoder, which says how tokens are joined, the new ones are joined by themselves, as published.
        """
        if not self.tokenizer.is_fast or self.tokenizer.decoder is None:
            begin = width
        options = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
        whole: str = self.tokenizer.decode(ids[begin:], **options)
        head: str = self.tokenizer.decode(ids[begin:width], **options) if width > begin else ""
        return whole[len(head) :]


def _is_chat(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping) and "role" in value[0]


def _continues(chat: Chat, continue_final: bool | None) -> bool:
    return chat.messages[-1]["role"] == "assistant" if continue_final is None else continue_final


def _joined(prompt: Any, new: str, continue_final: bool | None) -> Any:
    """The prompt with the new text; the messages of the caller stay as they are."""
    if isinstance(prompt, str):
        return prompt + new
    if not _continues(prompt, continue_final):
        return [*prompt.messages, {"role": "assistant", "content": new}]
    last = prompt.messages[-1]
    return [*prompt.messages[:-1], {**last, "content": last["content"] + new}]


def _return_type(full: bool | None, text: bool | None, ids: bool | None, kind: Any) -> ReturnType | None:
    if full is not None and (text is not None or ids is not None):
        raise ArgumentError("return_full_text excludes return_text and return_tensors: each says what comes back")
    if text and ids:
        raise ArgumentError("return_text and return_tensors exclude each other")
    if kind is not None:
        return ReturnType(kind)
    if ids:
        return ReturnType.TENSORS
    return (ReturnType.FULL_TEXT if full else ReturnType.NEW_TEXT) if full is not None else None


PIPELINE = TextGenerationPipeline
