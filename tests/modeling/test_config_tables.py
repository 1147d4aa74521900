"""The tables of every config class by default, and what it writes into config.json, are the published ones."""

import json
import warnings
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

import bestiary
from bestiary.modeling.config import PreTrainedConfig

transformers = pytest.importorskip("transformers")

# Class:name -> why it is not in the tables of both, or with another value. Several patterns are separated by blanks.
APART = {
    "*:transformers_version": "says who wrote a file, which was not transformers",
    "*:pretraining_tp *:num_logits_to_keep Gemma3TextConfig:attn_logit_softcapping": "no effect; kept where a file has it",
    "*:qk_head_dim MobileBertConfig:true_hidden_size Gemma3TextConfig:_sliding_window_pattern"
    " DbrxConfig:num_key_value_heads": "it follows from the others, and is an attribute",
    "LongT5Config:classifier_dropout RoFormerConfig:classifier_dropout DPRConfig:classifier_dropout"
    " DebertaConfig:classifier_dropout LongformerConfig:classifier_dropout"
    " MPNetConfig:classifier_dropout": "of all their relatives here; what is there is the usual dropout",
    "JambaConfig:rope_parameters KimiLinearConfig:rope_parameters"
    " NemotronHConfig:rope_parameters": "of all decoders; positions turn nothing there",
    "*T5*:decoder_start_token_id SwitchTransformersConfig:decoder_start_token_id": "of all that read and write; None there",
    "Deberta*:embedding_size Deberta*:cls_dropout DebertaV2Config:*": "files have it; its value is what counts without it",
    "Ernie4_5Config:attention_dropout Lfm2Config:attention_dropout Lfm2Config:hidden_act GraniteMoeHybridConfig:mlp_bias"
    " LEDConfig:scale_embedding GPTNeoXConfig:num_key_value_heads MPNetConfig:type_vocab_size"
    " Glm4MoeConfig:head_dim": "of all their relatives here; its value is what is computed without it",
    "*T5Config:scale_decoder_outputs T5GemmaModuleConfig:*": "of relatives, or of the model that it is a part of",
    "MT5Config:bos_token_id GPTJConfig:pad_token_id": "None; a relative that shares the class has none there",
    "EmbeddingGemma2TextConfig:use_cache"
    " EmbeddingGemma2TextConfig:tie_word_embeddings": "of all decoders here; an encoder without a head reads neither",
    "*:per_layer_config": "numbers of layers, and not texts of two digits",
    "Ministral3Config:rope_parameters": "rope_type is said once, and not by its older name too",
    "NemotronConfig:num_key_value_heads": "None there says the number of heads, which is shown here",
    "SolarOpenConfig:intermediate_size": "of all decoders here; every layer there is a mixture",
    "NemotronHConfig:num_hidden_layers KimiLinearConfig:first_k_dense_replace": "a field here; the layers' kinds decide it",
    "*DepthAnythingConfig:backbone_config ZoeDepthConfig:backbone_config Sam2*Config:vision_config"
    " Sam2VisionConfig:backbone_config VitMatteConfig:backbone_config": "what every config has is not written",
    "MaskFormerSwinConfig:num_layers Swin2SRConfig:hidden_size": "a field here, of all models of windows; it follows",
    "RTDetrV2Config:backbone_config DFineConfig:backbone_config": "what every config has is not written",
    "*DetrConfig:backbone_config TableTransformerConfig:backbone_config": "published defaults name a backbone of timm",
    "DbrxConfig:attn_config DbrxConfig:ffn_config T5GemmaConfig:*coder RagConfig:generator"
    " RagConfig:question_encoder UperNetConfig:backbone_config Mask*FormerConfig:backbone_config"
    " MaskFormerConfig:decoder_config *GlueConfig:keypoint_detector_config": "a part: only what is its own is written",
}


PATTERNS = [pattern for line in APART for pattern in line.split()]


def classes() -> list[str]:
    """Names of the config classes that both have."""
    published = {name: getattr(transformers, name, None) for name in bestiary.__all__ if name.endswith("Config")}
    return sorted(
        name for name, kind in published.items() if isinstance(kind, type) and issubclass(kind, transformers.PreTrainedConfig)
    )


def apart(name: str, ours: dict[str, Any], published: dict[str, Any]) -> set[str]:
    """Class:name of each value that one of the tables lacks, or that is another in them."""
    return {f"{name}:{each}" for each in ours.keys() | published.keys() if ours.get(each, "-") != published.get(each, "-")}


def differences(name: str, ours: dict[str, Any], published: dict[str, Any]) -> set[str]:
    """Those that nothing in `APART` explains."""
    return {each for each in apart(name, ours, published) if not any(fnmatch(each, pattern) for pattern in PATTERNS)}


def default(library: Any, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(library, name)()


@pytest.mark.parametrize("name", classes())
def test_tables_and_files_are_the_published_ones(name: str, tmp_path: Path) -> None:
    ours, published = default(bestiary, name), default(transformers, name)
    parts = {each for each, value in vars(published).items() if isinstance(value, transformers.PreTrainedConfig)}
    here, there = ours.to_dict(), published.to_dict()
    assert differences(name, {**here, **dict.fromkeys(parts)}, {**there, **dict.fromkeys(parts)}) == set()
    assert differences(name, ours.to_diff_dict(), published.to_diff_dict()) == set()
    ours.save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_text() == ours.to_json_string()
    assert type(ours).from_dict(json.loads(ours.to_json_string())) == ours


def test_what_all_configs_have_is_said_where_it_is_unusual() -> None:
    for kind in (bestiary.LlamaConfig, PreTrainedConfig):
        assert "is_decoder" not in kind().to_dict()
        assert kind(is_decoder=True).to_diff_dict()["is_decoder"] is True
    changed = {
        "chunk_size_feed_forward": 2,
        "id2label": {0: "a"},
        "label2id": {"a": 0},
        "dtype": "float16",
        "is_encoder_decoder": True,
    }
    ours, published = bestiary.T5Config(**changed), transformers.T5Config(**changed)
    assert differences("T5Config", ours.to_diff_dict(), published.to_diff_dict()) == set()
    assert differences("T5Config", json.loads(ours.to_json_string()), json.loads(published.to_json_string())) == set()


def test_names_of_values_can_be_looked_up_and_listed() -> None:
    ours, published = bestiary.BertConfig(extra=1), transformers.BertConfig(extra=1)
    for name in ("hidden_size", "extra", "nothing"):
        assert (name in ours) == (name in published)
    assert {each for each in published if each[0] != "_" and each != "transformers_version"} <= set(ours)


@pytest.mark.parametrize("library", [bestiary, transformers])
def test_where_a_config_was_opened_is_said_by_the_automatic_class_alone(library: Any, tmp_path: Path) -> None:
    config = library.BertConfig(hidden_size=24)
    config.save_pretrained(tmp_path)
    assert library.BertConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()
    opened = library.AutoConfig.from_pretrained(tmp_path)
    assert opened.to_dict() == {**config.to_dict(), "_name_or_path": str(tmp_path)}
    assert library is transformers or opened == config


def test_reasons_are_of_what_is_apart() -> None:
    tables = {name: (default(bestiary, name), default(transformers, name)) for name in classes()}
    found = {each for name, (a, b) in tables.items() for each in apart(name, a.to_dict(), b.to_dict())}
    found |= {each for name, (a, b) in tables.items() for each in apart(name, a.to_diff_dict(), b.to_diff_dict())}
    assert [pattern for pattern in PATTERNS if not any(fnmatch(each, pattern) for each in found)] == []


# The published constructors take these although their `attribute_map` does not name them.
TAKEN = {("BloomConfig", "n_embed"), ("DeepseekV32Config", "num_experts"), ("FalconConfig", "n_embed")}
OTHERS: dict[type, Any] = {bool: lambda value: not value, str: lambda value: "relu", list: lambda value: [7]}


@pytest.mark.parametrize("name", classes())
def test_spellings_of_this_library_alone_are_of_no_effect(name: str) -> None:
    ours, published = getattr(bestiary, name), getattr(transformers, name)
    stored = default(transformers, name)
    known = {*published.attribute_map, *stored.to_dict(), "torch_dtype", *(stray for kind, stray in TAKEN if kind == name)}
    assert {*ours.attribute_map} - {*ours.internal_map} <= known
    for stray, field in ours.internal_map.items():
        value = getattr(stored, field, None)
        other = OTHERS.get(type(value), lambda value: (value or 0) + 1)(value)
        assert getattr(published(**{stray: other}), field, None) == value
    assert not known & ours.no_effect
