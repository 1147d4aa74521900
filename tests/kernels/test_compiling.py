"""Compiling the C kernels, and what is refused on the way."""

import os
import platform
import shutil
from pathlib import Path

import pytest
import torch

from bestiary.kernels import compiling, native
from bestiary.kernels.int4 import Int4Weight
from bestiary.kernels.int8 import Int8Weight

HAS_COMPILER = any(shutil.which(name) for name in ("cc", "gcc", "clang"))
X86 = platform.machine().lower() in ("x86_64", "amd64")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("BESTIARY_NATIVE_KERNELS", raising=False)
    monkeypatch.delenv("CC", raising=False)
    return tmp_path / "bestiary" / "kernels"


@pytest.mark.skipif(not HAS_COMPILER, reason="needs a C compiler")
@pytest.mark.parametrize("instructions", [*(["-mavx2 -mfma -mf16c"] if X86 else []), ""], ids=["avx2", "plain"])
def test_other_processors_compute_the_same(cache: Path, instructions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "avx2" in instructions and torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("this processor has no AVX2")
    monkeypatch.setattr(compiling, "_OPTIONS", (*compiling._OPTIONS, "-O1"))
    monkeypatch.setattr(compiling, "_INSTRUCTIONS", (instructions.split() or ["-O1"],))
    kernels = native.Native(compiling.compiled())
    assert kernels.instructions == ("AVX2" if instructions else kernels.instructions)
    assert not kernels.tiles
    monkeypatch.setattr(native, "WORTH_COMPILING", 0)
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(-128, 128, (50, 70), dtype=torch.int8, generator=generator)
    small = torch.randint(0, 16, (50, 64), dtype=torch.uint8, generator=generator)
    scales, table = torch.rand(50, generator=generator), torch.randn(16, generator=generator)
    groups, offsets = torch.rand(50, 4, generator=generator).half(), torch.randn(50, 4, generator=generator).half()
    for rows in (1, 2, 3, 9):
        x = torch.randn(rows, 70, generator=generator)
        results = []
        for off in ("on", "off"):
            monkeypatch.setenv("BESTIARY_NATIVE_KERNELS", off)
            monkeypatch.setattr(native, "_loaded", lambda: kernels)
            weight = Int4Weight.pack(small, table, groups, offsets)
            results.append(
                (
                    Int8Weight.pack(codes, scales).linear(x, outliers=2.0),
                    weight.linear(x[:, :64]),
                    weight.linear(x[:, :64].half()).float(),
                    weight.dequantize(torch.bfloat16),
                )
            )
        for ours, theirs in zip(*results, strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-3 if ours.dtype == torch.float32 else 1e-2, atol=2e-2)
        assert torch.allclose(results[0][0], results[1][0], rtol=1e-5, atol=1e-3)
        half = torch.randn(33, 70, generator=generator).half()
        assert torch.allclose(kernels.half_linear(x.half(), half, None), x.half() @ half.t(), rtol=1e-2, atol=1e-2)


def test_without_a_compiler_torch_serves_and_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(compiling.NoKernels, match="there is no C compiler"):
        compiling.compiled()
    native._loaded.cache_clear()
    try:
        assert native.native() is None
        assert "no C compiler" in native.why_not()
    finally:
        native._loaded.cache_clear()


def test_what_the_compiler_says_is_passed_on(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = cache.parent.parent / "broken"
    broken.write_text("#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho 'no such instruction' >&2\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setenv("CC", f"{broken} -v")
    with pytest.raises(compiling.NoKernels, match="no such instruction"):
        compiling.compiled()
    assert not list(cache.iterdir())


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs users")
def test_a_folder_that_others_write_is_refused(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    with pytest.raises(compiling.NoKernels, match="can be written by others"):
        compiling.own_folder()
    cache.chmod(0o700)
    assert compiling.own_folder() == cache


def test_they_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BESTIARY_NATIVE_KERNELS", "off")
    assert native.native() is None
    assert native.why_not() == "switched off by BESTIARY_NATIVE_KERNELS"


@pytest.mark.skipif(not HAS_COMPILER, reason="needs a C compiler")
def test_the_first_time_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def compile_nothing(command: list[str], sources: dict[str, bytes], target: Path) -> None:
        target.touch(0o700)

    monkeypatch.setattr(compiling, "_compile", compile_nothing)
    for _ in range(2):
        compiling.compiled()
    assert [each.getMessage() for each in caplog.records] == [
        f"compiling C kernels for this machine, once, into {cache}: some seconds (BESTIARY_NATIVE_KERNELS=0 does without them)"
    ]
