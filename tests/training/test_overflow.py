"""What `DebugUnderflowOverflow` prints and when it ends a run, beside the published one."""

from types import ModuleType
from typing import Any

import pytest
import torch
from tests.kit import search
from torch import nn
from transformers import debug_utils

import bestiary
from bestiary.core.errors import NumericsError
from bestiary.training import overflow

LIBRARIES = (overflow, debug_utils)


class Net(nn.Module):
    """Modules with and without weights; a tuple with a None comes out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.first, self.drop, self.last = nn.Embedding(5, 4), nn.Linear(4, 4), nn.Dropout(0.0), nn.Linear(4, 2)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.last(self.drop(self.first(self.embed(ids)))), None


def printed(library: ModuleType, capsys: Any, spoil: Any = None, **options: Any) -> tuple[list[str], str]:
    """Lines that are not empty of three batches, before the second of which `spoil` changes the weights; the error."""
    net = Net()
    library.DebugUnderflowOverflow(net, **options)
    capsys.readouterr()
    error = ""
    try:
        for number in range(3):
            if number == 1 and spoil is not None:
                with torch.no_grad():
                    spoil(net)
            net(torch.tensor([0, number]))
    except ValueError as raised:
        error = str(raised)
    return [line for line in capsys.readouterr().out.splitlines() if line], error


def infinite(net: Net) -> None:
    net.last.weight[0, 0] = float("inf")


def no_number(net: Net) -> None:
    net.first.bias[0] = float("nan")


@pytest.mark.parametrize(
    ("spoil", "options", "ends"),
    [
        (infinite, {"max_frames_to_save": 5}, "inf or NaN in last during batch 1"),
        (infinite, {}, "inf or NaN in last during batch 1"),
        (no_number, {}, "inf or NaN in first during batch 1"),
        (no_number, {"max_frames_to_save": 1}, "inf or NaN in first during batch 1"),
        (None, {"trace_batch_nums": [1]}, ""),
        (None, {"trace_batch_nums": [0, 2]}, ""),
        (infinite, {"trace_batch_nums": [1]}, "during batch 2"),  # a traced batch is printed whole
        (None, {"trace_batch_nums": [0], "abort_after_batch_num": 1}, "the run ends after 2 batches"),
        (None, {"abort_after_batch_num": 0}, "the run ends after 1 batches"),
    ],
)
def test_what_is_printed(spoil: Any, options: dict[str, Any], ends: str, capsys: Any) -> None:
    (ours, error), (theirs, published) = (printed(library, capsys, spoil, **options) for library in LIBRARIES)
    assert ours == theirs
    assert bool(ours) or ends.endswith("1 batches")
    assert bool(error) == bool(published) == bool(ends)
    assert ends in error


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64])
def test_lines_of_tensors(dtype: torch.dtype, capsys: Any) -> None:
    values = torch.tensor([[-3, 0], [1, 2]]).to(dtype)
    spoiled = [values]
    if dtype.is_floating_point:
        spoiled += [torch.tensor([1.0, float("inf")]).to(dtype), torch.tensor([float("nan"), float("-inf")]).to(dtype)]
    for each in spoiled:
        told = []
        for library in LIBRARIES:
            found = library.detect_overflow(each, "here") if each.is_floating_point() or library is overflow else False
            told.append((found, library.get_abs_min_max(each, "here"), capsys.readouterr().out))
        assert told[0] == told[1]


def test_the_parts_of_a_frame(capsys: Any) -> None:
    """Each method by itself does what the published one does; a subclass that replaces one is asked."""
    told: list[Any] = []
    for library in LIBRARIES:
        net = Net()
        watcher = library.DebugUnderflowOverflow(net)
        watcher.frame = []
        steps: list[Any] = []
        for name, given in (
            ("expand_frame", ("line",)),
            ("save_frame", ("last",)),
            ("batch_start_frame", ()),
            ("save_frame", ()),
            ("analyse_variable", (torch.tensor([1.0, -2.0]), "here")),
            ("analyse_variable", (None, "none")),
            ("analyse_variable", ("text", "other")),
            ("create_frame", (net.last, (torch.ones(1, 4),), (torch.ones(1, 2), None))),
            ("save_frame", ()),
            ("batch_end_frame", ()),
            ("dump_saved_frames", ()),
            ("analyse_variable", (torch.tensor([float("inf")]), "big")),
            ("save_frame", ()),
            ("trace_frames", ()),
            ("reset_saved_frames", ()),
        ):
            getattr(watcher, name)(*given)
            printed_lines = [line for line in capsys.readouterr().out.splitlines() if line]
            steps.append((name, list(watcher.frame), list(watcher.frames), printed_lines, watcher.detected_overflow))
        told.append((steps, watcher.prefix, list(watcher.module_names.values())))
    assert told[0] == told[1]

    class Counting(overflow.DebugUnderflowOverflow):
        seen: list[str] = []

        def analyse_variable(self, var: Any, ctx: str) -> None:
            self.seen.append(ctx)
            super().analyse_variable(var, ctx)

    net = Net()
    Counting(net)
    net(torch.tensor([0]))
    assert Counting.seen[:3] == ["weight", "input[0]", "output"]


def test_it_may_stop_watching(capsys: Any) -> None:
    net = Net()
    watcher = overflow.DebugUnderflowOverflow(net)
    watcher.remove()
    infinite_weight = torch.full_like(net.last.weight, float("inf"))
    net.last.weight.data.copy_(infinite_weight)
    net(torch.tensor([0]))
    assert capsys.readouterr().out == ""


class Exploding(search.Regression):
    """No number from the third batch on."""

    batches = 0

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        self.batches += 1
        if self.batches == 3:
            self.line.weight.data.fill_(float("nan"))
        return super().forward(x, labels)


def test_a_trainer_watches_its_model(tmp_path: Any, capsys: Any) -> None:
    args = search.arguments(tmp_path, debug="underflow_overflow", max_steps=6)
    trainer = bestiary.Trainer(Exploding(), args, train_dataset=search.ROWS)
    with pytest.raises(NumericsError, match="inf or NaN in line during batch 2"):
        trainer.train()
    lines = capsys.readouterr().out
    assert "weight has nans" in lines
    assert "Detected inf/nan during batch_number=2" in lines
    assert trainer.state.global_step == 2


def test_a_trainer_that_is_not_asked_does_not(tmp_path: Any, capsys: Any) -> None:
    trainer = bestiary.Trainer(search.Regression(), search.arguments(tmp_path, max_steps=1), train_dataset=search.ROWS)
    trainer.train()
    assert "abs min" not in capsys.readouterr().out
    assert not any(module._forward_hooks for module in trainer.model.modules())
