"""Questions about tables: what the pipeline answers is what the model writes for the tokenizer's text."""

from typing import Any

import pytest
import torch
from kit import tables

from bestiary.core.errors import ArgumentError, InputError
from bestiary.models.bart import BartConfig, BartForConditionalGeneration, TapexTokenizer
from bestiary.pipelines import pipeline

QUERIES = ["Which city?", "How many nations in 2004?", "In which year did Beijing host the games?"]


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tapex")
    tokenizer = TapexTokenizer(*tables.write_byte_pairs(folder), model_max_length=240)
    torch.manual_seed(3)
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 240, "init_std": 0.4}
    model = BartForConditionalGeneration(BartConfig(vocab_size=len(tokenizer), **sizes, **heads, forced_eos_token_id=None))
    model.generation_config.max_new_tokens = 6
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return pipeline("table-question-answering", str(folder))


def expected(pipe: Any, query: str, table: Any = tables.TABLE, **options: Any) -> dict[str, str]:
    ids = pipe.model.generate(**pipe.tokenizer(table, query, return_tensors="pt", **options))
    return {"answer": pipe.tokenizer.decode(ids[0], skip_special_tokens=True)}


def test_answers(pipe: Any) -> None:
    answers = [expected(pipe, query) for query in QUERIES]
    assert len({answer["answer"] for answer in answers}) > 1
    one = {"table": tables.TABLE, "query": QUERIES[0]}
    for answer in (pipe(tables.TABLE, QUERIES[0]), pipe(table=tables.TABLE, query=QUERIES[0]), pipe(one), pipe([one])):
        assert answer == answers[0]
    assert pipe(tables.TABLE, QUERIES) == answers
    assert pipe(table=tables.TABLE, query=QUERIES, padding=True) == answers
    assert pipe([{"table": tables.TABLE, "query": query} for query in QUERIES], batch_size=2) == answers
    assert pipe(tables.TABLE, QUERIES[0], max_new_tokens=2)["answer"] != answers[0]["answer"]


def test_a_long_table_loses_rows_only_where_that_is_asked(pipe: Any) -> None:
    with pytest.raises(InputError, match="240"), pytest.warns(UserWarning, match="limit of 240"):
        pipe(tables.LONG, "What is 1017 of")
    answer = pipe(tables.LONG, "What is 1017 of", truncation="drop_rows_to_fit")
    assert answer == expected(pipe, "What is 1017 of", tables.LONG, truncation="drop_rows_to_fit")


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (({},), "expected {'table'"),
        ((tables.TABLE, ""), "query must be a text"),
        ((tables.TABLE, []), "there is no question"),
        (({"query": "a"},), "expected {'table'"),
        (({"table": {}, "query": "a"},), "the table is empty"),
    ],
)
def test_bad_input_is_refused_in_words(pipe: Any, inputs: tuple[Any, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        pipe(*inputs)


def test_options_of_models_that_point_at_cells_are_refused(pipe: Any) -> None:
    with pytest.raises(ArgumentError, match="sequential"):
        pipe(tables.TABLE, "a", sequential=True)
    with pytest.raises(ArgumentError, match="not both"):
        pipe({"table": tables.TABLE, "query": "a"}, table=tables.TABLE)
