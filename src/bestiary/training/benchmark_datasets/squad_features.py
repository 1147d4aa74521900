"""Windows over paragraphs, as a model of question answering takes them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import TensorDataset

from ...core.errors import ArgumentError
from ...core.logging import get_logger
from .squad_examples import SquadExample

logger = get_logger(__name__)

_FIRST_ID = 1_000_000_000


class SquadFeatures:
    """A window over the paragraph of an example, with its question; all places are those of its S tokens.

    Args:
        input_ids, attention_mask, token_type_ids: (S). cls_index: the place that stands for no answer (0 where the
        tokenizer adds no token for it). p_mask: 0 where an
        answer may lie (not on an unknown token), and at `cls_index`, else 1. example_index, unique_id: of the example, and of
        the window.
        paragraph_len: tokens of the paragraph in it. token_is_max_context: place -> whether no other window shows that token
        with more around it. tokens: without what is filled. token_to_orig_map: place -> word of the paragraph.
        start_position, end_position: of the answer; `cls_index` where it is not inside. is_impossible: so. qas_id: of the
        question. encoding: what the tokenizer gave.
    """

    def __init__(
        self,
        input_ids: list[int],
        attention_mask: list[int],
        token_type_ids: list[int],
        cls_index: int,
        p_mask: list[int],
        example_index: int,
        unique_id: int,
        paragraph_len: int,
        token_is_max_context: dict[int, bool],
        tokens: list[str],
        token_to_orig_map: dict[int, int],
        start_position: int,
        end_position: int,
        is_impossible: bool,
        qas_id: str | None = None,
        encoding: Any = None,
    ) -> None:
        self.input_ids, self.attention_mask, self.token_type_ids = input_ids, attention_mask, token_type_ids
        self.cls_index, self.p_mask = cls_index, p_mask
        self.example_index, self.unique_id, self.qas_id = example_index, unique_id, qas_id
        self.paragraph_len, self.token_is_max_context = paragraph_len, token_is_max_context
        self.tokens, self.token_to_orig_map = tokens, token_to_orig_map
        self.start_position, self.end_position, self.is_impossible = start_position, end_position, is_impossible
        self.encoding = encoding


def squad_convert_examples_to_features(
    examples: Sequence[SquadExample],
    tokenizer: Any,
    max_seq_length: int,
    doc_stride: int,
    max_query_length: int,
    is_training: bool,
    padding_strategy: str = "max_length",
    return_dataset: bool | str = False,
    threads: int = 1,
    tqdm_enabled: bool = True,
) -> Any:
    """The windows of examples, and with `return_dataset="pt"` their tensors too.

    Args:
        max_seq_length: tokens of a window. doc_stride: tokens from where one begins to where the next does.
        max_query_length: tokens of a question, the rest of which is cut. is_training: find the places of answers; an example
        whose answer is not in its paragraph is left out. padding_strategy: of the tokenizer.
        threads, tqdm_enabled: of older scripts: the tokenizer is fast, and has its own threads.

    Raises:
        ArgumentError: another `return_dataset`, or windows too short for their questions.
    """
    if return_dataset not in (False, "pt"):
        raise ArgumentError(f"return_dataset is {return_dataset!r:.40}; expected False or 'pt'")
    features: list[SquadFeatures] = []
    special = set(tokenizer.all_special_ids)
    for index, example in enumerate(examples):
        if is_training and not _has_its_answer(example):
            continue
        windows = _windows(example, tokenizer, max_seq_length, doc_stride, max_query_length, padding_strategy)
        span = _answer_tokens(example, tokenizer) if is_training and not example.is_impossible else None
        begins = [begin for *_, begin in windows]
        lengths = [len(places) for _, places, _, _ in windows]
        for number, (row, places, words, begin) in enumerate(windows):
            cls_index = row["input_ids"].index(tokenizer.cls_token_id) if tokenizer.cls_token_id in row["input_ids"] else 0
            first, last = cls_index, cls_index
            impossible = example.is_impossible
            if span is not None:
                inside = begin <= span[0] and span[1] < begin + len(places)
                first, last = (places[each - begin] for each in span) if inside else (cls_index, cls_index)
                impossible = not inside
            open_places = {place for place in places if row["input_ids"][place] not in special} | {cls_index}
            outside = [int(place not in open_places) for place in range(len(row["input_ids"]))]
            features.append(
                SquadFeatures(
                    row["input_ids"],
                    row["attention_mask"],
                    row["token_type_ids"],
                    cls_index,
                    outside,
                    index,
                    _FIRST_ID + len(features),
                    len(places),
                    {place: _is_best(begins, lengths, number, begin + i) for i, place in enumerate(places)},
                    row["tokens"],
                    dict(zip(places, words, strict=True)),
                    first,
                    last,
                    impossible,
                    example.qas_id,
                    row["encoding"],
                )
            )
    return (features, _tensors(features, is_training)) if return_dataset else features


def _has_its_answer(example: SquadExample) -> bool:
    if example.is_impossible:
        return True
    shown = " ".join(example.doc_tokens[example.start_position : example.end_position + 1])
    answer = " ".join((example.answer_text or "").split())
    if answer in shown:
        return True
    logger.warning("question %s is left out: its answer %r is not where it should be, %r", example.qas_id, answer, shown)
    return False


def _windows(
    example: SquadExample, tokenizer: Any, length: int, step: int, question_length: int, padding: str
) -> list[tuple[dict[str, Any], list[int], list[int], int]]:
    """Of each window the tokenizer's row, places and words of the paragraph's tokens, and the number of the first."""
    asked = tokenizer(
        example.question_text,
        add_special_tokens=False,
        truncation=True,
        max_length=question_length,
        return_offsets_mapping=True,
    )
    question = example.question_text[: asked["offset_mapping"][-1][1]] if asked["input_ids"] else ""
    room = length - len(asked["input_ids"]) - tokenizer.num_special_tokens_to_add(pair=True)
    if room <= 0 or step <= 0:
        raise ArgumentError(
            f"max_seq_length {length} leaves {room} tokens for the paragraph beside question {example.qas_id}, and doc_stride"
            f" is {step}; expected at least 1 of both"
        )
    last = tokenizer.padding_side == "right"  # the paragraph
    text, word_of = _paragraph(example)
    encoded = tokenizer(
        *((question, text) if last else (text, question)),
        truncation="only_second" if last else "only_first",
        max_length=length,
        stride=max(0, room - step),
        padding=padding,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
        return_attention_mask=True,
    )
    windows, step = [], min(step, room)
    for number in range(len(encoded["input_ids"])):
        which, offsets = encoded.sequence_ids(number), encoded["offset_mapping"][number]
        places = [place for place, sequence in enumerate(which) if sequence == int(last)]
        row = {name: list(encoded[name][number]) for name in ("input_ids", "attention_mask", "token_type_ids")}
        kept = zip(encoded.tokens(number), row["attention_mask"], strict=True)
        row |= {"tokens": [token for token, counts in kept if counts], "encoding": encoded}
        windows.append((row, places, [word_of[max(0, offsets[place][1] - 1)] for place in places], number * step))
    return windows


def _paragraph(example: SquadExample) -> tuple[str, list[int]]:
    """Its words with a blank between them, and the word of each character; a blank is of the one before."""
    text = " ".join(example.doc_tokens)
    return text, [word for word, token in enumerate(example.doc_tokens) for _ in range(len(token) + 1)]


def _answer_tokens(example: SquadExample, tokenizer: Any) -> tuple[int, int]:
    """The tokens of the paragraph, from first to last, that the answer is: of its words, those that spell it, if any do."""
    text, word_of = _paragraph(example)
    encoded = tokenizer(text, add_special_tokens=False, verbose=False, return_offsets_mapping=True)
    words, tokens = [word_of[max(0, end - 1)] for _, end in encoded["offset_mapping"]], encoded.tokens()
    inside = [place for place, word in enumerate(words) if example.start_position <= word <= example.end_position]
    wanted = tokenizer.tokenize(example.answer_text)
    first, last = inside[0], inside[-1]
    for start in range(first, last + 1):
        for end in range(last, start - 1, -1):
            if tokens[start : end + 1] == wanted:
                return start, end
    return first, last


def _is_best(begins: list[int], lengths: list[int], window: int, token: int) -> bool:
    """Whether `window` shows a token of the paragraph with more on its poorer side than all others; ties go to the longer."""

    def around(number: int) -> float:
        left, right = token - begins[number], begins[number] + lengths[number] - 1 - token
        return min(left, right) + 0.01 * lengths[number] if left >= 0 and right >= 0 else float("-inf")

    return max(range(len(begins)), key=around) == window


def _tensors(features: list[SquadFeatures], is_training: bool) -> TensorDataset:
    def column(name: str, dtype: torch.dtype = torch.long) -> torch.Tensor:
        return torch.tensor([vars(each)[name] for each in features], dtype=dtype)

    texts = [column(name) for name in ("input_ids", "attention_mask", "token_type_ids")]
    cls_index, p_mask = column("cls_index"), column("p_mask", torch.float)
    if not is_training:
        return TensorDataset(*texts, torch.arange(len(features)), cls_index, p_mask)
    places = column("start_position"), column("end_position")
    return TensorDataset(*texts, *places, cls_index, p_mask, column("is_impossible", torch.float))
