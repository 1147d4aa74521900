"""What reporters ask of their tools: the same, in the same order, as those of the published trainer, of the same training."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from tests.kit import recorded_tools

# Environment, arguments and reporters of a training that reports to all of them at once.
_USUAL = {
    "TENSORBOARD_LOGGING_DIR": "here",
    "MLFLOW_TRACKING_URI": "file:here",
    "CLEARML_LOG_MODEL": "true",
    "CLEARML_PROJECT": "P",
    "CLEARML_TASK": "T",
    "HF_DVCLIVE_LOG_MODEL": "all",
}
_CHECKPOINTS = {
    "WANDB_LOG_MODEL": "checkpoint",
    "WANDB_WATCH": "all",
    "WANDB_PROJECT": "mine",
    "MLFLOW_FLATTEN_PARAMS": "1",
    "MLFLOW_EXPERIMENT_NAME": "e",
    "MLFLOW_TAGS": '{"a": "b"}',
    "MLFLOW_NESTED_RUN": "true",
    "COMET_LOG_ASSETS": "true",
    "COMET_MODE": "create",
    "HF_DVCLIVE_LOG_MODEL": "true",
    "SWANLAB_PROJECT": "mine",
}
_BEST = {"WANDB_LOG_MODEL": "end", "HF_MLFLOW_LOG_ARTIFACTS": "1", "MLFLOW_MAX_LOG_PARAMS": "3", "HF_DVCLIVE_LOG_MODEL": "1"}
_DAGSHUB = {
    "MLFLOW_TRACKING_URI": "https://dagshub.com/me/mine.mlflow",
    "HF_DAGSHUB_LOG_ARTIFACTS": "1",
    "BRANCH": "side",
    "MLFLOW_FLATTEN_PARAMS": "1",
}
_SPACES = {"trackio_space_id": "me/runs", "trackio_static_space_id": "me/still", "project": "mine"}
TRAININGS: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "usual": (
        _USUAL,
        {},
        "tensorboard wandb mlflow comet_ml clearml codecarbon dvclive neptune swanlab trackio azure_ml flyte",
    ),
    "checkpoints": (_CHECKPOINTS, {"run_name": "first"}, "wandb mlflow comet_ml dvclive swanlab trackio"),
    "dagshub": (_DAGSHUB, {}, "dagshub"),
    "best": (_BEST, {"load_best_model_at_end": True, "run_name": "first", **_SPACES}, "wandb mlflow dvclive trackio"),
}
# Those that name the runs of a search for hyperparameters after its trials.
SEARCHING = "tensorboard wandb mlflow comet_ml neptune swanlab trackio"
# A reporter -> the packages that it calls, where they have other names.
_PACKAGES = {"tensorboard": ("tensorboardX",), "azure_ml": ("azureml",), "flyte": ("flytekit", "flytekitplugins")}
_PACKAGES["dagshub"] = ("dagshub", "mlflow")
PROGRAM = """
import contextlib, importlib, io, json, os, sys, warnings
warnings.simplefilter("ignore")
library = importlib.import_module(sys.argv[1])
weights, searching, trainings, tools = *sys.argv[2:4], *map(json.loads, sys.argv[4:])
integrations = importlib.import_module({"bestiary": "bestiary.compat.reporting"}.get(sys.argv[1], "transformers.integrations"))
import recorded
rows = [{"input_ids": [number + 1] * 4, "label": number % 2} for number in range(16)]
found = {}
for name, (environment, options, reporters) in trainings.items():
    for module in [each for each in sys.modules if each.partition(".")[0] in tools]:
        del sys.modules[module]
    recorded.CALLS.clear()
    os.environ.update(environment)
    choices = dict(max_steps=2, logging_steps=1, eval_strategy="steps", eval_steps=1, save_steps=1, use_cpu=True)
    args = library.TrainingArguments("out", disable_tqdm=True, report_to=reporters.split(), **choices, **options)
    with contextlib.redirect_stdout(io.StringIO()):
        model = library.BertForSequenceClassification.from_pretrained(weights)
        trainer = library.Trainer(model, args, train_dataset=rows, eval_dataset=rows)
        trainer.train()
        trainer.predict(rows)
    found[name] = {"calls": list(recorded.CALLS), "args": args.to_dict(), "config": model.config.to_dict()}
    for variable in environment:
        del os.environ[variable]
    del trainer

def callbacks(reporters):
    for module in [each for each in sys.modules if each.partition(".")[0] in tools]:
        del sys.modules[module]
    made = [integrations.INTEGRATION_TO_CALLBACK[name]() for name in reporters.split()]
    recorded.CALLS.clear()
    return made

os.environ["TENSORBOARD_LOGGING_DIR"] = "here"
searched = callbacks(searching)
args = library.TrainingArguments("out", use_cpu=True, disable_tqdm=True, report_to="none")
control = library.TrainerControl()
for number in range(2):
    trial = dict(is_hyper_param_search=True, trial_name=f"trial-{number}", trial_params={"learning_rate": 0.5})
    for each in searched:
        each.on_train_begin(args, library.TrainerState(**trial), control, model=model)
        each.on_train_end(args, library.TrainerState(**trial), control, model=model)
found["search"] = {"calls": list(recorded.CALLS), "args": args.to_dict(), "config": model.config.to_dict()}

second = library.TrainerState(is_world_process_zero=False, is_local_process_zero=False, global_step=1)
for each in callbacks(" ".join(integrations.INTEGRATION_TO_CALLBACK if library.__name__ == "bestiary" else [])):
    each.on_init_end(args, second, control)
    for event in ("on_train_begin", "on_log", "on_save", "on_evaluate", "on_predict", "on_train_end"):
        getattr(each, event)(args, second, control, model=model, logs={"loss": 1.0}, metrics={"test_loss": 1.0})
found["second process"] = list(recorded.CALLS)
print(json.dumps(found, default=str))
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Library -> training -> what was recorded, and the arguments and the model's config."""
    import transformers

    folder = tmp_path_factory.mktemp("reporters")
    recorded_tools.write(folder / "tools")
    config = transformers.BertConfig(
        vocab_size=70, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.set_seed(0)
    transformers.BertForSequenceClassification(config).save_pretrained(folder / "weights")
    path = os.pathsep.join([str(folder / "tools"), *filter(None, sys.path)])
    switches = (
        "WANDB_",
        "MLFLOW_",
        "HF_MLFLOW",
        "COMET_",
        "CLEARML_",
        "SWANLAB_",
        "TENSORBOARD_",
        "DISABLE_",
        "HF_DVCLIVE",
        "HF_DAGSHUB",
        "BRANCH",
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(switches)}
    tools = json.dumps([*recorded_tools.TOOLS, "azureml", "flytekitplugins"])
    found = {}
    for library in ("transformers", "bestiary"):
        (folder / library).mkdir()
        command = [sys.executable, "-c", PROGRAM, library, str(folder / "weights"), SEARCHING, json.dumps(TRAININGS), tools]
        done = subprocess.run(
            command,
            cwd=folder / library,
            env={**environment, "PYTHONPATH": path, "TQDM_DISABLE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found[library] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


# What ours does otherwise on purpose, and why.
_OTHERWISE = {
    "transformers_version": "not a choice of the model; a config here does not hold it",
    "use_cache": "the published trainer changes the model's config for the time after the training",
    "hub_token": "hidden here only where there is one, so that TrainingArguments(**args.to_dict()) works",
}
_OTHERWISE_OF = {
    "clearml": {
        "description": "in our words",
        "accelerator_config": "given as values, which ClearML shows one by one, not as an object, which it shows as a text",
    },
    "tensorboard of search": {"log_dir": "TENSORBOARD_LOGGING_DIR holds for trials as well"},
    "trackio of search": {"name": "each trial is a run of its own; there, all of them are the run that `run_name` names"},
    "mlflow": {"dtype": "MLFLOW_MAX_LOG_PARAMS takes the first, and a config here holds its choices in another order"},
}
# Calls that only ask, and what is written into a file that was opened.
_ASKS = re.compile(r"^read|get_config$|\.get_logger$|flatten_dictionary\(\)\.items$|\.write$|__enter__$")
_MEASURED = re.compile("runtime|per_second|preparation_time")


def told(recorded: dict[str, Any], library: str, name: str, reporter: str) -> list[Any]:
    """The calls of a reporter, without what one library does on purpose, and arguments that it alone has."""
    training, other = recorded[library][name], recorded["bestiary" if library == "transformers" else "transformers"][name]
    apart = {*training["args"]} ^ {*other["args"]} | {*training["config"]} ^ {*other["config"]}
    apart |= {*_OTHERWISE, *_OTHERWISE_OF.get(reporter, ()), *_OTHERWISE_OF.get(f"{reporter} of {name}", ())}
    packages = _PACKAGES.get(reporter, (reporter,))

    def cleaned(value: Any, name: str = "", measured: bool = False) -> Any:
        measured |= _MEASURED.search(name) is not None
        if isinstance(value, dict):
            kept = {each: below for each, below in value.items() if not {each, each.partition(".")[0]} & apart}
            return {each: cleaned(below, each, measured) for each, below in kept.items()}
        if isinstance(value, list):
            return [cleaned(each, name, measured) for each in value]
        if isinstance(value, str) and value.startswith("{\n"):
            return cleaned(json.loads(value))
        return "measured" if measured and isinstance(value, float) else value

    calls: list[Any] = []
    files: list[str] = []
    params: dict[str, Any] = {}
    for kind, path, *given in training["calls"]:
        if path.partition(".")[0] not in packages or _ASKS.search(path):
            continue
        if reporter == "dagshub" and path == "mlflow.end_run":  # there the run stays open, and takes the next training in
            continue
        if path.endswith(".new_file"):  # of a folder, whose files come in any order
            files.append(given[0][0])
        elif path == "mlflow.log_params":
            params |= cleaned(given[0][0])
        else:
            names = [*given[0], *given[-1].values()] if kind == "call" else []
            about = " ".join(each for each in (path, *names) if isinstance(each, str))
            calls.append([kind, path, cleaned(given, measured=_MEASURED.search(about) is not None)])
    return [*calls, sorted(files), params]


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Where two values differ: numbers by more than one in ten thousand."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        alone = [f"{where}: {name} in one only" for name in sorted(ours.keys() ^ theirs.keys())]
        return alone + [
            each for name in ours if name in theirs for each in differences(ours[name], theirs[name], f"{where}.{name}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [each for place in range(len(ours)) for each in differences(ours[place], theirs[place], f"{where}[{place}]")]
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (ours, theirs))
    same = ours == pytest.approx(theirs, rel=1e-4) if numbers else ours == theirs and type(ours) is type(theirs)
    return [] if same else [f"{where}: {ours!r:.200} instead of {theirs!r:.200}"]


@pytest.mark.parametrize(
    ("name", "reporter"), [(name, each) for name, (_, _, reporters) in TRAININGS.items() for each in reporters.split()]
)
def test_tools_are_asked_the_same(name: str, reporter: str, recorded: dict[str, Any]) -> None:
    mine, published = (told(recorded, library, name, reporter) for library in ("bestiary", "transformers"))
    assert len(published) > 3
    for place, (call, expected) in enumerate(zip(mine, published, strict=False)):
        assert not differences(call, expected, f"call {place}"), (call, expected)
    assert len(mine) == len(published)


@pytest.mark.parametrize("name", ["usual", "checkpoints", "best"])
def test_arguments_come_to_mlflow_in_parts(name: str, recorded: dict[str, Any]) -> None:
    parts = {
        library: [len(call[2][0]) for call in found[name]["calls"] if call[1] == "mlflow.log_params"]
        for library, found in recorded.items()
    }
    sizes = parts["bestiary"]
    assert len(sizes) == len(parts["transformers"])
    assert sizes[:-1] == parts["transformers"][:-1] == [100] * (len(sizes) - 1)
    if name == "best":
        assert sizes == parts["transformers"] == [3]


@pytest.mark.parametrize("reporter", SEARCHING.split())
def test_the_runs_of_a_search_have_the_names_of_its_trials(reporter: str, recorded: dict[str, Any]) -> None:
    test_tools_are_asked_the_same("search", reporter, recorded)
    if reporter != "mlflow":  # whose runs are named by `run_name` alone
        told_of = json.dumps([call for call in recorded["bestiary"]["search"]["calls"] if call[1].startswith(reporter)])
        assert "trial-0" in told_of
        assert ("trial-1" in told_of) == (reporter != "swanlab")  # which goes on in the run that is open, there as well


def test_only_the_first_process_reports(recorded: dict[str, Any]) -> None:
    assert recorded["bestiary"]["second process"] == []
