"""`EncodingMixin`: calling a tokenizer with every documented option, and padding of what is encoded already."""

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import replace
from functools import wraps
from typing import Any, ClassVar, Self, TypeVar, cast

from ...core.errors import ArgumentError, InputError, did_you_mean
from ...core.logging import warn_once
from ...core.signatures import is_of_the_library
from .batch_encoding import BatchEncoding
from .decoding import DecodingMixin
from .encode import EncodeOptions
from .encoding_steps import EncodingSteps, by_steps
from .padding import columns_of, kind_of, padding_of
from .reading_call import UNLIMITED, read_call

Call = TypeVar("Call", bound=Callable[..., Any])


def _merging(call: Call) -> Call:
    """`call` with the options in `tokenizer_kwargs` as options of its own, by the steps of a class that has its own."""

    @wraps(call)
    def merged(self: Any, *args: Any, tokenizer_kwargs: Mapping[str, Any] | None = None, **options: Any) -> Any:
        if tokenizer_kwargs:
            options |= tokenizer_kwargs
        own = type(self)._encode_plus
        if own is EncodingSteps._encode_plus or is_of_the_library(own):
            return call(self, *args, **options)
        return by_steps(self, call, args, options)

    return cast(Call, merged)


class EncodingMixin(EncodingSteps, DecodingMixin):
    """The calls that turn texts into rows of token ids, and pad rows that are encoded already."""

    model_max_length: int
    model_input_names: Sequence[str]
    padding_side: str
    truncation_side: str
    split_special_tokens: bool
    pad_token_type_id: int
    on_too_long: str
    deprecation_warnings: dict[str, bool]  # what scripts silence: warnings by their published name
    _passes_options_on: ClassVar[bool] = False  # whether further options of a call reach a method of the tokenizer

    @_merging
    def __call__(
        self,
        text: Any = None,
        text_pair: Any = None,
        text_target: Any = None,
        text_pair_target: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        verbose: bool = True,
        *,
        tokenizer_kwargs: Mapping[str, Any] | None = None,
        truncation_side: str | None = None,
        split_special_tokens: bool | None = None,
        add_prefix_space: bool | None = None,
        max_target_length: int | None = None,
        on_too_long: str | None = None,
        **unknown: Any,
    ) -> BatchEncoding:
        """Encode a text, a pair, or a list of them.

        Args:
            text, text_pair: a str, a list of str, or with `is_split_into_words` (lists of) lists of words.
            text_target, text_pair_target: texts whose ids become `labels`, cut and padded by `max_target_length` where that is
                set, else by `max_length`.
            padding: True or "longest", "max_length", False. truncation: True or "longest_first", "only_first", "only_second".
            return_overflowing_tokens: what was cut follows as further rows, each repeating `stride` tokens;
                `overflow_to_sample_mapping` says whose they are.
            split_special_tokens: split special tokens in a text like other text. add_prefix_space: treat the first word like
                every other.
            tokenizer_kwargs: further options, which go before those beside it.
            on_too_long: for texts over `model_max_length` when nothing else is said: "warn", "error", "cut" (truncate to
                it), "window" (further rows). "error" also refuses to truncate.

        Returns:
            Columns (B, T), or plain lists (T) for a single text without `return_tensors`; `dropped_tokens` beside them.

        Raises:
            InputError: wrong types, text too long under "error", padding without a pad token, rows that make no rectangle.
        """
        if unknown:
            older = _older_spellings(unknown, padding, truncation, max_length)
            padding, truncation = older.get("padding", padding), older.get("truncation", truncation)
            self._tell_unknown(unknown)
        plan = read_call(
            padding, truncation, max_length, max_target_length, stride, pad_to_multiple_of, padding_side or self.padding_side,
            truncation_side or self.truncation_side, self.model_max_length, on_too_long or self.on_too_long, verbose,
            add_special_tokens, self.split_special_tokens if split_special_tokens is None else split_special_tokens,
            add_prefix_space, is_split_into_words, return_tensors, return_token_type_ids, return_attention_mask,
            return_overflowing_tokens, return_special_tokens_mask, return_offsets_mapping, return_length,
            tuple(self.model_input_names),
        )  # fmt: skip
        for code, message in plan.told:
            warn_once(code, message)
        options, target_options = plan.texts, plan.targets
        if options.padding is not None or target_options.padding is not None:
            self._need_pad_token()
        if unknown:
            options, target_options = replace(options, further=unknown), replace(target_options, further=unknown)
        if text is None and text_target is None:
            raise InputError("nothing to encode: pass text= or text_target=")
        if text is None:
            return self.for_targets()._encode(text_target, text_pair_target, target_options)
        encoded = self._encode(text, text_pair, options)
        if text_target is not None:
            targets = self.for_targets()._encode(text_target, text_pair_target, target_options)
            encoded["labels"] = targets[self.model_input_names[0]]
        return encoded

    _encode_call = __call__.__wrapped__  # type: ignore[attr-defined]

    def for_targets(self) -> Self:
        """The tokenizer of `text_target`; one that marks targets otherwise than texts overrides this."""
        return self

    @abstractmethod
    def _encode_without_added_tokens(self, text: str) -> list[int]:
        """The ids of a text in which added tokens are text like other."""

    def _tell_unknown(self, options: Mapping[str, Any]) -> None:
        """Warn of options of a call that nothing reads."""
        for name in () if self._passes_options_on else options:
            near = did_you_mean(name, inspect.signature(EncodingMixin.__call__).parameters)
            warn_once(f"unknown-options-{name}", f"a tokenizer takes no argument {name!r:.80}; it changes nothing.{near}")

    def _need_pad_token(self) -> None:
        """Refuse to pad without a pad token."""
        if self.pad_token_id is None:
            raise InputError(
                f"padding needs a pad token in the vocabulary, and pad_token is {self.pad_token!r}: set tokenizer.pad_token to "
                f"one (tokenizer.eos_token, say), or add one with add_special_tokens({{'pad_token': '[PAD]'}})"
            )

    @abstractmethod
    def _encode(self, text: Any, pair: Any, options: EncodeOptions) -> BatchEncoding:
        """The columns of one call's texts."""

    def _tell_lengths(self, rows: Sequence[Sized], dropped: Sequence[int], options: EncodeOptions) -> None:
        """Warn or raise, as the policy says, about texts that are too long for the model."""
        if options.policy == "error" and any(dropped):
            raise InputError(f"{max(dropped)} tokens would be cut (on_too_long='error'); shorten the text or raise max_length")
        longest = len(rows[0]) if len(rows) == 1 else max(map(len, rows), default=0)
        if options.policy not in ("warn", "error") or longest <= self.model_max_length:
            return
        message = (
            f"a text has {longest} tokens, {longest - self.model_max_length} more than the model's limit of "
            f"{self.model_max_length}; pass truncation=True to cut it, or return_overflowing_tokens=True for windows"
        )
        if options.policy == "error":
            raise InputError(message)
        if not self.deprecation_warnings.get("sequence-length-is-longer-than-the-specified-maximum"):
            warn_once("too-long", message)

    def encode(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        **options: Any,
    ) -> Any:
        """The ids of one text (or pair) as a list, or as an array with `return_tensors`; options as in a call."""
        options |= {"max_length": max_length, "stride": stride, "padding_side": padding_side, "return_tensors": return_tensors}
        encoded = self(text, text_pair, None, None, add_special_tokens, padding, truncation, **options)
        return encoded[self.model_input_names[0]]

    def encode_plus(self, text: Any, text_pair: Any = None, add_special_tokens: bool = True, **options: Any) -> BatchEncoding:
        """The older name of a call with one text or pair (with `is_split_into_words`, a list of words)."""
        if isinstance(text, list | tuple) and not options.get("is_split_into_words"):
            raise InputError("encode_plus takes one text; for several, call the tokenizer with the list")
        return self(text, text_pair, add_special_tokens=add_special_tokens, **options)

    def batch_encode_plus(
        self, batch_text_or_text_pairs: Any, add_special_tokens: bool = True, **options: Any
    ) -> BatchEncoding:
        """The older name of a call with a list of texts, or of pairs of texts."""
        if not isinstance(batch_text_or_text_pairs, list | tuple):
            raise InputError(f"batch_encode_plus takes a list of texts, found a {type(batch_text_or_text_pairs).__name__}")
        return self(list(batch_text_or_text_pairs), add_special_tokens=add_special_tokens, **options)

    @abstractmethod
    def tokenize(self, text: str, pair: str | None = None, add_special_tokens: bool = False, **options: Any) -> list[str]:
        """The tokens of a text as strings."""

    @abstractmethod
    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many special tokens encoding adds to a text, or to a pair."""

    @property
    def max_len_single_sentence(self) -> int:
        """Tokens of text that fit into the model beside the special tokens."""
        return self.model_max_length - self.num_special_tokens_to_add()

    @property
    def max_len_sentences_pair(self) -> int:
        """Tokens of a pair that fit into the model beside the special tokens."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=True)

    def get_special_tokens_mask(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """1 for special tokens, 0 for text: of ids as they are, or as they will be with special tokens added."""
        if already_has_special_tokens:
            if token_ids_1 is not None:
                raise ArgumentError("ids that hold special tokens already come as one list; token_ids_1 must be None")
            special = set(self.all_special_ids)
            return [int(index in special) for index in token_ids_0]
        return self._framed(token_ids_0, token_ids_1)[1]

    def build_inputs_with_special_tokens(self, token_ids_0: list[int], token_ids_1: list[int] | None = None) -> list[int]:
        """The ids of one or two texts with the special tokens that encoding adds."""
        return self._framed(token_ids_0, token_ids_1)[0]

    @abstractmethod
    def _framed(self, first: list[int], second: list[int] | None) -> tuple[list[int], list[int]]:
        """The ids of one or two texts with the special tokens that encoding adds, and a mask that is 1 for those."""

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Pad examples that are encoded already: a list of mappings, or a mapping of columns.

        Pads the ids, `attention_mask` (made where missing), `token_type_ids` and `special_tokens_mask`; other columns pass.

        Raises:
            InputError: no ids, columns that differ between examples, no pad token, rows that make no rectangle.
        """
        main = self.model_input_names[0]
        columns = columns_of(encoded_inputs, main)
        masked = "attention_mask" in self.model_input_names if return_attention_mask is None else return_attention_mask
        if masked and "attention_mask" not in columns:
            ids = columns[main]
            nested = bool(ids) and isinstance(ids[0], list | tuple)
            columns["attention_mask"] = [[1] * len(row) for row in ids] if nested else [1] * len(ids)
        length = self.model_max_length if max_length is None and self.model_max_length < UNLIMITED else max_length
        how = padding_of(padding, length, pad_to_multiple_of, padding_side or self.padding_side, warn_once)
        if how is not None:
            self._need_pad_token()
        columns = self._pad_columns(columns, how)
        return BatchEncoding(columns, tensor_type=return_tensors or kind_of(encoded_inputs, main))

    def _fill(self) -> dict[str, Any]:
        fill = {"attention_mask": 0, "token_type_ids": self.pad_token_type_id, "special_tokens_mask": 1}
        return {self.model_input_names[0]: self.pad_token_id, **fill}


OLDER_OPTIONS = frozenset({"pad_to_max_length", "truncation_strategy"})


def _older_spellings(options: dict[str, Any], padding: Any, truncation: Any, max_length: int | None) -> dict[str, Any]:
    """What `pad_to_max_length` and `truncation_strategy` of releases before 3 say today; they are taken out of `options`."""
    renamed: dict[str, Any] = {}
    if options.pop("pad_to_max_length", False) and padding is False:
        warn_once("pad-to-max-length", "pad_to_max_length=True is now padding='max_length' (and truncation=True)")
        renamed = {"padding": True} if max_length is None else {"padding": "max_length", "truncation": truncation or True}
    if (strategy := options.pop("truncation_strategy", None)) is not None and not truncation:
        warn_once("truncation-strategy", f"truncation_strategy={strategy!r} is now truncation={strategy!r}")
        renamed["truncation"] = strategy
    return renamed
