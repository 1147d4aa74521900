"""Every test of products runs by what torch has, and by the C kernels where there is a compiler."""

from collections.abc import Callable, Iterator

import pytest

from bestiary.kernels import compiling, elements, native


@pytest.fixture(scope="session")
def compiled_kernels(tmp_path_factory: pytest.TempPathFactory) -> native.Native:
    """The C kernels, compiled for this machine in a folder of this run's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp()))
        patch.delenv("BESTIARY_NATIVE_KERNELS", raising=False)
        try:
            return native.Native(native.compiled())
        except native.NoKernels as error:
            pytest.skip(str(error))


@pytest.fixture
def with_kernels(compiled_kernels: native.Native, monkeypatch: pytest.MonkeyPatch) -> native.Native:
    """The C kernels serve matrices of any size."""
    monkeypatch.delenv("BESTIARY_NATIVE_KERNELS", raising=False)
    monkeypatch.setattr(native, "WORTH_COMPILING", 0)
    monkeypatch.setattr(native, "_loaded", lambda: compiled_kernels)
    return compiled_kernels


@pytest.fixture(params=["torch", "kernels"])
def either_way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Once with the kernels and once without."""
    if request.param == "kernels":
        request.getfixturevalue("with_kernels")
        yield "kernels"
    else:
        request.getfixturevalue("monkeypatch").setenv("BESTIARY_NATIVE_KERNELS", "off")
        yield "torch"


@pytest.fixture(scope="session")
def compiled_elements(tmp_path_factory: pytest.TempPathFactory) -> elements.Elements:
    """The kernels, compiled for this machine in a folder of this run's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp()))
        try:
            opened = elements.Elements(compiling.compiled(compiling.ELEMENTS))
            assert opened.attend_paged is not None  # compiled while the folder is this run's
            return opened
        except compiling.NoKernels as error:
            pytest.skip(str(error))


@pytest.fixture
def kernels(compiled_elements: elements.Elements, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Switches the kernels on and off; they are on first."""

    def switch(on: bool) -> None:
        monkeypatch.setattr(elements, "elements", lambda: compiled_elements if on else None)

    monkeypatch.setattr(elements, "WIDE", 256)
    switch(True)
    return switch
