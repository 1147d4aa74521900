"""Reports to Kubeflow, read by a server in this process: those of the published trainer, of the same training."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import transformers
from tests.kit import training
from transformers.integrations import KubeflowCallback as Published

import bestiary
from bestiary.compat.reporting import is_kubeflow_available
from bestiary.core.errors import MissingReporter
from bestiary.training.callbacks.reporters.kubeflow import KubeflowCallback


class Controller(HTTPServer):
    """Keeps what it gets: (path, token, status)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.taken: list[tuple[str, str | None, dict[str, Any]]] = []
        self.answer = 200


class Taker(BaseHTTPRequestHandler):
    server: Controller

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken.append((self.path, self.headers["Authorization"], body["trainerStatus"]))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        """Nothing."""


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    server = Controller()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    (tmp_path / "token").write_text("secret\n")
    for name, value in {
        "KUBEFLOW_TRAINER_SERVER_URL": f"http://127.0.0.1:{server.server_port}/status",
        "KUBEFLOW_TRAINER_SERVER_TOKEN": str(tmp_path / "token"),
        "no_proxy": "*",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KUBEFLOW_TRAINER_SERVER_CA_CERT", raising=False)
    monkeypatch.delenv("DISABLE_KUBEFLOW_INTEGRATION", raising=False)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def train(library: Any, folder: Path, weights: dict[str, Any], **options: Any) -> Any:
    library.set_seed(0)
    kind, config = training.config(library, "bert", 0.0)
    args = library.TrainingArguments(
        str(folder), use_cpu=True, disable_tqdm=True, max_steps=4, logging_steps=2, save_strategy="no", **options
    )
    rows, model = training.rows("bert"), kind(config)
    model.load_state_dict(weights or model.state_dict())
    weights |= {name: value.clone() for name, value in model.state_dict().items()}
    trainer = library.Trainer(model, args, train_dataset=rows, eval_dataset=rows)
    trainer.train()
    return trainer


def test_the_controller_hears_the_same(controller: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights: dict[str, Any] = {}
    found = []
    for library, kind in ((transformers, Published), (bestiary, KubeflowCallback)):
        monkeypatch.setattr(kind, "_MIN_UPDATE_INTERVAL", 0.0)
        train(library, tmp_path / library.__name__, weights, eval_strategy="steps", eval_steps=3)
        statuses = []
        for path, token, status in controller.taken:
            assert (path, token) == ("/status", "Bearer secret")
            metrics = {each["name"]: float(each["value"]) for each in status["metrics"]}
            names = [name for name in metrics if not any(word in name for word in training.VOLATILE)]
            statuses.append((status["progressPercentage"], list(metrics), {name: metrics[name] for name in names}))
            assert status.get("estimatedRemainingSeconds", 0) >= 0
        found.append(statuses)
        controller.taken.clear()
    published, ours = found
    assert [each[0] for each in ours] == [each[0] for each in published] == [0, 25, 50, 75, 99, 100]
    for (_, names, values), (_, others, expected) in zip(ours, published, strict=True):
        assert set(names) == set(others)
        assert values == pytest.approx(expected, rel=1e-4)


def test_few_reports_by_whom_they_are_asked(controller: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a job all trainings report, unless that is turned off; at most every five seconds; outside of one none can."""
    train(bestiary, tmp_path, {})
    assert [status["progressPercentage"] for _, _, status in controller.taken] == [0, 100]
    assert is_kubeflow_available()
    monkeypatch.setenv("DISABLE_KUBEFLOW_INTEGRATION", "TRUE")
    assert not is_kubeflow_available()
    train(bestiary, tmp_path, {})
    monkeypatch.delenv("KUBEFLOW_TRAINER_SERVER_URL")
    with pytest.raises(MissingReporter, match="KUBEFLOW_TRAINER_SERVER_URL is ''; expected the address"):
        train(bestiary, tmp_path, {}, report_to="kubeflow")
    assert len(controller.taken) == 2


def test_a_controller_that_fails_ends_no_training(controller: Controller, tmp_path: Path) -> None:
    controller.answer = 503
    with pytest.warns(UserWarning, match="Kubeflow did not take a report: HTTP Error 503"):
        trainer = train(bestiary, tmp_path, {})
    assert trainer.state.global_step == 4
    assert trainer.pop_callback(KubeflowCallback).lost == 2
