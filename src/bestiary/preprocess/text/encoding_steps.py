"""Steps of encoding that a class of other people's code overrides."""

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ...core.logging import warn_once
from ...core.signatures import is_of_the_library
from .batch_encoding import BatchEncoding
from .padding import Padding, PaddingStrategy, columns_of, pad_columns, padding_strategy
from .truncation import TruncationStrategy, truncation_strategy


class EncodingSteps:
    """`_pad` pads one row in `pad` (and in calls of tokenizers in Python), `_encode_plus` encodes the texts of a call."""

    model_input_names: Sequence[str]
    padding_side: str
    _encode_call: Callable[..., BatchEncoding]  # a call without these steps

    @abstractmethod
    def _fill(self) -> dict[str, Any]:
        """What each column is padded with; others are not padded."""

    def _pad(
        self,
        encoded_inputs: Any,
        max_length: int | None = None,
        padding_strategy: PaddingStrategy = PaddingStrategy.DO_NOT_PAD,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
    ) -> Any:
        """One row of columns, padded in place to `max_length` (or to its own length, "longest"); returns it."""
        main = self.model_input_names[0]
        columns = columns_of(encoded_inputs, main)
        masked = "attention_mask" in self.model_input_names if return_attention_mask is None else return_attention_mask
        if masked:
            columns.setdefault("attention_mask", [1] * len(columns[main]))
        if padding_strategy != PaddingStrategy.DO_NOT_PAD:
            how = Padding(padding_strategy.value, max_length, pad_to_multiple_of, padding_side or self.padding_side)
            columns = pad_columns(columns, self._fill(), how)
        encoded_inputs.update(columns)
        return encoded_inputs

    def _pad_columns(self, columns: Mapping[str, Any], how: Padding | None) -> dict[str, Any]:
        if is_of_the_library(type(self)._pad):
            return dict(columns) if how is None else pad_columns(columns, self._fill(), how)
        how = how or Padding(PaddingStrategy.DO_NOT_PAD)
        rows = columns[self.model_input_names[0]]
        options: dict[str, Any] = {"pad_to_multiple_of": how.multiple, "padding_side": how.side}
        options["return_attention_mask"] = "attention_mask" in columns
        strategy = PaddingStrategy(how.strategy)
        if not rows or not isinstance(rows[0], list | tuple):
            return dict(self._pad(dict(columns), max_length=how.max_length, padding_strategy=strategy, **options))
        length = how.max_length
        if strategy == PaddingStrategy.LONGEST:
            length, strategy = max(map(len, rows)), PaddingStrategy.MAX_LENGTH
        padded = []
        for number in range(len(rows)):
            row = {name: column[number] for name, column in columns.items()}
            padded.append(self._pad(row, max_length=length, padding_strategy=strategy, **options))
        return {name: [row[name] for row in padded] for name in padded[0]}

    def _encode_plus(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool = True,
        padding_strategy: PaddingStrategy = PaddingStrategy.DO_NOT_PAD,
        truncation_strategy: TruncationStrategy = TruncationStrategy.DO_NOT_TRUNCATE,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        **options: Any,
    ) -> BatchEncoding:
        """The columns of a text, a pair, or a list of them; further options are those of a call."""
        options |= {"padding": padding_strategy, "truncation": truncation_strategy, "max_length": max_length}
        options |= {"stride": stride, "is_split_into_words": is_split_into_words}
        return self._encode_call(text, text_pair, add_special_tokens=add_special_tokens, **options)


def by_steps(tokenizer: Any, call: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]) -> BatchEncoding:
    """A `call` of a tokenizer whose class has an `_encode_plus` of its own, which encodes the texts, then the targets."""
    bound = inspect.signature(call).bind(tokenizer, *arguments, **options)
    bound.apply_defaults()
    values = {name: value for name, value in bound.arguments.items() if name not in ("self", "tokenizer_kwargs", "unknown")}
    values |= bound.arguments["unknown"]
    texts, pair, targets, target_pair = (values.pop(name) for name in ("text", "text_pair", "text_target", "text_pair_target"))
    padding, truncation = values.pop("padding"), values.pop("truncation")
    length = values.pop("max_target_length")
    values["padding_strategy"] = PaddingStrategy(padding_strategy(padding))
    cut = truncation_strategy(truncation, values["max_length"], padding, lambda text: warn_once("max-length", text))
    values["truncation_strategy"] = TruncationStrategy(cut or "do_not_truncate")
    for name in ("truncation_side", "split_special_tokens", "add_prefix_space", "on_too_long"):
        if values[name] is None:
            del values[name]
    encoded: BatchEncoding | None = None
    if texts is not None or targets is None:
        encoded = tokenizer._encode_plus(text=texts, text_pair=pair, **values)
    if targets is not None:
        values["max_length"] = values["max_length"] if length is None else length
        labels: BatchEncoding = tokenizer.for_targets()._encode_plus(text=targets, text_pair=target_pair, **values)
        if encoded is None:
            return labels
        encoded["labels"] = labels[tokenizer.model_input_names[0]]
    return cast(BatchEncoding, encoded)
