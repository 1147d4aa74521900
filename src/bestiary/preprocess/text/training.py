"""Training a tokenizer of the same kind on new texts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer, pre_tokenizers, trainers

from ...core.errors import InputError
from ...core.kinds import Length, check
from .special_tokens import EXTRA, ROLES

_TRAINERS = {
    "BPE": trainers.BpeTrainer,
    "WordPiece": trainers.WordPieceTrainer,
    "Unigram": trainers.UnigramTrainer,
    "WordLevel": trainers.WordLevelTrainer,
}


def train(
    source: Tokenizer,
    texts: Iterable[Any],
    vocab_size: int,
    length: int | None,
    new_special_tokens: Sequence[Any],
    renamed: Mapping[str, str],
    options: Mapping[str, Any],
) -> Tokenizer:
    """A Rust tokenizer with the pipeline of `source` and a vocabulary trained on `texts`.

    Args:
        texts: texts or batches of texts; length: their number, for the progress bar.
        new_special_tokens: special tokens besides those there are; renamed: old special token -> new text for it.
        options: further settings of the trainer of the `tokenizers` package.

    Raises:
        InputError: the model is of a kind that cannot be trained.
    """
    pipeline = json.loads(source.to_str())
    kind = pipeline["model"]["type"]
    if kind not in _TRAINERS:
        raise InputError(f"a tokenizer with a model of kind {kind} cannot be trained; kinds that can: {', '.join(_TRAINERS)}")
    added = pipeline.pop("added_tokens")
    unknown = _empty_model(pipeline["model"], renamed)
    pipeline["added_tokens"] = []
    processor, pipeline["post_processor"] = pipeline["post_processor"], None
    rust = Tokenizer.from_str(json.dumps(pipeline))
    special = [renamed.get(token["content"], token["content"]) for token in added if token["special"] or kind == "Unigram"]
    special += [token if isinstance(token, str) else token.content for token in new_special_tokens]
    settings = dict(options)
    if unknown is not None and kind == "Unigram":
        settings.setdefault("unk_token", unknown)
    if _is_byte_level(pipeline) and kind == "BPE":
        settings.setdefault("initial_alphabet", pre_tokenizers.ByteLevel.alphabet())
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if kind in ("BPE", "WordPiece") and pipeline["model"].get(name) is not None:
            settings.setdefault(name, pipeline["model"][name])
    settings["special_tokens"] = list(dict.fromkeys([*special, *settings.get("special_tokens", [])]))
    check("train_new_from_iterator", "vocab_size", vocab_size, Length)
    if not isinstance(texts, Iterable):
        raise InputError(f"training needs texts or batches of texts, not {type(texts).__name__} {texts!r:.60}")
    trainer = _TRAINERS[kind](vocab_size=vocab_size, **{"show_progress": False, **settings})
    rust.train_from_iterator(texts, trainer=trainer, length=length)
    return _finish(rust, added, processor, renamed)


def _empty_model(model: dict[str, Any], renamed: Mapping[str, str]) -> str | None:
    """Take the vocabulary out of a stored model; returns the unknown token."""
    unknown = model.get("unk_token")
    if model["type"] == "Unigram":
        unknown = model["vocab"][model["unk_id"]][0] if model["unk_id"] is not None else None
        model["vocab"], model["unk_id"] = ([[unknown, 0.0]], 0) if unknown is not None else ([], None)
    else:
        model["vocab"] = {}
        if "merges" in model:
            model["merges"] = []
        if unknown is not None:
            model["unk_token"] = renamed.get(unknown, unknown)
    return None if unknown is None else renamed.get(unknown, unknown)


def _is_byte_level(pipeline: Mapping[str, Any]) -> bool:
    pre_tokenizer = pipeline["pre_tokenizer"] or {}
    return any(part["type"] == "ByteLevel" for part in pre_tokenizer.get("pretokenizers", [pre_tokenizer]) if part)


def _finish(rust: Tokenizer, added: Sequence[Mapping[str, Any]], processor: Any, renamed: Mapping[str, str]) -> Tokenizer:
    """Put back how added tokens match and what adds special tokens, with their new ids."""
    whole = json.loads(rust.to_str())
    ids = {token["content"]: token["id"] for token in whole["added_tokens"]}
    matching = {renamed.get(token["content"], token["content"]): token for token in added}
    for token in whole["added_tokens"]:
        old = matching.get(token["content"])
        if old is not None:
            token.update({name: old[name] for name in ("single_word", "lstrip", "rstrip", "normalized", "special")})
    whole["post_processor"] = _renumber(processor, {**rust.get_vocab(), **ids}, renamed)
    return Tokenizer.from_str(json.dumps(whole))


def _renumber(processor: Any, ids: Mapping[str, int], renamed: Mapping[str, str]) -> Any:
    """A stored post-processor with the ids (and names) that special tokens have now."""
    if not processor:
        return processor
    if processor["type"] == "Sequence":
        return {**processor, "processors": [_renumber(part, ids, renamed) for part in processor["processors"]]}
    if processor["type"] in ("BertProcessing", "RobertaProcessing"):
        ends = {end: renamed.get(processor[end][0], processor[end][0]) for end in ("sep", "cls")}
        return {**processor, **{end: [token, ids[token]] for end, token in ends.items()}}
    if processor["type"] != "TemplateProcessing":
        return processor
    result = json.loads(json.dumps(processor))
    result["special_tokens"] = {}
    for name, entry in processor["special_tokens"].items():
        tokens = [renamed.get(token, token) for token in entry["tokens"]]
        new = renamed.get(name, name)
        result["special_tokens"][new] = {"id": new, "ids": [ids[token] for token in tokens], "tokens": tokens}
    for piece in [*result["single"], *result["pair"]]:
        if "SpecialToken" in piece:
            old = piece["SpecialToken"]["id"]
            piece["SpecialToken"]["id"] = renamed.get(old, old)
    return result


def renamed_options(options: Mapping[str, Any], renamed: Mapping[str, str], new: Sequence[Any]) -> dict[str, Any]:
    """The `options` of the old tokenizer for the trained one: special tokens `renamed`, the `new` ones beside them."""
    settings = dict(options)
    for role in ROLES:
        if settings.get(role) is not None:
            settings[role] = renamed.get(settings[role], settings[role])
    settings[EXTRA] = [*(renamed.get(token, token) for token in options[EXTRA]), *new]
    return settings
