"""Parts of the published pipelines that code of others derives from or writes in its annotations."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from ..core.errors import InputError
from ..pipelines.exception import PipelineException as PipelineException

GenericTensor = list[Any] | Tensor  # the lists hold tensors or such lists


class ArgumentHandler(ABC):
    """What a pipeline of somebody's has to bring its inputs into one form."""

    @abstractmethod
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The inputs in that form."""


def no_collate_fn(items: Sequence[Any]) -> Any:
    """The one example of a batch.

    Raises:
        InputError: there are none, or several, which nothing pads.
    """
    if len(items) != 1:
        raise InputError(f"a batch of {len(items)} examples is not put together here; use batch_size=1")
    return items[0]


class PipelineDataset(Dataset[Any]):
    """An indexable data set each of whose rows goes through `process`, called with the keywords `params`."""

    def __init__(self, dataset: Any, process: Callable[..., Any], params: dict[str, Any]) -> None:
        self.dataset, self.process, self.params = dataset, process, params

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.process(self.dataset[index], **self.params)
