"""The weightless middle of every attention layer: queries, keys and values -> what they mix to."""

from torch import Tensor, nn

from .kernels import Kernel, Scoring, kernel, weights
from .masks import Mask
from .registered import Replacement


class Attend(nn.Module):
    """Mix values by the match of queries and keys: softmax(q k' * scaling + mask) v (Vaswani et al. 2017, eq. 1).

    It has no weights. `implementation` is the kernel in use and may be changed at any time; `replacement` is one that a user
    registered under that name; `cross` tells recorded cross-attention from self-attention; `kept_heads` are the numbers of the
    heads left after some were pruned. With `need_weights` the probabilities are returned as well: those that `replacement`
    gives, which may be None, else that one call is computed by the eager formula, because fused kernels do not have them.

    `dropper` is the module of the attention around, mostly an nn.Dropout, that leaves out probabilities in training, where
    published attention has one; it is no child here. Its own mode counts where `calls_dropper`, else the mode of this module.
    """

    dropper: nn.Module | None = None
    calls_dropper: bool = False

    def __init__(self, scaling: float, dropout: float = 0.0, softcap: float | None = None, cross: bool = False) -> None:
        super().__init__()
        self.scoring, self.cross = Scoring(scaling, dropout, softcap), cross
        self.implementation = "sdpa"
        self.replacement: Replacement | None = None
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
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Queries (B, H, T, K), keys and values (B, G, S, K), bias (B or 1, H, T, S) -> (B, H, T, K).

        A bias always has all heads, pruned ones too, because layers share it. sinks (H,): see `Scoring`.
        """
        if bias is not None and self.kept_heads is not None:
            bias = bias[:, list(self.kept_heads)]
        scoring, rate = self.scoring, self.rate if self._drops() else 0.0
        if sinks is not None or rate != scoring.dropout:
            scoring = Scoring(scoring.scaling, rate, scoring.softcap, sinks)
        instead = None if mask is None else mask.kernel
        if self.replacement is not None and instead is None:
            mixed, observed = self.replacement(query, key, value, mask, bias, scoring)
            return (mixed, observed) if need_weights else mixed
        of_others = self.dropper is not None and not isinstance(self.dropper, nn.Dropout) and self._drops()
        if need_weights or of_others:
            probabilities = weights(query, key, mask, bias, scoring)
            if self.dropper is not None and of_others:
                probabilities = self.dropper(probabilities)
            probabilities = nn.functional.dropout(probabilities, scoring.dropout, training=scoring.dropout > 0)
            mixed = probabilities @ value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
            return (mixed, probabilities) if need_weights else mixed
        attend: Kernel = instead or kernel(self.implementation)
        return attend(query, key, value, mask, bias, scoring)

    def _drops(self) -> bool:
        return self.dropper.training if self.dropper is not None and self.calls_dropper else self.training

    @property
    def rate(self) -> float:
        """The share of probabilities that is left out in training; that of an nn.Dropout where there is a `dropper`."""
        if self.dropper is None:
            return self.scoring.dropout
        return self.dropper.p if isinstance(self.dropper, nn.Dropout) else 0.0

    @rate.setter
    def rate(self, rate: float) -> None:
        if isinstance(self.dropper, nn.Dropout):
            self.dropper.p = rate
        self.scoring = self.scoring._replace(dropout=rate)

    @property
    def has_weights(self) -> bool:
        """Whether what computes it has the probabilities anyway: the eager formula, or mostly what a user registered."""
        return self.implementation == "eager" or self.replacement is not None

    def extra_repr(self) -> str:
        return f"{self.implementation}, scaling={self.scoring.scaling:.4g}"
