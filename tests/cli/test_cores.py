"""How many cores are counted as free, from files that stand for the kernel's."""

import os
from pathlib import Path

import pytest
from kit import checkpoints

from bestiary.cli import cores
from bestiary.cli.options import Opening


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four usable cores of eight, no cgroup limit, a clock that stands still."""
    monkeypatch.setattr(cores, "affinity", lambda: {0, 1, 2, 3})
    monkeypatch.setattr(cores, "_STAT", tmp_path / "stat")
    monkeypatch.setattr(cores, "_GROUPS", tmp_path)
    monkeypatch.setattr(cores.time, "monotonic", lambda: float((tmp_path / "clock").read_text()))
    monkeypatch.setattr(cores, "_own_seconds", lambda: float((tmp_path / "own").read_text()))
    at(tmp_path, 0.0, own=0.0, idle=[0.0] * 8)
    return tmp_path


def at(machine: Path, clock: float, own: float, idle: list[float]) -> None:
    """The kernel's counters at the second `clock`; `idle` and `own` are seconds of a core."""
    ticks = os.sysconf("SC_CLK_TCK")
    lines = [f"cpu{core} 7 7 7 {round(seconds * ticks)} 0 7 7 7 7 7" for core, seconds in enumerate(idle)]
    (machine / "stat").write_text("\n".join(["cpu 1 1 1 1 1 1 1 1 1 1", *lines, "intr 7 7", ""]))
    (machine / "clock").write_text(str(clock))
    (machine / "own").write_text(str(own))


@pytest.mark.parametrize(
    ("own", "idle", "free"),
    [
        (0.0, [2.0] * 8, 4),  # nobody works
        (2.0, [0.0, *[2.0] * 7], 4),  # only this process does
        (1.0, [0.5, 0.5, 1.0, 1.0, *[0.0] * 4], 2),  # others take half
        (0.5, [0.0] * 4 + [2.0] * 4, 1),  # all of ours are busy, whatever the rest do
    ],
)
def test_idle_cores_of_the_mask_and_the_own_work_are_counted(machine: Path, own: float, idle: list[float], free: int) -> None:
    watch = cores.IdleCores()
    at(machine, 2.0, own, idle)
    assert watch.count() == free


@pytest.mark.parametrize(
    ("files", "usable"),
    [
        ({}, 4),
        ({"cpu.max": "max 100000\n"}, 4),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "20000 100000\n"}, 1),
        ({"cpu.max": "900000 100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
    ],
)
def test_the_limit_of_the_cgroup(machine: Path, files: dict[str, str], usable: int) -> None:
    for name, text in files.items():
        (machine / name).parent.mkdir(exist_ok=True)
        (machine / name).write_text(text)
    assert cores.usable_cores() == usable
    watch = cores.IdleCores()
    at(machine, 1.0, 0.0, [1.0] * 8)
    assert watch.count() == usable


@pytest.mark.parametrize(("load", "free"), [(0.2, 4), (2.6, 1), (1.7, 2), (9.0, 1)])
def test_without_the_kernel_s_counters_the_load_counts(
    machine: Path, monkeypatch: pytest.MonkeyPatch, load: float, free: int
) -> None:
    (machine / "stat").unlink()
    monkeypatch.setattr(cores.os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert cores.IdleCores().count() == free


@pytest.mark.parametrize(
    ("option", "variable", "of_torch", "free", "threads"),
    [(3, "2", 2, 4, 3), (None, "6", 6, 1, 6), (None, None, 6, 4, 4), (None, None, 2, 4, 2), (None, None, 2, 1, 1)],
)
def test_threads(
    monkeypatch: pytest.MonkeyPatch, option: int | None, variable: str | None, of_torch: int, free: int, threads: int
) -> None:
    """Those of the option, else what torch read from the variable, else the free cores, never more than torch takes."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if variable is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    monkeypatch.setattr(cores.IdleCores, "count", lambda self: free)
    used: list[int] = []
    monkeypatch.setattr("torch.get_num_threads", lambda: of_torch)
    monkeypatch.setattr("torch.set_num_threads", used.append)
    Opening(model=str(checkpoints.llama()), threads=option).pipeline("text-generation")
    assert used == [threads]
