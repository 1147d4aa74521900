"""`token_logprobs` is what a forward pass over the answer says, whatever chose the tokens."""

import pytest
import torch

from bestiary.core.logging import BestiaryWarning

WAYS = [
    {},
    {"do_sample": True, "seed": 3, "temperature": 0.5, "top_k": 5, "repetition_penalty": 1.3},
    {"do_sample": True, "seed": 3, "num_return_sequences": 3},
    {"no_repeat_ngram_size": 2},
    {"num_beams": 3},
    {"num_beams": 4, "num_return_sequences": 3, "length_penalty": 0.3},
    {"prompt_lookup_num_tokens": 3},
    {"cache_implementation": "static"},
    {"use_cache": False},
]


def expected(logits, new, ends):
    found = logits.log_softmax(-1).gather(2, new.unsqueeze(2)).squeeze(2)
    over = torch.isin(new, torch.tensor(ends)).cumsum(1)
    return found.masked_fill(torch.cat([torch.zeros_like(over[:, :1]), over[:, :-1]], dim=1) > 0, 0.0)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_of_a_decoder(llama, padded, way):
    ends = [5, 44, 55]
    options = {"max_new_tokens": 12, "eos_token_id": ends, "pad_token_id": 0, "return_dict_in_generate": True}
    made = llama[0].generate(**padded, **options, output_token_logprobs=True, **way)
    copies = len(made.sequences) // 3
    mask = padded["attention_mask"].repeat_interleave(copies, dim=0)
    mask = torch.cat([mask, torch.ones_like(made.sequences[:, 7:])], dim=1)
    logits = llama[0](made.sequences, attention_mask=mask).logits[:, 6:-1]
    want = expected(logits, made.sequences[:, 7:], ends)
    assert "eos" in made.finish_reasons
    assert made.token_logprobs.shape == want.shape
    torch.testing.assert_close(made.token_logprobs, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("way", WAYS[:6:2], ids=str)
def test_of_an_encoder_decoder(t5, padded, way):
    options = {"max_new_tokens": 9, "eos_token_id": None, "return_dict_in_generate": True, "output_token_logprobs": True}
    made = t5[0].generate(**padded, **options, **way)
    given = {name: value.repeat_interleave(len(made.sequences) // 3, dim=0) for name, value in padded.items()}
    logits = t5[0](**given, decoder_input_ids=made.sequences).logits[:, :-1]
    torch.testing.assert_close(made.token_logprobs, expected(logits, made.sequences[:, 1:], []), rtol=1e-5, atol=1e-5)


def test_only_on_request(llama, ids):
    assert llama[0].generate(ids, return_dict_in_generate=True).token_logprobs is None
    with pytest.warns(BestiaryWarning, match="output_token_logprobs=True has no effect without return_dict_in_generate"):
        llama[0].generate(ids, output_token_logprobs=True)
