"""`TrainingSummary`: what is known of a training, and the card that says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from ... import __version__
from .history import make_markdown_table, parse_log_history, rounded
from .hyperparameters import extract_hyperparameters_from_trainer

# Stands in every card of ours, so that one that a user wrote is known.
GENERATED = "<!-- Written by Trainer from what it knew; complete it, then remove this line. -->"
_METRICS = frozenset(
    "accuracy bleu f1 matthews_correlation pearsonr precision recall rouge sacrebleu spearmanr wer".split()  # noqa: SIM905
)
# The end of a model's class, its task on the hub, and what that is called.
_TASKS = (
    ("ForSequenceClassification", "text-classification", "Text Classification"),
    ("ForTokenClassification", "token-classification", "Token Classification"),
    ("ForQuestionAnswering", "question-answering", "Question Answering"),
    ("ForMaskedLM", "fill-mask", "Masked Language Modeling"),
    ("ForCausalLM", "text-generation", "Causal Language Modeling"),
    ("LMHeadModel", "text-generation", "Causal Language Modeling"),
    ("ForImageClassification", "image-classification", "Image Classification"),
    ("ForObjectDetection", "object-detection", "Object Detection"),
    ("ForAudioClassification", "audio-classification", "Audio Classification"),
    ("ForCTC", "automatic-speech-recognition", "Automatic Speech Recognition"),
    ("ForConditionalGeneration", "text2text-generation", "Sequence-to-sequence Language Modeling"),
)
_QUESTIONS = ("Model description", "Intended uses & limitations", "Training and evaluation data")
Texts = str | list[str] | None


def is_hf_dataset(dataset: Any) -> bool:
    """Whether it is one of the package `datasets`."""
    return type(dataset).__module__.partition(".")[0] == "datasets"


def infer_metric_tags_from_eval_results(eval_results: Mapping[str, Any] | None) -> dict[str, str]:
    """Metric as the hub calls it -> the result of that name."""
    results: dict[str, str] = {}
    for name in eval_results or {}:
        word = name.lower().replace(" ", "_")
        tag = "rouge" if word == "rouge1" else word
        if tag in _METRICS:
            results.setdefault(tag, name)
    return results


@dataclass
class TrainingSummary:
    """What is known of a training.

    Fields:
        model_name: of the repository. language, license, tags, finetuned_from: of the model. tasks: as the hub calls them.
        dataset, dataset_tags, dataset_args, dataset_metadata: the names of the data, those on the hub, their configurations,
            and what else is known of each.
        eval_results: results by name. eval_lines: a row for each evaluation. hyperparameters: the choices of the training.
        source: "trainer". co2_eq_emissions: grams, or a mapping with `emissions` and where they come from.
    """

    model_name: str
    language: Texts = None
    license: str | None = None
    tags: Texts = None
    finetuned_from: str | None = None
    tasks: Texts = None
    dataset: Texts = None
    dataset_tags: Texts = None
    dataset_args: Texts = None
    dataset_metadata: Any = None
    eval_results: dict[str, Any] | None = None
    eval_lines: list[dict[str, Any]] | None = None
    hyperparameters: dict[str, Any] | None = None
    source: str | None = "trainer"
    co2_eq_emissions: float | dict[str, Any] | None = None

    @classmethod
    def from_trainer(cls, trainer: Any, tags: Texts = None, model_name: str | None = None, **known: Any) -> Self:
        """What a trainer knows, besides what is said; fields that are None are filled in where it knows."""
        known = {name: value for name, value in known.items() if value is not None}
        data = trainer.train_dataset if trainer.train_dataset is not None else trainer.eval_dataset
        info = getattr(data, "info", None) if is_hf_dataset(data) else None
        builder = getattr(info, "builder_name", None)
        if builder and builder not in ("csv", "generator", "imagefolder", "json", "parquet", "text"):
            known = {"dataset_tags": builder, "dataset_args": info.config_name, **known}  # type: ignore[union-attr]
        if "dataset" not in known and "dataset_tags" in known:
            known["dataset"] = known["dataset_tags"]
        base = getattr(getattr(trainer.model, "config", None), "_name_or_path", None)
        if base and not Path(base).is_dir():
            known = {"finetuned_from": base, **known}
        name = type(trainer.model).__name__
        if task := next((task for end, task, _ in _TASKS if name.endswith(end)), None):
            known = {"tasks": task, **known}
        all_tags = [*_listed(tags), *_listed(getattr(trainer.model, "model_tags", None)), "generated_from_trainer"]
        _, rows, results = parse_log_history(trainer.state.log_history)
        if rows is None and results is not None:  # an evaluation without training
            results = parse_log_history([results, {"train_runtime": 0.0}])[2]
        return cls(
            model_name=model_name or Path(trainer.args.output_dir).absolute().name,
            tags=list(dict.fromkeys(all_tags)),
            eval_results=results,
            eval_lines=rows,
            hyperparameters=extract_hyperparameters_from_trainer(trainer),
            **known,
        )

    def create_metadata(self) -> dict[str, Any]:
        """What the hub reads of a card."""
        metrics = infer_metric_tags_from_eval_results(self.eval_results)
        values: dict[str, Any] = {
            "library_name": "transformers",
            "language": _listed(self.language),
            "license": self.license,
            "base_model": self.finetuned_from,
            "tags": _listed(self.tags),
            "datasets": _listed(self.dataset_tags),
            "metrics": list(metrics),
            "co2_eq_emissions": self.co2_eq_emissions,
        }
        return {name: value for name, value in values.items() if value not in (None, [])} | {
            "model-index": self.create_model_index(metrics)
        }

    def create_model_index(self, metric_mapping: Mapping[str, str]) -> list[dict[str, Any]]:
        """The results, for each task and each data set that is named."""
        names = {task: shown for _, task, shown in _TASKS}
        tags, sets, args = map(_listed, (self.dataset_tags, self.dataset, self.dataset_args))
        further = _listed(self.dataset_metadata)
        metrics = [
            {"name": shown, "type": tag, "value": (self.eval_results or {})[shown]} for tag, shown in metric_mapping.items()
        ]
        results = []
        for task in _listed(self.tasks) if tags and metrics else ():
            for index, tag in enumerate(tags):
                data = {"name": sets[index] if index < len(sets) else tag, "type": tag}
                data |= further[index] if index < len(further) and further[index] else {}
                data |= {"args": args[index]} if index < len(args) else {}
                shown = {"name": names.get(task, task.replace("-", " ").title()), "type": task}
                results.append({"task": shown, "dataset": data, "metrics": metrics})
        return [{"name": self.model_name, "results": results}]

    def to_model_card(self) -> str:
        """The text of a README.md."""
        import yaml

        # Values that occur twice are written twice, not as references.
        plain = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda self, data: True})
        header = yaml.dump(self.create_metadata(), Dumper=plain, sort_keys=False, allow_unicode=True)
        lines = [f"---\n{header}---", "", GENERATED, "", f"# {self.model_name}", "", self._origin()]
        if self.eval_results:
            lines += ["Results on the evaluation set:"]
            lines += [f"- {name}: {rounded(value)}" for name, value in self.eval_results.items()]
        for question in _QUESTIONS:
            lines += ["", f"## {question}", "", "Not stated."]
        lines += ["", "## Training procedure", "", "### Training hyperparameters", ""]
        lines += [f"- {name}: {value}" for name, value in (self.hyperparameters or {}).items()] or ["Not stated."]
        if self.eval_lines:
            lines += ["", "### Training results", "", make_markdown_table(self.eval_lines)]
        lines += ["", "### Framework versions", "", *(f"- {name} {release}" for name, release in _versions())]
        return "\n".join(lines) + "\n"

    def _origin(self) -> str:
        sets = _listed(self.dataset)
        base = self.finetuned_from
        from huggingface_hub import constants

        origin = f"[{base}]({constants.ENDPOINT}/{base}), trained further" if base else "Trained from new weights"
        return f"{origin} on {'data that is not named' if not sets else ' and '.join(sets)}."


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def _versions() -> list[tuple[str, str]]:
    versions = [("Bestiary", __version__)]
    for shown, name in (("Pytorch", "torch"), ("Datasets", "datasets"), ("Tokenizers", "tokenizers")):
        try:
            versions.append((shown, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return versions
