"""Where files of DBRX say how fast positions turn, and what does not fit together."""

from typing import Any

import pytest

from bestiary import DbrxConfig, DbrxModel
from bestiary.core.errors import ConfigError


def test_older_files_say_the_base_of_positions_in_the_part_for_attention() -> None:
    config = DbrxConfig(attn_config={"rope_theta": 500000, "kv_n_heads": 8})
    assert config.rope_parameters == {"rope_type": "default", "rope_theta": 500000}
    assert DbrxConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"n_heads": 12}, "d_model .* n_heads"),
        ({"attn_config": {"kv_n_heads": 3}}, "n_heads .* kv_n_heads"),
        ({"ffn_config": {"moe_top_k": 5}}, "moe_top_k is 5, and moe_num_experts only 4"),
        ({"ffn_config": {"ffn_act_fn": {"name": 3}}}, "ffn_act_fn"),
    ],
    ids=["width", "groups", "experts", "activation"],
)
def test_what_does_not_fit_is_told(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        DbrxModel(DbrxConfig(**values))
