"""SQuAD (Rajpurkar 2016, 2018): questions about a paragraph, read from its JSON files or from a data set of tensors."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ...core.errors import ArgumentError, CorruptFile, FileMissing
from ...core.files import read_json
from .examples import DataProcessor

_BLANKS = " \t\r\n\u202f"


class SquadExample:
    """A question about a paragraph.

    Args:
        qas_id: names the question. answer_text, start_position_character: the answer to train on, and where it begins.
        title: of the article. answers: those that are right, in validation: mappings with `text`. is_impossible: it has none.

    Attributes:
        doc_tokens: words of the paragraph, cut at blanks. char_to_word_offset: the word of each character.
        start_position, end_position: first and last word of the answer; 0 where none is given.
    """

    def __init__(
        self,
        qas_id: str,
        question_text: str,
        context_text: str,
        answer_text: str | None,
        start_position_character: int | None,
        title: str,
        answers: Iterable[Mapping[str, Any]] = (),
        is_impossible: bool = False,
    ) -> None:
        self.qas_id, self.question_text, self.context_text = qas_id, question_text, context_text
        self.answer_text, self.title, self.is_impossible = answer_text, title, is_impossible
        self.answers = list(answers)
        self.doc_tokens: list[str] = []
        self.char_to_word_offset: list[int] = []
        blank = True
        for letter in context_text:
            if letter in _BLANKS:
                blank = True
            elif blank:
                self.doc_tokens.append(letter)
                blank = False
            else:
                self.doc_tokens[-1] += letter
            self.char_to_word_offset.append(len(self.doc_tokens) - 1)
        self.start_position = self.end_position = 0
        if start_position_character is not None and not is_impossible:
            last = min(start_position_character + len(answer_text or "") - 1, len(context_text) - 1)
            self.start_position = self.char_to_word_offset[start_position_character]
            self.end_position = self.char_to_word_offset[last]


class SquadResult:
    """What a model said of one window.

    Args:
        unique_id: of its `SquadFeatures`. start_logits, end_logits: a number for each token, or, with the three others, log
            probabilities of the best starts, and of the best ends for each of these.
        start_top_index, end_top_index: their places. cls_logits: how surely there is no answer.
    """

    def __init__(
        self,
        unique_id: int,
        start_logits: Any,
        end_logits: Any,
        start_top_index: Any = None,
        end_top_index: Any = None,
        cls_logits: Any = None,
    ) -> None:
        self.unique_id, self.start_logits, self.end_logits = unique_id, start_logits, end_logits
        if start_top_index is not None:
            self.start_top_index, self.end_top_index, self.cls_logits = start_top_index, end_top_index, cls_logits


class SquadProcessor(DataProcessor):
    """Reads a version of the data set. Class attributes: `train_file` and `dev_file`, the names of its files."""

    train_file: ClassVar[str | None] = None
    dev_file: ClassVar[str | None] = None

    def get_train_examples(self, data_dir: str | None, filename: str | None = None) -> list[SquadExample]:
        """Questions with the answer to train on.

        Raises:
            ArgumentError: the class names no file. FileMissing: it is not there. CorruptFile: it is not one of this data set.
        """
        return self._create_examples(self._articles(data_dir, filename or self.train_file), "train")

    def get_dev_examples(self, data_dir: str | None, filename: str | None = None) -> list[SquadExample]:
        """Questions with all answers that are right; the errors are those of `get_train_examples`."""
        return self._create_examples(self._articles(data_dir, filename or self.dev_file), "dev")

    def get_examples_from_dataset(self, dataset: Mapping[str, Iterable[Any]], evaluate: bool = False) -> list[SquadExample]:
        """Those of the part `train` of a data set of tensors, or of `validation` if `evaluate`."""
        rows = dataset["validation" if evaluate else "train"]
        return [self._get_example_from_tensor_dict(row, evaluate) for row in rows]

    def _articles(self, data_dir: str | None, filename: str | None) -> list[dict[str, Any]]:
        if filename is None:
            raise ArgumentError(f"{type(self).__name__} names no file; take SquadV1Processor or SquadV2Processor, or filename=")
        path = Path(data_dir or "") / filename
        if not path.is_file():
            raise FileMissing(f"{type(self).__name__} reads {path}, which is not there")
        contents = read_json(path)
        if not isinstance(contents, dict) or not isinstance(contents.get("data"), list):
            raise CorruptFile(f"{path} holds no list 'data'; expected the layout of SQuAD")
        articles: list[dict[str, Any]] = contents["data"]
        return articles

    def _create_examples(self, input_data: Iterable[Mapping[str, Any]], set_type: str) -> list[SquadExample]:
        return [
            self._example(article.get("title", ""), paragraph["context"], question, set_type == "train")
            for article in input_data
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]

    def _example(self, title: str, context: str, question: Mapping[str, Any], train: bool) -> SquadExample:
        impossible = question.get("is_impossible", False)
        answers = [] if impossible else question["answers"]
        first = answers[0] if train and answers else {"text": None, "answer_start": None}
        return SquadExample(
            question["id"],
            question["question"],
            context,
            first["text"],
            first["answer_start"],
            title,
            () if train else answers,
            impossible,
        )

    def _get_example_from_tensor_dict(self, tensor_dict: Mapping[str, Any], evaluate: bool = False) -> SquadExample:
        def text(value: Any) -> str:
            return str(value.numpy().decode("utf-8"))

        texts, starts = tensor_dict["answers"]["text"], tensor_dict["answers"]["answer_start"]
        answers = (
            []
            if not evaluate
            else [{"answer_start": start.numpy(), "text": text(one)} for start, one in zip(starts, texts, strict=True)]
        )
        name, question, context, title = (text(tensor_dict[part]) for part in ("id", "question", "context", "title"))
        first, place = (None, None) if evaluate else (text(texts[0]), starts[0].numpy())
        return SquadExample(name, question, context, first, place, title, answers)


class SquadV1Processor(SquadProcessor):
    """Version 1.1: every question has an answer."""

    train_file, dev_file = "train-v1.1.json", "dev-v1.1.json"


class SquadV2Processor(SquadProcessor):
    """Version 2.0: some have none."""

    train_file, dev_file = "train-v2.0.json", "dev-v2.0.json"
