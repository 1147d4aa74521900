"""What programs do with a `GenerationConfig` besides generating: its mode, its checks, its JSON; beside the reference."""

import itertools
import json
import logging

import pytest
import torch
import transformers
from transformers.generation import stopping_criteria

from bestiary import GenerationConfig, LlamaConfig, LlamaForCausalLM
from bestiary import generation as ours
from bestiary.core.errors import ConfigError
from bestiary.core.logging import BestiaryWarning
from bestiary.models.t5 import T5Config

# What decides of a kind of decoding. Groups need beams and penalty_alpha a top_k above 1: `generate` refuses them alone.
STRATEGIES = {
    "num_beams": (1, 3),
    "do_sample": (None, False, True),
    "penalty_alpha": (None, 0.0, 0.6),
    "num_beam_groups": (1, 3),
    "force_words_ids": (None, [[1]]),
    "prompt_lookup_num_tokens": (None, 3),
    "assistant_early_exit": (None, 1),
    "dola_layers": (None, "high"),
}


@pytest.mark.filterwarnings("ignore::bestiary.core.logging.BestiaryWarning")
def test_modes(monkeypatch):
    monkeypatch.setattr(logging.getLogger("transformers"), "disabled", True)
    modes = set()
    for values in itertools.product(*STRATEGIES.values()):
        settings = {name: value for name, value in zip(STRATEGIES, values, strict=True) if value is not None}
        if settings["num_beam_groups"] > settings["num_beams"]:
            continue
        for assistant in (None, object()):
            mode = GenerationConfig(top_k=4, **settings).get_generation_mode(assistant)
            reference = transformers.GenerationConfig(top_k=4, **settings).get_generation_mode(assistant)
            assert mode == reference.value, (settings, assistant)
            modes.add(mode)
    assert {mode.name for mode in modes} == {mode.name for mode in transformers.generation.GenerationMode}
    assert [*map(str, modes)] == [f"GenerationMode.{mode.name}" for mode in modes]


def test_modes_are_the_published_ones():
    published = {mode.name: mode.value for mode in transformers.generation.GenerationMode}
    assert {mode.name: mode.value for mode in ours.GenerationMode} == published
    with pytest.raises(ValueError, match="is not a valid GenerationMode"):
        ours.GenerationMode("beams")


def test_two_kinds_at_once_warn():
    with pytest.warns(BestiaryWarning, match=r"num_beams=2 \(config\) and assistant_model=<object> \(call\) exclude"):
        assert GenerationConfig(num_beams=2).get_generation_mode(object()) == "beam_search"


# Each setting out of place, alone and beside what it needs.
SETTINGS = {
    "temperature": 0.5, "top_p": 0.5, "min_p": 0.1, "top_h": 0.3, "typical_p": 0.4, "top_k": 7, "epsilon_cutoff": 0.1,
    "eta_cutoff": 0.2, "early_stopping": True, "length_penalty": 2.0, "output_scores": True, "output_logits": True,
    "output_attentions": True, "output_hidden_states": True, "cache_implementation": "static", "cache_config": {},
    "pad_token_id": -1, "low_memory": True, "max_matching_ngram_size": 2, "diversity_penalty": 0.5, "num_assistant_tokens": 3,
    "assistant_confidence_threshold": 0.2, "repetition_penalty": 1.5, "max_new_tokens": 3, "suppress_tokens": [1],
}  # fmt: skip
SWITCHES = [
    {}, {"do_sample": True}, {"do_sample": False}, {"num_beams": 2}, {"num_beams": 1}, {"return_dict_in_generate": True},
    {"use_cache": False},
]  # fmt: skip


def refused(settings, **options):
    try:
        settings.validate(strict=True, **options)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_settings_without_effect(name, switch, tmp_path, monkeypatch):
    monkeypatch.setattr(logging.getLogger("transformers"), "disabled", True)
    values = {name: SETTINGS[name], **switch}
    mine, theirs = GenerationConfig(**values), transformers.GenerationConfig(**values)
    for typed in (None, set(), {name}, {*switch}, {name, *switch}):
        assert bool(refused(mine, user_set_attributes=typed)) == bool(refused(theirs, user_set_attributes=typed)), typed
    if message := refused(mine):
        assert message.startswith(f"GenerationConfig is invalid: {name}=")
        with pytest.warns(BestiaryWarning, match=f"^{name}="):
            mine.validate()
        with pytest.raises(ConfigError, match="GenerationConfig is invalid"):
            mine.save_pretrained(tmp_path)
        assert not [*tmp_path.iterdir()]
        (tmp_path / "generation_config.json").write_text(json.dumps(values))  # what is opened like this, is saved like this
        GenerationConfig.from_pretrained(tmp_path).save_pretrained(tmp_path / "again")
    else:
        mine.validate()
        mine.save_pretrained(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"num_return_sequences": 2}, {"num_return_sequences": 3, "num_beams": 2}, {"num_return_sequences": 2, "num_beams": 2},
        {"num_return_sequences": 2, "do_sample": True}, {"logits_processor": []}, {"streamer": None}, {"assistant_model": 1},
        {"cache_implementation": "dynamik"}, {"cache_implementation": "offloaded_static"}, {"max_new_tokens": 0},
        {"early_stopping": "now"}, {"assistant_ensemble_weight": 1.0}, {"assistant_ensemble_weight": 0.5},
        {"forced_bos_token_id": 3, "suppress_tokens": [3, 4]}, {"forced_eos_token_id": [3, 5], "suppress_tokens": [3, 4]},
        {"forced_eos_token_id": [3, 4], "suppress_tokens": [3, 4]}, {"my_own_thing": 5},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_refused_at_once(values):
    outcomes = []
    for kind in (GenerationConfig, transformers.GenerationConfig):
        try:
            kind(**values)
        except ValueError:
            outcomes.append("refused")
        else:
            outcomes.append("made")
        settings = kind()
        for name, value in values.items():
            setattr(settings, name, value)
        outcomes.append(bool(refused(settings)))
    assert outcomes[:2] == outcomes[2:]


def test_a_model_whose_settings_are_invalid_is_not_saved(tmp_path):
    sizes = {"vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(**sizes))
    model.generation_config.temperature = 0.5
    with pytest.raises(ConfigError, match="GenerationConfig is invalid: temperature=0.5 has no effect without do_sample"):
        model.save_pretrained(tmp_path)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("use_diff", [True, False])
@pytest.mark.parametrize("ignore_metadata", [True, False])
@pytest.mark.parametrize("keys_to_pop", [None, ["top_k"], ["top_p", "nothing"]])
def test_json(tmp_path, use_diff, ignore_metadata, keys_to_pop):
    values = {"do_sample": True, "top_k": 3, "top_p": 0.5, "eos_token_id": [1, 2], "transformers_version": "5.23.0", "own": [1]}
    mine, theirs = GenerationConfig(**values), transformers.GenerationConfig(**values)
    options = {"use_diff": use_diff, "keys_to_pop": keys_to_pop}
    texts = [json.loads(config.to_json_string(**options, ignore_metadata=ignore_metadata)) for config in (mine, theirs)]
    # Options that only we have, and private names of the reference.
    for name in texts[0].keys() ^ texts[1].keys():
        assert name.startswith("_") or texts[0][name] is None, name
    for name in texts[0].keys() & texts[1].keys():
        assert texts[0][name] == texts[1][name]
    for config, file in ((mine, "mine.json"), (theirs, "theirs.json")):
        config.to_json_file(tmp_path / file, **options)
    stored = [json.loads((tmp_path / file).read_text()) for file in ("mine.json", "theirs.json")]
    assert all(stored[0][name] == stored[1][name] for name in stored[0].keys() & stored[1].keys())
    assert mine.to_diff_dict() == {name: value for name, value in theirs.to_diff_dict().items() if name[0] != "_"}


@pytest.mark.parametrize("defaults_only", [True, False])
@pytest.mark.parametrize("allow_custom_entries", [True, False])
def test_update(defaults_only, allow_custom_entries):
    results = []
    for kind in (GenerationConfig, transformers.GenerationConfig):
        config = kind(do_sample=True, top_k=3, own=1)
        values = {"top_k": 4, "top_p": 0.5, "own": 2, "pixel_values": 7, "max_length": 9}
        unused = config.update(defaults_only=defaults_only, allow_custom_entries=allow_custom_entries, **values)
        results.append((unused, config.top_k, config.top_p, config.own, config.max_length, vars(config).get("pixel_values")))
    assert results[0] == results[1]


def test_update_takes_names():
    with pytest.raises(ConfigError, match="takes values by name"):
        GenerationConfig().update({"top_k": 3})
    with pytest.raises(ConfigError, match="Did you mean 'top_k'"):
        GenerationConfig().update(allow_custom_entries=True, topp_k=3)


@pytest.mark.parametrize(
    ("kinds", "values"),
    [
        ((LlamaConfig, transformers.LlamaConfig), {}),
        ((LlamaConfig, transformers.LlamaConfig), {"pad_token_id": 3, "bos_token_id": 4, "eos_token_id": [5, 6]}),
        ((LlamaConfig, transformers.LlamaConfig), {"output_hidden_states": True}),
        ((T5Config, transformers.T5Config), {"decoder_start_token_id": 4}),
        ((dict, dict), {"eos_token_id": 4, "decoder": {"eos_token_id": 5, "pad_token_id": 6, "max_length": 7}}),
        ((dict, dict), {"max_length": 11, "text_config": {"num_beams": 3, "max_length": 4}}),
        ((dict, dict), {"output_attentions": True, "text_config": {}}),
    ],
    ids=str,
)
def test_settings_in_a_config(kinds, values):
    mine = GenerationConfig.from_model_config(kinds[0](**values))
    theirs = transformers.GenerationConfig.from_model_config(kinds[1](**values))
    for name in GenerationConfig.names() - {"use_cache"}:  # caching is a switch of every forward
        assert (mine.get(name) or None) == (vars(theirs).get(name) or None), name


def test_an_end_among_several_new_tokens():
    ids = torch.tensor([[1, 2, 9, 3], [1, 9, 3, 3], [1, 2, 3, 9]])
    for count in (1, 2, 3):
        ends = [kind.EosTokenCriteria([9])(ids, None, new_token_length=count) for kind in (ours, stopping_criteria)]
        assert torch.equal(*ends)
