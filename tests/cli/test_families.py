"""`bestiary families`: the table, one family of it, and tasks."""

import json
import re
from pathlib import Path

import pytest

from bestiary.cli.commands import families
from bestiary.core.errors import InputError
from bestiary.modeling.families import families as names
from bestiary.modeling.families import family
from bestiary.modeling.family_facts import family_facts


def shown(capsys: pytest.CaptureFixture[str], **options: object) -> str:
    families.run(**{"name": None, "task": None, **options})
    return capsys.readouterr().out


def test_the_table_has_every_family(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line.split("\t") for line in shown(capsys).splitlines()]
    assert [row[0] for row in rows] == list(names())
    known = [family_facts()[row[0]] for row in rows]
    assert [row[1].split(", ") for row in rows] == [list(facts.types) for facts in known]
    assert all(row[2] for row in rows)
    assert [row[3].split(", ") for row in rows] == [list(facts.tasks) for facts in known]
    assert [row[4].split(", ") for row in rows] == [facts.kernels for facts in known]
    assert [row[6:] for row in rows] == [[facts.differs, facts.paper] for facts in known]
    kept = {row[0]: row[5] for row in rows}
    assert kept["mamba"] == "states"
    assert kept["bamba"] == "keys, values and states"
    assert kept["t5"] == "keys and values, of the encoder's output too"
    assert kept["vit"] == ""


def test_one_family_by_its_name_or_a_type(capsys: pytest.CaptureFixture[str]) -> None:
    details = dict(line.split("\t") for line in shown(capsys, name="xlm-roberta").splitlines())
    assert details["family"] == "xlm_roberta"
    assert details["task masked-lm"] == "XLMRobertaForMaskedLM"
    assert details["differs"].startswith("Differs from RoBERTa")
    assert details["paper"] == "https://arxiv.org/abs/1911.02116"
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


def test_papers_are_addresses_and_most_families_have_one() -> None:
    papers = [facts.paper for facts in family_facts().values() if facts.paper]
    assert len(papers) > 0.8 * len(family_facts())
    arxiv = re.compile(r"https://arxiv\.org/abs/\d\d(0[1-9]|1[0-2])\.\d{4,5}")
    assert all(arxiv.fullmatch(paper) or paper.startswith(("https://doi.org/", "https://cdn.openai.com/")) for paper in papers)


def test_the_page_links_each_row_to_its_paper_and_its_proof() -> None:
    docs = Path(__file__).parents[2] / "docs"
    rows = [
        line.split(" | ") for line in (docs / "families.md").read_text(encoding="utf-8").splitlines() if "](../tests/" in line
    ]
    assert len(rows) == len(family_facts())
    for (name, facts), row in zip(family_facts().items(), rows, strict=True):
        target = row[0].partition("](")[2].rstrip(")")
        assert row[0].startswith(f"| [{name}]("), name
        assert (docs / target).exists(), target
        assert row[3].endswith(f"]({facts.paper})") if facts.paper else not row[3], name
