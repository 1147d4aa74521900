"""The weightless middle of every attention layer: queries, keys and values -> what they mix to."""

from torch import Tensor, nn

from .kernels import Kernel, Scoring, kernel, weights
from .masks import Mask


class Attend(nn.Module):
    """Mix values by the match of queries and keys: softmax(q k' * scaling + mask) v (Vaswani et al. 2017, eq. 1).

    It has no weights. `implementation` is the kernel in use and may be changed at any time; `replacement` is one that a user
    registered under that name; `cross` tells recorded
    cross-attention from self-attention; `kept_heads` are the numbers of the heads left after some were pruned. With
    `need_weights` the probabilities are returned as well, and that one call is computed by the eager formula, because fused
    kernels do not have them.
    """

    def __init__(self, scaling: float, dropout: float = 0.0, softcap: float | None = None, cross: bool = False) -> None:
        super().__init__()
        self.scoring, self.cross = Scoring(scaling, dropout, softcap), cross
        self.implementation = "sdpa"
        self.replacement: Kernel | None = None
        self.kept_heads: tuple[int, ...] | None = None

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Mask | None = None,
        bias: Tensor | None = None,
        need_weights: bool = False,
        sinks: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Queries (B, H, T, K), keys and values (B, G, S, K), bias (B or 1, H, T, S) -> (B, H, T, K).

        A bias always has all heads, pruned ones too, because layers share it. sinks (H,): see `Scoring`.
        """
        if bias is not None and self.kept_heads is not None:
            bias = bias[:, list(self.kept_heads)]
        scoring = self.scoring
        if scoring.dropout and not self.training:
            scoring = scoring._replace(dropout=0.0)
        if sinks is not None:
            scoring = scoring._replace(sinks=sinks)
        if need_weights:
            probabilities = weights(query, key, mask, bias, scoring)
            probabilities = nn.functional.dropout(probabilities, scoring.dropout, training=scoring.dropout > 0)
            return probabilities @ value.repeat_interleave(query.shape[1] // value.shape[1], dim=1), probabilities
        attend = self.replacement or kernel(self.implementation) if mask is None or mask.kernel is None else mask.kernel
        return attend(query, key, value, mask, bias, scoring)

    def extra_repr(self) -> str:
        return f"{self.implementation}, scaling={self.scoring.scaling:.4g}"
