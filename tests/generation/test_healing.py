"""Token healing beside the reference's."""

import pytest
import torch
import transformers
from kit import assistants, filled

from bestiary.core.errors import ArgumentError, InputError
from bestiary.models.llama import LlamaConfig, LlamaForCausalLM
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

TEXT = "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1)\n"


@pytest.fixture(scope="module")
def pair(byte_level):
    """A model with its tokenizer, ours and the reference's."""
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<s>"}
    backend = byte_level.backend_tokenizer
    config = {**assistants.LLAMA, "vocab_size": len(byte_level), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
    mine = filled.fill(LlamaForCausalLM(LlamaConfig(**config)))
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config)).eval()
    theirs.load_state_dict(mine.state_dict())
    ours = PreTrainedTokenizerFast(tokenizer_object=backend, padding_side="left", **special)
    return mine, ours, theirs, transformers.PreTrainedTokenizerFast(tokenizer_object=backend, padding_side="left", **special)


def test_tokens_of_the_reference(pair):
    mine, tokenizer, theirs, their_tokenizer = pair
    changed = equal = 0
    for length in range(4, len(TEXT)):
        ids = tokenizer(TEXT[:length].rstrip(), return_tensors="pt").input_ids
        healed = mine.heal_tokens(ids, tokenizer)
        before, after = (tokenizer.convert_ids_to_tokens(int(row[0, -1])) for row in (ids, healed))
        assert after.startswith(before)
        assert torch.equal(healed[:, :-1], ids[:, :-1])
        want = theirs.heal_tokens(ids.clone(), their_tokenizer)
        # The reference only makes them likelier, so that at times a token wins that does not begin so at all.
        if int(want[0, -1]) > 1 and their_tokenizer.convert_ids_to_tokens(int(want[0, -1])).startswith(before):
            assert torch.equal(healed, want)
            equal += 1
            changed += before != after
    assert equal > 50
    assert changed > 5


def test_generate_goes_on_from_the_healed_prompt(pair):
    mine, tokenizer, *_ = pair
    given = tokenizer([TEXT[:9], TEXT[:14], TEXT[:30]], return_tensors="pt", padding=True)
    healed = mine.heal_tokens(given.input_ids, tokenizer, given.attention_mask)
    alone = [mine.heal_tokens(ids[mask.bool()][None], tokenizer)[0, -1] for ids, mask in zip(*given.values(), strict=True)]
    assert healed[:, -1].tolist() == [int(token) for token in alone]
    assert not torch.equal(healed, given.input_ids)
    got = mine.generate(**given, token_healing=True, tokenizer=tokenizer, max_new_tokens=5)
    assert torch.equal(got, mine.generate(healed, attention_mask=given.attention_mask, max_new_tokens=5))


def test_refused(pair):
    mine, tokenizer, *_ = pair
    ids = torch.tensor([[5, 9, 13]])
    with pytest.raises(ArgumentError, match="pass tokenizer="):
        mine.generate(ids, token_healing=True)
    with pytest.raises(InputError, match="pad on the left"):
        mine.generate(ids, attention_mask=torch.tensor([[1, 1, 0]]), token_healing=True, tokenizer=tokenizer)
    with pytest.raises(InputError, match="of a decoder alone"):
        assistants.model("t5").generate(ids, token_healing=True, tokenizer=tokenizer)
