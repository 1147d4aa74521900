"""Table question answering: a question and a table to an answer, by an encoder-decoder that reads tables as text (TAPEX)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from ...core.errors import ArgumentError, InputError
from ..base import Parameters, Result
from .text2text_generation import Text2TextGenerationPipeline
from .text_classification import encode

__all__ = ["TableQuestionAnsweringPipeline"]

CHECKPOINTS = {"microsoft/tapex-base-finetuned-wtq": "bart"}


class TableQuestionAnsweringPipeline(Text2TextGenerationPipeline):
    """`{"answer": ...}` for a question about a table; a list of them for many questions, or for `num_return_sequences`.

    Inputs: `table=` (a pandas data frame, or a mapping of names of columns to lists of cells) and `query=` (a question, or a
    list of them), both by place, or one or many `{"table": ..., "query": ...}`.

    Keywords of a call:
        truncation: "do_not_truncate" (the default) or "drop_rows_to_fit": rows that have nothing to do with the question are
            left out of a table that is too long for the model. padding: taken as published; batches pad themselves.
        others: what `generate` takes.
    """

    models: ClassVar[tuple[str, ...]] = ("AutoModelForSeq2SeqLM",)

    def _sanitize_parameters(  # type: ignore[override]
        self, padding: bool | str | None = None, truncation: bool | str | None = None, **generate: Any
    ) -> Parameters:
        if "sequential" in generate:
            raise ArgumentError("sequential= is for models that point at cells; this one writes its answers: leave it out")
        before, during, _ = super()._sanitize_parameters(truncation=truncation, **generate)
        return {**before, **({} if padding is None else {"padding": padding})}, during, {}

    def __call__(self, inputs: Any = None, query: Any = None, *, table: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        if inputs is not None and table is not None:
            raise ArgumentError("pass table= and query=, or what holds both, not both")
        if table is None and query is not None:
            table, inputs = inputs, None
        answers = super().__call__(_questions({"table": table, "query": query} if inputs is None else inputs), **parameters)
        return answers if len(answers) > 1 else answers[0]

    def preprocess(self, input_: Any, **options: Any) -> Any:  # type: ignore[override]
        options = {"truncation": "do_not_truncate", **options}
        options.pop("padding", None)
        unit = encode(self.tokenizer, input_["table"], input_["query"], **options)
        unit.pop("token_type_ids", None)
        return unit

    def postprocess(self, model_outputs: Any) -> list[Result]:  # type: ignore[override]
        texts = self.tokenizer.batch_decode(model_outputs["sequences"][0], skip_special_tokens=True)
        ended = zip(texts, model_outputs["reasons"], strict=True)
        return [Result({"answer": text}, model_outputs["dropped_tokens"], reason) for text, reason in ended]


def _questions(inputs: Any) -> list[dict[str, Any]]:
    """Each question with its table.

    Raises:
        InputError: something that holds no table, or no question.
    """
    questions = []
    for one in inputs if isinstance(inputs, list | tuple) else [inputs]:
        if not isinstance(one, Mapping) or one.get("table") is None:
            raise InputError(f"expected {{'table': ..., 'query': ...}}, found {type(one).__name__} {one!r:.60}")
        queries = one.get("query")
        for query in queries if isinstance(queries, list | tuple) else [queries]:
            if not isinstance(query, str) or not query:
                raise InputError(f"query must be a text that is not empty; found {query!r:.60}")
            if not len(one["table"]):
                raise InputError("the table is empty; there is nothing to ask of it")
            questions.append({"table": one["table"], "query": query})
    if not questions:
        raise InputError("there is no question: pass table= and query=")
    return questions


PIPELINE = TableQuestionAnsweringPipeline
