"""Diverse beam search (https://arxiv.org/abs/1610.02424)."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...nn.beams import Candidates
from ..call import Call
from ..config import GenerationConfig
from ..decoding import Decoding
from ..options import Option
from ..processor import LogitsProcessorList
from ..processors.hamming_diversity import HammingDiversityLogitsProcessor
from ..strategies.beam import Beam
from ..strategy import NextTokens

OPTIONS = {"num_beam_groups": Option(int, default=1)}
CHOSEN_BY = ("num_beam_groups",)
REPLACES = ("beam",)
MODE = "group_beam_search"


class GroupBeam(Beam):
    """`num_beam_groups` beam searches of equal size, side by side.

    In each step they take turns, and a token that beams of earlier groups chose in that step costs `diversity_penalty` for
    each of them. The rows to return are the best of all groups.
    """

    open_ends = True
    _kept: list[Candidates]

    @classmethod
    def rows(cls, settings: GenerationConfig) -> int:
        beams, groups = super().rows(settings), settings.effective("num_beam_groups")
        if beams % groups:
            raise ConfigError(f"num_beams={beams} cannot be split into num_beam_groups={groups} of equal size")
        if settings.do_sample:
            raise ConfigError(f"do_sample=True and num_beam_groups={groups} exclude each other: groups of beams do not draw")
        penalty = settings.effective("diversity_penalty")
        if not penalty > 0:
            raise ConfigError(
                f"num_beam_groups={groups} with diversity_penalty={penalty} would give equal groups; set it above 0"
            )
        return beams

    def start(self, run: Decoding, call: Call) -> None:
        super().start(run, call)
        kinds = [type(processor) for processor in run.processors]
        place = kinds.index(HammingDiversityLogitsProcessor)
        self._diversity: HammingDiversityLogitsProcessor = run.processors[place]
        self._before = LogitsProcessorList(run.processors[:place])
        self._after = LogitsProcessorList(run.processors[place + 1 :])

    def score(self, run: Decoding, logits: Tensor) -> Tensor:
        """Processed log probabilities (R, V). Those of a group depend on what groups before it choose: so all choose now."""
        scores = self._before(run.ids, logits.float().log_softmax(-1))
        chosen = torch.full_like(self._rows, run.finish.pad)
        self._kept, processed = [], []
        for group, pool in enumerate(self.pools):
            rows = pool.rows.flatten()
            group_scores = self._diversity(run.ids[rows], scores[rows], chosen, group)
            if self._after:
                group_scores = self._after(run.ids, scores.index_copy(0, rows, group_scores))[rows]
            processed.append(group_scores.unflatten(0, pool.rows.shape))
            over = pool.over.unsqueeze(1)
            candidates = self.extend(run, pool, group_scores)
            self._kept.append(candidates)
            # A group whose search is over writes padding, and counts as such.
            chosen[rows] = torch.where(over, run.finish.pad, candidates.tokens).flatten()
        return torch.stack(processed, dim=1).flatten(0, 2)

    def choose(self, run: Decoding, scores: Tensor) -> NextTokens:
        return self.go_on(self._kept)


STRATEGY = GroupBeam
