"""GenerationConfig: fields, files and origins."""

import json

import pytest
import transformers

from bestiary.core.errors import ConfigError
from bestiary.generation import GenerationConfig
from bestiary.generation.options import options
from bestiary.models.llama import LlamaConfig


def test_fields_are_the_published_ones():
    published = {name for name in transformers.GenerationConfig().__dict__ if not name.startswith("_")}
    assert published - {"transformers_version"} <= GenerationConfig.names()
    assert all(GenerationConfig().get(name) is None for name in GenerationConfig.names())


def test_defaults_are_the_published_ones():
    published = transformers.GenerationConfig._get_default_generation_params()
    for name, value in published.items():
        if name != "max_length":  # 20 new tokens, whatever the prompt: see DEFAULT_NEW_TOKENS
            assert options()[name].default == value, name


def test_files_go_both_ways(tmp_path):
    ours = GenerationConfig(do_sample=True, top_p=0.3, eos_token_id=[1, 2], sequence_bias={(1, 2): 0.5}, own_thing={"a": 1})
    ours.save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "generation_config.json").read_text())
    assert None not in stored.values()
    theirs = transformers.GenerationConfig.from_pretrained(tmp_path)
    assert (theirs.top_p, theirs.eos_token_id, theirs.sequence_bias) == (0.3, [1, 2], [[[1, 2], 0.5]])
    assert GenerationConfig.from_pretrained(tmp_path) == ours
    theirs.save_pretrained(tmp_path)
    again = GenerationConfig.from_pretrained(tmp_path, top_p=0.9)
    assert (again.top_p, again.do_sample, again.own_thing) == (0.9, True, {"a": 1})


def test_another_file_and_unused_keywords(tmp_path):
    GenerationConfig(do_sample=True, top_k=3).save_pretrained(tmp_path, config_file_name="chat.json")
    for library in (GenerationConfig, transformers.GenerationConfig):
        made, rest = library.from_pretrained(tmp_path, "chat.json", top_p=0.5, other=1, return_unused_kwargs=True)
        assert (made.top_k, made.top_p, made.other, rest) == (3, 0.5, 1, {})
        made, rest = library.from_dict({"max_length": 9, "more": 1}, num_beams=2, more=2, other=3, return_unused_kwargs=True)
        assert (made.max_length, made.num_beams, made.more, made.other, rest) == (9, 2, 2, 3, {})


def test_settings_in_a_model_config():
    config = LlamaConfig.from_dict({"max_length": 33, "no_repeat_ngram_size": 2, "do_sample": False, "eos_token_id": 5})
    made = GenerationConfig.from_model_config(config)
    assert (made.max_length, made.no_repeat_ngram_size, made.eos_token_id, made.do_sample) == (33, 2, 5, None)
    assert made.use_cache is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"top_k": "5"}, "top_k is '5'"),
        ({"top_p": 1.2}, "top_p is 1.2; expected a number from 0 to 1"),
        ({"repetition_penalty": 0.0}, "repetition_penalty is 0.0; expected a number above 0"),
        ({"early_stopping": "maybe"}, "early_stopping"),
        ({"temprature": 0.5}, "Did you mean 'temperature'"),
        ({"num_beams": True}, "num_beams is True"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        GenerationConfig(**values)


def test_update_returns_what_is_no_field():
    config = GenerationConfig(top_k=3)
    assert config.update(top_k=4, pixel_values=1) == {"pixel_values": 1}
    assert config.top_k == 4
    with pytest.raises(ConfigError):
        config.update({"top_p": 3})


def test_explain():
    explained = GenerationConfig(top_k=5).explain()
    assert explained["top_k"] == (5, "config")
    assert explained["temperature"] == (1.0, "default")
    assert "min_p" not in explained


def test_equal_configs_have_equal_hashes():
    config = GenerationConfig(length_penalty=2, eos_token_id=[1, 2])
    assert config == GenerationConfig(length_penalty=2.0, eos_token_id=[1, 2])
    assert hash(config) == hash(GenerationConfig(length_penalty=2.0, eos_token_id=[1, 2])) != hash(GenerationConfig(top_k=4))
