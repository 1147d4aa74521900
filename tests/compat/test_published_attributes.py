"""What scripts read and set on configs, models, enumerations and loading reports: as published."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import image_utils
from transformers.models.auto import auto_factory

import bestiary
from bestiary.auto.models import AutoModelClass
from bestiary.compat import images, masks
from bestiary.compat.auto_mapping import LazyAutoMapping, auto_class_update, getattribute_from_module
from bestiary.preprocess.batch import TensorType
from bestiary.preprocess.image.reading import ChannelDimension
from bestiary.preprocess.text.padding import PaddingStrategy
from bestiary.preprocess.text.truncation import TruncationStrategy

SIZES = {"vocab_size": 19, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
LIBRARIES = (bestiary, transformers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of BERT without a pooler, with two tensors too many, and narrower positions than its config says."""
    path = tmp_path_factory.mktemp("bert")
    transformers.BertModel(transformers.BertConfig(**SIZES)).save_pretrained(path)
    tensors = {name: value for name, value in load_file(path / "model.safetensors").items() if "pooler" not in name}
    tensors |= {"extra.thing": torch.zeros(2), "other.weight": torch.zeros(2)}
    tensors["embeddings.position_embeddings.weight"] = torch.zeros(512, 8)
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    return path


@pytest.mark.filterwarnings("ignore:Mine was loaded")
def test_what_a_class_passes_over_is_not_reported(folder: Path) -> None:
    reports = []
    for library in LIBRARIES:
        patterns = {"_keys_to_ignore_on_load_unexpected": [r"extra"], "_keys_to_ignore_on_load_missing": [r"pooler"]}
        kind = type("Mine", (library.BertModel,), patterns)
        options = {"output_loading_info": True, "ignore_mismatched_sizes": True}
        reports.append(kind.from_pretrained(folder, **options)[1])
    names = {"unexpected_keys": {"other.weight"}, "missing_keys": set()}
    mismatched = {("embeddings.position_embeddings.weight", torch.Size([512, 8]), torch.Size([512, 16]))}
    for report in reports:
        assert {name: set(report[name]) for name in names} == names
        assert set(report["mismatched_keys"]) == mismatched
        assert {type(shape) for _, *shapes in report["mismatched_keys"] for shape in shapes} == {torch.Size}


def test_blocks_of_a_model_are_a_set_and_those_of_a_class_a_list() -> None:
    for library in LIBRARIES:
        assert library.BertModel._no_split_modules == ["BertEmbeddings", "BertLayer"]
        model = library.BertForMaskedLM(library.BertConfig(**SIZES))
        assert model._no_split_modules == model.bert._no_split_modules == {"BertEmbeddings", "BertLayer"}


def test_names_of_the_kernel() -> None:
    for library in LIBRARIES:
        config = library.BertConfig(**SIZES)
        assert config._attn_implementation_internal is None
        assert library.BertModel(config).config._attn_implementation_internal == "sdpa"
        config = library.BertConfig(**SIZES, attn_implementation="eager")
        assert config._attn_implementation_internal == "eager"
        config._attn_implementation_internal = "sdpa"
        assert config._attn_implementation == "sdpa"
        assert "_attn_implementation_internal" not in config.to_dict()


def test_settings_say_where_they_come_from() -> None:
    for library in LIBRARIES:
        config = library.GPT2Config(n_embd=16, n_layer=1, n_head=2)
        assert library.GenerationConfig.from_model_config(config)._from_model_config is True
        assert not library.GenerationConfig()._from_model_config


PAIRS = {
    ChannelDimension: image_utils.ChannelDimension,
    images.AnnotationFormat: image_utils.AnnotationFormat,
    PaddingStrategy: transformers.utils.PaddingStrategy,
    TruncationStrategy: transformers.tokenization_utils_base.TruncationStrategy,
    TensorType: transformers.TensorType,
}


@pytest.mark.parametrize("kind", PAIRS, ids=lambda kind: kind.__name__)
def test_texts_of_enumerations(kind: Any) -> None:
    published = PAIRS[kind]
    for each in kind:
        other = published[each.name]
        assert (str(each), f"{each}", each.value, each == other.value) == (str(other), f"{other}", other.value, True)
    with pytest.raises(ValueError, match="nothing"):
        kind("nothing")


def test_classes_by_name() -> None:
    for module, kinds in ((bestiary, (bestiary.BertModel, bestiary.BertForMaskedLM)),):
        assert getattribute_from_module(module, "BertModel") is kinds[0]
        assert getattribute_from_module(sys, ("BertModel", "BertForMaskedLM")) == kinds
        assert getattribute_from_module(module, None) is auto_factory.getattribute_from_module(transformers, None) is None
        with pytest.raises(ValueError, match="no Nothing in"):
            getattribute_from_module(module, "Nothing")


def test_an_automatic_class_of_somebody_else(folder: Path) -> None:
    class AutoThing(AutoModelClass):
        _model_mapping = LazyAutoMapping({"bert": "BertConfig"}, {"bert": "BertForMaskedLM"})

    assert auto_class_update(AutoThing, head_doc="things") is AutoThing
    assert AutoThing.__doc__ == "Opens models with a head for things."
    assert isinstance(AutoThing.from_config(bestiary.BertConfig(**SIZES)), bestiary.BertForMaskedLM)
    assert bestiary.AutoModel._model_mapping[bestiary.BertConfig] is bestiary.BertModel


@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
@pytest.mark.parametrize("name", ["create_causal_mask", "create_sliding_window_causal_mask"])
@pytest.mark.parametrize("padded", [False, True])
def test_masks_of_a_config_that_is_not_causal(kernel: str, name: str, padded: bool) -> None:
    made = []
    for library, module in ((bestiary, masks), (transformers, transformers.masking_utils)):
        config = library.MistralConfig(**SIZES, sliding_window=2, attn_implementation=kernel)
        config.is_causal = False
        padding = torch.tensor([[0, 1, 1, 1, 1]]) if padded else None
        made.append(getattr(module, name)(config, torch.zeros(1, 5, 16), padding, None))
    ours, theirs = made
    assert (ours is None) == (theirs is None)
    if theirs is not None:
        assert torch.equal(ours, theirs)


QUERIES = [(1, 4, 3, 0), (1, 4, 1, 0), (1, 4, 0, 0), (1, 6, 3, 2), (1, 1, 0, 0), (4, 4, 0, 0), (2, 4, 2, 0)]


@pytest.mark.parametrize("sizes", QUERIES)
@pytest.mark.parametrize("options", [{}, {"allow_is_causal_skip": False}, {"local_size": 2}, {"attention_mask": True}])
def test_one_query(sizes: tuple[int, ...], options: dict[str, Any]) -> None:
    if "attention_mask" in options:
        options = {"attention_mask": torch.tensor([[False] + [True] * (sizes[1] + sizes[3] - 1)])}
    ours, theirs = (module.sdpa_mask(1, *sizes, **options) for module in (masks, transformers.masking_utils))
    assert (ours is None) == (theirs is None)
    if theirs is not None:
        assert torch.equal(ours, theirs)


@pytest.fixture(scope="module")
def byte_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tokenizer.json of a tiny GPT-2."""
    words = ["<|endoftext|>", *"helowrdĠ", "he", "ll", "hell", "hello", "Ġhello"]
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "hello")]
    rust = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=merges))
    rust.pre_tokenizer, rust.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    path = tmp_path_factory.mktemp("gpt2")
    rust.save(os.fspath(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    return path


@pytest.mark.filterwarnings("ignore:add_prefix_space=True changes nothing")
@pytest.mark.parametrize("kind", ["GPT2Tokenizer", "PreTrainedTokenizerFast"])
@pytest.mark.parametrize("space", [None, True, False])
def test_the_first_word_of_a_tokenizer_that_came_whole(byte_pairs: Path, kind: str, space: bool | None) -> None:
    options = {} if space is None else {"add_prefix_space": space}
    made, opened = [], []
    for library in LIBRARIES:
        tokenizer = getattr(library, kind)(tokenizer_file=os.fspath(byte_pairs / "tokenizer.json"), **options)
        made.append((tokenizer("hello hello").input_ids, bool(tokenizer.add_prefix_space), type(tokenizer).__name__))
        if kind == "GPT2Tokenizer":
            opened.append(library.GPT2Tokenizer.from_pretrained(byte_pairs, **options)("hello hello").input_ids)
    assert made[0] == made[1]
    assert opened[:1] == opened[1:]


def test_names_of_loggers() -> None:
    code = (
        "import bestiary.compat; bestiary.compat.install()\nfrom transformers.utils import logging\n"
        "print(*(logging.get_logger(*name).name for name in ((), ('__main__',), ('transformers.models',), ('a.b',))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    names = [
        transformers.utils.logging.get_logger(*name).name for name in ((), ("__main__",), ("transformers.models",), ("a.b",))
    ]
    assert done.stdout.split() == names, done.stderr
