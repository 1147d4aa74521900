"""BigBird-Pegasus's encoder: blocks drawn in training, texts whose last block is not whole, short texts before long ones; and
its tokenizer, whose file has all tokens."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import close
from kit.tokenizer_files import KINDS

import bestiary

TINY = {
    "vocab_size": 60,
    "d_model": 8,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 8,
    "decoder_ffn_dim": 8,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "init_std": 0.4,
    "block_size": 2,
    "num_random_blocks": 2,
    "max_position_embeddings": 64,
}


@pytest.fixture
def encoders() -> tuple[Any, Any]:
    """The same encoder of this library and of the reference."""
    torch.manual_seed(0)
    reference = transformers.BigBirdPegasusModel(transformers.BigBirdPegasusConfig(**TINY)).eval()
    model = bestiary.BigBirdPegasusModel(bestiary.BigBirdPegasusConfig(**TINY)).eval()
    model.load_state_dict(reference.state_dict())
    return model.encoder, reference.encoder


@torch.no_grad()
def test_training_draws_the_published_blocks(encoders: tuple[Any, Any]) -> None:
    model, reference = encoders
    ids = torch.randint(5, 60, (2, 40))
    evaluated, trained = (model.train(mode)(ids).last_hidden_state for mode in (False, True))
    close(evaluated, reference.eval()(ids).last_hidden_state)
    close(trained, reference.train()(ids).last_hidden_state)
    assert not torch.allclose(evaluated, trained)


@torch.no_grad()
def test_what_is_recorded_of_a_text_whose_last_block_is_not_whole(encoders: tuple[Any, Any]) -> None:
    ids = torch.randint(5, 60, (2, 23))
    recorded = {"output_hidden_states": True, "output_attentions": True}
    ours, theirs = (model(ids, **recorded) for model in encoders)
    assert ours.last_hidden_state.shape == (2, 23, 8)
    for name in ("last_hidden_state", "hidden_states", "attentions"):
        close(ours[name], theirs[name], name)


@torch.no_grad()
def test_a_short_text_does_not_change_how_a_long_one_is_read(encoders: tuple[Any, Any]) -> None:
    model, reference = encoders
    ids = torch.randint(5, 60, (1, 20))
    expected = reference(ids).last_hidden_state
    close(model(ids[:, :9]).last_hidden_state, reference(ids[:, :9]).last_hidden_state)
    close(model(ids).last_hidden_state, expected)
    model.set_attention_type("original_full")
    close(model(ids).last_hidden_state, reference(ids).last_hidden_state)  # it turned to full attention for good


def test_tokens_keep_the_numbers_of_a_file_that_has_them_all(tmp_path: Path) -> None:
    KINDS["big_bird"](tmp_path)
    settings = {"offset": 0, "mask_token_sent": None, "mask_token": "[MASK]"}
    tokenizer = bestiary.PegasusTokenizer(str(tmp_path / "spiece.model"), **settings)
    pieces = bestiary.BigBirdTokenizer(str(tmp_path / "spiece.model")).get_vocab()
    assert {token: number for token, number in tokenizer.get_vocab().items() if number > 1} == {
        token: number for token, number in pieces.items() if number > 1
    }
    assert tokenizer("the cat [MASK]").input_ids[-2:] == [pieces["[MASK]"], 1]
