"""Packages of reporting tools that do nothing but write down how they are called.

A program that has this folder on its path imports them as the real ones; `recorded.CALLS` is what they were asked, in order.
"""

from pathlib import Path

TOOLS = [
    "clearml",
    "codecarbon",
    "comet_ml",
    "dagshub",
    "dvclive",
    "flytekit",
    "mlflow",
    "neptune",
    "swanlab",
    "tensorboardX",
    "trackio",
    "wandb",
]

_RECORDED = '''
import sys, types

CALLS = []

class Anything:
    """Has every attribute, takes every call."""
    def __init__(self, path):
        self.__dict__.update(_path=path, _values={})
    def __getattr__(self, name):
        if name.startswith("__") and "internal" not in name:
            raise AttributeError(name)
        return self._values.get(name) or type(self)._below(self, f"{self._path}.{name}")
    def _below(self, path):
        return Anything(path)
    def __setattr__(self, name, value):
        CALLS.append(["set", f"{self._path}.{name}", plain(value)])
        self._values[name] = value
    def __call__(self, *args, **kwargs):
        CALLS.append(["call", self._path, plain(args), plain(kwargs)])
        return Anything(f"{self._path}()")
    def __getitem__(self, key):
        return Anything(f"{self._path}[{key!r}]")
    def __setitem__(self, key, value):
        CALLS.append(["item", f"{self._path}[{key!r}]", plain(value)])
    def __enter__(self):
        return self
    def __exit__(self, *error):
        pass
    def __iter__(self):
        return iter(())
    def __len__(self):
        return 0
    def __bool__(self):
        return True
    def __repr__(self):
        return f"<{self._path}>"

def plain(value):
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, Anything):
        return repr(value)
    return value if isinstance(value, (int, float, str)) or value is None else type(value).__name__

def noted(path, result=None):
    def called(*args, **kwargs):
        CALLS.append(["call", path, plain(args), plain(kwargs)])
        return result() if callable(result) else result
    return called

class Tool(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(f"{self.__name__}.{name}")

def tool(name, **special):
    module = Tool(name)
    vars(module).update({each: value for each, value in vars(sys.modules[name]).items() if each.startswith("__")})
    vars(module).update(special, __version__="99.0.0")
    sys.modules[name] = module
    return module
'''
# What a tool has besides: a run that is open once it was begun, classes that are asked for.
_SPECIAL = {
    "wandb": """
def init(**options):
    recorded.noted("wandb.init")(**options)
    tool.run = recorded.Anything("wandb.run")
def finish():
    if tool.run is not None:  # without a run, it does nothing
        recorded.noted("wandb.finish")()
        tool.run = None
tool.finish, tool.run, tool.init, tool.summary = finish, None, init, {"loss": 1.0, "_runtime": 3, "text": "a", "count": 2}
""",
    "mlflow": """
import types
run = []
def start_run(**options):
    recorded.noted("mlflow.start_run")(**options)
    run.append(recorded.Anything("mlflow.run"))
tool.start_run, tool.active_run = start_run, lambda: run[-1] if run else None
tool.is_tracking_uri_set, tool.get_tracking_uri = lambda: False, lambda: ""
limits = types.SimpleNamespace(MAX_PARAM_VAL_LENGTH=250, MAX_PARAMS_TAGS_PER_BATCH=100)
tool.utils = types.SimpleNamespace(validation=limits)
""",
    "comet_ml": "tool.get_running_experiment = lambda: None\ntool.config = recorded.Anything('read')\n",
    "dvclive": """
class Live(recorded.Anything):
    def __init__(self, **options):
        recorded.noted("dvclive.Live")(**options)
        super().__init__("dvclive.Live")
tool.Live = Live
""",
    "neptune": """
class Run(recorded.Anything):
    pass
def init_run(**options):
    recorded.noted("neptune.init_run")(**options)
    return Run("neptune.run")
tool.Run, tool.init_run = Run, init_run
""",
    "clearml": """
tool.Task = recorded.Anything("clearml.Task")
tool.Task._values.update(running_locally=lambda: True, current_task=lambda: None)
tool.utilities = recorded.Anything("clearml.utilities")
""",
    "swanlab": """
run = []
def init(**options):
    recorded.noted("swanlab.init")(**options)
    run.append(recorded.Anything("read"))
tool.init, tool.get_run = init, lambda: run[-1] if run else None
""",
    "trackio": """
import types
def init(**options):
    recorded.noted("trackio.init")(**options)
    tool.context_vars.current_space_id.get = lambda: options["space_id"]
tool.init, tool.context_vars = init, types.SimpleNamespace(current_space_id=types.SimpleNamespace())
""",
}
_FILES = {
    "wandb/sdk/__init__.py": "",
    "wandb/sdk/lib/__init__.py": "",
    "wandb/sdk/lib/config_util.py": "class ConfigError(Exception): pass\n",
    "dagshub/upload.py": "import recorded\nRepo = recorded.Anything('dagshub.upload.Repo')\n",
    "mlflow/utils/__init__.py": "",
    "mlflow/utils/validation.py": "MAX_PARAM_VAL_LENGTH, MAX_PARAMS_TAGS_PER_BATCH = 250, 100\n",
    "dvclive/utils.py": "def standardize_metric_name(name, style): return f'{style}/{name}'\n",
    "dvclive/plots/__init__.py": "class Metric:\n    could_log = staticmethod(lambda value: isinstance(value, (int, float)))\n",
    "neptune/utils.py": "def stringify_unsupported(values): return values\n",
    "neptune/exceptions.py": "class NeptuneMissingProjectNameException(Exception): pass\n"
    "class NeptuneMissingApiTokenException(Exception): pass\nclass MissingFieldException(Exception): pass\n",
    "neptune/internal/__init__.py": "",
    "neptune/internal/utils.py": "def verify_type(*given): pass\n",
    "azureml/__init__.py": "",
    "azureml/core/__init__.py": "",
    "azureml/core/run.py": "import recorded\nclass Run:\n"
    "    get_context = staticmethod(recorded.noted('azureml.Run.get_context', lambda: recorded.Anything('azureml.run')))\n",
    "flytekitplugins/__init__.py": "",
    "flytekitplugins/deck/__init__.py": "",
    "flytekitplugins/deck/renderer.py": "import recorded\nTableRenderer = recorded.Anything('flytekitplugins.TableRenderer')\n",
}
_DISTRIBUTIONS = {"azureml": "azureml-core", "flytekitplugins": "flytekitplugins-deck-standard"}


def write(folder: Path) -> None:
    """Write the packages."""
    files = {"recorded.py": _RECORDED, **_FILES}
    for name in TOOLS:
        files[f"{name}/__init__.py"] = f"import recorded\ntool = recorded.tool({name!r})\n{_SPECIAL.get(name, '')}"
    for name in (*TOOLS, *_DISTRIBUTIONS):
        distribution = _DISTRIBUTIONS.get(name, name.replace("_", "-"))
        about = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 99.0.0\n"
        files[f"{distribution.replace('-', '_')}-99.0.0.dist-info/METADATA"] = about
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
