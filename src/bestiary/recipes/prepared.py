"""What a recipe's training works on: rows, tokenizer or processor, config and features; weights are not opened for it."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from ..auto import AutoConfig
from ..core.errors import ArgumentError
from ..training.data_files import Rows
from ..training.language_task import texts_of
from ..training.task import Features
from .new_model import NewModel, trained_tokenizer
from .recipe import Recipe


@dataclass
class Prepared:
    """A recipe and what it needs.

    Fields:
        rows: of train, validation and test, those that there are.
    """

    recipe: Recipe
    rows: dict[str, Rows]

    @classmethod
    def of(cls, recipe: Recipe) -> "Prepared":
        """Read the rows of a recipe."""
        return cls(recipe, recipe.data.rows(validate=recipe.args.do_eval))

    @cached_property
    def preprocessor(self) -> Any:
        """The tokenizer or processor: of the checkpoint, or trained on the rows.

        Raises:
            ArgumentError: none can be trained for this task.
        """
        recipe, choice, opener = self.recipe, self.recipe.model, self._opener("preprocessor")
        if not isinstance(choice, NewModel):
            return opener.from_pretrained(choice.preprocessor, **choice.source)
        if choice.tokenizer_name is not None:
            return opener.from_pretrained(choice.tokenizer_name)
        if recipe.task.needs_template:
            raise ArgumentError(
                f"{recipe.path}: a new model for {recipe.task_name} needs tokenizer_name, of a checkpoint whose tokenizer has a"
                " chat template; one that is trained on texts has none"
            )
        if recipe.task.preprocessor_class != "AutoTokenizer" or "train" not in self.rows:
            raise ArgumentError(f"{recipe.path}: a new model for {recipe.task_name} needs tokenizer_name, of a checkpoint")
        column = getattr(recipe.task, "text_column_name", None)
        longest = getattr(self._new_config({}), "max_position_embeddings", None) or 1024
        return trained_tokenizer(texts_of(self.rows["train"], column), choice.vocab_size, longest)

    @cached_property
    def config(self) -> Any:
        """The model's config, with the labels of the rows."""
        choice, labels = self.recipe.model, self.recipe.task.config_values(self.rows.get("train"))
        if not isinstance(choice, NewModel):
            return AutoConfig.from_pretrained(choice.model_name_or_path, **choice.source, **labels)
        signs = ("bos_token_id", "eos_token_id", "pad_token_id")
        special_ids = {name: getattr(self.preprocessor, name, None) for name in signs}
        tokens = {"vocab_size": len(self.preprocessor)} if hasattr(self.preprocessor, "__len__") else {}
        return self._new_config(
            {**tokens, **{name: value for name, value in special_ids.items() if value is not None}, **labels}
        )

    def _new_config(self, values: dict[str, Any]) -> Any:
        choice: Any = self.recipe.model
        return AutoConfig.for_model(choice.model_type, **{**values, **(choice.config or {})})

    @cached_property
    def features(self) -> dict[str, Features]:
        """The rows of each part as the model takes them."""
        task = self.recipe.task
        return {part: task.features(self.rows[part], self.preprocessor, self.config, part == "train") for part in self.rows}

    def shapes(self) -> Any:
        """The model on the device "meta": without any weights."""
        with torch.device("meta"):
            return self._opener("model").from_config(self.config)

    def model(self) -> Any:
        """The model to train, in fp32: opened, or with new weights."""
        choice, opener = self.recipe.model, self._opener("model")
        if isinstance(choice, NewModel):
            return opener.from_config(self.config)
        return opener.from_pretrained(choice.model_name_or_path, config=self.config, dtype=torch.float32, **choice.weights)

    def _opener(self, what: str) -> Any:
        from .. import auto

        return getattr(auto, getattr(self.recipe.task, f"{what}_class"))

    def contents(self) -> dict[str, str]:
        """Of each part its number of rows and a digest of what they hold."""
        return {part: f"{len(rows):,} rows, {_digest(rows)}" for part, rows in self.rows.items()}


def _digest(rows: Rows) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:16]
