"""Small things that scripts import from all over the published package: the same answers as there."""

import os
import subprocess
import sys
from collections import OrderedDict

import pytest
import torch
import transformers
from tokenizers import Tokenizer
from transformers.generation import configuration_utils as published_generation
from transformers.models.auto.auto_factory import _LazyAutoMapping
from transformers.utils import chat_template_utils, generic, import_utils

import bestiary
from bestiary.compat.activations import linear_act
from bestiary.compat.auto_mapping import LazyAutoMapping
from bestiary.compat.backbones import load_backbone
from bestiary.compat.chat import render_jinja_template
from bestiary.compat.generation import ALL_CACHE_IMPLEMENTATIONS, validate_stopping_criteria
from bestiary.compat.generic import GeneralInterface
from bestiary.compat.helpers import get_torch_version
from bestiary.compat.layer_types import ALLOWED_LAYER_TYPES, layer_type_validation
from bestiary.compat.pipelines import PipelineDataset, PipelineException
from bestiary.compat.slow_tokenizers import convert_slow_tokenizer
from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.core.seed import seed_worker
from bestiary.pipelines.registry import PIPELINE_REGISTRY, tasks

IMPORTS = """
from transformers.activations import linear_act
from transformers.backbone_utils import load_backbone
from transformers.cache_utils import ALL_CACHE_IMPLEMENTATIONS
from transformers.configuration_utils import ALLOWED_LAYER_TYPES, layer_type_validation
from transformers.convert_slow_tokenizer import convert_slow_tokenizer
from transformers.generation.configuration_utils import ALL_CACHE_IMPLEMENTATIONS
from transformers.generation.stopping_criteria import validate_stopping_criteria
from transformers.hf_argparser import DataClass, DataClassType
from transformers.models.auto.auto_factory import _LazyAutoMapping
from transformers.pipelines import SUPPORTED_TASKS
from transformers.pipelines.base import GenericTensor, PipelineException
from transformers.pipelines.pt_utils import PipelineDataset
from transformers.trainer_utils import enable_full_determinism, seed_worker
from transformers.utils import HF_MODULES_CACHE, get_torch_version
from transformers.utils.chat_template_utils import render_jinja_template
from transformers.utils.generic import GeneralInterface
"""


def test_each_is_where_scripts_look() -> None:
    code = "import bestiary.compat; bestiary.compat.install()" + IMPORTS + "import os, torch\n"
    code += "enable_full_determinism(3, warn_only=True)\n"
    code += "print(torch.are_deterministic_algorithms_enabled(), torch.initial_seed(), os.environ['CUBLAS_WORKSPACE_CONFIG'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["True", "3", ":16:8"], done.stderr


def test_constants() -> None:
    assert ALLOWED_LAYER_TYPES == transformers.configuration_utils.ALLOWED_LAYER_TYPES
    assert set(published_generation.ALL_CACHE_IMPLEMENTATIONS) <= set(ALL_CACHE_IMPLEMENTATIONS)
    assert get_torch_version() == import_utils.get_torch_version()
    x = torch.randn(3)
    assert linear_act(x) is x
    supported = PIPELINE_REGISTRY.supported_tasks
    assert sorted(supported) == sorted(tasks())
    assert supported["fill-mask"]["impl"] is bestiary.FillMaskPipeline


def test_kinds_of_layers() -> None:
    layer_type_validation(["full_attention", "linear_attention", "sparse"], 3)
    with pytest.raises(ConfigError, match="full_atention'. Did you mean 'full_attention'"):
        layer_type_validation(["full_atention"])
    with pytest.raises(ConfigError, match="holds 1 kinds; expected num_hidden_layers, 2"):
        layer_type_validation(["full_attention"], 2)


def test_stopping_criteria() -> None:
    criteria = bestiary.StoppingCriteriaList([bestiary.MaxTimeCriteria(1.0)])
    assert validate_stopping_criteria(criteria, 7).max_length == 7
    assert len(criteria) == 1
    with pytest.warns(UserWarning, match="max_length is 7, and the stopping criteria end rows at 5"):
        assert validate_stopping_criteria(bestiary.StoppingCriteriaList([bestiary.MaxLengthCriteria(5)]), 7).max_length == 5


@pytest.mark.parametrize("kind", [GeneralInterface, generic.GeneralInterface])
def test_an_interface(kind: type) -> None:
    derived = type("Interface", (kind,), {"_global_mapping": {"a": 1}})
    one, other = derived(), derived()
    derived.register("b", 2)
    one["a"] = 3
    assert dict(one) == {"a": 3, "b": 2}
    assert dict(other) == {"a": 1, "b": 2}
    assert sorted(one.valid_keys()) == ["a", "b"]
    del one["a"]
    assert one["a"] == 1


def test_a_mapping_made_of_names() -> None:
    configs = {"bert": "BertConfig", "gpt2": "GPT2Config"}
    names = (configs, OrderedDict({"bert": "BertModel", "t5": "T5Model"}))
    ours, theirs = LazyAutoMapping(*names), _LazyAutoMapping(*names)
    assert ours[bestiary.BertConfig] is bestiary.BertModel
    assert [each.__name__ for each in ours] == [each.__name__ for each in theirs.keys()] == ["BertConfig"]
    assert bestiary.T5Config not in ours
    ours.register(bestiary.GPT2Config, bestiary.GPT2Model)
    assert ours[bestiary.GPT2Config] is bestiary.GPT2Model


def test_a_backbone() -> None:
    config = bestiary.ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], out_features=["stage2"])
    whole = bestiary.DetrConfig(backbone_config=config)
    for each in (config, whole):
        backbone = load_backbone(each)
        assert isinstance(backbone, bestiary.ResNetBackbone)
        assert backbone(torch.zeros(1, 3, 32, 32)).feature_maps[0].shape == (1, 8, 4, 4)


def test_rendering_as_published() -> None:
    template = (
        "{% for m in messages %}<{{ m.role }}>{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
        "{{ tools | length if tools else '' }}{{ mood }}{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    chats = [[{"role": "user", "content": "a"}], [{"role": "user", "content": "bc"}, {"role": "assistant", "content": "d"}]]
    for options in ({}, {"return_assistant_tokens_mask": True}, {"add_generation_prompt": True, "mood": "!", "tools": [{}]}):
        ours = render_jinja_template(chats, chat_template=template, **options)
        texts, spans = chat_template_utils.render_jinja_template(chats, chat_template=template, **options)
        assert ours[0] == texts
        assert [list(map(tuple, each)) for each in ours[1]] == [list(map(tuple, each)) for each in spans]
    with pytest.raises(InputError, match="no chat_template"):
        render_jinja_template(chats)


def test_a_rust_tokenizer_of_a_tokenizer(tmp_path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##s", "world"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = bestiary.BertTokenizer(str(tmp_path / "vocab.txt"))
    rust = convert_slow_tokenizer(tokenizer)
    assert isinstance(rust, Tokenizer)
    assert rust.encode("hellos world").ids == tokenizer("hellos world").input_ids
    rust.add_tokens(["new"])
    assert "new" not in tokenizer.get_vocab()

    class Older:
        def __init__(self, vocab_file: str | None) -> None:
            self.vocab_file = vocab_file

    older = Older(os.fspath(tmp_path / "vocab.txt"))
    assert convert_slow_tokenizer(older).encode("hellos").tokens == ["[CLS]", "hello", "##s", "[SEP]"]
    with pytest.raises(ArgumentError, match="Older has no vocab_file"):
        convert_slow_tokenizer(Older(None))


def test_parts_of_pipelines() -> None:
    rows = PipelineDataset([1, 2], lambda row, by: row * by, {"by": 3})
    assert [len(rows), rows[0], rows[1]] == [2, 3, 6]
    error = PipelineException("fill-mask", "bert", "no mask")
    assert (error.task, error.model, str(error)) == ("fill-mask", "bert", "no mask")


def test_a_worker_has_a_seed_of_its_own() -> None:
    seeds = []
    for seed in (transformers.trainer_utils.seed_worker, seed_worker):
        torch.manual_seed(5)
        seed(0, 2, 3)
        seeds.append(torch.initial_seed())
    assert seeds == [11, 11]
