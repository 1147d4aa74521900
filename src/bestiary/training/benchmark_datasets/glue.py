"""GLUE (Wang 2018): its nine tasks as TSV files, their labels and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from torch.utils.data import Dataset

from ...core.argument_parser import HfArg
from ...core.errors import ArgumentError
from ..metrics.classification import acc_and_f1, matthews, pair, pearson_and_spearman, simple_accuracy
from .examples import DataProcessor, InputExample, InputFeatures

_BOTH = ["contradiction", "entailment", "neutral"]
_FOLLOWS = ["entailment", "not_entailment"]


class OutputMode(Enum):
    """Classes, or a number."""

    classification = "classification"
    regression = "regression"


class Split(Enum):
    """Parts of a data set."""

    train = "train"
    dev = "dev"
    test = "test"


class GlueProcessor(DataProcessor):
    """A task, whose columns are class attributes.

    Class attributes:
        labels: in the order of their numbers. texts: places of the columns of text. label: that of the label. guid: that of the
        row's name; None: its number. test_texts: those of the test file, where they differ.
        dev_name, test_name: files of validation and test. heading: whether the files with labels begin with one. keys: names of
        the texts in a data set of tensors.
    """

    labels: ClassVar[list[Any]] = ["0", "1"]
    texts: ClassVar[tuple[int, ...]] = (1, 2)
    test_texts: ClassVar[tuple[int, ...] | None] = None
    label: ClassVar[int] = -1
    guid: ClassVar[int | None] = 0
    dev_name: ClassVar[str] = "dev"
    test_name: ClassVar[str] = "test"
    heading: ClassVar[bool] = True
    keys: ClassVar[tuple[str, ...]] = ("sentence1", "sentence2")

    def get_labels(self) -> list[Any]:
        return list(self.labels)

    def get_train_examples(self, data_dir: str) -> list[InputExample]:
        return self._create_examples(self._lines(data_dir, "train"), "train")

    def get_dev_examples(self, data_dir: str) -> list[InputExample]:
        return self._create_examples(self._lines(data_dir, self.dev_name), self.dev_name)

    def get_test_examples(self, data_dir: str) -> list[InputExample]:
        return self._create_examples(self._lines(data_dir, self.test_name), self.test_name)

    def get_example_from_tensor_dict(self, tensor_dict: dict[str, Any]) -> InputExample:
        texts = [tensor_dict[key].numpy().decode("utf-8") for key in self.keys]
        label = str(tensor_dict["label"].numpy())
        return InputExample(tensor_dict["idx"].numpy(), texts[0], texts[1] if len(texts) > 1 else None, label)

    def _lines(self, data_dir: str, name: str) -> list[list[str]]:
        return self._read_tsv(str(Path(data_dir) / f"{name}.tsv"))

    def _create_examples(self, lines: Sequence[Sequence[str]], set_type: str) -> list[InputExample]:
        test = set_type.startswith("test")
        texts = self.test_texts if test and self.test_texts is not None else self.texts
        skipped = int(self.heading or test)
        examples = []
        for place, line in enumerate(lines[skipped:], skipped):
            one, other = line[texts[0]], line[texts[1]] if len(texts) > 1 else None
            name = self._number(place, test) if self.guid is None else line[self.guid]
            examples.append(InputExample(f"{set_type}-{name}", one, other, None if test else line[self.label]))
        return examples

    def _number(self, place: int, test: bool) -> int:
        return place


class ColaProcessor(GlueProcessor):
    """Whether a sentence is one that people say."""

    texts, test_texts, label, guid, heading, keys = (3,), (1,), 1, None, False, ("sentence",)

    def _number(self, place: int, test: bool) -> int:
        return place - 1 if test else place


class MnliProcessor(GlueProcessor):
    """Whether the second sentence follows from the first, contradicts it, or neither; validation on texts of the same kind."""

    labels, texts, dev_name, test_name, keys = _BOTH, (8, 9), "dev_matched", "test_matched", ("premise", "hypothesis")


class MnliMismatchedProcessor(MnliProcessor):
    """The same, with validation on texts of other kinds."""

    dev_name, test_name = "dev_mismatched", "test_mismatched"


class MrpcProcessor(GlueProcessor):
    """Whether two sentences say the same."""

    texts, label, guid = (3, 4), 0, None


class Sst2Processor(GlueProcessor):
    """Whether a sentence of a film's review is favourable."""

    texts, test_texts, label, guid, keys = (0,), (1,), 1, None, ("sentence",)


class StsbProcessor(GlueProcessor):
    """How alike two sentences are, 0 to 5."""

    labels, texts = [None], (7, 8)


class QqpProcessor(GlueProcessor):
    """Whether two questions are the same."""

    texts, test_texts, label, keys = (3, 4), (1, 2), 5, ("question1", "question2")

    def _create_examples(self, lines: Sequence[Sequence[str]], set_type: str) -> list[InputExample]:
        whole = [line for line in lines if len(line) > 5 or set_type == "test"]  # a few lines of the published file are cut
        return super()._create_examples(whole, set_type)


class QnliProcessor(GlueProcessor):
    """Whether a sentence answers a question."""

    labels, keys = _FOLLOWS, ("question", "sentence")


class RteProcessor(GlueProcessor):
    """Whether the second sentence follows from the first."""

    labels = _FOLLOWS


class WnliProcessor(GlueProcessor):
    """Whether a sentence follows in which a pronoun was replaced."""


glue_processors: dict[str, type[GlueProcessor]] = {
    "cola": ColaProcessor,
    "mnli": MnliProcessor,
    "mnli-mm": MnliMismatchedProcessor,
    "mrpc": MrpcProcessor,
    "sst-2": Sst2Processor,
    "sts-b": StsbProcessor,
    "qqp": QqpProcessor,
    "qnli": QnliProcessor,
    "rte": RteProcessor,
    "wnli": WnliProcessor,
}
glue_output_modes = {name: "regression" if name == "sts-b" else "classification" for name in glue_processors}
glue_tasks_num_labels = {name: len(processor.labels) for name, processor in glue_processors.items() if name != "mnli-mm"}


def glue_convert_examples_to_features(
    examples: Sequence[InputExample],
    tokenizer: Any,
    max_length: int | None = None,
    task: str | None = None,
    label_list: Sequence[Any] | None = None,
    output_mode: str | None = None,
) -> list[InputFeatures]:
    """Rows as tokens, cut and filled to `max_length`, by default the tokenizer's.

    Args:
        task: gives `label_list` and `output_mode` where they are left out.
    """
    if task is not None:
        label_list = glue_processors[task]().get_labels() if label_list is None else label_list
        output_mode = glue_output_modes[task] if output_mode is None else output_mode
    numbers = {label: place for place, label in enumerate(label_list or ())}

    def number(label: Any) -> int | float | None:
        if label is None:
            return None
        return float(label) if output_mode == "regression" else numbers[label]

    texts = [(each.text_a, each.text_b) if each.text_b else each.text_a for each in examples]
    length = tokenizer.model_max_length if max_length is None else max_length
    rows = tokenizer(texts, max_length=length, padding="max_length", truncation=True)
    labels = [number(each.label) for each in examples]
    return [InputFeatures(**{name: column[i] for name, column in rows.items()}, label=label) for i, label in enumerate(labels)]


def glue_compute_metrics(task_name: str, preds: Any, labels: Any) -> dict[str, float]:
    """The metrics of a task, over predicted and right numbers (N,).

    Raises:
        KeyError: no task has this name. InputError: predictions and labels differ in number.
    """
    pair(preds, labels)
    if task_name == "cola":
        return {"mcc": matthews(preds, labels)}
    if task_name == "sts-b":
        return pearson_and_spearman(preds, labels)
    if task_name in ("mrpc", "qqp"):
        return acc_and_f1(preds, labels)
    if task_name in ("mnli", "mnli-mm"):
        return {f"{task_name}/acc": simple_accuracy(preds, labels)}
    if task_name in ("sst-2", "qnli", "rte", "wnli", "hans"):
        return {"acc": simple_accuracy(preds, labels)}
    raise KeyError(f"{task_name!r:.60} is no task of GLUE; expected one of {', '.join(glue_processors)}, hans")


@dataclass
class GlueDataTrainingArguments:
    """What is read of GLUE. Nothing is kept on disk, so that `overwrite_cache` has nothing to write over."""

    task_name: str = HfArg(help=f"One of {', '.join(glue_processors)}")
    data_dir: str = HfArg(help="Folder of the TSV files")
    max_seq_length: int = HfArg(default=128, help="Tokens of a row; more are cut, fewer filled")
    overwrite_cache: bool = HfArg(default=False, help="Of older scripts: rows are tokenized anew each time")

    def __post_init__(self) -> None:
        self.task_name = self.task_name.lower()


class GlueDataset(Dataset[InputFeatures]):
    """The rows of a part of a task, tokenized.

    Args:
        args: task, folder and length. limit_length: only so many rows. mode: train, dev or test.
        cache_dir: of older scripts; nothing is kept on disk.

    Raises:
        ArgumentError: no such part. KeyError: no such task. FileMissing: its file is not there.
    """

    def __init__(
        self,
        args: GlueDataTrainingArguments,
        tokenizer: Any,
        limit_length: int | None = None,
        mode: str | Split = Split.train,
        cache_dir: str | None = None,
    ) -> None:
        name = mode.value if isinstance(mode, Split) else mode
        if name not in ("train", "dev", "test"):
            raise ArgumentError(f"mode is {mode!r:.40}; expected train, dev or test")
        self.args, self.processor = args, glue_processors[args.task_name]()
        self.output_mode = glue_output_modes[args.task_name]
        labels = self.processor.get_labels()
        if args.task_name.startswith("mnli") and _of_roberta(tokenizer):
            labels[1], labels[2] = labels[2], labels[1]  # as the published checkpoints of these families have them
        self.label_list = labels
        examples = getattr(self.processor, f"get_{name}_examples")(args.data_dir)[:limit_length]
        self.features = glue_convert_examples_to_features(
            examples, tokenizer, args.max_seq_length, label_list=labels, output_mode=self.output_mode
        )

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, i: int) -> InputFeatures:
        return self.features[i]

    def get_labels(self) -> list[Any]:
        """The labels, in the order of their numbers."""
        return self.label_list


def _of_roberta(tokenizer: Any) -> bool:
    names = ("Roberta", "XLMRoberta", "Bart", "Barthez")
    return type(tokenizer).__name__.removesuffix("Fast").removesuffix("Tokenizer") in names
