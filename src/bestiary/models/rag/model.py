"""RAG without a loss: a question encoder, and a generator that reads the documents which a retriever finds."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError, InputError
from ...core.outputs import ModelOutput, Tensors
from ...hub.files import HubOptions
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.families import config_class
from ...modeling.seq2seq import encoder_output
from ...nn.inputs import check_text, shown
from ..encoder_decoder.model import build_part, class_for
from . import RagConfig

if TYPE_CHECKING:
    from .retriever import RagRetriever


@dataclass
class RetrievAugLMOutput(ModelOutput):
    """`logits` (B * N, T, V) for each document; `doc_scores` (B, N). With `output_retrieved` what was found:
    `context_input_ids`, `context_attention_mask` (B * N, S), `retrieved_doc_embeds` (B, N, D), `retrieved_doc_ids` (B, N)."""

    logits: Tensor | None = None
    doc_scores: Tensor | None = None
    past_key_values: Any = None
    retrieved_doc_embeds: Tensor | None = None
    retrieved_doc_ids: Tensor | None = None
    context_input_ids: Any = None
    context_attention_mask: Tensor | None = None
    question_encoder_last_hidden_state: Tensor | None = None
    question_enc_hidden_states: Tensors | None = None
    question_enc_attentions: Tensors | None = None
    generator_enc_last_hidden_state: Tensor | None = None
    generator_enc_hidden_states: Tensors | None = None
    generator_enc_attentions: Tensors | None = None
    generator_dec_hidden_states: Tensors | None = None
    generator_dec_attentions: Tensors | None = None
    generator_cross_attentions: Tensors | None = None


@dataclass
class _Loss(ModelOutput):
    loss: Tensor | None = None


@dataclass
class RetrievAugLMMarginOutput(RetrievAugLMOutput, _Loss):
    """`loss` (B,), or the sum where it is reduced; `logits` (B * N, T, V), or (B, T, V) of all documents together; the others
    as in `RetrievAugLMOutput`."""


class RagPreTrainedModel(PreTrainedModel):
    """What all RAG classes share."""

    config_class = RagConfig
    base_model_prefix = "rag"
    config: RagConfig

    @classmethod
    def from_pretrained_question_encoder_generator(
        cls,
        question_encoder_pretrained_model_name_or_path: Any = None,
        generator_pretrained_model_name_or_path: Any = None,
        retriever: "RagRetriever | None" = None,
        **kwargs: Any,
    ) -> Self:
        """The model of two checkpoints, or of models.

        Keywords that begin with `question_encoder_` and `generator_` are for opening the parts; `question_encoder_model` and
        `generator_model` are the parts themselves. `config` is that of the whole; others are its fields.

        Raises:
            ArgumentError: nothing says what a part is.
        """
        places = {
            "question_encoder": (question_encoder_pretrained_model_name_or_path, "base"),
            "generator": (generator_pretrained_model_name_or_path, "seq2seq-lm"),
        }
        parts = {name: _opened(name, *place, _taken(f"{name}_", kwargs)) for name, place in places.items()}
        config = kwargs.pop("config", None)
        if config is None:
            configs = (part.config for part in parts.values())
            config = RagConfig.from_question_encoder_generator_configs(*configs, **kwargs)
        model = cls(config, **parts).eval()
        model.set_retriever(retriever)
        return model

    def set_retriever(self, retriever: "RagRetriever | None") -> None:
        """Let `retriever` find documents from now on."""
        backbone: Any = self.base_model
        backbone.retriever = retriever


def _taken(start: str, options: dict[str, Any]) -> dict[str, Any]:
    """Those of the `options` whose names begin so, without this beginning; they are no longer among the others."""
    return {name.removeprefix(start): options.pop(name) for name in list(options) if name.startswith(start)}


def _opened(part: str, name_or_path: Any, task: str, options: dict[str, Any]) -> PreTrainedModel:
    model: PreTrainedModel | None = options.pop("model", None)
    if model is not None:
        return model
    if name_or_path is None:
        raise ArgumentError(f"nothing says what the {part} is: pass {part}_pretrained_model_name_or_path or {part}_model")
    config = options.pop("config", None)
    if config is None:
        hub, _ = HubOptions.split(options)
        model_type = str(PreTrainedConfig.get_dict(name_or_path, hub).get("model_type"))
        config = config_class(model_type).from_pretrained(name_or_path, **vars(hub))
    opened: PreTrainedModel = class_for(config, task).from_pretrained(name_or_path, config=config, **options)
    return opened


def config_of(
    config: PreTrainedConfig | None, question_encoder: PreTrainedModel | None, generator: PreTrainedModel | None
) -> RagConfig:
    """The config of a model that is built from one, or from both parts.

    Raises:
        ArgumentError: it is neither.
    """
    if config is None:
        if question_encoder is None or generator is None:
            raise ArgumentError("RAG is built from a config, or from a question_encoder and a generator; pass both")
        return RagConfig.from_question_encoder_generator_configs(question_encoder.config, generator.config)
    if not isinstance(config, RagConfig):
        raise ArgumentError(f"RAG is built from a RagConfig, found a {type(config).__name__}")
    return config


class RagModel(RagPreTrainedModel):
    """Documents are found and read; the logits are those of each document.

    Args:
        config: says both parts, which are built from it where they are not passed.
        question_encoder, generator: models; their own configs become those of the whole.
        retriever: finds documents; without it, they are passed to each call.

    Raises:
        ArgumentError: neither a config nor both parts.
    """

    def __init__(
        self,
        config: PreTrainedConfig | None = None,
        question_encoder: PreTrainedModel | None = None,
        generator: PreTrainedModel | None = None,
        retriever: "RagRetriever | None" = None,
    ) -> None:
        config = config_of(config, question_encoder, generator)
        super().__init__(config)
        self.question_encoder = question_encoder or build_part(config.question_encoder, "base")
        self.generator = generator or build_part(config.generator, "seq2seq-lm")
        config.question_encoder, config.generator = self.question_encoder.config, self.generator.config
        self.retriever = retriever
        self.ctx_encoder: PreTrainedModel | None = None
        writer = self.generator
        path = "generator" if writer.base_model is writer else f"generator.{writer.base_model_prefix}"
        self.__dict__["stacks"] = {
            f"generator_{name[:3]}_": replace(
                stack, layers=f"{path}.{stack.layers}", final=stack.final and f"{path}.{stack.final}"
            )
            for name, stack in writer.stacks.items()
        }

    def ties(self) -> dict[str, str]:
        """What is tied within each part."""
        parts = {"question_encoder": self.question_encoder, "generator": self.generator}
        return {f"{part}.{a}": f"{part}.{b}" for part, model in parts.items() for a, b in model.ties().items()}

    def get_input_embeddings(self) -> nn.Module:
        return self.generator.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module | None:
        return self.generator.get_output_embeddings()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        doc_scores: Tensor | None = None,
        context_input_ids: Tensor | None = None,
        context_attention_mask: Tensor | None = None,
        use_cache: bool | None = None,
        output_retrieved: bool | None = None,
        n_docs: int | None = None,
    ) -> RetrievAugLMOutput:
        """Args:
            input_ids, attention_mask: the questions, (B, Q), for which documents are found.
            context_input_ids, context_attention_mask: N documents with each question, (B * N, S), where they are found already;
                doc_scores: how well these fit, (B, N). encoder_outputs: what the generator's encoder made of them.
            decoder_input_ids, decoder_attention_mask: (B, T). n_docs: N; None for what the config says.
            output_retrieved: whether to give what was found.

        Raises:
            InputError: there is no retriever, and no documents are passed.
        """
        count = documents(n_docs, self.config)
        context = {"context_input_ids": context_input_ids, "context_attention_mask": context_attention_mask}
        wanted = {**context, "doc_scores": doc_scores}
        retrieved: dict[str, Any] = {}
        if encoder_outputs is None and self.retriever is not None and None in [*map(_none, wanted.values())]:
            retrieved = self.find(input_ids, attention_mask, count)
            context = {name: retrieved[name] for name in context}
            doc_scores = retrieved["doc_scores"]
        elif encoder_outputs is None:
            for name, value in wanted.items():
                if value is None:
                    raise InputError(f"{name} is missing, and there is no retriever to find it; pass it, or set_retriever(...)")
        if doc_scores is None:
            raise InputError("doc_scores are missing; beside encoder_outputs they say how well each document fits")
        if context["context_input_ids"] is not None:
            check_text(context["context_input_ids"], context["context_attention_mask"], *context)
        check_scores(doc_scores, count, context["context_input_ids"])
        encoded = None if encoder_outputs is None else encoder_output(encoder_outputs)
        output = self.generator(
            context["context_input_ids"],
            attention_mask=context["context_attention_mask"],
            encoder_outputs=encoded,
            decoder_input_ids=_repeated(decoder_input_ids, count),
            decoder_attention_mask=_repeated(decoder_attention_mask, count),
            past_key_values=past_key_values,
            use_cache=self.config.use_cache if use_cache is None else use_cache,
            return_dict=True,
        )
        gives = self.config.output_retrieved if output_retrieved is None else output_retrieved
        shown_fields = (*context, "retrieved_doc_embeds", "retrieved_doc_ids") if gives else ()
        fields = {name: retrieved.get(name) for name in (*shown_fields, "question_encoder_last_hidden_state")}
        if fields.get("context_input_ids") is None:
            fields["context_input_ids"] = (None,)  # as published, so that what follows keeps its place in a tuple
        return RetrievAugLMOutput(
            logits=output.logits,
            doc_scores=doc_scores,
            past_key_values=output.past_key_values,
            generator_enc_last_hidden_state=output.encoder_last_hidden_state,
            **fields,
        )

    def find(self, input_ids: Tensor | None, attention_mask: Tensor | None, count: int) -> dict[str, Any]:
        """`count` documents for each of the questions (B, Q): what the output calls context, retrieved, and scores.

        Raises:
            InputError: there are no questions.
        """
        if input_ids is None or self.retriever is None:
            raise InputError("documents are found for questions, by a retriever; pass input_ids, or context_input_ids")
        states = self.question_encoder(input_ids, attention_mask=attention_mask, return_dict=True)[0]
        vectors = states.detach().to("cpu", torch.float32).numpy()
        prefix = self.generator.config.get("prefix")
        answer = self.retriever(input_ids, vectors, prefix=prefix, n_docs=count, return_tensors="pt")
        retrieved = {name: answer[name].to(input_ids) for name in ("context_input_ids", "context_attention_mask")}
        embeds = answer["retrieved_doc_embeds"].to(states)
        if self.ctx_encoder is not None:
            documents_read = {name: answer[f"tokenized_doc_{end}"].to(input_ids) for name, end in _READ.items()}
            embeds = self.ctx_encoder(**documents_read, return_dict=True).pooler_output.view(-1, count, states.shape[1])
        retrieved |= {"retrieved_doc_embeds": embeds, "retrieved_doc_ids": answer["doc_ids"]}
        retrieved |= {"question_encoder_last_hidden_state": states}
        return retrieved | {"doc_scores": (states.unsqueeze(1) @ embeds.mT).squeeze(1)}


_READ = {"input_ids": "ids", "attention_mask": "attention_mask"}


def _none(value: Any) -> Any:
    return None if value is None else True


def _repeated(x: Tensor | None, count: int) -> Tensor | None:
    return None if x is None else x.repeat_interleave(count, dim=0)


def documents(n_docs: int | None, config: RagConfig) -> int:
    """How many documents there are for each question.

    Raises:
        InputError: none, or no number.
    """
    count = config.n_docs if n_docs is None else n_docs
    if not isinstance(count, int) or count < 1:
        raise InputError(f"n_docs is {count!r:.60}; expected how many documents belong to a question, 1 or more")
    return count


def check_scores(scores: Any, count: int, context: Tensor | None) -> None:
    """Refuse scores that are not (B, N), or are those of other documents than the `context` (B * N, S).

    Raises:
        InputError: says what was expected.
    """
    if not isinstance(scores, Tensor) or scores.dim() != 2 or scores.shape[1] != count or not scores.is_floating_point():
        raise InputError(
            f"doc_scores are {shown(scores)}; expected a number for each of {count} documents of a question (n_docs)"
        )
    if context is not None and isinstance(context, Tensor) and len(context) != scores.numel():
        raise InputError(
            f"context_input_ids have {len(context)} rows, and doc_scores are those of {tuple(scores.shape)} documents; expected"
            f" {scores.numel()}: the documents of each question after each other"
        )


class RagHeaded(RagPreTrainedModel):
    """RAG under the name `rag`, with a loss; arguments as of `RagModel`."""

    backbone_class = RagModel

    def __init__(
        self,
        config: PreTrainedConfig | None = None,
        question_encoder: PreTrainedModel | None = None,
        generator: PreTrainedModel | None = None,
        retriever: "RagRetriever | None" = None,
    ) -> None:
        config = config_of(config, question_encoder, generator)
        super().__init__(config)
        self.rag = RagModel(config, question_encoder, generator, retriever)
        self.__dict__["stacks"] = self.rag.stacks

    @property
    def base_model(self) -> PreTrainedModel:
        """The model without a loss."""
        return self.rag

    @property
    def retriever(self) -> "RagRetriever | None":
        """What finds documents."""
        return self.rag.retriever

    @property
    def generator(self) -> Any:
        """The encoder-decoder that writes answers."""
        return self.rag.generator

    @property
    def question_encoder(self) -> PreTrainedModel:
        """The encoder of questions."""
        return self.rag.question_encoder

    def set_context_encoder_for_training(self, ctx_encoder: PreTrainedModel) -> None:
        """Let scores come from `ctx_encoder`, which is trained too; the retriever must have its tokenizer."""
        self.rag.ctx_encoder = ctx_encoder

    def ties(self) -> dict[str, str]:
        """What is tied within each part."""
        return {f"rag.{a}": f"rag.{b}" for a, b in self.rag.ties().items()}

    def get_input_embeddings(self) -> nn.Module:
        return self.rag.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module | None:
        return self.rag.get_output_embeddings()
