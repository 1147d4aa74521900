"""Uploads of a training to a stand-in hub, beside those of the reference."""

import logging
import threading
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import transformers
from tests.kit.training import config, rows

import bestiary
from bestiary.core.errors import ArgumentError, HubError
from bestiary.training import uploads
from bestiary.training.uploads import PushInProgress

STRATEGIES = ["end", "every_save", "checkpoint", "all_checkpoints"]
OF_MODEL = {"config.json", "model.safetensors", "training_args.bin"}
OWN = {"progress.json", "digests.json"}


@pytest.fixture
def logged_in(hub: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    client = huggingface_hub.HfApi(endpoint=hub.url)  # there it is kept from test to test
    upload = client.upload_folder

    def at_once(run_as_future: bool = False, **kwargs: Any) -> Any:
        """There, an upload in the background fails where the folder that it reads is written meanwhile."""
        done: uploads.Future[Any] = uploads.Future()
        done.set_result(upload(**kwargs))
        return done if run_as_future else done.result()

    monkeypatch.setattr(client, "upload_folder", at_once)
    monkeypatch.setattr(transformers.trainer, "hf_api", lambda: client)
    return hub


def trainer(library: Any, folder: Path, **given: Any) -> Any:
    model_class, made = config(library, "classifier", 0.0)
    values: dict[str, Any] = {"max_steps": 4, "save_steps": 2, "logging_steps": 1, "use_cpu": True, "disable_tqdm": True}
    values |= {"report_to": "none", "push_to_hub": True, "hub_always_push": True, "per_device_train_batch_size": 4}
    args = library.TrainingArguments(str(folder), **values | given)
    return library.Trainer(model_class(made), args, train_dataset=rows("classifier", 8), eval_dataset=rows("classifier", 4))


def files(hub: Any, name: str, branch: str = "main") -> set[str]:
    repo = hub.repos[name]
    return set(repo.commits[repo.refs[branch]]) - {".gitattributes"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_commits_and_files_are_the_published_ones(strategy: str, logged_in: Any, tmp_path: Path) -> None:
    for library, name in ((bestiary, "ours"), (transformers, "theirs")):
        made = trainer(library, tmp_path / name, hub_strategy=strategy, hub_private_repo=True)
        made.train()
        made.save_model()
    ours, theirs = (logged_in.repos[f"alice/{name}"] for name in ("ours", "theirs"))
    assert ours.private
    assert theirs.private
    assert [each for each in ours.messages if each] == [each for each in theirs.messages if each]
    assert {each for each in files(logged_in, "alice/ours") if Path(each).name not in OWN} == {
        each.replace("training_report.html", "") for each in files(logged_in, "alice/theirs")
    } | {each for each in files(logged_in, "alice/ours") if "report" in each}
    assert not [path.name for path in (tmp_path / "ours").iterdir() if path.name.startswith(".")]


def test_a_checkpoint_is_gone_on_from_where_it_was_uploaded(logged_in: Any, tmp_path: Path) -> None:
    whole = trainer(bestiary, tmp_path / "run", hub_strategy="checkpoint", hub_revision="try", hub_model_id="alice/other")
    whole.train()
    repo = logged_in.repos["alice/other"]
    stored = repo.commits[repo.refs["try"]]
    folder = tmp_path / "fetched" / "checkpoint-4"
    folder.mkdir(parents=True)
    for name, content in stored.items():
        if name.startswith("last-checkpoint/"):
            (folder / Path(name).name).write_bytes(content)
    further = trainer(bestiary, tmp_path / "fetched", push_to_hub=False, max_steps=5)
    further.train(resume_from_checkpoint=True)
    assert further.state.global_step == 5
    assert not any(name.startswith("last-checkpoint") for name in repo.commits[repo.refs["main"]])


def test_rotation_while_uploads_wait(logged_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, push = threading.Event(), uploads.push_folder

    def slow(*args: Any, **kwargs: Any) -> str:
        assert opened.wait(60)
        return push(*args, **kwargs)

    monkeypatch.setattr(uploads, "push_folder", slow)
    made = trainer(bestiary, tmp_path / "run", hub_strategy="all_checkpoints", save_steps=1, save_total_limit=1)
    made.callback_handler.add_callback(_At(3, opened))
    made.train()
    assert [path.name for path in (tmp_path / "run").glob("checkpoint-*")] == ["checkpoint-4"]
    for step in (1, 2, 3, 4):
        assert f"alice/run/checkpoint-{step}/optimizer.pt".removeprefix("alice/run/") in files(logged_in, "alice/run")


class _At(bestiary.TrainerCallback):
    def __init__(self, step: int, event: threading.Event) -> None:
        self.step, self.event = step, event

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step + 1:
            self.event.set()


def test_without_hub_always_push_the_last_checkpoint_comes_all_the_same(
    logged_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, push = threading.Event(), uploads.push_folder
    monkeypatch.setattr(uploads, "push_folder", lambda *args, **kwargs: opened.wait(60) and push(*args, **kwargs))
    made = trainer(bestiary, tmp_path / "run", hub_always_push=False, save_steps=1)
    made.callback_handler.add_callback(_At(3, opened))
    waiting = _Later(opened)
    made.callback_handler.add_callback(waiting)
    made.train()
    messages = [each for each in logged_in.repos["alice/run"].messages if each.startswith("Training")]
    assert messages[0] == "Training in progress, step 1"
    assert messages[-1] == "Training in progress, step 4"
    assert len(messages) < 4
    assert not [path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]


class _Later(bestiary.TrainerCallback):
    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.event.set()


def test_an_upload_that_fails_is_told_once_and_training_ends(
    logged_in: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainer(bestiary, tmp_path / "run")
    logged_in.broken = 503
    monkeypatch.setattr(logging.getLogger("bestiary"), "propagate", True)
    made.train()
    assert made.state.global_step == 4
    assert (tmp_path / "run" / "checkpoint-4" / "model.safetensors").is_file()
    told = [each for each in caplog.messages if "was not uploaded, and training goes on" in each]
    assert len(told) == 1
    with pytest.raises(HubError):
        made.push_to_hub()


def test_offline_is_told_before_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="cannot upload to 'run': the network is switched off"):
        trainer(bestiary, tmp_path / "run")


def test_push_to_hub_by_hand(logged_in: Any, tmp_path: Path) -> None:
    made = trainer(bestiary, tmp_path / "run", push_to_hub=False, save_strategy="no", hub_model_id="mine")
    made.train()
    assert made.push_to_hub().startswith(f"{logged_in.url}/alice/mine/commit/")
    assert logged_in.repos["alice/mine"].messages[-1] == "End of training"
    job = made.push_to_hub("again", blocking=False, language="en", license="mit")
    assert f"{logged_in.url}/alice/mine/commit/" in job.result()
    repo = logged_in.repos["alice/mine"]
    card = repo.commits[repo.refs["main"]]["README.md"].decode()
    assert "license: mit" in card
    assert "# mine\n" in card
    assert files(logged_in, "alice/mine") >= OF_MODEL
    opened = bestiary.AutoModelForSequenceClassification.from_pretrained("alice/mine")
    assert opened.config.num_labels == 3


def test_arguments(tmp_path: Path) -> None:
    published = transformers.TrainingArguments(str(tmp_path))
    ours = bestiary.TrainingArguments(str(tmp_path))
    names = "push_to_hub hub_token hub_private_repo hub_model_id hub_strategy hub_always_push hub_revision".split()  # noqa: SIM905
    for name in names:
        assert getattr(ours, name) == getattr(published, name)
    both = [each.set_push_to_hub("me/it", strategy="end", token="t", private_repo=True) for each in (ours, published)]
    assert [getattr(both[0], name) for name in names] == [getattr(both[1], name) for name in names]
    assert "'t'" not in str(ours)
    (parsed,) = bestiary.HfArgumentParser(bestiary.TrainingArguments).parse_args_into_dataclasses(
        ["--push_to_hub", "--hub_strategy", "checkpoint", "--hub_model_id", "me/it", "--hub_private_repo", "true"]
    )
    assert (parsed.push_to_hub, parsed.hub_strategy, parsed.hub_private_repo) == (True, "checkpoint", True)
    with pytest.raises(ValueError, match="sometimes"):
        bestiary.TrainingArguments(str(tmp_path), hub_strategy="sometimes")
    with pytest.raises(ArgumentError, match="models here are made of others"):
        bestiary.TrainingArguments(str(tmp_path), use_liger_kernel=True)


def test_jobs_under_way() -> None:
    published = transformers.utils.hub.PushInProgress
    for kind in (PushInProgress, published):
        running, waiting = uploads.Future(), uploads.Future()
        running.set_running_or_notify_cancel()
        each = kind([running, waiting])
        assert not each.is_done()
        each.cancel()
        assert (waiting.cancelled(), each.jobs) == (True, [running])
        running.set_result(1)
        assert each.is_done()
        each.wait_until_done()
