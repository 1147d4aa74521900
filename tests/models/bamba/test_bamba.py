"""What is special to Bamba: its loss, and sizes that do not fit."""

import pytest
import torch
import transformers

from bestiary import BambaConfig, BambaForCausalLM
from bestiary.core.errors import ConfigError

TINY = {"vocab_size": 99, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "attn_layer_indices": [1]}
TINY |= {"num_attention_heads": 4, "num_key_value_heads": 2, "mamba_n_heads": 8, "mamba_d_state": 8}


def test_the_logarithm_of_what_the_softmax_divides_by_is_in_the_loss(tmp_path):
    torch.manual_seed(0)
    theirs = transformers.BambaForCausalLM(transformers.BambaConfig(**TINY, z_loss_coefficient=0.5))
    theirs.save_pretrained(tmp_path)
    model, ids = BambaForCausalLM.from_pretrained(tmp_path), torch.randint(5, 99, (2, 9))
    loss, expected = model(ids, labels=ids).loss, theirs(ids, labels=ids).loss
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    model.config.z_loss_coefficient = 0.0
    assert model(ids, labels=ids).loss < loss - 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mamba_n_heads": 7}, "mamba_n_heads is 7 and mamba_d_head 9"),
        ({"mamba_d_head": 9}, "must be the width of the state-space layers, 64"),
        ({"mamba_d_head": "many"}, "mamba_d_head 'many'"),
        ({"mamba_n_groups": 3}, "8 heads of a state-space layer cannot share the B and C of 3 groups"),
        ({"time_step_limit": [2.0, 1.0]}, r"time_step_limit is \[2.0, 1.0\]"),
        ({"time_step_limit": ["a", 1.0]}, r"time_step_limit is \['a', 1.0\]"),
    ],
)
def test_sizes_that_do_not_fit(values, message):
    with pytest.raises(ConfigError, match=message):
        BambaConfig(**{**TINY, **values})
