"""Which checkpoint a program begins with."""

from dataclasses import dataclass
from typing import Any

from ..core.argument_parser import HfArg


@dataclass
class ModelChoice:
    """A checkpoint: a folder, or a name on the hub."""

    model_name_or_path: str = HfArg(help="The checkpoint to begin with")
    tokenizer_name: str | None = HfArg(default=None, help="Another one for the tokenizer, or the processor")
    cache_dir: str | None = HfArg(default=None, help="Where files of the hub are kept")
    model_revision: str = HfArg(default="main", help="Branch, tag or commit on the hub")
    ignore_mismatched_sizes: bool = HfArg(default=False, help="Make weights anew whose shape does not fit, as of another head")

    @property
    def source(self) -> dict[str, Any]:
        """Keywords of `from_pretrained` of all classes."""
        return {"cache_dir": self.cache_dir, "revision": self.model_revision}

    @property
    def weights(self) -> dict[str, Any]:
        """Those of a model's."""
        return {**self.source, "ignore_mismatched_sizes": self.ignore_mismatched_sizes}

    @property
    def preprocessor(self) -> str:
        """Where the tokenizer or processor is."""
        return self.tokenizer_name or self.model_name_or_path
