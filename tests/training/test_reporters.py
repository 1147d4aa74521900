"""What reporters ask of their tools: the same, in the same order, as those of the published trainer, of the same training."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from tests.kit import recorded_tools

# Reporter, environment, arguments. What is read only, and names that a release of the published library gives, are left out.
TRAININGS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "tensorboard": ("tensorboard", {"TENSORBOARD_LOGGING_DIR": "here"}, {}),
    "wandb": ("wandb", {}, {}),
    "wandb-checkpoints": ("wandb", {"WANDB_LOG_MODEL": "checkpoint", "WANDB_WATCH": "all", "WANDB_PROJECT": "mine"}, {}),
    "wandb-best": ("wandb", {"WANDB_LOG_MODEL": "end"}, {"load_best_model_at_end": True, "run_name": "first"}),
    "mlflow": ("mlflow", {"MLFLOW_TRACKING_URI": "file:here"}, {"run_name": "first"}),
    "mlflow-flat": (
        "mlflow",
        {"MLFLOW_FLATTEN_PARAMS": "1", "MLFLOW_EXPERIMENT_NAME": "e", "MLFLOW_TAGS": '{"a": "b"}', "MLFLOW_NESTED_RUN": "true"},
        {},
    ),
    "mlflow-files": ("mlflow", {"HF_MLFLOW_LOG_ARTIFACTS": "1", "MLFLOW_MAX_LOG_PARAMS": "3"}, {}),
    "comet": ("comet_ml", {}, {"run_name": "first"}),
    "comet-assets": ("comet_ml", {"COMET_LOG_ASSETS": "true", "COMET_MODE": "create"}, {}),
    "clearml": ("clearml", {"CLEARML_LOG_MODEL": "true", "CLEARML_PROJECT": "P", "CLEARML_TASK": "T"}, {}),
    "codecarbon": ("codecarbon", {}, {}),
    "dvclive": ("dvclive", {"HF_DVCLIVE_LOG_MODEL": "true"}, {}),
    "dvclive-all": ("dvclive", {"HF_DVCLIVE_LOG_MODEL": "all"}, {}),
    "neptune": ("neptune", {}, {}),
    "swanlab": ("swanlab", {}, {}),
    "azure": ("azure_ml", {}, {}),
    "flyte": ("flyte", {}, {}),
}
PROGRAM = """
import contextlib, importlib, io, json, logging, os, sys, warnings
warnings.simplefilter("ignore")
library, weights, trainings = importlib.import_module(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
import recorded
rows = [{"input_ids": [number + 1] * 4, "label": number % 2} for number in range(16)]
found = {}
for name, (reporter, environment, options) in trainings.items():
    for module in [each for each in sys.modules if each.partition(".")[0] in (reporter, "tensorboardX", "azureml", "flytekit")]:
        del sys.modules[module]
    recorded.CALLS.clear()
    os.environ.update(environment)
    choices = dict(max_steps=2, logging_steps=1, eval_strategy="steps", eval_steps=1, save_steps=1, use_cpu=True)
    args = library.TrainingArguments("out", disable_tqdm=True, report_to=reporter, **choices, **options)
    with contextlib.redirect_stdout(io.StringIO()):
        model = library.BertForSequenceClassification.from_pretrained(weights)
        trainer = library.Trainer(model, args, train_dataset=rows, eval_dataset=rows)
        trainer.train()
        trainer.predict(rows)
    found[name] = {"calls": list(recorded.CALLS), "args": args.to_dict(), "config": model.config.to_dict()}
    for variable in environment:
        del os.environ[variable]
    del trainer
print(json.dumps(found, default=str))
"""
_READ = (
    "get_context().",
    "read",
    "Task.running",
    "current_task",
    ".get_logger",
    "flatten_dictionary().items",
    ".write",
    "().enter",
)
_MEASURED = re.compile("runtime|per_second")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Library -> training -> what was recorded."""
    import transformers

    folder = tmp_path_factory.mktemp("reporters")
    recorded_tools.write(folder / "tools")
    config = transformers.BertConfig(
        vocab_size=70, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.set_seed(0)
    transformers.BertForSequenceClassification(config).save_pretrained(folder / "weights")
    found = {}
    for library in ("transformers", "bestiary"):
        (folder / library).mkdir()
        path = os.pathsep.join([str(folder / "tools"), *filter(None, sys.path)])
        environment = {**os.environ, "PYTHONPATH": path, "WANDB_DISABLED": "", "TQDM_DISABLE": "1"}
        command = [sys.executable, "-c", PROGRAM, library, str(folder / "weights"), json.dumps(TRAININGS)]
        done = subprocess.run(command, cwd=folder / library, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        found[library] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def told(training: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    """The calls, without what is read only, what is measured, and arguments that one of the libraries does not have."""
    apart = {*training["args"]} ^ {*other["args"]} | {*training["config"]} ^ {*other["config"]}
    apart |= {"transformers_version", "architectures", "dtype", "problem_type", "_name_or_path", "train_batch_size"}
    apart |= {"use_cache", "model_preparation_time", "description", "hub_token"}  # the first of the config: there the trainer sets it

    def cleaned(value: Any, name: str = "") -> Any:
        if _MEASURED.search(name):
            return "*"
        if isinstance(value, dict):
            few = {each: cleaned(below, each) for each, below in value.items()}
            names = {each: each.rpartition("/")[2].partition(".")[0] for each in few}
            return {each: below for each, below in few.items() if names[each] not in apart}
        if isinstance(value, list):
            return [cleaned(each, name) for each in value]
        if isinstance(value, str) and value.startswith("{\n"):
            return cleaned(json.loads(value))
        return value

    calls = []
    for call in training["calls"]:
        if any(word in call[1] for word in _READ):
            continue
        text = json.dumps(call)
        timed = _MEASURED.search(text) is not None
        call = cleaned(call)
        if timed and call[0] == "call":
            call[2] = ["*" if isinstance(each, float) else each for each in call[2]]
            call[3] = {name: "*" if name == "value" else each for name, each in call[3].items()}
        elif timed and call[0] == "item":
            call[2] = "*"
        calls.append(call)
    # Files of a folder come in any order; arguments come in parts of a hundred, of which one library has more.
    files = sorted(call[2][0] for call in calls if call[1].endswith("new_file"))
    params = [call for call in calls if call[1] == "mlflow.log_params"]
    rest = [call for call in calls if call not in params and not call[1].endswith("new_file")]
    joined = {name: value for call in params for name, value in call[2][0].items()}
    return [*rest, files, joined, [call[3] for call in params[:1]]]


def rounded(value: Any) -> Any:
    """Numbers with a few digits, so that the last of them does not count."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.2g}") if isinstance(value, float) else value


@pytest.mark.parametrize("name", TRAININGS)
def test_tools_are_asked_the_same(name: str, recorded: dict[str, Any]) -> None:
    ours, theirs = recorded["bestiary"][name], recorded["transformers"][name]
    mine, published = rounded(told(ours, theirs)), rounded(told(theirs, ours))
    assert len(published) >= 2
    assert mine == published
