"""`DataCollatorWithFlattening`."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, ClassVar

from ...core.errors import InputError
from .collator import array
from .default import DefaultDataCollator
from .row_texts import check_all_have_labels, labels_of, split, text_lengths, tokens_of


class DataCollatorWithFlattening(DefaultDataCollator):
    """Puts examples behind each other in one row (1, all tokens) instead of padding them.

    A model keeps its texts apart where the batch says where they begin: by `seq_idx` or `cu_seq_lens_q`, or, as published, by
    `position_ids` alone, at which BLOOM, BioGPT, Falcon, gpt-oss, Granite 4, OPT, XGLM and everything that remembers a state do
    not look. `Trainer` says it to models of this library by `seq_idx`, whatever the options here are.

    Args:
        return_position_ids: add `position_ids`, which begin at `position_ids_start` for each text.
        separator_id: the label of each text's first token, which no text before it predicts.
        return_flash_attn_kwargs: add `cu_seq_lens_q` and `_k` (where texts begin, and the end), `max_length_q` and `_k`.
        return_seq_idx: add `seq_idx`, the number of the text that each token belongs to.
        return_tensors: "pt" or "np".

    An example may hold several texts: `seq_lengths` says how long each is, as `pack_dataset` does.
    """

    # What examples may say besides the inputs of models.
    columns: ClassVar[tuple[str, ...]] = ("seq_lengths",)

    def __init__(
        self,
        *args: Any,
        return_position_ids: bool = True,
        separator_id: int = -100,
        return_flash_attn_kwargs: bool = False,
        return_seq_idx: bool = False,
        position_ids_start: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.return_position_ids = return_position_ids
        self.separator_id = separator_id
        self.return_flash_attn_kwargs = return_flash_attn_kwargs
        self.return_seq_idx = return_seq_idx
        self.position_ids_start = position_ids_start
        self.separates_labels = True

    def __call__(
        self, features: list[dict[str, Any]], return_tensors: str | None = None, separator_id: int | None = None
    ) -> dict[str, Any]:
        """The batch of one row.

        Raises:
            InputError: no examples; one without `input_ids`; some have labels and others have none, or not one for each token;
                `seq_lengths` of an example are not those of its tokens.
        """
        kind = return_tensors or self.return_tensors
        separator = self.separator_id if separator_id is None else separator_id
        if not len(features):
            raise InputError("there are no examples; expected at least one to make a batch of")
        texts, labels = _texts(features)
        separated = [[separator, *row[1:]] for row in labels] if self.separates_labels else labels
        rows = {"input_ids": texts, "labels": separated}
        if self.return_position_ids:
            start = self.position_ids_start
            rows["position_ids"] = [list(range(start, start + len(text))) for text in texts]
        batch = {name: array([list(chain(*row))], kind, "int64") for name, row in rows.items()}
        if self.return_seq_idx:
            batch["seq_idx"] = array([[number for number, text in enumerate(texts) for _ in text]], kind, "int32")
        if self.return_flash_attn_kwargs:
            ends = list(accumulate(map(len, texts), initial=0))
            batch |= {f"cu_seq_lens_{side}": array(ends, kind, "int32") for side in "qk"}
            batch |= {f"max_length_{side}": max(map(len, texts), default=0) for side in "qk"}
        return batch


def _texts(features: Sequence[Mapping[str, Any]]) -> tuple[list[list[int]], list[list[int]]]:
    """The tokens of every text of the examples, and its labels, which are the tokens where examples have none."""
    rows = [tokens_of(row, number) for number, row in enumerate(features)]
    labels = {number: labels_of(features[number], number, len(tokens)) for number, tokens in enumerate(rows)}
    check_all_have_labels(labels)
    lengths = [text_lengths(row, number, len(rows[number])) for number, row in enumerate(features)]
    texts = [text for tokens, parts in zip(rows, lengths, strict=True) for text in split(tokens, parts)]
    learned = [text for number, parts in enumerate(lengths) for text in split(labels[number] or rows[number], parts)]
    return texts, learned
