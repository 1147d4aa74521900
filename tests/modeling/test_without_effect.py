"""Values in a config that the published library takes no notice of are told once and change nothing; nonsense is refused."""

from typing import Any

import pytest
import torch
import transformers

import bestiary
from bestiary.core.errors import ConfigError, InputError
from bestiary.core.logging import BestiaryWarning

FALCON = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}


@pytest.mark.parametrize("stray", [{"intermediate_size": 77}, {"hidden_act": "relu"}, {"num_key_value_heads": 2}])
def test_falcon_takes_no_names_of_other_families(stray: dict[str, Any]) -> None:
    values = {**FALCON, "new_decoder_architecture": "num_key_value_heads" in stray}
    with pytest.warns(BestiaryWarning, match=f"{next(iter(stray))}=.* has no effect"):
        ours = bestiary.FalconModel(bestiary.FalconConfig(**values, **stray))
    published = transformers.FalconModel(transformers.FalconConfig(**values, **stray))
    shapes = [{name: each.shape for name, each in model.state_dict().items()} for model in (ours, published)]
    assert shapes[0] == shapes[1]
    assert ours.config.activation == published.config.activation


def test_falcon_takes_the_published_name_of_its_width() -> None:
    assert bestiary.FalconConfig(n_embed=16, num_attention_heads=4).hidden_size == 16
    assert bestiary.FalconConfig(**FALCON, ffn_hidden_size=66).intermediate_size == 66


@pytest.mark.parametrize("name", ["Gemma3TextConfig", "Olmo3Config"])
@pytest.mark.parametrize("given", [{"x": 1}, {"rope_theta": 5.0}, {"rope_type": "linear", "factor": 2.0}])
def test_numbers_beside_the_tables_of_kinds_turn_nothing(name: str, given: dict[str, Any]) -> None:
    with pytest.warns(BestiaryWarning, match=f"of no effect: {next(iter(given))}"):
        ours = getattr(bestiary, name)(rope_parameters=dict(given))
    published = getattr(transformers, name)(rope_parameters=dict(given)).rope_parameters
    assert ours.rotary_tables == {kind: published[kind] for kind in ours.rotary_tables}


@pytest.mark.parametrize("name", ["ModernBertConfig", "Gemma4TextConfig", "EmbeddingGemma2TextConfig"])
def test_where_no_kind_has_a_table_it_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="rope_parameters .*expected a table"):
        getattr(bestiary, name)(rope_parameters={"rope_theta": 5.0})


def test_layers_beyond_the_depth() -> None:
    values = {"num_hidden_layers": 2, "no_rope_layers": [1, 0, 1, 1]}
    with pytest.warns(BestiaryWarning, match="no_rope_layers is of 4 layers; the first 2 are read"):
        config = bestiary.SmolLM3Config(**values)
    assert config.no_rope_layers == transformers.SmolLM3Config(**values).no_rope_layers == [1, 0, 1, 1]
    values = {"num_hidden_layers": 2, "attn_layer_indices": [1, 7]}
    with pytest.warns(BestiaryWarning, match="attn_layer_indices names layer 7, and there are 2"):
        bamba = bestiary.BambaConfig(**values)
    assert bamba.layers_block_type == ["linear_attention", "full_attention"]


def test_a_token_has_two_experts() -> None:
    with pytest.raises(ConfigError, match="num_experts is 1, and each token has two experts"):
        bestiary.NllbMoeConfig(num_experts=1)
    assert bestiary.NllbMoeConfig(num_experts=1, encoder_sparse_step=0, decoder_sparse_step=0).num_experts == 1


def test_a_reader_projects_nothing() -> None:
    sizes = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 40}
    config = bestiary.DPRConfig(**sizes, projection_dim=16)
    assert bestiary.DPRQuestionEncoder(config)(torch.tensor([[5, 6]])).pooler_output.shape == (1, 16)
    with pytest.raises(ConfigError, match="projection_dim is 16; expected 0"):
        bestiary.DPRReader(config)


@pytest.mark.parametrize("loss", ["mse", "nll"])
@pytest.mark.parametrize("family", ["PatchTST", "PatchTSMixer"])
def test_targets_with_an_axis_more(family: str, loss: str) -> None:
    sizes = {"context_length": 16, "prediction_length": 4, "num_input_channels": 2, "patch_length": 8, "patch_stride": 8}
    more = {"d_model": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "num_layers": 1, "ffn_dim": 16}
    model = getattr(bestiary, f"{family}ForPrediction")(getattr(bestiary, f"{family}Config")(**sizes, **more, loss=loss))
    with pytest.raises(InputError, match=r"future_values .*shape \(3, 4, 2, 1\); expected numbers of shape \(3, 4, 2\)"):
        model(torch.randn(3, 16, 2), future_values=torch.randn(3, 4, 2, 1))


def test_fields_of_relatives_that_a_published_config_lacks() -> None:
    with pytest.warns(BestiaryWarning, match="hidden_act='gelu' has no effect; hidden_act is 'silu'"):
        assert bestiary.Lfm2Config(hidden_act="gelu").hidden_act == "silu"


@pytest.mark.parametrize("name", ["T5Config", "MT5Config", "UMT5Config", "LongT5Config"])
@pytest.mark.parametrize(
    "said",
    [
        {"dense_act_fn": "tanh"},
        {"is_gated_act": True},
        {"is_gated_act": False},
        {"feed_forward_proj": "gated-silu"},
        {"feed_forward_proj": "gated-gelu", "dense_act_fn": "relu", "is_gated_act": False},
    ],
    ids=repr,
)
def test_what_is_said_of_an_activation_and_its_gate_counts(name: str, said: dict[str, Any]) -> None:
    ours, published = getattr(bestiary, name)(**said), getattr(transformers, name)(**said)
    assert (ours.dense_act_fn, ours.is_gated_act) == (published.dense_act_fn, published.is_gated_act)
    assert ours.feed_forward_proj == published.feed_forward_proj
