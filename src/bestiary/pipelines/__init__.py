"""Pipelines: from raw input to an answer in one call. One file per task in `tasks/`; the file's name is the task's."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "opening": ["pipeline", "get_task"],
        "base": ["Pipeline", "ChunkPipeline"],
        "registry": ["PIPELINE_REGISTRY", "PipelineRegistry", "TaskName"],
        "defaults": ["embedded_model_path"],
        "datasets": ["KeyDataset", "KeyPairDataset", "PipelineIterator"],
    },
    folders=["tasks"],
)
