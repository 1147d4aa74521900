"""Optional packages: one door, which names the extra that installs a package and tells missing from broken."""

import importlib
import importlib.util
from types import ModuleType

from .errors import MissingDependency

EXTRA_OF = {
    "PIL": "vision",
    "soundfile": "audio",
    "av": "video",
    "scipy": "audio",
    "scipy.optimize": "vision",
    "accelerate": "train",
    "typer": "cli",
    "rich": "cli",
    "yaml": "train",
    "flash_attn": "flash",
    "llguidance": "structured",
    "optimum": "quanto",
    "hqq": "hqq",
    "peft": "adapters",
    "sacremoses": "languages",
    "rjieba": "languages",
    "faiss": "retrieval",
    "datasets": "retrieval",
    "matplotlib": "plots",
    "optuna": "search",
    "ray": "ray",
    **dict.fromkeys(
        ("bitsandbytes", "torchao", "galore_torch", "apollo_torch", "lomo_optim", "grokadamw", "schedulefree", "optimi"),
        "optimizers",
    ),
    "psutil": "train",
    "tensorboard": "tensorboard",
    **{
        name: name
        for name in ("clearml", "codecarbon", "dagshub", "dvclive", "mlflow", "neptune", "swanlab", "trackio", "wandb")
    },
    "comet_ml": "comet",
    "azureml": "azure",
    "flytekit": "flyte",
}

# Where a package is called differently when it is installed than when it is imported.
DISTRIBUTION_OF = {
    "PIL": "pillow",
    "yaml": "pyyaml",
    "flash_attn": "flash-attn",
    "optimum": "optimum-quanto",
    "faiss": "faiss-cpu",
    "galore_torch": "galore-torch",
    "apollo_torch": "apollo-torch",
    "lomo_optim": "lomo-optim",
    "optimi": "torch-optimi",
    "comet_ml": "comet-ml",
    "azureml": "azureml-core",
}


def available(package: str) -> bool:
    """Whether `package` is installed; nothing is imported."""
    return importlib.util.find_spec(package.partition(".")[0]) is not None


def install_hint(module: str) -> str:
    """The commands that install the package of `module`, alone and, from a checkout of this library, with its extra."""
    package = module.partition(".")[0]
    extra = EXTRA_OF.get(module) or EXTRA_OF.get(package)
    alone = f"pip install {DISTRIBUTION_OF.get(package, package)}"
    return f"{alone}, or, in a checkout of bestiary, pip install '.[{extra}]'" if extra else alone


def require(module: str, needed_for: str) -> ModuleType:
    """Import `module`, or raise `MissingDependency` that says what it is needed for and how to install it.

    A package that is installed but fails to import is reported as broken, with its own error as `__cause__`.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if not available(package):
            how = install_hint(module)
            raise MissingDependency(f"{needed_for} needs the package {package!r}, which is not installed: {how}") from error
        raise MissingDependency(
            f"{needed_for} needs the package {package!r}, which is installed but fails to import: {error}"
        ) from error
