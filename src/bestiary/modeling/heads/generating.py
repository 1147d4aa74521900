"""Where generation meets models: the one file of `modeling/` that knows it."""

import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from ...batching.mixin import ContinuousMixin
from ...generation.config import GenerationConfig
from ...generation.mixin import Generating
from ...hub.code.files import GENERATE
from ...hub.code.opening import open_generate
from ...hub.code.options import CodeOptions
from ...hub.files import HubOptions, find_file
from ...structured.mixin import StructuredMixin
from ..early_exit import first_layers
from ..parts import FurtherSettings


class GenerationMixin(Generating, StructuredMixin, ContinuousMixin, FurtherSettings):
    """What a model with a language-modelling head can do besides its forward."""

    def open_settings(self, name_or_path: Any, config: GenerationConfig | None, hub: HubOptions, code: CodeOptions) -> None:
        """Take the generation settings `config`, else those in the checkpoint's file, else those that its config holds.

        Without `config`, a checkpoint that has a `generate` of its own gives it to the model, where the caller allows code.
        """
        if not self.can_generate():
            return
        if code.trust_remote_code and config is None and name_or_path is not None:
            if find_file(name_or_path, GENERATE, replace(hub, subfolder="")) is not None:
                self.__dict__["generate"] = partial(open_generate(name_or_path, hub, code), model=self)
        if config is not None:
            self.generation_config = copy.deepcopy(config)
        elif name_or_path is not None and (path := find_file(name_or_path, GenerationConfig.file_name, hub)) is not None:
            self.generation_config = GenerationConfig.from_pretrained(path)
        else:
            self.generation_config = GenerationConfig.from_model_config(self._model.config)

    def save_settings(self, folder: Path) -> list[Path]:
        """Write the generation settings; returns the paths written."""
        return [Path(path) for path in self.generation_config.save_pretrained(folder)] if self.can_generate() else []

    def first_layers(self, count: int) -> tuple[Self, int]:
        """A model of the first `count` layers and the head, with the same weights, and how many layers this one has."""
        return first_layers(self, count)
