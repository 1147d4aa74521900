"""Evaluations whose batches are cut, since memory ran out, give what uncut ones give."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.kit.training import config, rows

import bestiary
from bestiary.training.data import is_out_of_memory

FULL = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"


class Small(bestiary.Trainer):
    """Has memory for two rows."""

    seen: list[int]

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(len(inputs["input_ids"]))
        if self.seen[-1] > 2:
            raise RuntimeError(FULL)
        return super().compute_loss(model, inputs, *args, **kwargs)


def made(folder: Path, kind: str, trainer_class: Any, **options: Any) -> Any:
    bestiary.set_seed(0)
    model_class, settings = config(bestiary, kind, 0.0)
    args = bestiary.TrainingArguments(
        str(folder), per_device_eval_batch_size=8, use_cpu=True, disable_tqdm=True, report_to=[], **options
    )
    trainer = trainer_class(model_class(settings), args, eval_dataset=rows(kind, 11))
    trainer.seen = []
    return trainer


@pytest.mark.parametrize("kind", ["classifier", "causal"])
def test_cut_evaluations_give_what_uncut_ones_give(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    whole = made(tmp_path, kind, bestiary.Trainer).predict(rows(kind, 11))
    trainer = made(tmp_path, kind, Small, auto_find_batch_size=True)
    with caplog.at_level(logging.WARNING, "bestiary"):
        cut = trainer.predict(rows(kind, 11))
    assert trainer.seen == [8, 4, 2, 2, 2, 2, 1, 1, 1]
    assert trainer.progress.parts == 1  # training is not cut
    assert cut.metrics["test_loss"] == pytest.approx(whole.metrics["test_loss"], rel=1e-5)
    assert np.allclose(cut.predictions, whole.predictions, atol=1e-5)
    assert np.array_equal(cut.label_ids, whole.label_ids)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(cut.metrics["test_loss"], rel=1e-5)
    told = [each.getMessage() for each in caplog.records if "Out of memory" in each.getMessage()]
    assert [each.rpartition(" ")[2] for each in told] == ["2", "4"]
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        made(tmp_path, kind, Small).evaluate()


@pytest.mark.parametrize(
    "text",
    [
        FULL,
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: out of memory",
        "HIP out of memory. Tried to allocate 2.00 GiB",
        "MPS backend out of memory (MPS allocated: 1 GB)",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED.",
    ],
)
def test_the_words_in_which_memory_ends(text: str) -> None:
    assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(ValueError(text))
    assert not is_out_of_memory(RuntimeError("CUDA error: device-side assert triggered"))
