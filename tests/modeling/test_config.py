"""Values of config files that no model can have are named before anything is built; what a config shows of itself."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from huggingface_hub.errors import StrictDataclassClassValidationError
from kit.families import pair

import bestiary
from bestiary import (
    BertConfig,
    CLIPConfig,
    CLIPTextConfig,
    CLIPVisionConfig,
    GenerationConfig,
    GPT2Config,
    LlamaConfig,
    T5Config,
    ViTConfig,
    WhisperConfig,
)
from bestiary.core.errors import CapacityError, ConfigError, FileMissing, InputError, NumericsError
from bestiary.modeling.config import PreTrainedConfig
from bestiary.modeling.families import class_named
from bestiary.preprocess.text.padding import LONGEST, Padding, pad_columns

CONFIGS = [BertConfig, CLIPConfig, CLIPTextConfig, CLIPVisionConfig]
CONFIGS += [GPT2Config, LlamaConfig, T5Config, ViTConfig, WhisperConfig]


@pytest.mark.parametrize("value", [1.5, "4", math.nan, True, 10**13, math.inf], ids=str)
@pytest.mark.parametrize(
    ("config", "name"),
    [
        (LlamaConfig, "hidden_size"),
        (LlamaConfig, "intermediate_size"),
        (LlamaConfig, "max_position_embeddings"),
        (T5Config, "num_decoder_layers"),
        (WhisperConfig, "decoder_layers"),
        (CLIPTextConfig, "projection_dim"),
    ],
)
def test_sizes_that_are_no_sizes(config: Any, name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        config.from_dict({name: value})


@pytest.mark.parametrize("value", ["1e-5", math.nan, math.inf, -1.0, 2.0], ids=str)
def test_numbers_that_are_no_numbers(value: Any) -> None:
    with pytest.raises(ConfigError, match="rms_norm_eps is .*expected a number from 0 to 1"):
        LlamaConfig.from_dict({"rms_norm_eps": value})


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (BertConfig, {"hidden_act": 5}, "BertConfig: hidden_act is 5; expected text"),
    (BertConfig, {"hidden_act": None}, "hidden_act is None"),
    (BertConfig, {"hidden_size": 0}, "hidden_size is 0; expected a whole number from 1 to 1048576"),
    (BertConfig, {"hidden_size": -1}, "hidden_size is -1"),
    (BertConfig, {"hidden_size": None}, "hidden_size is None"),
    (BertConfig, {"num_attention_heads": 0}, "num_attention_heads is 0"),
    (BertConfig, {"num_hidden_layers": -1}, "num_hidden_layers is -1"),
    (BertConfig, {"hidden_dropout_prob": 1.5}, "hidden_dropout_prob is 1.5; expected a number from 0 to 1"),
    (BertConfig, {"initializer_range": -0.1}, "initializer_range"),
    (BertConfig, {"architectures": "BertModel"}, "architectures is 'BertModel'; expected a list of text, or null"),
    (BertConfig, {"architectures": [1]}, "architectures"),
    (BertConfig, {"id2label": 5}, "id2label is 5"),
    (BertConfig, {"id2label": ["a"]}, "id2label"),
    (BertConfig, {"id2label": {"a": "b"}}, "id2label"),
    (BertConfig, {"id2label": {"0": ["a"]}}, "id2label"),
    (BertConfig, {"label2id": 5}, "label2id is 5"),
    (BertConfig, {"num_labels": 0}, "num_labels is 0"),
    (BertConfig, {"num_labels": "x"}, "num_labels is 'x'"),
    (BertConfig, {"is_decoder": "yes"}, "is_decoder is 'yes'; expected true or false"),
    (BertConfig, {"pruned_heads": {"a": 1}}, "pruned_heads"),
    (BertConfig, {"to_dict": 1}, "'to_dict' is no setting"),
    (BertConfig, {"validate": "x"}, "'validate' is no setting"),
    (BertConfig, {"__class__": "x"}, "'__class__' is no setting"),
    (LlamaConfig, {"head_dim": 2**30}, "head_dim is 1073741824"),
    (LlamaConfig, {"head_dim": 7}, "head_dim is 7; .* must be even"),
    (LlamaConfig, {"rope_parameters": 5}, "rope_parameters is 5"),
    (LlamaConfig, {"rope_scaling": "linear"}, "rope_scaling is 'linear'"),
    (LlamaConfig, {"rope_parameters": {"rope_type": 5}}, "rope_type 5"),
    (LlamaConfig, {"rope_parameters": {"rope_theta": "x"}}, "rope_theta is 'x'"),
    (LlamaConfig, {"rope_theta": -1.0}, "rope_theta is -1.0"),
    (LlamaConfig, {"rope_scaling": {"type": "linear", "factor": 0}}, "factor is 0; expected a number above 0"),
    (LlamaConfig, {"rope_scaling": {"type": "linear", "factor": math.nan}}, "factor is nan"),
    (LlamaConfig, {"rope_scaling": {"rope_type": "longrope", "short_factor": 1, "long_factor": [1]}}, "short_factor is 1"),
    (T5Config, {"feed_forward_proj": 5}, "feed_forward_proj is 5"),
    (T5Config, {"d_kv": 0}, "d_kv is 0"),
    (ViTConfig, {"image_size": (3,)}, "image_size"),
    (ViTConfig, {"image_size": {"height": 3}}, "image_size"),
    (ViTConfig, {"patch_size": 0}, "patch_size is 0"),
    (CLIPConfig, {"text_config": 5}, "text_config"),
    (CLIPConfig, {"text_config": {"hidden_size": 0}}, "CLIPTextConfig: hidden_size is 0"),
    (CLIPConfig, {"text_config_dict": 5}, "text_config"),
    (BertConfig, {"attn_implementation": 5}, "attn_implementation is 5; expected text, or a table of text: text, or null"),
    (WhisperConfig, {"suppress_tokens": "all"}, "suppress_tokens"),
    (WhisperConfig, {"begin_suppress_tokens": 5}, "begin_suppress_tokens"),
    (WhisperConfig, {"mask_time_prob": 7}, "mask_time_prob is 7"),
    (GenerationConfig, {"do_sample": "yes"}, "do_sample is 'yes'"),
    (GenerationConfig, {"temperature": math.nan}, "temperature is nan"),
    (GenerationConfig, {"eos_token_id": "x"}, "eos_token_id is 'x'"),
    (GenerationConfig, {"bad_words_ids": [1]}, "bad_words_ids"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "values", "message"), WRONG, ids=[str(values)[:50] for _, values, _ in WRONG])
def test_values_of_the_wrong_kind_are_named_with_what_was_expected(config: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.from_dict(json.loads(json.dumps(values)))


def test_what_the_class_says_of_itself_is_not_taken_from_a_file(tmp_path: Path) -> None:
    config = BertConfig.from_dict({"file_name": "../../escaped", "sub_configs": 5, "attribute_map": 1, "name_or_path": "x"})
    assert config == BertConfig()
    (tmp_path / "a" / "b").mkdir(parents=True)
    config.save_pretrained(tmp_path / "a" / "b")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")] == ["a/b/config.json"]


def test_what_older_files_say_is_taken() -> None:
    config = BertConfig.from_dict(
        {"id2label": {"0": "a", "1": 2}, "label2id": None, "output_attentions": None, "chunk_size_feed_forward": None,
         "classifier_dropout": None, "pad_token_id": None, "eos_token_id": [1, 2], "hidden_dropout_prob": 0}
    )  # fmt: skip
    assert (config.id2label, config.label2id) == ({0: "a", 1: "2"}, {"a": 0, "2": 1})
    assert (config.output_attentions, config.chunk_size_feed_forward, config.pad_token_id) == (False, 0, None)


@pytest.mark.parametrize("kind", CONFIGS, ids=[kind.__name__ for kind in CONFIGS])
def test_the_references_defaults_are_of_our_kinds(kind: Any) -> None:
    reference = getattr(transformers, kind.__name__)()
    assert kind.from_dict(reference.to_dict()).to_dict().items() >= {"model_type": kind.model_type}.items()


@pytest.mark.parametrize("kind", ["BertModel", "LlamaModel", "WhisperModel"])
def test_a_pad_token_outside_of_the_vocabulary(kind: str) -> None:
    found = class_named(kind)
    with pytest.raises(ConfigError, match="pad_token_id is 70, outside of the vocabulary of 60"):
        found(found.config_class(vocab_size=60, pad_token_id=70))


def test_single_ids_and_meta_inputs_are_named() -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    with pytest.raises(InputError, match="ids go from 0 to 98"):
        model(torch.tensor([[5000]]))
    with pytest.raises(InputError, match="meta device"):
        model(torch.zeros(1, 3, dtype=torch.long, device="meta"))


def test_nothing_left_to_choose_is_said() -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    with pytest.raises(NumericsError, match="every token is banned"):
        model.generate(torch.tensor([[7, 8]]), suppress_tokens=list(range(99)), max_new_tokens=2)


def test_padding_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(CapacityError, match=str(LONGEST + 1)):
        pad_columns({"input_ids": [[1]]}, {"input_ids": 0}, Padding("max_length", LONGEST + 1))


@pytest.mark.parametrize("name", ["BertConfig", "GPT2Config", "LlamaConfig", "T5Config", "ViTConfig", "WhisperConfig"])
def test_what_is_shown_beside_the_reference(name: str) -> None:
    """Every value of the family that the reference shows, unless None, and nothing of the base class that is as usual."""
    ours = json.loads(repr(class_named(name)(num_labels=3)).removeprefix(f"{name} "))
    theirs = json.loads(repr(getattr(transformers, name)(num_labels=3)).removeprefix(f"{name} "))
    usual = PreTrainedConfig().to_dict()
    for key, value in theirs.items():
        if value is not None and key in class_named(name)._field_names and usual.get(key) != value:
            assert key in ours, key
    assert "return_dict" not in ours
    assert json.loads(repr(GenerationConfig(max_new_tokens=5)).removeprefix("GenerationConfig ")) == {"max_new_tokens": 5}


def test_the_older_name_of_return_dict() -> None:
    for said in (True, False):
        assert BertConfig(return_dict=said).use_return_dict is said


@pytest.mark.parametrize("kind", [*CONFIGS, GenerationConfig], ids=lambda kind: kind.__name__)
def test_a_json_file_of_any_name(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "my-settings.json"
    config = kind(output_attentions=True)
    config.to_json_file(path)
    assert kind.from_json_file(path) == config
    if kind is not GenerationConfig:
        theirs = getattr(transformers, kind.__name__).from_json_file(str(path))
        theirs.to_json_file(str(path))
        assert kind.from_json_file(str(path)).output_attentions
    with pytest.raises(FileMissing, match="there is no file"):
        kind.from_json_file(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("config", "values", "text"),
    [
        ("ResNetConfig", {"depths": 3}, "depths is 3; expected a list"),
        ("ResNetConfig", {"depths": None}, "depths is None; expected a list"),
        ("ResNetConfig", {"depths": []}, "need a block or more in each stage"),
        ("MambaConfig", {"time_step_min": 0}, "time_step_min is 0; expected a number above 0"),
        ("BertConfig", {"type_vocab_size": 0}, "type_vocab_size is 0; expected a whole number from 1"),
        ("T5Config", {"relative_attention_num_buckets": 3}, "relative_attention_num_buckets is 3; expected .* from 4"),
    ],
)
def test_values_that_no_model_can_be_made_with(config: str, values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        getattr(bestiary, config)(**values)


def test_a_table_of_positions_without_one_for_text() -> None:
    with pytest.raises(ConfigError, match="a table of 1 positions .* which begins at 2"):
        bestiary.RobertaModel(bestiary.RobertaConfig(max_position_embeddings=1, hidden_size=12))


def test_step_sizes_may_be_said_in_either_order() -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "vocab_size": 9}
    model = bestiary.MambaModel(bestiary.MambaConfig(time_step_min=1.5, time_step_max=0.5, **sizes))
    steps = torch.nn.functional.softplus(model.layers[0].mixer.dt_proj.bias)
    assert 0.499 < steps.min() <= steps.max() < 1.501


@pytest.mark.parametrize("name", ["bfloat16", "torch.float16", torch.float32, None])
def test_a_dtype_is_torchs_and_stored_by_its_name(name: Any, tmp_path: Path) -> None:
    short = str(name).removeprefix("torch.") if name else None
    config = BertConfig(dtype=name)
    assert config.dtype == transformers.BertConfig(dtype=short).dtype
    assert config.torch_dtype is config.dtype
    config.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()).get("dtype") == short
    assert BertConfig.from_pretrained(tmp_path).dtype is config.dtype


def test_values_set_from_text_become_what_the_fields_hold() -> None:
    text = "hidden_size=24, hidden_act=relu,layer_norm_eps=1e-3,is_decoder=Yes"
    ours, reference = BertConfig(), transformers.BertConfig()
    ours.update_from_string(text)
    reference.update_from_string(text.replace(" ", ""))
    for name in ("hidden_size", "hidden_act", "layer_norm_eps", "is_decoder"):
        assert getattr(ours, name) == getattr(reference, name)
    for wrong in ("hidden_sise=3", "hidden_size", "hidden_size=many", "is_decoder=perhaps", "pruned_heads=1"):
        with pytest.raises(ConfigError, match=wrong.split("=")[0]):
            ours.update_from_string(wrong)
    assert ours.hidden_size == 24


def test_endless_numbers_are_stored_as_published_in_standard_json(tmp_path: Path) -> None:
    values = {"low": -math.inf, "bounds": [1.0, math.inf], "table": {"none": math.nan}}
    BertConfig(**values).save_pretrained(tmp_path)
    text = (tmp_path / "config.json").read_text()
    json.loads(text, parse_constant=pytest.fail)
    for kind in (BertConfig, transformers.BertConfig):
        config = kind.from_pretrained(tmp_path)
        assert config.low == -math.inf
        assert config.bounds == [1.0, math.inf]
        assert math.isnan(config.table["none"])
    assert json.loads(BertConfig(**values).to_json_string())["low"] == {"__float__": "-Infinity"}


def test_the_form_of_a_file_for_this_release_is_read(tmp_path: Path) -> None:
    BertConfig(hidden_size=24).save_pretrained(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    for name, size in {"config.4.0.0.json": 36, "config.4.9.0.json": 48, "config.999.0.0.json": 60}.items():
        (tmp_path / name).write_text(json.dumps({**content, "hidden_size": size}))
    listed = ["config.4.9.0.json", "config.4.0.0.json", "config.999.0.0.json", "../secret.1.0.json", 7]
    (tmp_path / "config.json").write_text(json.dumps({**content, "configuration_files": listed}))
    assert bestiary.AutoConfig.from_pretrained(tmp_path).hidden_size == 48
    published = [name for name in listed if isinstance(name, str) and name.startswith("config.")]
    (tmp_path / "config.json").write_text(json.dumps({**content, "configuration_files": published}))
    for kind in (BertConfig, transformers.BertConfig):
        assert kind.from_pretrained(tmp_path).hidden_size == 48
    assert BertConfig.get_config_dict(tmp_path, revision=None, hidden_act="relu") == (
        json.loads((tmp_path / "config.4.9.0.json").read_text()),
        {"hidden_act": "relu"},
    )


CALLERS = {
    "BertConfig": ({"hidden_size": 24, "note": 1}, {"note": 2, "attn_implementation": "eager", "num_labels": 3}),
    "CLIPConfig": ({"projection_dim": 24}, {"text_config": {"num_hidden_layers": 1}, "name_or_path": "here"}),
    "ResNetConfig": ({"out_indices": [1]}, {"out_features": ["stage2"]}),
}


@pytest.mark.parametrize("name", CALLERS)
def test_keywords_that_are_no_settings_come_back_as_published(name: str) -> None:
    stored, overrides = CALLERS[name]
    told = []
    for library in (bestiary, transformers):
        config, unused = getattr(library, name).from_dict(dict(stored), return_unused_kwargs=True, **overrides, other=1)
        assert unused == {"other": 1}
        assert not {"other", "return_unused_kwargs"} & config.to_dict().keys()
        told.append({key: config.to_dict().get(key) for key in (*stored, *overrides) if key != "text_config"})
        told[-1]["more"] = (config._attn_implementation, config.name_or_path)
    assert told[0] == told[1]


def test_keywords_that_a_users_config_has_no_use_for_come_back(tmp_path: Path) -> None:
    class Config(bestiary.PreTrainedConfig):
        model_type = "of-a-user"

        def __init__(self, width: int = 1, **kwargs: Any) -> None:
            self.width, self.depth = width, 2
            super().__init__(**kwargs)

    Config(width=3).save_pretrained(tmp_path)
    for config, unused in (
        Config.from_dict({"width": 3}, return_unused_kwargs=True, depth=5, other=1),
        Config.from_pretrained(tmp_path, return_unused_kwargs=True, depth=5, other=1),
    ):
        assert (config.width, config.depth, unused) == (3, 5, {"other": 1})


@pytest.mark.filterwarnings("ignore:`rope_scaling` is deprecated:FutureWarning")  # of the published library
def test_the_older_name_of_rotary_settings() -> None:
    """`rope_scaling` reads and replaces `rope_parameters`, also after the config is there."""
    linear = {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0}
    for kind in (LlamaConfig, transformers.LlamaConfig):
        config = kind(rope_scaling={"rope_type": "linear", "factor": 2.0}, rope_theta=500.0)
        assert config.rope_scaling == config.rope_parameters == linear
        assert "rope_scaling" not in config.to_dict()
        config.rope_scaling = {**linear, "factor": 4.0}
        assert config.rope_scaling == config.rope_parameters == {**linear, "factor": 4.0}
    ours = LlamaConfig(rope_theta=500.0)
    ours.rope_scaling = {"type": "linear", "factor": 2.0}  # the published library then forgets rope_theta
    assert ours.rope_parameters == linear


@pytest.mark.parametrize(
    "flags", [{}, {"decoder": True}, {"encoder": True}, {"decoder": True, "encoder": True}, {"decoder": False}]
)
def test_the_config_of_texts(flags: dict[str, bool]) -> None:
    """A part by its published names, of a config of one's own too; an encoder-decoder's sizes by the part asked for."""
    seq2seq = {"vocab_size": 50, "d_model": 16, "encoder_layers": 2, "decoder_layers": 3, "decoder_attention_heads": 2}
    answers = []
    for library in (bestiary, transformers):

        class Both(library.PreTrainedConfig):
            def __init__(self, text_encoder: Any = None, generator: Any = None, **kwargs: Any) -> None:
                self.text_encoder, self.generator = text_encoder, generator
                super().__init__(**kwargs)

        part = library.BertConfig(hidden_size=48)
        clip = library.CLIPConfig()
        bart = library.BartConfig(**seq2seq).get_text_config(**flags)
        both = Both(part, library.GPT2Config())
        try:
            of_both = both.get_text_config(**flags).model_type
        except ValueError as error:
            of_both = "text_encoder" in str(error)
        answers.append(
            [
                type(clip.get_text_config(**flags)).__name__,
                (bart.num_hidden_layers, bart.num_attention_heads, bart.vocab_size),
                Both(part).get_text_config(**flags) is part,
                of_both,
            ]
        )
    assert answers[0] == answers[1]


def test_embeddings_of_a_type_of_ones_own_are_tied_where_it_says_so() -> None:
    for library in (bestiary, transformers):

        class Mine(library.PreTrainedConfig):
            model_type = "tied-or-not"

        class Tied(Mine):
            tie_word_embeddings: bool = True

        assert not getattr(Mine(), "tie_word_embeddings", False)  # the published one has no such name
        assert Mine(tie_word_embeddings=True).tie_word_embeddings
        assert Tied().tie_word_embeddings
        assert library.GPT2Config().tie_word_embeddings


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Bert", {"hidden_size": 3}),
        ("GPT2", {"n_embd": 3}),
        ("Bart", {"decoder_attention_heads": 7}),
        ("Mistral", {"num_key_value_heads": 5}),
        ("ViT", {"num_attention_heads": 7}),
    ],
)
def test_sizes_that_do_not_divide_are_refused_by_the_model(name: str, values: dict[str, int]) -> None:
    """As published, a config may be made before all of its sizes are known."""
    getattr(transformers, f"{name}Config")(**values)
    config = getattr(bestiary, f"{name}Config")(**values)
    again = type(config).from_dict(config.to_dict())
    for each in (config, again):
        with pytest.raises(ConfigError, match="is not a multiple of"):
            getattr(bestiary, f"{name}Model")(each)


def test_sizes_that_divide_later_make_a_model() -> None:
    config = bestiary.BertConfig(hidden_size=3, num_hidden_layers=1, vocab_size=9, intermediate_size=8)
    config.hidden_size = 24
    assert bestiary.BertModel(config).config is config


@pytest.mark.parametrize("name", ["Llama", "EuroBert", "CLIPText"])
def test_sizes_that_the_published_config_refuses_are_refused_at_once(name: str) -> None:
    with pytest.raises(StrictDataclassClassValidationError):
        getattr(transformers, f"{name}Config")(hidden_size=3)
    with pytest.raises(ConfigError, match="is not a multiple of num_attention_heads"):
        getattr(bestiary, f"{name}Config")(hidden_size=3)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("MambaConfig", {"time_step_max": math.inf}),
        ("Mamba2Config", {"time_step_max": math.inf}),
        ("GenerationConfig", {"repetition_penalty": math.inf}),
        ("GenerationConfig", {"temperature": math.inf, "do_sample": True}),
        ("WhisperFeatureExtractor", {"padding_value": math.inf}),
        ("WhisperFeatureExtractor", {"padding_value": -math.inf}),
    ],
)
def test_what_may_be_endless_survives_a_save(kind: str, values: dict[str, Any], tmp_path: Path) -> None:
    """As published, whose files are read too."""
    for library in (bestiary, transformers):
        getattr(library, kind)(**values).save_pretrained(tmp_path)
        for reader in {bestiary, library}:
            again = getattr(reader, kind).from_pretrained(tmp_path)
            assert {name: getattr(again, name) for name in values} == values


def test_as_many_labels_keep_their_names() -> None:
    """The number of labels that a config has already does not rename them, whatever comes first."""
    names = {"label2id": {"a": 0, "b": 1, "c": 2}, "id2label": {0: "a", 1: "b", 2: "c"}}
    config = BertConfig(**names)
    config.num_labels = 3
    assert (config.id2label, config.label2id) == (names["id2label"], names["label2id"])
    for order in (("num_labels", *names), (*names, "num_labels")):
        values = {**names, "num_labels": 3}
        config = BertConfig()
        config.update({name: values[name] for name in order})
        assert config.id2label == names["id2label"]
    config.num_labels = 2
    assert config.id2label == {0: "LABEL_0", 1: "LABEL_1"}
