"""Samples that a model is calibrated on: inputs of its `forward`, a batch each."""

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ConfigError, CorruptFile, InputError
from ...preprocess.text.tokenizer import PreTrainedTokenizerFast

Inputs = dict[str, Any]

_PUBLISHED = ("wikitext2", "c4", "c4-new", "ptb", "ptb-new")
_FEWEST = 32  # tokens
_USUAL_LENGTH = 2048  # of samples in the paper


def check_dataset(dataset: Any, tokenizer: Any) -> None:
    """Refuse, before a weight is read, what gives no samples.

    Raises:
        ConfigError: there is no data, or no tokenizer for texts.
    """
    if dataset is None:
        raise ConfigError(
            "GPTQ calibrates layers on data: pass dataset=, a list of texts or the path of a file of them, or open files that"
            " are quantized already"
        )
    if isinstance(dataset, str | Path):
        if not Path(dataset).is_file():
            hint = "no data set is fetched: " if str(dataset) in _PUBLISHED else ""
            raise ConfigError(
                f"dataset is {str(dataset)!r:.100}, which is no file: {hint}pass a list of texts or the path of a file"
            )
    elif not isinstance(dataset, Sequence) or not len(dataset):
        found = "empty" if isinstance(dataset, Sequence) else f"a {type(dataset).__name__}"
        raise ConfigError(f"dataset is {found}; expected a list of texts or rows of token ids, or the path of a file of texts")
    if (isinstance(dataset, str | Path) or isinstance(dataset[0], str)) and tokenizer is None:
        raise ConfigError("dataset holds texts, and there is no tokenizer: pass tokenizer=, itself or the folder it lies in")


def samples_of(dataset: Any, tokenizer: Any, model: Any, length: int | None, batch_size: int) -> list[Inputs]:
    """Batches of inputs for `model`.

    Args:
        dataset: texts, rows of token ids, tables of inputs, or the path of a file (`texts_of_file`). Longer ones are cut into
            several. length: tokens of a sample; None: what the model takes, at most 2048.
        batch_size: samples of one length are put together, up to so many.

    Raises:
        ConfigError: as `check_dataset`. InputError: hardly any tokens.
    """
    check_dataset(dataset, tokenizer)
    entries: Iterable[Any] = texts_of_file(Path(dataset)) if isinstance(dataset, str | Path) else dataset
    if isinstance(tokenizer, str | Path):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer)
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None) or _USUAL_LENGTH
    size = length or min(most, _USUAL_LENGTH)
    tables: list[Inputs] = []
    windows: list[Tensor] = []
    for entry in entries:
        if isinstance(entry, Mapping) and entry.keys() != {"input_ids"}:
            tables.append(dict(entry))
            continue
        row = tokenizer(entry, verbose=False) if isinstance(entry, str) else entry
        try:
            ids = torch.as_tensor(row["input_ids"] if isinstance(row, Mapping) else row, dtype=torch.long)
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise InputError(f"dataset holds {row!r:.80}; expected texts, rows of token ids, or tables of inputs") from error
        windows += ids.flatten().split(size)
    windows = [window for window in windows if len(window) > 1]
    count = sum(map(len, windows))
    if not tables and count < _FEWEST:
        raise InputError(
            f"dataset holds {count} tokens, which says too little about layers: expected thousands, at least {_FEWEST}"
        )
    names = ["input_ids", "decoder_input_ids"] if model.config.is_encoder_decoder else ["input_ids"]
    takes_mask = "attention_mask" in inspect.signature(model.forward).parameters
    for batch in _batches(windows, batch_size):
        mask = {"attention_mask": torch.ones_like(batch)} if takes_mask else {}  # even where a token is that of padding
        tables.append({**dict.fromkeys(names, batch), **mask})
    fixed = _fixed_inputs(model)
    return [{name: _on(value, model.device) for name, value in table.items()} | fixed for table in tables]


def _on(value: Any, device: torch.device) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


def _fixed_inputs(model: Any) -> Inputs:
    """No cache is filled."""
    return {"use_cache": False} if "use_cache" in inspect.signature(model.forward).parameters else {}


def _batches(windows: list[Tensor], batch_size: int) -> Iterable[Tensor]:
    """Windows of one length together, so that none is filled up."""
    by_length: dict[int, list[Tensor]] = {}
    for window in windows:
        by_length.setdefault(len(window), []).append(window)
    for same in by_length.values():
        for start in range(0, len(same), batch_size):
            yield torch.stack(same[start : start + batch_size])


def texts_of_file(path: Path) -> list[str]:
    """Texts of a file: the field "text" of each line of a .jsonl or .json file, else the file as one text.

    Raises:
        CorruptFile: a line is no JSON, or has no text.
    """
    content = path.read_text(encoding="utf-8")
    if path.suffix not in (".jsonl", ".json"):
        return [content]
    texts = []
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            try:
                texts.append(str(json.loads(line)["text"]))
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise CorruptFile(f'{path}, line {number}: expected JSON with a field "text"') from error
    if not texts:
        raise ConfigError(f"{path} holds no text")
    return texts
