"""Trainings of tests draw no picture of their curves, which takes longer than most of them; one test looks at it."""

import pytest


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bestiary.training.run_report.run.available", lambda package: False)
