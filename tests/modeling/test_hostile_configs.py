"""What stands in a config file is refused by name before anything is computed from it, in every family."""

import json
from typing import Any

import pytest
import torch
from kit.families import pair

from bestiary import AutoModel
from bestiary.core.errors import BestiaryError, ConfigError
from bestiary.modeling.families import config_class

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("zamba2", {"hidden_size": "4"}, "hidden_size is '4'; expected a whole number"),
    ("glm4_moe", {"hidden_size": "4"}, "hidden_size is '4'"),
    ("kimi_linear", {"num_hidden_layers": "4"}, "num_hidden_layers is '4'"),
    ("kimi_linear", {"linear_attn_config": 5}, "linear_attn_config is 5; expected a table"),
    ("kimi_linear", {"linear_attn_config": {"full_attn_layers": 5}}, "full_attn_layers of linear_attn_config is 5"),
    ("kimi_linear", {"num_experts_per_token": None}, "num_experts_per_token is None; expected a whole number"),
    ("deepseek_v3", {"num_experts_per_tok": None}, "num_experts_per_tok is None; expected a whole number"),
    ("deepseek_v32", {"num_experts_per_tok": None}, "num_experts_per_tok is None"),
    ("jetmoe", {"num_key_value_heads": {"x": 1}}, "num_key_value_heads is {'x': 1}"),
    ("informer", {"lags_sequence": 5}, "lags_sequence is 5; expected a list of"),
    ("autoformer", {"lags_sequence": 5}, "lags_sequence is 5"),
    ("patchtst", {"num_forecast_mask_patches": 2.5}, "num_forecast_mask_patches is 2.5"),
    ("nemotron_h", {"layers_block_type": 5}, "layers_block_type is 5; expected a list of text"),
    ("nemotron_h", {"hybrid_override_pattern": 5}, "hybrid_override_pattern is 5; expected text"),
    ("nemotron_h", {"mtp_hybrid_override_pattern": 5}, "mtp_hybrid_override_pattern is 5"),
    ("t5gemma", {"encoder": "x"}, "encoder is 'x'; expected T5GemmaModuleConfig or a table of its values"),
    ("sam", {"prompt_encoder_config": 5}, "prompt_encoder_config is 5; expected SamPromptEncoderConfig or a table"),
    ("dbrx", {"attn_config": 5}, "attn_config is 5; expected DbrxAttentionConfig or a table"),
    ("gemma3_text", {"rope_parameters": 5}, "rope_parameters is 5; expected a table"),
    ("gemma3_text", {"rope_scaling": "x"}, "rope_scaling is 'x'; expected a table"),
    ("modernbert", {"rope_scaling": "x"}, "rope_scaling is 'x'"),
    ("olmo3", {"rope_scaling": "x"}, "rope_scaling is 'x'"),
    ("gemma4_text", {"global_head_dim": "4"}, "global_head_dim is '4'"),
    ("beit", {"num_hidden_layers": 10**12}, "num_hidden_layers is 1000000000000; expected a whole number from 0 to 1024"),
    ("maskformer-swin", {"embed_dim": None}, "embed_dim is None"),
    ("albert", {"vocab_size": 10**12}, "vocab_size is 1000000000000"),
    ("deberta", {"max_relative_positions": 10**12}, "max_relative_positions is 1000000000000"),
    ("deberta-v2", {"position_buckets": 10**12}, "position_buckets is 1000000000000"),
    ("rwkv", {"num_hidden_layers": 0}, "num_hidden_layers is 0; expected a whole number from 1"),
]


@pytest.mark.parametrize(
    ("model_type", "values", "message"), WRONG, ids=[f"{model_type}-{values}"[:60] for model_type, values, _ in WRONG]
)
def test_values_are_checked_before_a_family_reads_them(model_type: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_class(model_type).from_dict(json.loads(json.dumps(values)))


def test_a_config_that_is_changed_is_checked_in_the_same_order() -> None:
    config = config_class("zamba2")()
    with pytest.raises(ConfigError, match="hidden_size is '4'"):
        config.update({"hidden_size": "4"})


def test_tables_of_older_files_are_brought_into_their_form_first() -> None:
    config = config_class("gemma4_text").from_dict(
        {
            "num_hidden_layers": 6,
            "per_layer_config": {"5": {"head_dim": 512}},
            "id2label": {"0": "a"},
            "pruned_heads": {"1": [0]},
        }
    )
    assert config.to_dict()["per_layer_config"] == {5: {"head_dim": 512}}
    assert (config.id2label, config.pruned_heads) == ({0: "a"}, {1: [0]})


@pytest.mark.parametrize("flag", ["use_cache", "output_attentions", "output_hidden_states", "return_dict"])
def test_several_numbers_for_true_or_false(flag: str) -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    with pytest.raises(BestiaryError, match=f"{flag} is of torch.int64 and shape .2,.; expected True or False"):
        model(torch.tensor([[5, 6]]), **{flag: torch.tensor([1, 0])})


def test_positions_of_one_dimension_are_those_of_every_text() -> None:
    model = pair("llama", "LlamaForCausalLM").ours
    ids, positions = torch.tensor([[5, 6, 7], [7, 6, 5]]), torch.tensor([3, 1, 8])
    assert torch.equal(model(ids, position_ids=positions).logits, model(ids, position_ids=positions.expand(2, 3)).logits)
    with pytest.raises(BestiaryError, match="position_ids are of torch.complex64; expected a tensor of torch.int64"):
        model(ids, position_ids=torch.ones(2, 3, dtype=torch.complex64))


@pytest.mark.parametrize("family", [("nomic_bert", "NomicBertModel"), ("modernbert", "ModernBertModel")])
def test_an_encoder_without_layers_gives_its_embeddings(family: tuple[str, str]) -> None:
    ours = pair(*family).ours
    values = {**ours.config.to_dict(), "num_hidden_layers": 0, "layer_types": None}
    model = type(ours)(type(ours.config).from_dict({name: value for name, value in values.items() if value is not None}))
    assert model(torch.tensor([[5, 6, 7]])).last_hidden_state.shape == (1, 3, ours.config.hidden_size)


@pytest.mark.parametrize(
    ("row", "inputs", "message"),
    [
        (("llama", "LlamaForCausalLM"), {"position_ids": torch.ones(1, 1, 1, 2)}, "position_ids have 4 dimensions"),
        (("llama", "LlamaForCausalLM"), {"past_key_values": object()}, "past_key_values is a object; expected a cache"),
        (
            ("bert", "BertModel"),
            {"attention_mask": torch.ones(1, 2).to_sparse()},
            "attention_mask is of the layout torch.sparse_coo",
        ),
        (
            ("mixtral", "MixtralForCausalLM"),
            {"output_router_logits": torch.ones(2)},
            "output_router_logits is of .*True or False",
        ),
        (
            ("led", "LEDModel"),
            {"global_attention_mask": torch.ones(1, 3, 2)},
            "global_attention_mask has shape .1, 3, 2.; expected",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_a_call_is_given(row: tuple[str, str], inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(BestiaryError, match=message):
        pair(*row).ours(torch.tensor([[5, 6]]), **inputs)


def test_a_vocabulary_without_the_row_of_padding() -> None:
    config = config_class("mpnet")(vocab_size=1, hidden_size=32, num_hidden_layers=1, num_attention_heads=4)
    with pytest.raises(ConfigError, match="vocab_size is 1; row 1 is that of padding"):
        AutoModel.from_config(config)
