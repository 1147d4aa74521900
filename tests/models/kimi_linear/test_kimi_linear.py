"""What is special to Kimi Linear: kinds of layers as files say them, and what does not fit."""

import pytest
import transformers

from bestiary import KimiLinearConfig, KimiLinearModel
from bestiary.core.errors import ConfigError


def test_layers_as_files_say_them():
    table = {"full_attn_layers": [2, 4], "kda_layers": [1, 3], "head_dim": 6, "num_heads": 5, "short_conv_kernel_size": 3}
    for values in ({"linear_attn_config": table, "num_hidden_layers": 4, "first_k_dense_replace": 2}, {"num_hidden_layers": 9}):
        ours, theirs = KimiLinearConfig(**values), transformers.KimiLinearConfig(**values)
        for name in ("layer_types", "mlp_layer_types", "linear_head_dim", "linear_num_heads", "linear_conv_kernel_dim"):
            assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mlp_layer_types": ["sparse"]}, "mlp_layer_types names 1 layers, and num_hidden_layers is 27"),
        ({"num_experts": 10, "num_expert_group": 4}, "is not a multiple of n_group"),
    ],
)
def test_what_does_not_fit(values, message):
    with pytest.raises(ConfigError, match=message):
        KimiLinearModel(KimiLinearConfig(**values))
