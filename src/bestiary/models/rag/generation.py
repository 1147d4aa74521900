"""RAG that is trained and writes answers: documents are weighed for an answer as a whole, or for each of its tokens."""

from typing import Any

import torch
from torch import Tensor, nn

from ...cache.base import Cache
from ...cache.encoder_decoder import EncoderDecoderCache
from ...core.errors import ArgumentError, InputError
from ...core.outputs import BaseModelOutput
from ...modeling.heads.generating import GenerationMixin
from ...nn.inputs import check_ids, check_vocabulary
from .model import RagHeaded, RetrievAugLMMarginOutput, check_scores, documents


class RagForGeneration(RagHeaded):
    """What both classes share."""

    def following(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """The tokens (B, T) behind each of `target` (B, T), padding behind the last; and which of them are padding."""
        pad = self.config.generator.pad_token_id
        target = torch.cat([target[:, 1:], target.new_full((len(target), 1), pad)], dim=1)
        return target, target.eq(pad)

    def weighed(self, nll: Tensor, smooth: Tensor, size: int, reduce_loss: bool, epsilon: float) -> Tensor:
        """The loss of negative log likelihoods (B,) of the answers and of all tokens of the vocabulary, `size` of them."""
        if reduce_loss:
            nll, smooth = nll.sum(), smooth.sum()
        return (1.0 - epsilon) * nll + epsilon / size * smooth

    def by_document(self, logits: Tensor, count: int) -> Tensor:
        """(B * N, T, V) -> logarithms of probabilities (B, N, T, V)."""
        scores: Tensor = nn.functional.log_softmax(logits, dim=-1).unflatten(0, (-1, count))
        return scores


class RagSequenceForGeneration(RagForGeneration):
    """RAG whose answer comes from one document, though nobody knows from which."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        context_input_ids: Tensor | None = None,
        context_attention_mask: Tensor | None = None,
        doc_scores: Tensor | None = None,
        use_cache: bool | None = None,
        output_retrieved: bool | None = None,
        exclude_bos_score: bool | None = None,
        reduce_loss: bool | None = None,
        labels: Tensor | None = None,
        n_docs: int | None = None,
    ) -> RetrievAugLMMarginOutput:
        """Inputs as of `RagModel`.

        labels: (B, T), also the decoder's input unless that is passed. reduce_loss: sum over the batch.
        exclude_bos_score: do not count the first token where it begins every text.
        """
        decoder_input_ids = labels if decoder_input_ids is None else decoder_input_ids
        written = (decoder_input_ids, decoder_attention_mask, past_key_values)
        context = (doc_scores, context_input_ids, context_attention_mask)
        use_cache = use_cache if labels is None else False
        inputs = (input_ids, attention_mask, encoder_outputs, *written, *context, use_cache, output_retrieved, n_docs)
        output: Any = self.rag(*inputs, return_dict=True)
        loss = None
        if labels is not None and decoder_input_ids is not None:
            excludes = self.config.exclude_bos_score if exclude_bos_score is None else exclude_bos_score
            reduces = self.config.reduce_loss if reduce_loss is None else reduce_loss
            scores = (output.logits, output.doc_scores, decoder_input_ids)
            loss = self.get_nll(*scores, reduces, self.config.label_smoothing, excludes, n_docs)
        return RetrievAugLMMarginOutput(loss=loss, **output)

    def get_nll(
        self,
        seq_logits: Tensor,
        doc_scores: Tensor,
        target: Tensor,
        reduce_loss: bool = False,
        epsilon: float = 0.0,
        exclude_bos_score: bool = False,
        n_docs: int | None = None,
    ) -> Tensor:
        """-log sum over documents of p(document) p(answer | document), (B,), for logits (B * N, T, V) and answers (B, T).

        `epsilon` is the share of the loss that goes to all tokens alike (label smoothing).
        """
        count = documents(n_docs, self.config)
        target, padding = self.following(target)
        begin = self.config.bos_token_id or self.config.generator.bos_token_id
        begins = begin is not None and bool(target[:, 0].eq(begin).all())
        scores = self.by_document(seq_logits, count)
        weight = nn.functional.log_softmax(doc_scores, dim=1)[:, :, None, None]
        scores = torch.cat([scores[:, :, :1], scores[:, :, 1:2] + weight, scores[:, :, 2:]], dim=2)
        index = target[:, None, :, None].expand(-1, count, -1, -1)
        likely, smooth = scores.gather(-1, index).squeeze(-1), scores.sum(-1)
        likely, smooth = (part.masked_fill(padding[:, None], 0.0) for part in (likely, smooth))
        likely = likely[:, :, 1:] if exclude_bos_score and begins else likely
        nll, of_all = (-part.sum(2).logsumexp(1) for part in (likely, smooth))
        return self.weighed(nll, of_all, scores.shape[-1], reduce_loss, epsilon)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        context_input_ids: Tensor | None = None,
        context_attention_mask: Tensor | None = None,
        doc_scores: Tensor | None = None,
        do_deduplication: bool | None = None,
        num_return_sequences: int | None = None,
        num_beams: int | None = None,
        n_docs: int | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """The likeliest of the answers that are written from each document alone, (B * num_return_sequences, T).

        do_deduplication: whether an answer that several documents give counts once. Other keywords are of the generator's
        `generate`; inputs as of forward.

        Raises:
            InputError: neither questions that documents can be found for, nor documents with their scores.
        """
        count = documents(n_docs, self.config)
        alike = self.config.do_deduplication if do_deduplication is None else do_deduplication
        beams, wanted = (self.config.get(name) or 1 for name in ("num_beams", "num_return_sequences"))
        beams, wanted = num_beams or beams, num_return_sequences or wanted
        if context_input_ids is None:
            context_input_ids = self.rag.find(input_ids, attention_mask, count)["context_input_ids"]
        # What each answer is weighed with: tensors, and how many rows of them belong to one question.
        read: dict[str, tuple[Tensor, int]] = {}
        if input_ids is not None:
            read["input_ids"] = (input_ids, 1)
        else:
            check_scores(doc_scores, count, context_input_ids)
            if context_attention_mask is None or doc_scores is None:
                raise InputError("context_attention_mask is missing; without input_ids it is needed to weigh answers")
            read = {"context_input_ids": (context_input_ids, count), "context_attention_mask": (context_attention_mask, count)}
            read["doc_scores"] = (doc_scores, 1)
        answers = []
        for index, context in enumerate(context_input_ids.split(count)):
            seen = torch.ones_like(context)  # padding too, as published
            options = {"attention_mask": seen, "num_beams": beams, "num_return_sequences": beams, **kwargs}
            candidates = self.generator.generate(context, **options)
            if alike:
                candidates = torch.stack(list({tuple(row.tolist()): row for row in candidates}.values()))
            inputs = {name: value.split(rows)[index].repeat(len(candidates), 1) for name, (value, rows) in read.items()}
            loss: Any = self(**inputs, labels=candidates, exclude_bos_score=True, n_docs=n_docs).loss
            answers.append(candidates[(-loss).topk(min(wanted, len(candidates))).indices])
        longest, pad = max(rows.shape[1] for rows in answers), self.config.generator.pad_token_id
        padded = [nn.functional.pad(rows, (0, longest - rows.shape[1]), value=pad) for rows in answers]
        return torch.cat(padded)


class DocumentsCache(EncoderDecoderCache):
    """A cache whose rows are those of `count` documents for each row of a generation."""

    count = 1

    def __init__(self, cache: EncoderDecoderCache) -> None:
        super().__init__(cache.self_attention_cache, cache.cross_attention_cache)

    def _rows_of(self, rows: Tensor) -> Tensor:
        """Rows (R,) of the generation -> those of their documents (R * N,)."""
        steps = torch.arange(self.count, device=rows.device)
        return (rows.unsqueeze(1) * self.count + steps).flatten()

    def reorder_cache(self, beam_idx: Tensor, since: int = 0) -> None:
        """As of any cache, for rows of the generation."""
        super().reorder_cache(self._rows_of(beam_idx), since)

    def batch_select_indices(self, indices: Tensor) -> None:
        """As of any cache, for rows of the generation."""
        super().batch_select_indices(self._rows_of(indices))

    def batch_repeat_interleave(self, repeats: int) -> None:
        """As of any cache, for rows of the generation."""
        rows = torch.arange((self.batch_size or 0) // self.count).repeat_interleave(repeats)
        super().batch_select_indices(self._rows_of(rows))


class RagTokenForGeneration(GenerationMixin, RagForGeneration):
    """RAG each of whose tokens comes from one document, though nobody knows from which."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        context_input_ids: Tensor | None = None,
        context_attention_mask: Tensor | None = None,
        doc_scores: Tensor | None = None,
        use_cache: bool | None = None,
        output_retrieved: bool | None = None,
        do_marginalize: bool | None = None,
        reduce_loss: bool | None = None,
        labels: Tensor | None = None,
        n_docs: int | None = None,
    ) -> RetrievAugLMMarginOutput:
        """Inputs as of `RagModel`.

        labels: (B, T), also the decoder's input unless that is passed. reduce_loss: sum over the batch. do_marginalize: give
            logarithms of probabilities (B, T, V) of all documents together.
        """
        decoder_input_ids = labels if decoder_input_ids is None else decoder_input_ids
        written = (decoder_input_ids, decoder_attention_mask, past_key_values)
        context = (doc_scores, context_input_ids, context_attention_mask)
        use_cache = use_cache if labels is None else False
        inputs = (input_ids, attention_mask, encoder_outputs, *written, *context, use_cache, output_retrieved, n_docs)
        output: Any = self.rag(*inputs, return_dict=True)
        loss, logits = None, output.logits
        if labels is not None:
            reduces = self.config.reduce_loss if reduce_loss is None else reduce_loss
            loss = self.get_nll(logits, output.doc_scores, labels, reduces, self.config.label_smoothing, n_docs)
        if self.config.do_marginalize if do_marginalize is None else do_marginalize:
            logits = self.marginalize(logits, output.doc_scores, n_docs)
        return RetrievAugLMMarginOutput(**{**output, "loss": loss, "logits": logits})

    def marginalize(self, seq_logits: Tensor, doc_scores: Tensor, n_docs: int | None = None) -> Tensor:
        """log sum over documents of p(document) p(token | document), (B, T, V), of logits (B * N, T, V)."""
        scores = self.by_document(seq_logits, documents(n_docs, self.config))
        return (scores + doc_scores.log_softmax(dim=1)[:, :, None, None]).logsumexp(dim=1)

    def get_nll(
        self,
        seq_logits: Tensor,
        doc_scores: Tensor,
        target: Tensor,
        reduce_loss: bool = False,
        epsilon: float = 0.0,
        n_docs: int | None = None,
    ) -> Tensor:
        """-log p of answers (B, T), (B,), for logits (B * N, T, V); `epsilon` as of `RagSequenceForGeneration`."""
        scores = self.marginalize(seq_logits, doc_scores, n_docs)
        if target.shape != scores.shape[:2]:
            raise InputError(
                f"labels have shape {tuple(target.shape)}; expected {tuple(scores.shape[:2])}, as decoder_input_ids"
            )
        check_ids(target, "labels")
        check_vocabulary(target, scores.shape[-1], "labels")
        target, padding = self.following(target)
        likely, smooth = scores.gather(-1, target.unsqueeze(-1)).squeeze(-1), scores.sum(-1)
        nll, of_all = (-part.masked_fill(padding, 0.0).sum(1) for part in (likely, smooth))
        return self.weighed(nll, of_all, scores.shape[-1], reduce_loss, epsilon)

    def shift_tokens_right(self, input_ids: Tensor, start_token_id: int | None = None) -> Tensor:
        """(B, T) with the token that answers begin with before them, the last one left out."""
        start = self.config.decoder_start_token_id if start_token_id is None else start_token_id
        if start is None:
            raise ArgumentError("config.decoder_start_token_id is None; pass start_token_id")
        return torch.cat([input_ids.new_full((len(input_ids), 1), start), input_ids[:, :-1]], dim=1)

    def make_cache(self, name: str, length: int, options: dict[str, Any]) -> Cache:
        cache = super().make_cache(name, length, options)
        return DocumentsCache(cache) if isinstance(cache, EncoderDecoderCache) else cache

    def prepare_inputs_for_generation(  # type: ignore[override]
        self, input_ids: Tensor | None, is_first_iteration: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        inputs = super().prepare_inputs_for_generation(input_ids, is_first_iteration=is_first_iteration, **kwargs)
        # One row of the generation stands for those of its documents.
        count, states = inputs["doc_scores"].shape[1], inputs["encoder_outputs"].last_hidden_state
        inputs["encoder_outputs"] = BaseModelOutput(states.unflatten(1, (count, -1)).flatten(0, 1))
        mask = inputs.pop("attention_mask").unflatten(1, (count, -1)).flatten(0, 1)
        if isinstance(cache := inputs.get("past_key_values"), DocumentsCache):
            cache.count = count
        return {**inputs, "context_attention_mask": mask, "do_marginalize": True, "n_docs": count}

    @torch.no_grad()
    def generate(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        context_input_ids: Tensor | None = None,
        context_attention_mask: Tensor | None = None,
        doc_scores: Tensor | None = None,
        n_docs: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Answers (B * num_return_sequences, T), each token of which is the likeliest over all documents.

        Inputs as of forward; other keywords are of any model's `generate`.

        Raises:
            InputError: neither questions that documents can be found for, nor documents with their scores.
        """
        count = documents(n_docs, self.config)
        if context_input_ids is None:
            retrieved = self.rag.find(input_ids, attention_mask, count)
            context_input_ids, context_attention_mask = retrieved["context_input_ids"], retrieved["context_attention_mask"]
            doc_scores = retrieved["doc_scores"]
        check_scores(doc_scores, count, context_input_ids)
        if context_attention_mask is None:
            context_attention_mask = torch.ones_like(context_input_ids)
        encoder = self.generator.get_encoder()
        states = encoder(context_input_ids, attention_mask=context_attention_mask, return_dict=True).last_hidden_state
        together = BaseModelOutput(states.unflatten(0, (-1, count)).flatten(1, 2))
        mask = context_attention_mask.unflatten(0, (-1, count)).flatten(1, 2)
        return super().generate(encoder_outputs=together, attention_mask=mask, doc_scores=doc_scores, **kwargs)
