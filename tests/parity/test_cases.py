"""Every family and every published class of it is in a case: what no case names, no other test here looks at."""

from pathlib import Path

import pytest
from kit.families import OF_EARLIER_RELEASES, OF_SESSIONS, cases, pair
from kit.shared_code import is_data_alone
from transformers import CONFIG_MAPPING

from bestiary.auto import AutoModel
from bestiary.modeling.families import families, family, tasks_of


def test_every_family_has_a_case() -> None:
    without = sorted(set(families()) - set(cases()) - OF_EARLIER_RELEASES.keys() - OF_SESSIONS)
    assert not without, f"no case for {', '.join(without)}: write tests/parity/cases/<model_type>.py, see CONTRIBUTING.md"


@pytest.mark.parametrize("name", sorted(OF_SESSIONS))
def test_what_keeps_sessions_is_compared_with_the_reference(name: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (Path(__file__).parents[1] / "models" / name).glob("test_*.py")]
    assert any("import transformers" in text and "close(" in text for text in texts)


@pytest.mark.parametrize("name", sorted(OF_EARLIER_RELEASES))
def test_what_the_reference_lacks_is_compared_with_stored_numbers_or_its_nearest_class(name: str) -> None:
    assert OF_EARLIER_RELEASES[name] not in CONFIG_MAPPING
    texts = [path.read_text(encoding="utf-8") for path in (Path(__file__).parents[1] / "models" / name).glob("test_*.py")]
    assert any("golden" in text or "assert_close" in text for text in texts)


def test_every_case_is_a_family() -> None:
    assert not set(cases()) - set(families())


def published_classes(model_type: str) -> set[str]:
    """Names of the model classes of a family and of its parts."""
    tables = [tasks_of(model_type), *family(model_type).__dict__.get("PARTS", {}).values()]
    return {name for table in tables for name in table.values()}


@pytest.mark.parametrize("model_type", cases())
def test_every_class_has_a_head(model_type: str) -> None:
    without = sorted(published_classes(model_type) - set(cases()[model_type].heads))
    assert not without, f"tests/parity/cases/{model_type}.py has no head for {', '.join(without)}, which TASKS or PARTS name"


@pytest.mark.parametrize("model_type", cases())
def test_tasks_name_classes_that_exist(model_type: str) -> None:
    for name in published_classes(model_type):
        assert getattr(family(model_type), name).config_class is not None, name


@pytest.mark.parametrize("model_type", [each for each in cases() if "base" in tasks_of(each)])
def test_auto_model_finds_the_family(model_type: str) -> None:
    name = tasks_of(model_type)["base"]
    assert type(AutoModel.from_pretrained(pair(model_type, name).folder)).__name__ == name


def test_a_family_of_data_alone_is_told_from_one_with_modules_of_its_own() -> None:
    assert is_data_alone(pair("mistral", "MistralForCausalLM"))
    assert not is_data_alone(pair("mixtral", "MixtralForCausalLM"))
