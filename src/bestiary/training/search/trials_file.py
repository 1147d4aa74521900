"""`TrialsFile`: what a search did so far, in a file that is whole at any time, from which it goes on."""

from pathlib import Path
from typing import Any

from ...core.errors import CorruptFile
from ...core.files import read_json, write_json
from ...core.logging import get_logger
from .trial_record import TrialRecord

logger = get_logger(__name__)

TRIALS_NAME = "trials.json"
# Arguments that say nothing of what a training computes.
_APART = frozenset(
    "dataloader_num_workers dataloader_persistent_workers dataloader_pin_memory dataloader_prefetch_factor disable_tqdm"  # noqa: SIM905
    " do_eval do_predict do_train local_rank log_level log_level_replica log_on_each_node output_dir report_to"
    " resume_from_checkpoint run_name save_total_limit training_report".split()
)


class TrialsFile:
    """The records of a search, one for each trial and rung.

    Args:
        folder: where the file lies. settings: what the trials hang on besides their own values.
        resume: None goes on with a search that was broken off, True also with one that came to its end, False with none.
    """

    def __init__(self, folder: str, settings: dict[str, Any], resume: bool | None = None) -> None:
        self.path = Path(folder) / TRIALS_NAME
        self.settings = settings
        self.records: dict[str, TrialRecord] = {}
        stored = self._stored() if resume is not False else None
        if stored is None or (stored["finished"] and not resume):
            return
        differ = sorted(name for name in {*stored["settings"], *settings} if stored["settings"].get(name) != settings.get(name))
        if differ:
            logger.warning("%s holds another search (%s differs): this one begins anew", self.path, ", ".join(differ))
            return
        try:
            self.records = {key: TrialRecord.of_table(table) for key, table in stored["trials"].items()}
        except (TypeError, AttributeError):
            logger.warning("%s holds trials of another form: the search begins anew", self.path)
        if self.records:
            logger.warning("The search goes on with %d results of %s; resume=False begins anew", len(self.records), self.path)

    def _stored(self) -> dict[str, Any] | None:
        if not self.path.is_file():
            return None
        try:
            stored = read_json(self.path)
            whole = isinstance(stored, dict) and isinstance(stored.get("finished"), bool)
            whole = whole and all(isinstance(stored.get(name), dict) for name in ("settings", "trials"))
        except CorruptFile:
            whole = False
        if not whole:
            logger.warning("%s does not hold the trials of a search: it begins anew", self.path)
            return None
        return dict(stored)

    def of(self, number: int, rung: int, values: dict[str, Any]) -> TrialRecord | None:
        """What came of a trial at a rung, if it was drawn with the same values."""
        record = self.records.get(_key(number, rung))
        return record if record is not None and record.drawn == values else None

    def add(self, number: int, rung: int, record: TrialRecord) -> None:
        """Note what came of a trial at a rung, and write it down."""
        self.records[_key(number, rung)] = record
        self.write(finished=False)

    def write(self, finished: bool) -> None:
        """Write all down; what was written before is whole until this is."""
        trials = {key: record.as_table() for key, record in self.records.items()}
        write_json(self.path, {"finished": finished, "settings": self.settings, "trials": trials})


def settings_of(args: Any, **others: Any) -> dict[str, Any]:
    """What results of trials hang on: the arguments of the training, and `others`; as JSON gives it back."""
    return {name: _plain(value) for name, value in args.to_dict().items() if name not in _APART} | others


def plain_values(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON gives them back."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _key(number: int, rung: int) -> str:
    return f"{number}/{rung}"
