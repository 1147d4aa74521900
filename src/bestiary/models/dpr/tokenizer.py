"""DPR's tokenizers: BERT's; the reader's puts a question, a title and a passage in a row, and finds answers there."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from ...core.errors import InputError
from ...preprocess.text.batch_encoding import BatchEncoding
from ..bert.tokenizer import BertTokenizer


class DPRSpanPrediction(NamedTuple):
    """An answer: its scores, the passage, its first and last token there, and its text."""

    span_score: Any
    relevance_score: Any
    doc_id: int
    start_index: int
    end_index: int
    text: str


class DPRContextEncoderTokenizer(BertTokenizer):
    """Opens `vocab.txt` and `tokenizer.json`; see `BertTokenizer` for its options."""


class DPRQuestionEncoderTokenizer(BertTokenizer):
    """Opens `vocab.txt` and `tokenizer.json`; see `BertTokenizer` for its options."""


class DPRReaderTokenizer(BertTokenizer):
    """Opens `vocab.txt` and `tokenizer.json`; see `BertTokenizer` for its options."""

    model_input_names = ("input_ids", "attention_mask")

    def __call__(  # type: ignore[override]
        self,
        questions: str | list[str],
        titles: str | list[str] | None = None,
        texts: str | list[str] | None = None,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        return_attention_mask: bool | None = None,
        **options: Any,
    ) -> BatchEncoding:
        """Rows `[CLS] question [SEP] title [SEP] passage`, one for each passage; one question may be for all of them.

        Without titles or texts: as any tokenizer, with the other of them as second text. `truncation` cuts a row's end off.

        Raises:
            InputError: there are not as many titles as texts, or other numbers of questions.
        """
        if titles is None or texts is None:
            settings = {"padding": padding, "truncation": truncation, "max_length": max_length, **options}
            second = titles if texts is None else texts
            settings |= {"return_tensors": return_tensors, "return_attention_mask": return_attention_mask}
            return super().__call__(questions, second, **settings)
        titles, texts = [titles] if isinstance(titles, str) else titles, [texts] if isinstance(texts, str) else texts
        questions = [questions] * len(titles) if isinstance(questions, str) else questions
        if not len(questions) == len(titles) == len(texts):
            raise InputError(
                f"found {len(questions)} questions, {len(titles)} titles and {len(texts)} texts; expected as many of each,"
                " or one question as a str for all"
            )
        heads = super().__call__(questions, titles)["input_ids"]
        passages = super().__call__(texts, add_special_tokens=False)["input_ids"]
        rows = [head + passage for head, passage in zip(heads, passages, strict=True)]
        rows = [row[:max_length] for row in rows] if truncation else rows
        encoded: dict[str, Any] = {"input_ids": rows}
        if return_attention_mask is not False:
            encoded["attention_mask"] = [[int(token != self.pad_token_id) for token in row] for row in rows]
        return self.pad(encoded, padding=padding, max_length=max_length, return_tensors=return_tensors)

    def decode_best_spans(
        self,
        reader_input: Any,
        reader_output: Any,
        num_spans: int = 16,
        max_answer_length: int = 64,
        num_spans_per_passage: int = 4,
    ) -> list[DPRSpanPrediction]:
        """The `num_spans` best answers, those of the most relevant passage first, none inside of another.

        Args:
            reader_input: what this tokenizer made. reader_output: what `DPRReader` made of it.
            max_answer_length: in tokens.
        """
        starts, ends, relevance = reader_output[:3]
        answers: list[DPRSpanPrediction] = []
        for number in sorted(range(len(relevance)), key=lambda each: float(relevance[each]), reverse=True):
            ids = [int(token) for token in reader_input["input_ids"][number]]
            first = ids.index(self.sep_token_id, 2) + 1  # behind the title
            length = ids.index(self.pad_token_id) if ids[-1] == self.pad_token_id else len(ids)
            for start, end in best_spans(starts[number][:length], ends[number][:length], first, max_answer_length)[
                :num_spans_per_passage
            ]:
                score, text = starts[number][start] + ends[number][end], self.decode(ids[start : end + 1])
                answers.append(DPRSpanPrediction(score, relevance[number], number, start, end, str(text)))
            if len(answers) >= num_spans:
                break
        return answers[:num_spans]


def best_spans(starts: Sequence[Any] | Tensor, ends: Sequence[Any] | Tensor, first: int, longest: int) -> list[tuple[int, int]]:
    """Spans of at most `longest` tokens from `first` on, the best first, by the sum of their logits; none holds another."""
    start_scores, end_scores = [float(score) for score in starts], [float(score) for score in ends]
    spans = [
        (start, end) for start in range(first, len(start_scores)) for end in range(start, min(start + longest, len(end_scores)))
    ]
    chosen: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: start_scores[span[0]] + end_scores[span[1]], reverse=True):
        if not any(start <= a <= b <= end or a <= start <= end <= b for a, b in chosen):
            chosen.append((start, end))
    return chosen


DPRContextEncoderTokenizerFast, DPRQuestionEncoderTokenizerFast = DPRContextEncoderTokenizer, DPRQuestionEncoderTokenizer
DPRReaderTokenizerFast = DPRReaderTokenizer
