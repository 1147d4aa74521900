"""Parts of the published pipelines that code of others derives from or writes in its annotations."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from ..pipelines.exception import PipelineException as PipelineException

GenericTensor = list[Any] | Tensor  # the lists hold tensors or such lists


class PipelineDataset(Dataset[Any]):
    """An indexable data set each of whose rows goes through `process`, called with the keywords `params`."""

    def __init__(self, dataset: Any, process: Callable[..., Any], params: dict[str, Any]) -> None:
        self.dataset, self.process, self.params = dataset, process, params

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.process(self.dataset[index], **self.params)
