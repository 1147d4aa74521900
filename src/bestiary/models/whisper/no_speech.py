"""How likely it is that nobody speaks."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...generation.processor import LogitsProcessor


class WhisperNoSpeechDetection(LogitsProcessor):
    """Changes no score; notes in `no_speech_prob` (B,) how probable `no_speech_token` was at the start of the transcript.

    Args:
        begin_index: tokens before the first new one; the last `begin_index` of them begin with the start of the transcript.
        scores_is_logprobs: the scores it gets are log probabilities.
    """

    def __init__(self, no_speech_token: int, begin_index: int, scores_is_logprobs: bool = False) -> None:
        self.no_speech_token = no_speech_token
        self.start_of_trans_offset = begin_index
        self.begin_index = begin_index
        self.is_scores_logprobs = scores_is_logprobs
        self.no_speech_prob: Any = [0.0]
        self.model: Any = None
        self.inputs: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """The model to ask when the start of the transcript is not the newest token."""
        self.model = model

    def set_inputs(self, inputs: Mapping[str, Any]) -> None:
        """What `generate` was called with; what the encoder heard, under `inputs` or its own name, is kept."""
        heard = {name: inputs[name] for name in ("input_features", "encoder_outputs") if inputs.get(name) is not None}
        self.inputs = heard or {"input_features": inputs["inputs"]}

    def set_begin_index(self, begin_index: int) -> None:
        """Change the number of tokens before the first new one; the start keeps its distance to the end of the prompt."""
        self.begin_index = begin_index

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[1] != self.begin_index:
            return scores
        if self.start_of_trans_offset == 1:
            probabilities = scores.float().exp() if self.is_scores_logprobs else scores.float().softmax(-1)
        else:
            with torch.no_grad():
                logits = self.model(**self.inputs, decoder_input_ids=input_ids, return_dict=True).logits
            probabilities = logits[:, self.begin_index - self.start_of_trans_offset].float().softmax(-1)
        self.no_speech_prob = probabilities[:, self.no_speech_token]
        return scores
