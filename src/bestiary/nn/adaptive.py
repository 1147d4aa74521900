"""Word embeddings and a softmax whose rare words, in clusters, have fewer numbers each (Grave et al. 2017; Baevski and Auli
2019). Words are numbered from the most frequent on."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, log_softmax

from ..core.errors import ConfigError, InputError
from .inputs import check_rows
from .losses import IGNORE


class Clusters(nn.Module):
    """Base of both: V words, the clusters of which end before the numbers in `cutoffs`, the last one V itself.

    Args:
        n_token: V. d_embed: the width of the first cluster; each further one is `div_val` times narrower. d_proj: that of the
            states. cutoffs: where clusters end, without V.

    Raises:
        ConfigError: cutoffs do not rise from 1 to below V, or a cluster would have no width.
    """

    def __init__(self, n_token: int, d_embed: int, d_proj: int, cutoffs: Sequence[int], div_val: int = 1) -> None:
        super().__init__()
        self.d_embed, self.d_proj, self.div_val = d_embed, d_proj, div_val
        self.cutoffs = [*cutoffs, n_token]
        if any(first >= last for first, last in self.bounds):
            raise ConfigError(f"cutoffs are {list(cutoffs)}; expected numbers that rise, from 1 to below vocab_size, {n_token}")
        if not self.widths[-1]:
            raise ConfigError(f"d_embed, {d_embed}, is too small to be divided by div_val, {div_val}, {len(cutoffs)} times")

    @property
    def n_token(self) -> int:
        """V, how many words there are."""
        return self.cutoffs[-1]

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """The first word of each cluster, and the first one behind it."""
        return list(zip([0, *self.cutoffs], self.cutoffs, strict=False))

    @property
    def widths(self) -> list[int]:
        """The numbers of a word, for each cluster."""
        return [self.d_embed // self.div_val**index for index in range(len(self.cutoffs))]

    def grow(self, layer: int, change: int) -> None:
        """Note that the table `layer` is about to have `change` more words; one table for all clusters grows at its end.

        Raises:
            InputError: a cluster would have no words.
        """
        grown = layer if self.div_val != 1 else len(self.cutoffs) - 1
        first, last = self.bounds[grown]
        if last - first + change < 1:
            raise InputError(
                f"a vocabulary of {self.n_token + change} leaves cluster {grown}, now of {last - first} words, none; keep one"
            )
        self.cutoffs = [end + change * (index >= grown) for index, end in enumerate(self.cutoffs)]


class AdaptiveEmbedding(Clusters):
    """The vectors of words, times sqrt(d_proj). With `div_val` 1 there is one table, cut into clusters by the softmax only."""

    def __init__(self, n_token: int, d_embed: int, d_proj: int, cutoffs: Sequence[int], div_val: int = 1) -> None:
        super().__init__(n_token, d_embed, d_proj, cutoffs, div_val)
        self.emb_scale = float(d_proj) ** 0.5
        self.emb_layers, self.emb_projs = nn.ModuleList(), nn.ParameterList()
        sizes = [(n_token, d_embed)]
        if div_val != 1:
            sizes = [(last - first, width) for (first, last), width in zip(self.bounds, self.widths, strict=True)]
        for rows, width in sizes:
            self.emb_layers.append(nn.Embedding(rows, width))
            if div_val != 1 or d_proj != d_embed:
                self.emb_projs.append(nn.Parameter(torch.zeros(d_proj, width)))

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, d_proj)."""
        check_rows(ids, "input_ids", self.n_token)
        if self.div_val == 1:
            x: Tensor = self.emb_layers[0](ids)
            x = linear(x, self.emb_projs[0]) if len(self.emb_projs) else x
            return x.mul(self.emb_scale)
        x = self.emb_projs[0].new_zeros(*ids.shape, self.d_proj)
        for (first, last), table, project in zip(self.bounds, self.emb_layers, self.emb_projs, strict=True):
            words = linear(table((ids - first).clamp(0, last - first - 1)), project)
            x = torch.where(((ids >= first) & (ids < last)).unsqueeze(-1), words, x)
        return x.mul(self.emb_scale)


class ProjectedAdaptiveLogSoftmax(Clusters):
    """Log probabilities of words: of the first cluster, and of each further one, among whose words its own is shared out."""

    def __init__(self, n_token: int, d_embed: int, d_proj: int, cutoffs: Sequence[int], div_val: int = 1) -> None:
        super().__init__(n_token, d_embed, d_proj, cutoffs, div_val)
        self.n_clusters = len(cutoffs)
        if self.n_clusters:
            self.cluster_weight = nn.Parameter(torch.zeros(self.n_clusters, d_embed))
            self.cluster_bias = nn.Parameter(torch.zeros(self.n_clusters))
        self.out_layers, self.out_projs = nn.ModuleList(), nn.ParameterList()
        for (first, last), width in zip(self.bounds, self.widths, strict=True):
            if div_val != 1:
                self.out_layers.append(nn.Linear(width, last - first))
            if div_val != 1 or d_proj != d_embed:
                self.out_projs.append(nn.Parameter(torch.zeros(d_proj, width)))
        if div_val == 1:
            self.out_layers.append(nn.Linear(d_embed, n_token))

    def forward(self, hidden: Tensor, labels: Tensor | None = None) -> Tensor:
        """Log probabilities (B, T, V) for states (B, T, D); with labels (B, T), the losses (B, T - 1) of these, 0 for -100.

        Labels are shifted here: each state is held against the word after it.
        """
        if labels is not None:
            check_rows(labels.masked_fill(labels == IGNORE, 0), "labels", self.n_token)
            targets = labels[:, 1:]
            return self.losses(hidden[:, :-1].flatten(0, 1), targets.flatten()).view(targets.shape)
        head = log_softmax(self.logits(hidden, 0), dim=-1)
        parts = [head[..., : self.cutoffs[0]]]
        for index in range(1, len(self.cutoffs)):
            parts.append(self.of_cluster(head, index).unsqueeze(-1) + log_softmax(self.logits(hidden, index), dim=-1))
        return torch.cat(parts, dim=-1)

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """The losses (N,) of words `targets` (N,) for states (N, D); of each cluster's words the others' are not computed."""
        head = log_softmax(self.logits(hidden, 0), dim=-1)
        losses = hidden.new_zeros(targets.shape)
        for index, (first, last) in enumerate(self.bounds):
            rows = ((targets >= first) & (targets < last)).nonzero().squeeze(1)
            of_words = head[rows] if index == 0 else log_softmax(self.logits(hidden[rows], index), dim=-1)
            chosen = of_words.gather(1, (targets[rows] - first).unsqueeze(1)).squeeze(1)
            chosen = chosen if index == 0 else chosen + self.of_cluster(head[rows], index)
            losses = losses.index_copy(0, rows, -chosen)
        return losses

    def of_cluster(self, head: Tensor, index: int) -> Tensor:
        """The log probability (...) of a cluster behind the first, in what the first one's `logits` say."""
        return head[..., self.cutoffs[0] + index - 1]

    def logits(self, hidden: Tensor, index: int) -> Tensor:
        """(..., D) -> logits over the words of a cluster; those of the first end with one for each further cluster."""
        first, last = self.bounds[index]
        layer: Any = self.out_layers[0 if self.div_val == 1 else index]
        weight, bias = (layer.weight[first:last], layer.bias[first:last]) if self.div_val == 1 else (layer.weight, layer.bias)
        if index == 0 and self.n_clusters:
            weight, bias = torch.cat([weight, self.cluster_weight]), torch.cat([bias, self.cluster_bias])
        return linear(linear(hidden, self.out_projs[index].T) if len(self.out_projs) else hidden, weight, bias)
