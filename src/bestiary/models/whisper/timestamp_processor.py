"""The grammar of Whisper's timestamps."""

from typing import Any

import torch
from torch import Tensor

from ...generation.processor import LogitsProcessor


class WhisperTimeStampLogitsProcessor(LogitsProcessor):
    """Keeps timestamps in the order that Whisper was trained on (https://arxiv.org/abs/2212.04356, section 2.3).

    Timestamps are the tokens above `no_timestamps_token_id`. The first token after the prompt is one; they come in pairs
    (end of a segment, start of the next), never go back, and one is forced where all of them together are more probable
    than any other token.

    Args:
        generate_config: settings with `no_timestamps_token_id` and `eos_token_id`; `max_initial_timestamp_index`, if any,
            bounds the first timestamp (in steps of 0.02 s).
        begin_index: tokens before the first new one.
    """

    def __init__(self, generate_config: Any, begin_index: int, _detect_timestamp_from_logprob: bool | None = None) -> None:
        self.no_timestamps_token_id = generate_config.no_timestamps_token_id
        self.timestamp_begin = self.no_timestamps_token_id + 1
        eos = generate_config.eos_token_id
        self.eos_token_id = eos[0] if isinstance(eos, list) else eos
        detect = _detect_timestamp_from_logprob
        if detect is None:
            detect = generate_config.get("_detect_timestamp_from_logprob", True)
        self._detect_timestamp_from_logprob = detect
        self.begin_index = begin_index
        self.max_initial_timestamp_index = generate_config.get("max_initial_timestamp_index")

    def set_begin_index(self, begin_index: int) -> None:
        """Change the number of tokens before the first new one."""
        self.begin_index = begin_index

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        scores = scores.clone()
        scores[:, self.no_timestamps_token_id] = -torch.inf
        new = input_ids[:, self.begin_index :]
        for row, tokens in enumerate(new.tolist()):
            self._keep_pairs(tokens, scores[row])
        if new.shape[1] == 0:
            scores[:, : self.timestamp_begin] = -torch.inf
            if self.max_initial_timestamp_index is not None:
                scores[:, self.timestamp_begin + self.max_initial_timestamp_index + 1 :] = -torch.inf
        if self._detect_timestamp_from_logprob:
            logp = scores.float().log_softmax(-1)
            stamps = logp[:, self.timestamp_begin :].logsumexp(-1)
            due = stamps > logp[:, : self.timestamp_begin].amax(-1)
            scores[:, : self.timestamp_begin].masked_fill_(due.unsqueeze(1), -torch.inf)
        return scores

    def _keep_pairs(self, tokens: list[int], scores: Tensor) -> None:
        begin = self.timestamp_begin
        last = bool(tokens) and tokens[-1] >= begin
        before = len(tokens) < 2 or tokens[-2] >= begin
        if last and before:
            scores[begin:] = -torch.inf
        elif last:
            scores[: self.eos_token_id] = -torch.inf
        stamps = [token for token in tokens if token >= begin]
        if stamps:
            # A segment may end where it began in time, but the next one starts later than this one did.
            scores[begin : stamps[-1] + (not (last and not before))] = -torch.inf
