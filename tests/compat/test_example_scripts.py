"""What the published example scripts import besides models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers.utils as theirs
from kit import checkpoints
from transformers.tokenization_utils_base import PaddingStrategy, TruncationStrategy
from transformers.utils.versions import require_version

from bestiary import BertTokenizerFast
from bestiary.compat import hub_files, scripts
from bestiary.core.errors import ArgumentError, FileMissing


def test_strategies_have_the_published_values() -> None:
    for ours, published in ((scripts.PaddingStrategy, PaddingStrategy), (scripts.TruncationStrategy, TruncationStrategy)):
        assert {each.name: each.value for each in ours} == {each.name: each.value for each in published}


def test_a_tokenizer_takes_a_strategy() -> None:
    tokenizer = BertTokenizerFast.from_pretrained(checkpoints.bert("BertModel"))
    options = {"padding": scripts.PaddingStrategy.MAX_LENGTH, "truncation": scripts.TruncationStrategy.ONLY_FIRST}
    plain = {name: value.value for name, value in options.items()}
    text = "Paris is the capital of France and Berlin is not"
    assert tokenizer(text, max_length=6, **options) == tokenizer(text, max_length=6, **plain)


REQUIREMENTS = ["torch>=1.8", "torch", "torch<1.0", "no-such-package>=1", "numpy>=1.0,!=0.1", "python>=3.8", "python>=9,<10"]


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_required_versions(requirement: str) -> None:
    outcomes = []
    for require in (scripts.require_version, require_version):
        try:
            require(requirement, "see the requirements")
            outcomes.append("")
        except ImportError as error:
            outcomes.append("see the requirements" if "see the requirements" in str(error) else "no hint")
    assert outcomes[0] == outcomes[1]


def test_required_packages() -> None:
    scripts.requires_backends(test_required_packages, ["torch", "vision"])
    with pytest.raises(ImportError, match="test_required_packages needs no_such_package, not installed"):
        scripts.requires_backends(test_required_packages, ["torch", "no_such_package"])


VALUES: list[Any] = [torch.arange(4).view(2, 2), np.float32(2), {"a": [torch.tensor(3)], "b": (1, "x")}, [np.arange(2)], "text"]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_plain_values(value: Any) -> None:
    assert scripts.to_py_obj(value) == theirs.to_py_obj(value)
    assert scripts.is_tensor(value) == theirs.is_tensor(value)


def test_docstrings() -> None:
    for module in (scripts, theirs):

        @module.add_start_docstrings("Before. ")
        def documented() -> None:
            """The text."""

        assert documented.__doc__ is not None
        assert documented.__doc__.split() == ["Before.", "The", "text."]
    assert scripts.add_end_docstrings(" After.")(documented).__doc__.endswith("text. After.")  # type: ignore[union-attr]
    assert scripts.replace_return_docstrings(output_type=dict)(documented) is documented


def test_files_of_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "config.json").write_text("{}")
    for found in (hub_files.cached_file, theirs.cached_file):
        assert Path(found(str(tmp_path), "config.json", subfolder="sub")) == tmp_path / "sub" / "config.json"
    with pytest.raises(FileMissing):
        hub_files.cached_file(tmp_path, "absent.json")
    with pytest.raises(ArgumentError, match="revison"):
        hub_files.cached_file(tmp_path, "absent.json", revison="v1")


def test_devices_and_telemetry() -> None:
    assert scripts.is_torch_device(torch.device("cpu"))
    assert not scripts.is_torch_device("cpu")
    scripts.send_example_telemetry("run_clm", {"a": 1})
