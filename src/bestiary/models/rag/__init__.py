"""RAG (Lewis et al. 2020): an encoder-decoder that answers from documents which an encoder of questions finds.

The answer is weighed over documents token by token (`RagTokenForGeneration`) or as a whole (`RagSequenceForGeneration`). Both
parts may be of any family; usually they are DPR's question encoder and BART.

Paper: https://arxiv.org/abs/2005.11401
"""

from typing import Any, ClassVar, Self

from ...core.kinds import Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ..encoder_decoder import config_of_part


class RagConfig(PreTrainedConfig):
    """The configs of both parts, how documents are found, and how they are put before a question.

    `n_docs` documents are found for a question, `retrieval_batch_size` questions at a time. The index is that of `index_name`:
    "custom" for a data set that was saved at `passages_path`, with its FAISS index at `index_path`; else that of the
    `dataset_split` of the `dataset`. A document is written as its title, `title_sep`, its text, `doc_sep`, and the question.
    """

    model_type: ClassVar[str] = "rag"

    question_encoder: Any = None
    generator: Any = None
    vocab_size: int | None = None
    is_encoder_decoder: bool = True
    prefix: str | None = None
    decoder_start_token_id: int | None = None
    title_sep: str = " / "
    doc_sep: str = " // "
    n_docs: Size = 5
    max_combined_length: Size = 300
    retrieval_vector_size: Size = 768
    retrieval_batch_size: Size = 8
    dataset: str = "wiki_dpr"
    dataset_split: str = "train"
    index_name: str | None = "compressed"
    index_path: str | None = None
    passages_path: str | None = None
    use_dummy_dataset: bool = False
    reduce_loss: bool = False
    label_smoothing: Rate = 0.0
    do_deduplication: bool = True
    exclude_bos_score: bool = False
    do_marginalize: bool = False
    output_retrieved: bool = False
    dataset_revision: str | None = None
    use_cache: bool = True
    bos_token_id: int | None = None
    pad_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def validate(self) -> None:
        for name, usual in (("question_encoder", "dpr"), ("generator", "bart")):
            part = self.__dict__[name]
            part = {"model_type": usual, **(part or {})} if part is None or isinstance(part, dict) else part
            self.__dict__[name] = config_of_part(name, part, "RagConfig")
        super().validate()

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PreTrainedConfig:
        """The generator's config; with `encoder=True` alone, or `decoder=False`, the question encoder's."""
        part: PreTrainedConfig = self.question_encoder if decoder is False or (encoder and not decoder) else self.generator
        return part

    @classmethod
    def from_question_encoder_generator_configs(
        cls, question_encoder_config: PreTrainedConfig, generator_config: PreTrainedConfig, **kwargs: Any
    ) -> Self:
        """The config of a model of these parts."""
        return cls(question_encoder=question_encoder_config.to_dict(), generator=generator_config.to_dict(), **kwargs)


TASKS = {
    "retrieval-augmentation": "RagModel",
    "sequence-generation": "RagSequenceForGeneration",
    "token-generation": "RagTokenForGeneration",
}

PREPROCESSORS = {"tokenizer": "RagTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["RagPreTrainedModel", "RagModel", "RetrievAugLMOutput", "RetrievAugLMMarginOutput"],
        "generation": ["RagSequenceForGeneration", "RagTokenForGeneration"],
        "retriever": ["RagRetriever"],
        "tokenizer": ["RagTokenizer"],
    },
)
