"""Small things that models and scripts of others import: kinds in annotations, first values, deprecated keywords, files."""

import json
import subprocess
import sys
from typing import Any

import pytest
import torch
import transformers
import transformers.initialization as published_initialization
from transformers.models.auto.tokenization_auto import get_tokenizer_config as published_tokenizer_config
from transformers.utils.deprecation import deprecate_kwarg as published_deprecate

import bestiary
from bestiary.compat import hub_files, initialization
from bestiary.compat.deprecation import deprecate_kwarg
from bestiary.core.errors import UnknownName


def called(decorator: Any, options: dict[str, Any], given: dict[str, Any]) -> Any:
    """What a function with the keyword `new` gets, or that its call is refused."""

    @decorator("old", **options)
    def function(new: int = 0, **others: Any) -> tuple[int, dict[str, Any]]:
        return new, others

    try:
        return function(**given)
    except ValueError:
        return "refused"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("version", ["1.0", "99.0"])
@pytest.mark.parametrize("new", ["new", None])
@pytest.mark.parametrize("flags", [{}, {"raise_if_both_names": True}, {"raise_if_greater_or_equal_version": True}])
def test_a_deprecated_keyword_is_handed_on_as_published(version: str, new: str | None, flags: dict[str, bool]) -> None:
    for given in ({}, {"old": 1}, {"new": 2}, {"old": 1, "new": 2}, {"old": None}):
        options = {"version": version, "new_name": new, **flags}
        assert called(deprecate_kwarg, options, dict(given)) == called(published_deprecate, options, dict(given)), given


def test_a_deprecated_keyword_of_a_method_is_told() -> None:
    class Model:
        @deprecate_kwarg("past", version="99.0", new_name="past_key_values")
        def forward(self, past_key_values: Any = None) -> Any:
            return past_key_values

    with pytest.warns(bestiary.BestiaryWarning, match=r"Model\.forward: past is of releases before 99\.0; pass past_key"):
        assert Model().forward(past=3) == 3


def test_first_values() -> None:
    for name in ("zeros_", "ones_", "normal_", "xavier_uniform_", "trunc_normal_"):
        tensors = []
        for library in (initialization, published_initialization):
            torch.manual_seed(0)
            tensors.append(getattr(library, name)(torch.empty(3, 4)))
        assert torch.equal(*tensors)
    assert torch.equal(initialization.copy_(torch.zeros(2, requires_grad=True), torch.ones(2)), torch.ones(2))


def test_files_of_a_checkpoint(tmp_path: Any) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 8}))
    ours, theirs = hub_files.get_tokenizer_config(tmp_path), published_tokenizer_config(tmp_path)
    assert ours == {name: value for name, value in theirs.items() if not name.startswith("_")}
    assert hub_files.get_image_processor_config(tmp_path) == {}
    model = bestiary.BertModel(bestiary.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=9))
    model.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "weights.bin")
    for file in ("model.safetensors", "weights.bin"):
        state = transformers.modeling_utils.load_state_dict(tmp_path / file)
        loaded = hub_files.load_state_dict(tmp_path / file)
        assert loaded.keys() == state.keys()
        assert all(torch.equal(loaded[name], state[name]) for name in state)
    assert hub_files.load_state_dict(tmp_path / "model.safetensors", map_location="meta").popitem()[1].is_meta


def test_they_are_found_under_their_paths() -> None:
    code = (
        "import bestiary.compat; bestiary.compat.install()\n"
        "from transformers.image_utils import ImageInput\n"
        "from transformers.video_utils import VideoInput\n"
        "from transformers.generation.utils import GenerateOutput, GenerateNonBeamOutput\n"
        "from transformers.modeling_rope_utils import RopeParameters\n"
        "from transformers.modeling_utils import WEIGHTS_NAME, SAFE_WEIGHTS_INDEX_NAME, load_state_dict\n"
        "from transformers.utils.backbone_utils import BackboneMixin\n"
        "from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention, Qwen2DecoderLayer, Qwen2MLP, Qwen2RMSNorm\n"
        "from transformers.pytorch_utils import is_torch_greater_or_equal_than_2_4\n"
        "from transformers.utils import logging\n"
        "from transformers.utils.quantization_config import AqlmConfig\n"
        "logger = logging.get_logger('somebody')\n"
        "logging.warning_once(logger, 'once'), logging.warning_once(logger, 'once')\n"
        "assert list(logging.tqdm([1, 2], disable=True)) == [1, 2] and is_torch_greater_or_equal_than_2_4 is True\n"
        "assert not isinstance(3, AqlmConfig)\n"
        "try:\n    AqlmConfig()\n"
        f"except Exception as error:\n    assert type(error).__name__ == {UnknownName.__name__!r} and '16 bit' in str(error)\n"
        "else:\n    raise SystemExit('made')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("once") == 1
