"""`bestiary families`: the table, one family of it, and tasks."""

import json

import pytest

from bestiary.cli.commands import families
from bestiary.core.errors import InputError
from bestiary.modeling.families import families as names
from bestiary.modeling.families import family


def shown(capsys: pytest.CaptureFixture[str], **options: object) -> str:
    families.run(**{"name": None, "task": None, **options})
    return capsys.readouterr().out


def test_the_table_has_every_family(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line.split("\t") for line in shown(capsys).splitlines()]
    assert [row[0] for row in rows] == list(names())
    assert all(len(row) == 4 and row[1] and row[2] for row in rows)
    kept = {row[0]: row[3] for row in rows}
    assert kept["mamba"] == "states"
    assert kept["bamba"] == "keys, values and states"
    assert kept["t5"] == "keys and values, of the encoder's output too"
    assert kept["vit"] == ""


def test_one_family_by_its_name_or_a_type(capsys: pytest.CaptureFixture[str]) -> None:
    details = dict(line.split("\t") for line in shown(capsys, name="xlm-roberta").splitlines())
    assert details["family"] == "xlm_roberta"
    assert details["task masked-lm"] == "XLMRobertaForMaskedLM"
    assert details["differs"].startswith("Differs from RoBERTa")
    assert "sdpa" in details["kernels"]


def test_families_of_a_task(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(shown(capsys, task="question-answering", json=True))
    assert listed.keys() == {name for name in names() if "question-answering" in family(name).TASKS}
    assert listed["bert"]["tasks"]["question-answering"] == "BertForQuestionAnswering"


@pytest.mark.parametrize(
    ("options", "words"),
    [({"name": "lama"}, "Did you mean 'llama'"), ({"task": "causal_lm"}, "Did you mean 'causal-lm'.*Tasks: ")],
)
def test_what_is_not_there_is_told_with_the_nearest(options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        families.run(**{"name": None, "task": None, **options})
