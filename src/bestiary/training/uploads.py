"""Uploads of a training to the hub, in the background: they never stop it, and never lose a checkpoint."""

import os
import shutil
from concurrent.futures import Future, ThreadPoolExecutor, wait
from fnmatch import fnmatch
from itertools import count
from pathlib import Path
from typing import Any

from ..core.errors import BestiaryError
from ..core.logging import get_logger
from ..hub.push import make_repo, push_folder
from .checkpoints import (
    DIGESTS_NAME,
    OPTIMIZER_NAME,
    OPTIMIZER_NAME_BIN,
    PREFIX_CHECKPOINT_DIR,
    PROGRESS_NAME,
    SCALER_NAME,
    SCHEDULER_NAME,
    TRAINER_STATE_NAME,
)
from .choices import HubStrategy, SaveStrategy
from .model_card.summary import GENERATED, Texts, TrainingSummary

logger = get_logger(__name__)

# What a continuation needs and a model does not.
_OF_TRAINING = (
    *(OPTIMIZER_NAME, OPTIMIZER_NAME_BIN, SCHEDULER_NAME, SCALER_NAME, TRAINER_STATE_NAME, PROGRESS_NAME, DIGESTS_NAME),
    *("rng_state*", "optimizer_*", "pytorch_model_fsdp_*"),
)
# What is not of the model in the folder of a training.
_NOT_OF_MODEL = ("_*", f"{PREFIX_CHECKPOINT_DIR}-*", ".*")
_STAGED = ".upload-"


class PushInProgress:
    """Uploads that are under way.

    Args:
        jobs: their futures.
    """

    def __init__(self, jobs: "Future[Any] | list[Future[Any]] | None" = None) -> None:
        self.jobs: list[Future[Any]] = [] if jobs is None else list(jobs) if isinstance(jobs, list) else [jobs]

    def is_done(self) -> bool:
        """Whether all have ended."""
        return all(job.done() for job in self.jobs)

    def wait_until_done(self) -> None:
        """Return when all have ended; what went wrong is theirs to tell."""
        wait(self.jobs)

    def cancel(self) -> None:
        """Leave out those that have not begun; what is left are those that run."""
        for job in self.jobs:
            job.cancel()
        self.jobs = [job for job in self.jobs if not job.done()]


class Uploads:
    """Methods of `Trainer` that upload. A subclass may replace any of them."""

    hub_model_id: str | None = None
    push_in_progress: PushInProgress | None = None
    _uploader: ThreadPoolExecutor | None = None
    _waiting: Path | None = None
    _upload_failed = False

    def init_hf_repo(self: Any, token: str | None = None, private: bool | None = None) -> None:
        """Make the repository `args.hub_model_id`, by default of the name of `args.output_dir`, in the first process.

        Raises:
            HubError: offline, no or a wrong token, no permission.
        """
        args = self.args
        if not self.is_world_process_zero():
            return
        name = args.hub_model_id or Path(args.output_dir).absolute().name
        chosen = args.hub_private_repo if private is None else private
        self.hub_model_id = make_repo(name, chosen, token or args.hub_token)
        for path in Path(args.output_dir).glob(f"{_STAGED}*"):  # of a process that was killed
            shutil.rmtree(path, ignore_errors=True)

    def push_to_hub(
        self: Any,
        commit_message: str | None = "End of training",
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
        private: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Save the model and a card, and upload them.

        Args:
            blocking: return when they are there; else at once, a future.
            token, revision, private: instead of those of `args`. kwargs: of `create_model_card`.

        Returns:
            The commit's address, or its future; None in all processes but the first.

        Raises:
            HubError: offline, no or a wrong token, no permission, or the transfer failed.
        """
        args = self.args
        if self.hub_model_id is None:
            self.init_hf_repo(token, private)
        self.save_model(_internal_call=True)
        if not self.is_world_process_zero():
            return None
        self.create_model_card(model_name=kwargs.pop("model_name", None) or self.hub_model_id.rpartition("/")[2], **kwargs)
        self._finish_current_push()
        options = {"token": token or args.hub_token, "revision": revision or args.hub_revision, "private": private}
        self.control = self.callback_handler.on_push_begin(args, self.state, self.control)
        job = self._upload(self._stage(Path(args.output_dir)), commit_message or "Upload", "", tells=not blocking, **options)
        return job.result() if blocking else job

    def _push_from_checkpoint(self: Any, checkpoint: str) -> None:
        """Upload a checkpoint in the background, as `args.hub_strategy` says, unless one is under way."""
        args = self.args
        if not (args.push_to_hub and self.is_world_process_zero()) or args.hub_strategy == HubStrategy.END:
            return
        path = Path(checkpoint)
        if self.push_in_progress is not None and not self.push_in_progress.is_done() and not args.hub_always_push:
            self._drop_waiting()
            self._waiting = self._stage(path) if path.is_dir() else None
            logger.info("%s is not uploaded yet, for another upload is under way", path)
            return
        self._drop_waiting()
        self.control = self.callback_handler.on_push_begin(args, self.state, self.control)
        self._push_checkpoint(self._stage(path), path.name)

    def _push_checkpoint(self: Any, staged: Path, name: str) -> None:
        """Upload the files of a checkpoint that were put aside: the model, then the whole for those strategies that say so."""
        args, state = self.args, self.state
        by_epoch = args.save_strategy == SaveStrategy.EPOCH
        message = f"Training in progress, {f'epoch {int(state.epoch or 0)}' if by_epoch else f'step {state.global_step}'}"
        model = self._stage(staged, leave_out=_OF_TRAINING, beside=Path(args.output_dir))
        options = {"token": args.hub_token, "revision": args.hub_revision, "private": args.hub_private_repo}
        jobs = [self._upload(model, message, "", **options)]
        if args.hub_strategy in (HubStrategy.CHECKPOINT, HubStrategy.ALL_CHECKPOINTS):
            place = "last-checkpoint" if args.hub_strategy == HubStrategy.CHECKPOINT else name
            jobs.append(self._upload(staged, f"{message}, checkpoint", place, **options))
        else:
            shutil.rmtree(staged, ignore_errors=True)
        running = [] if self.push_in_progress is None else [job for job in self.push_in_progress.jobs if not job.done()]
        self.push_in_progress = PushInProgress([*running, *jobs])

    def _drop_waiting(self: Any) -> None:
        if self._waiting is not None:
            shutil.rmtree(self._waiting, ignore_errors=True)
            self._waiting = None

    def _finish_current_push(self: Any) -> None:
        """Return when nothing is under way; the newest checkpoint that had to wait is uploaded too."""
        if self.push_in_progress is None:
            return
        self.push_in_progress.wait_until_done()
        if self._waiting is not None:
            staged, self._waiting = self._waiting, None
            self._push_checkpoint(staged, f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}")
            self.push_in_progress.wait_until_done()

    def _stage(self: Any, folder: Path, leave_out: tuple[str, ...] = _NOT_OF_MODEL, beside: Path | None = None) -> Path:
        """Put the files of `folder` aside, so that they stay as they are until they are uploaded, whatever becomes of it.

        Args:
            leave_out: patterns of names. beside: a folder whose further files, but for weights, come too.
        """
        root = Path(self.args.output_dir)
        staged = next(path for index in count() if not (path := root / f"{_STAGED}{index}").exists())
        staged.mkdir(parents=True)
        for path in beside.iterdir() if beside is not None else ():
            ours = any(fnmatch(path.name, pattern) for pattern in _NOT_OF_MODEL) or path.suffix in (".safetensors", ".bin")
            if path.is_file() and not ours and not (folder / path.name).exists():
                shutil.copy2(path, staged / path.name)
        shutil.copytree(folder, staged, ignore=shutil.ignore_patterns(*leave_out), dirs_exist_ok=True, copy_function=_link)
        return staged

    def _upload(self: Any, staged: Path, message: str, place: str, tells: bool = True, **given: Any) -> "Future[Any]":
        """Upload files that were put aside, after those before them, and remove them."""
        if self._uploader is None:
            self._uploader = ThreadPoolExecutor(1, thread_name_prefix="upload")
        supersedes = () if place else getattr(self.model, "supersedes", ())

        def work() -> str:
            try:
                return push_folder(
                    staged, self.hub_model_id, commit_message=message, supersedes=supersedes, path_in_repo=place, **given
                )
            except (BestiaryError, OSError) as error:
                if tells and not self._upload_failed:
                    logger.warning("%r was not uploaded, and training goes on: %s", message, error)
                    self._upload_failed = True
                raise
            finally:
                shutil.rmtree(staged, ignore_errors=True)

        job: Future[Any] = self._uploader.submit(work)
        return job

    def create_model_card(
        self: Any,
        language: str | None = None,
        license: str | None = None,
        tags: Texts = None,
        model_name: str | None = None,
        finetuned_from: str | None = None,
        tasks: Texts = None,
        dataset_tags: Texts = None,
        dataset: Texts = None,
        dataset_args: Texts = None,
        *,
        co2_eq_emissions: float | dict[str, Any] | None = None,
    ) -> None:
        """Write what is known of the training into `README.md` of `args.output_dir`, in the first process.

        A card that a user wrote, or completed (its line that says so is gone), is left as it is.

        Args:
            language, license, tags, model_name, finetuned_from, tasks, dataset_tags, dataset, dataset_args: as of
                `TrainingSummary`; what is None is taken from the trainer where that knows. co2_eq_emissions: grams, or a
                mapping with `emissions` and where they come from.
        """
        if not self.is_world_process_zero():
            return
        path = Path(self.args.output_dir) / "README.md"
        if path.is_file() and GENERATED not in path.read_text(encoding="utf-8"):
            logger.info("%s is not ours, so it stays as it is", path)
            return
        summary = TrainingSummary.from_trainer(
            self,
            tags=tags,
            model_name=model_name,
            language=language,
            license=license,
            finetuned_from=finetuned_from,
            tasks=tasks,
            dataset_tags=dataset_tags,
            dataset=dataset,
            dataset_args=dataset_args,
            co2_eq_emissions=co2_eq_emissions,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(summary.to_model_card(), encoding="utf-8")


def _link(source: str, target: str) -> None:
    """The same file under another name where the disk can; a copy elsewhere."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
