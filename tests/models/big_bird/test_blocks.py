"""BigBird's blocks: those drawn in training, texts whose last block is not whole, no random ones, decoders, the question."""

from typing import Any

import pytest
import torch
import transformers
from kit.families import close
from kit.largest_tensor import LargestTensor

import bestiary
from bestiary.core.errors import ConfigError, InputError

TINY = {
    "vocab_size": 60,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.5,
    "initializer_range": 0.4,
}


def both(name: str = "BigBirdModel", **settings: Any) -> tuple[Any, Any]:
    """The same model of this library and of the reference."""
    torch.manual_seed(0)
    reference = getattr(transformers, name)(transformers.BigBirdConfig(**TINY, **settings)).eval()
    model = getattr(bestiary, name)(bestiary.BigBirdConfig(**TINY, **settings)).eval()
    model.load_state_dict(reference.state_dict())
    return model, reference


@torch.no_grad()
@pytest.mark.parametrize(
    ("length", "block", "random", "longest"),
    [(40, 2, 2, 64), (23, 1, 3, 64), (1024, 64, 2, 2048), (1024, 16, 3, 1024)],
)
def test_training_draws_the_published_blocks(length: int, block: int, random: int, longest: int) -> None:
    model, reference = both(block_size=block, num_random_blocks=random, max_position_embeddings=longest)
    ids = torch.randint(5, 60, (2, length))
    close(model.train()(ids).last_hidden_state, reference.train()(ids).last_hidden_state)
    close(model.eval()(ids).last_hidden_state, reference.eval()(ids).last_hidden_state)


@torch.no_grad()
def test_what_is_recorded_of_a_text_whose_last_block_is_not_whole() -> None:
    model, reference = both(block_size=2, num_random_blocks=1, max_position_embeddings=32)
    ids = torch.randint(5, 60, (2, 19))
    recorded = {"output_hidden_states": True, "output_attentions": True}
    ours, theirs = model(ids, **recorded), reference(ids, **recorded)
    assert ours.last_hidden_state.shape == (2, 19, 8)
    for name in ("last_hidden_state", "pooler_output", "hidden_states", "attentions"):
        close(ours[name], theirs[name], name)


@torch.no_grad()
def test_without_random_blocks_attention_is_dense_under_the_rule() -> None:
    model, _ = both(block_size=2, num_random_blocks=0, max_position_embeddings=32)
    ids, block = torch.randint(5, 60, (2, 20)), torch.arange(20) // 2
    ends = (block == 0) | (block == 9)
    seen = ((block[:, None] - block).abs() <= 1) | ends | ends[:, None]
    sparse = model(ids).last_hidden_state
    with pytest.raises(InputError, match="original_full"):
        model(ids, attention_mask=seen.expand(2, 1, 20, 20))
    model.set_attention_type("original_full")
    close(sparse, model(ids, attention_mask=seen.expand(2, 1, 20, 20)).last_hidden_state)
    with pytest.raises(ConfigError, match="block_sparse"):
        model.set_attention_type("sparse")


@torch.no_grad()
def test_a_short_text_does_not_change_how_a_long_one_is_read() -> None:
    model, reference = both(block_size=2, num_random_blocks=1, max_position_embeddings=32)
    ids = torch.randint(5, 60, (1, 20))
    expected = reference(ids).last_hidden_state
    close(model(ids[:, :9]).last_hidden_state, reference(ids[:, :9]).last_hidden_state)
    close(model(ids).last_hidden_state, expected)


@torch.no_grad()
def test_no_tensor_grows_with_the_square_of_the_length() -> None:
    length, block, random = 4096, 16, 2
    config = bestiary.BigBirdConfig(**TINY, block_size=block, num_random_blocks=random)
    model = bestiary.BigBirdModel(config).eval()
    with LargestTensor() as largest:
        model(torch.randint(5, 50, (1, length)))
    assert largest.numel <= 2 * length * block * (5 + random)  # heads, tokens, and what each of them sees


@torch.no_grad()
@pytest.mark.parametrize("cross", [False, True])
def test_decoders_look_back_only_and_at_their_own_text(cross: bool) -> None:
    config = bestiary.BigBirdConfig(**TINY, block_size=2, num_random_blocks=1, is_decoder=True, add_cross_attention=cross)
    model, ids = bestiary.BigBirdForCausalLM(config).eval(), torch.randint(5, 60, (1, 20))
    memory = {"encoder_hidden_states": torch.randn(1, 4, 8)} if cross else {}
    logits = model(ids, **memory).logits
    close(model(ids[:, :9], **memory).logits, logits[:, :9])
    ids[:, 0] += 1 if ids[0, 0] < 59 else -1
    assert not torch.allclose(model(ids, **memory).logits[:, 5:], logits[:, 5:])


@torch.no_grad()
def test_the_question_is_no_answer() -> None:
    model, reference = both("BigBirdForQuestionAnswering", sep_token_id=3)
    ids = torch.randint(5, 60, (2, 12))
    ids[0, 4] = ids[1, 6] = ids[:, -1] = 3
    for further in ({}, {"question_lengths": torch.tensor([[2], [3]])}):
        ours, theirs = model(ids, **further), reference(ids, **further)
        close(ours.start_logits, theirs.start_logits)
        close(ours.end_logits, theirs.end_logits)
    assert int(model(ids).start_logits[1, 1:].argmax()) >= 6
    pooled = bestiary.BigBirdForQuestionAnswering(model.config, add_pooling_layer=True).eval()
    assert pooled(ids).pooler_output.shape == (2, 8)
