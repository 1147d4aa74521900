"""EmbeddingGemma 2: the half for texts of published checkpoints, and what its configs may say."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import cases, close, spread, tokens

from bestiary import AutoModel, EmbeddingGemma2TextModel
from bestiary.core.errors import ArgumentError, ConfigError
from bestiary.core.logging import BestiaryWarning
from bestiary.models.embedding_gemma2_text import EmbeddingGemma2TextConfig

TINY = cases()["embedding_gemma2_text"].config
SIGHT = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 8}
SIGHT = {**SIGHT, "num_key_value_heads": 2, "patch_size": 4, "pooling_kernel_size": 2, "position_embedding_size": 64}


@pytest.mark.filterwarnings("ignore:EmbeddingGemma2TextModel was loaded from")  # which names the parts that are not here
@pytest.mark.parametrize("vision", [None, SIGHT], ids=["texts_alone", "with_vision"])
def test_the_half_of_a_whole(vision: dict[str, Any] | None, tmp_path: Path) -> None:
    config = transformers.EmbeddingGemma2Config(text_config=dict(TINY), vision_config=vision, pad_token_id=0)
    torch.manual_seed(0)
    whole = transformers.EmbeddingGemma2Model(config).eval()
    spread(whole)
    whole.save_pretrained(tmp_path)
    with pytest.warns(BestiaryWarning, match="models of type 'embedding_gemma2' have parts.*'embedding_gemma2_text'"):
        ours = AutoModel.from_pretrained(tmp_path)
    assert type(ours) is EmbeddingGemma2TextModel
    assert not ours.load_report.initialised
    inputs = tokens()
    real = inputs["attention_mask"].bool()
    with torch.no_grad():
        close(ours(**inputs).last_hidden_state, whole(**inputs).last_hidden_state, real=real)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_global_key_value_heads": 3}, "4 heads of queries and 3 of keys"),
        ({"per_layer_config": {7: {"head_dim": 8}}}, "of layer 7; expected"),
        ({"layer_types": None, "sliding_window_pattern": 0}, "sliding_window_pattern"),
        ({"embedding_dim": 0}, "embedding_dim is 0"),
    ],
)
def test_configs_that_make_no_sense(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        EmbeddingGemma2TextConfig(**{**TINY, **values})


def test_a_layer_by_itself_needs_what_it_is_told() -> None:
    layer = EmbeddingGemma2TextModel(EmbeddingGemma2TextConfig(**TINY)).layers[0]
    with pytest.raises(ArgumentError, match="pass per_layer_input"):
        layer(torch.ones(1, 2, 32), position_embeddings=(torch.ones(1, 2, 8), torch.zeros(1, 2, 8)))
