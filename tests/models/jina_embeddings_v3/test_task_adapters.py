"""The tasks of Jina Embeddings v3, each an adapter in a subfolder of the checkpoint: as the reference computes them by peft."""

import warnings
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import transformers
from kit.families import close, pair
from peft import LoraConfig

from bestiary import JinaEmbeddingsV3Model

TASKS = ("retrieval_query", "retrieval_passage", "classification")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the model with an adapter in a subfolder for each task, on words, attention and MLP."""
    folder = tmp_path_factory.mktemp("jina")
    pair("jina_embeddings_v3", "JinaEmbeddingsV3Model").reference.save_pretrained(folder)
    for task in TASKS:
        model = transformers.JinaEmbeddingsV3Model.from_pretrained(folder)
        modules = ["word_embeddings", "q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"]
        model.add_adapter(LoraConfig(r=3, lora_alpha=2, target_modules=modules, init_lora_weights=False))
        model.save_pretrained(folder / task)
    return folder


def test_each_task_gives_the_embeddings_of_the_reference(checkpoint: Path) -> None:
    ours, theirs = (kind.from_pretrained(checkpoint) for kind in (JinaEmbeddingsV3Model, transformers.JinaEmbeddingsV3Model))
    inputs = pair("jina_embeddings_v3", "JinaEmbeddingsV3Model").inputs
    real = inputs["attention_mask"].bool()
    for task in TASKS:
        ours.load_adapter(str(checkpoint), adapter_name=task, adapter_kwargs={"subfolder": task})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # peft tells the reference of each further adapter
            theirs.load_adapter(str(checkpoint), adapter_name=task, adapter_kwargs={"subfolder": task})
    seen = []
    with torch.no_grad():
        for task in TASKS:
            ours.set_adapter(task)
            theirs.set_adapter(task)
            seen.append(ours(**inputs).last_hidden_state)
            close(seen[-1], theirs.eval()(**inputs).last_hidden_state, task, real)
        ours.disable_adapters()
        theirs.disable_adapters()
        close(ours(**inputs).last_hidden_state, theirs(**inputs).last_hidden_state, "no task", real)
    assert all((one - other).abs().max() > 1e-3 for one, other in pairwise(seen))
