"""What finds documents: a data set with a vector for each, and an index over these.

FAISS searches where the data set has an index of it; else every product is computed, which gives the same for an exact index.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch

from ...core.errors import ArgumentError, InputError
from ...core.optional import require
from ...hub.options import NameOrPath
from ...preprocess.text.batch_encoding import BatchEncoding
from . import RagConfig
from .tokenizer import RagTokenizer

COLUMNS = {"title", "text", "embeddings"}
_LEGACY = (
    "index_name is 'legacy': its passages are pickles, which can run code and are not opened. Load them where they come from,"
    " make a data set with the columns title, text and embeddings, save it, and pass index_name='custom', passages_path= and"
    " index_path=, or indexed_dataset="
)


class Index(Protocol):
    """Where documents are found."""

    def get_top_docs(self, question_hidden_states: np.ndarray[Any, Any], n_docs: int = 5) -> tuple[Any, Any]:
        """Vectors (B, D) of questions -> numbers (B, N) of the documents that fit best, and the vectors of these (B, N, D)."""
        ...

    def get_doc_dicts(self, doc_ids: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
        """Numbers (B, N) of documents -> for each question their `title` and `text`, in lists."""
        ...


class CustomHFIndex:
    """A `datasets.Dataset` with the columns title, text and embeddings.

    Args:
        vector_size: D. dataset: the documents. index_path: of its FAISS index, where that is not in it yet.

    Raises:
        InputError: it is something else, or lacks a column.
    """

    def __init__(self, vector_size: int, dataset: Any, index_path: str | os.PathLike[str] | None = None) -> None:
        datasets = require("datasets", "an index of documents")
        if not isinstance(dataset, datasets.Dataset) or not set(dataset.column_names) >= COLUMNS:
            columns = getattr(dataset, "column_names", None)
            raise InputError(
                f"documents are a {type(dataset).__name__} with the columns {columns}; expected a datasets.Dataset with title,"
                " text and embeddings"
            )
        self.vector_size, self.dataset = (
            vector_size,
            dataset.with_format("numpy", columns=["embeddings"], output_all_columns=True, dtype="float32"),
        )
        if index_path is not None:
            require("faiss", "opening a FAISS index")
            self.dataset.load_faiss_index("embeddings", file=str(index_path))
        self._vectors: torch.Tensor | None = None

    @property
    def has_faiss(self) -> bool:
        """Whether the data set has an index of FAISS over its vectors."""
        return "embeddings" in self.dataset.list_indexes()

    def get_top_docs(self, question_hidden_states: np.ndarray[Any, Any], n_docs: int = 5) -> tuple[Any, Any]:
        """See `Index`. Where there are fewer documents, numbers are -1 and vectors 0."""
        if self.has_faiss:
            _, ids = self.dataset.search_batch("embeddings", question_hidden_states, n_docs)
        else:
            if self._vectors is None:
                self._vectors = torch.tensor(np.asarray(self.dataset["embeddings"][:]))
            scores = torch.tensor(question_hidden_states) @ self._vectors.mT
            best = scores.topk(min(n_docs, len(self._vectors)), dim=1).indices
            ids = torch.nn.functional.pad(best, (0, n_docs - best.shape[1]), value=-1).numpy()
        vectors = np.zeros((*np.shape(ids), self.vector_size), dtype=np.float32)
        for row, numbers in enumerate(ids):
            there = [int(number) for number in numbers if number >= 0]
            if there:
                vectors[row, : len(there)] = self.dataset[there]["embeddings"]
        return np.asarray(ids), vectors

    def get_doc_dicts(self, doc_ids: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
        """See `Index`."""
        return [self.dataset[[int(number) for number in numbers]] for numbers in doc_ids]


def build_index(config: RagConfig) -> Index:
    """The index that a config names.

    Raises:
        ArgumentError: the legacy one, which holds code, a custom one without its paths, or the small form of a data set.
    """
    if config.index_name == "legacy":
        raise ArgumentError(_LEGACY)
    datasets = require("datasets", "an index of documents")
    if config.index_name == "custom":
        if config.passages_path is None or config.index_path is None:
            raise ArgumentError(
                "index_name is 'custom'; expected passages_path, where dataset.save_to_disk(...) wrote, and index_path, where"
                " dataset.get_index('embeddings').save(...) did"
            )
        return CustomHFIndex(config.retrieval_vector_size, datasets.load_from_disk(config.passages_path), config.index_path)
    if config.use_dummy_dataset:
        raise ArgumentError(
            f"use_dummy_dataset=True asks for a small form of {config.dataset}, which a script in it made; such scripts are not"
            " run. Pass the documents to search by indexed_dataset=, name a small data set by dataset=, or set it to False"
        )
    documents = datasets.load_dataset(config.dataset, split=config.dataset_split, revision=config.dataset_revision)
    return CustomHFIndex(config.retrieval_vector_size, documents, config.index_path)


class RagRetriever:
    """Finds documents for questions, and writes each before its question, as the generator reads them.

    Args:
        config: says how. question_encoder_tokenizer, generator_tokenizer: those of both parts. index: where documents are
            found; by default what the config says. init_retrieval: whether to open that now, and not when it is first needed.
    """

    def __init__(
        self,
        config: RagConfig,
        question_encoder_tokenizer: Any,
        generator_tokenizer: Any,
        index: Index | None = None,
        init_retrieval: bool = True,
    ) -> None:
        self.config, self._index = config, index
        self.question_encoder_tokenizer, self.generator_tokenizer = question_encoder_tokenizer, generator_tokenizer
        self.n_docs, self.batch_size = config.n_docs, config.retrieval_batch_size
        self.ctx_encoder_tokenizer: Any = None
        if init_retrieval:
            self.init_retrieval()

    @property
    def index(self) -> Index:
        """Where documents are found; opened when it is first asked for."""
        if self._index is None:
            self._index = build_index(self.config)
        return self._index

    @index.setter
    def index(self, index: Index) -> None:
        self._index = index

    def init_retrieval(self) -> None:
        """Open the index that the config names, unless one is open."""
        _ = self.index

    @classmethod
    def from_pretrained(cls, retriever_name_or_path: NameOrPath, indexed_dataset: Any = None, **kwargs: Any) -> Self:
        """The retriever of a checkpoint; `indexed_dataset` are its documents, else the config says where they are."""
        config = kwargs.pop("config", None) or RagConfig.from_pretrained(retriever_name_or_path, **kwargs)
        tokenizer = RagTokenizer.from_pretrained(retriever_name_or_path, config=config)
        index: Index | None = None
        if indexed_dataset is not None:
            config.index_name = "custom"
            index = CustomHFIndex(config.retrieval_vector_size, indexed_dataset)
        return cls(config, tokenizer.question_encoder, tokenizer.generator, index)

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> None:
        """Write the config, both tokenizers and, unless they lie somewhere already, the documents and their index."""
        folder = Path(save_directory)
        if isinstance(self.index, CustomHFIndex):
            dataset = self.index.dataset
            if self.config.index_path is None and self.index.has_faiss:
                folder.mkdir(parents=True, exist_ok=True)
                self.config.index_path = str(folder / "hf_dataset_index.faiss")
                dataset.get_index("embeddings").save(self.config.index_path)
            if self.config.passages_path is None:
                self.config.passages_path = str(folder / "hf_dataset")
                # A data set is not saved with its index.
                dataset.select_columns(dataset.column_names).save_to_disk(self.config.passages_path)
        self.config.save_pretrained(folder)
        RagTokenizer(self.question_encoder_tokenizer, self.generator_tokenizer).save_pretrained(folder)

    def set_ctx_encoder_tokenizer(self, ctx_encoder_tokenizer: Any) -> None:
        """Also give the documents as `ctx_encoder_tokenizer` cuts them, for an encoder of documents that is trained."""
        self.ctx_encoder_tokenizer = ctx_encoder_tokenizer

    def retrieve(self, question_hidden_states: np.ndarray[Any, Any], n_docs: int) -> tuple[Any, Any, list[dict[str, Any]]]:
        """Vectors (B, D) of questions -> those of `n_docs` documents each (B, N, D), their numbers (B, N), and these."""
        parts = [
            self.index.get_top_docs(question_hidden_states[at : at + self.batch_size], n_docs)
            for at in range(0, len(question_hidden_states), self.batch_size)
        ]
        ids, vectors = (np.concatenate(each) for each in zip(*parts, strict=True))
        return vectors, ids, self.index.get_doc_dicts(ids)

    def written(self, docs: list[dict[str, Any]], questions: list[str], prefix: str | None, n_docs: int) -> Iterator[str]:
        """Each document before its question."""
        config = self.config
        for found, question in zip(docs, questions, strict=True):
            for title, text in list(zip(found["title"], found["text"], strict=True))[:n_docs]:
                title = title.removeprefix('"').removesuffix('"')
                yield f"{prefix or ''}{title}{config.title_sep}{text}{config.doc_sep}{question}".replace("  ", " ")

    def postprocess_docs(
        self,
        docs: list[dict[str, Any]],
        input_strings: list[str],
        prefix: str | None,
        n_docs: int,
        return_tensors: str | None = None,
    ) -> tuple[Any, Any]:
        """The ids and the mask (B * N, S) of documents before their questions, S being `config.max_combined_length`."""
        texts = list(self.written(docs, input_strings, prefix, n_docs))
        length = {"max_length": self.config.max_combined_length, "padding": "max_length", "truncation": True}
        tokens = self.generator_tokenizer(texts, return_tensors=return_tensors, **length)
        return tokens["input_ids"], tokens["attention_mask"]

    def __call__(
        self,
        question_input_ids: Any,
        question_hidden_states: np.ndarray[Any, Any],
        prefix: str | None = None,
        n_docs: int | None = None,
        return_tensors: str | None = None,
    ) -> BatchEncoding:
        """Documents for questions, whose ids are (B, Q) and vectors (B, D): `context_input_ids`, `context_attention_mask`
        (B * N, S), `retrieved_doc_embeds` (B, N, D), `doc_ids` (B, N), and `tokenized_doc_*` for an encoder of documents."""
        count = self.n_docs if n_docs is None else n_docs
        prefix = self.config.generator.get("prefix") if prefix is None else prefix
        vectors, ids, docs = self.retrieve(question_hidden_states, count)
        questions = self.question_encoder_tokenizer.batch_decode(question_input_ids, skip_special_tokens=True)
        tokens, mask = self.postprocess_docs(docs, questions, prefix, count, return_tensors)
        fields = {"context_input_ids": tokens, "context_attention_mask": mask, "retrieved_doc_embeds": vectors, "doc_ids": ids}
        if self.ctx_encoder_tokenizer is not None:
            titles, texts = ([text for found in docs for text in found[name][:count]] for name in ("title", "text"))
            options = {"truncation": True, "padding": "longest", "return_tensors": return_tensors}
            read = self.ctx_encoder_tokenizer(titles, texts, **options)
            fields |= {"tokenized_doc_ids": read["input_ids"], "tokenized_doc_attention_mask": read["attention_mask"]}
        return BatchEncoding(fields, tensor_type=return_tensors)
