"""Whisper's processors of scores give the reference's scores and notes."""

import numpy as np
import pytest
import torch
import transformers
from kit import families
from transformers import generation as reference

import bestiary as ours


@pytest.mark.parametrize("prompt", [0, 1, 2, 3])
@pytest.mark.parametrize("first", [None, 5])
def test_whisper_timestamps(prompt, first):
    stamps = 20
    settings = {"no_timestamps_token_id": stamps - 1, "eos_token_id": 15, "max_initial_timestamp_index": first}
    mine = ours.WhisperTimeStampLogitsProcessor(ours.GenerationConfig(**settings), prompt)
    theirs = reference.WhisperTimeStampLogitsProcessor(transformers.GenerationConfig(**settings), prompt)
    generator = torch.Generator().manual_seed(prompt)
    changed = 0
    for trial in range(60):
        length = prompt + trial % 6
        # Timestamps that rise along the row, text in between.
        ids = torch.randint(0, 15, (4, length), generator=generator)
        rising = (torch.rand(4, length, generator=generator) * 3).cumsum(1).long() + stamps
        ids = torch.where(torch.rand(4, length, generator=generator) < 0.5, rising, ids)
        drawn = torch.randn(4, 40, generator=generator) * 2
        expected = theirs(ids, drawn.clone())
        assert torch.equal(mine(ids, drawn), expected)
        changed += int(not torch.equal(expected, drawn))
    assert changed == 60


@pytest.mark.parametrize(("first", "begin", "length"), [(1, None, 1), (3, None, 3), (3, 4, 4), (1, 3, 3), (3, None, 2)])
@pytest.mark.parametrize("logprobs", [False, True])
def test_silence(first, begin, length, logprobs):
    pair = families.pair("whisper", "WhisperForConditionalGeneration")
    features = pair.inputs["input_features"]
    ids = torch.tensor([[3, 4, 5, 8]] * len(features))[:, :length]
    with torch.no_grad():
        logits = pair.ours(input_features=features, decoder_input_ids=ids).logits[:, -1]
    logits = logits.log_softmax(-1) if logprobs else logits
    probabilities = []
    for library, model in ((ours, pair.ours), (reference.logits_process, pair.reference)):
        processor = library.WhisperNoSpeechDetection(7, first, scores_is_logprobs=logprobs)
        processor.set_model(model)
        if begin:
            processor.set_begin_index(begin)
        processor.set_inputs({"inputs": features, "input_ids": ids, "decoder_input_ids": ids})
        assert torch.equal(processor(ids, logits), logits)
        probabilities.append(torch.as_tensor(processor.no_speech_prob))
    torch.testing.assert_close(*probabilities)


def test_an_older_request_for_frames_is_answered():
    clip, options = np.sin(np.arange(16000) / 20).astype(np.float32), {"sampling_rate": 16000, "return_token_timestamps": True}
    with pytest.warns(UserWarning, match="return_token_timestamps adds nothing to features"):
        computed = ours.WhisperFeatureExtractor()(clip, **options)
    expected = transformers.WhisperFeatureExtractor()(clip, **options)
    assert computed.keys() == expected.keys()
    assert np.abs(computed["input_features"] - expected["input_features"]).max() < 1e-5
