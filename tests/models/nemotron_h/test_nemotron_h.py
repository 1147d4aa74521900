"""What is special to Nemotron-H: what older files call fields, and kinds that do not exist."""

import pytest
import transformers

from bestiary import NemotronHConfig
from bestiary.core.errors import ConfigError

OLDER = {"hybrid_override_pattern": "M-*E", "mamba_n_groups": 4, "mamba_d_conv": 3, "mamba_dt_min": 0.01}
OLDER |= {"mamba_chunk_size": 32, "mamba_conv_bias": False, "num_hidden_layers": 52}


def test_older_names_of_fields():
    ours, theirs = NemotronHConfig(**OLDER), transformers.NemotronHConfig(**OLDER)
    assert ours.layer_types == theirs.layers_block_type == ["linear_attention", "mlp", "full_attention", "moe"]
    assert ours.num_hidden_layers == theirs.num_hidden_layers == 4
    for name in ("n_groups", "conv_kernel", "time_step_min", "chunk_size", "use_conv_bias", "hybrid_override_pattern"):
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize("values", [{"hybrid_override_pattern": "MX"}, {"layers_block_type": ["X"]}], ids=str)
def test_kinds_that_do_not_exist(values):
    with pytest.raises(ConfigError, match="layers_block_type has 'X'; expected some of linear_attention, .*, or in files of"):
        NemotronHConfig(**values)
