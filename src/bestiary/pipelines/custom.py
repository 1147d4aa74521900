"""Pipelines of a checkpoint's own: `custom_pipelines` in its config.json names their tasks and where their code is."""

from collections.abc import Mapping
from typing import Any

from ..core.errors import ConfigError
from ..core.kinds import fits
from ..hub.code.saving import reference_to, save_code

# task -> impl: where its class is, as `auto_map` says it; pt: the automatic classes for its model; type: what it reads.
Table = dict[str, dict[str, Any]]


def tasks_of_config(values: Mapping[str, Any]) -> Table:
    """The `custom_pipelines` of a config.

    Raises:
        ConfigError: they are not as described above.
    """
    table = values.get("custom_pipelines") or {}
    if not fits(table, dict[str, dict[str, Any]]) or not all(isinstance(entry.get("impl"), str) for entry in table.values()):
        raise ConfigError(
            f"custom_pipelines of config.json is {table!r:.80}; expected for each task a table with its class, impl"
        )
    return {task: {**entry, "pt": _names(entry.get("pt"))} for task, entry in table.items()}


def _names(stored: Any) -> tuple[str, ...]:
    names = (stored,) if isinstance(stored, str) else tuple(stored or ())
    if not fits(names, tuple[str, ...]):
        raise ConfigError(f"custom_pipelines of config.json has pt {stored!r:.80}; expected names of automatic classes")
    return names


def save_pipeline(kind: Any, registered: Table, config: Any, folder: Any) -> None:
    """Copy the code of the pipeline class `kind` along, and name it in `config` for the tasks it was `registered` for."""
    if registered and save_code(kind, "custom_pipelines", folder, {}):
        config.custom_pipelines = {task: {**entry, "impl": reference_to(kind)} for task, entry in registered.items()}
