"""One vector for a text, by the `summary_*` fields of a config."""

from torch import Tensor, nn

from ...core.errors import ConfigError
from ...nn.activations import activation, identity
from ...nn.pooling import first_real, last_real
from ..config import PreTrainedConfig

SUMMARIES = ("last", "first", "mean", "cls_index")


def summary_size(config: PreTrainedConfig, labels: int) -> int:
    """The width of a summary that may be projected to so many labels."""
    projects = config.get("summary_use_proj", False) and config.get("summary_proj_to_labels", False)
    size: int = labels if projects else config.get("hidden_size")
    return size


class SequenceSummary(nn.Module):
    """One of a text's states (or their mean), projected, as the `summary_*` fields say.

    With `summary_proj_to_labels` the vector has `labels` numbers; without these it is the score of a choice, one number.
    """

    def __init__(self, config: PreTrainedConfig, labels: int | None = None) -> None:
        super().__init__()
        kind, project = config.get("summary_type", "last"), config.get("summary_use_proj", False)
        act = config.get("summary_activation")
        if kind not in SUMMARIES:
            raise ConfigError(f"summary_type is {kind!r}; expected one of {', '.join(SUMMARIES)}")
        self.summary_type, width = kind, config.get("hidden_size")
        self.scalar = labels is None and project and config.get("summary_proj_to_labels", False)
        self.summary = nn.Linear(width, summary_size(config, labels or 1)) if project else nn.Identity()
        self.activation = activation(act) if act else identity
        first, last = (config.get(f"summary_{place}_dropout", 0.0) for place in ("first", "last"))
        self.first_dropout = nn.Dropout(first) if first else nn.Identity()
        self.last_dropout = nn.Dropout(last) if last else nn.Identity()

    def forward(self, x: Tensor, index: Tensor | None = None, real: Tensor | None = None) -> Tensor:
        """(..., T, D) -> (...), or (..., D) without a score, or (..., labels).

        Args:
            index: (...), the place of the state that stands for the text; None for its last.
            real: (..., T), True where a token is no padding; None where all are.
        """
        if real is not None:
            index = first_real(real) if self.summary_type == "first" else last_real(real) if index is None else index
        if self.summary_type == "mean":
            state = x.mean(dim=-2) if real is None else (x * real[..., None]).sum(-2) / real.sum(-1, keepdim=True)
        elif self.summary_type == "first" and real is None:
            state = x[..., 0, :]
        elif index is not None:
            state = x.take_along_dim(index[..., None, None], dim=-2).squeeze(-2)
        else:
            state = x[..., -1, :]
        result: Tensor = self.last_dropout(self.activation(self.summary(self.first_dropout(state))))
        return result.squeeze(-1) if self.scalar else result
