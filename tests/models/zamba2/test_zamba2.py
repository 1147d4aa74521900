"""What is special to Zamba2: biases, blocks that layers share, sizes that do not fit."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.checkpoints import save
from kit.families import close
from safetensors.torch import load_file

from bestiary import Zamba2Config, Zamba2ForCausalLM, Zamba2Model
from bestiary.cache import DynamicCache
from bestiary.core.errors import ConfigError

TINY: dict[str, Any] = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 4, "n_mamba_heads": 4, "mamba_d_state": 8}
TINY |= {"layers_block_type": ["hybrid", "mamba", "hybrid", "hybrid"], "num_mem_blocks": 2, "num_attention_heads": 4}
TINY |= {"adapter_rank": 3, "use_shared_attention_adapter": True, "chunk_size": 4}
IDS = torch.randint(5, 99, (2, 9), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_biases_are_the_references() -> None:
    """With them, the reference lets the bias of padding into the convolution: no row is padded here."""
    folder = save(transformers.Zamba2Config(**TINY, add_bias_linear=True), "Zamba2ForCausalLM")
    expected = transformers.Zamba2ForCausalLM.from_pretrained(folder).eval()(IDS).logits
    close(Zamba2ForCausalLM.from_pretrained(folder)(IDS).logits, expected)


def test_the_first_uses_of_blocks_hold_their_weights(tmp_path: Path) -> None:
    model = Zamba2ForCausalLM.from_config(Zamba2Config(**TINY)).eval()
    model.save_pretrained(tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    assert {name.split(".")[2] for name in stored if "shared_transformer" in name} == {"0", "2"}
    opened = Zamba2Model.from_pretrained(tmp_path)
    first, other, again = (opened.layers[index].shared_transformer.self_attn.q_proj.weight for index in (0, 2, 3))
    assert again is first
    assert other is not first
    close(opened(IDS)[0], model.model(IDS)[0])
    apart = Zamba2Model.from_config(Zamba2Config(**TINY, tie_word_embeddings=False))
    first, again = (apart.layers[index].shared_transformer.self_attn.q_proj.weight for index in (0, 3))
    assert again is not first


@torch.no_grad()
def test_a_cache_without_a_config_learns_that_layers_keep_both() -> None:
    model, cache = Zamba2Model.from_config(Zamba2Config(**TINY)).eval(), DynamicCache()
    parts = [model(IDS[:, part], past_key_values=cache)[0] for part in (slice(0, 5), slice(5, 9))]
    close(torch.cat(parts, dim=1), model(IDS)[0])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"num_attention_heads": 5}, "num_attention_heads is 5"),
        ({"n_mamba_heads": 5}, "n_mamba_heads is 5"),
        ({"num_hidden_layers": 2}, "num_hidden_layers is 2"),
        ({"layers_block_type": ["hybrid", "mamba", "both", "mamba"]}, "'both'"),
    ],
)
def test_sizes_that_do_not_fit(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Zamba2Model.from_config(Zamba2Config(**{**TINY, **values}))
