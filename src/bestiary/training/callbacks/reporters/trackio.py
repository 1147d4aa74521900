"""Trackio: arguments and metrics of a run, kept on this machine or in a Space of the hub."""

from secrets import token_hex
from typing import Any

from ....core.logging import warn_once
from ..base import TrainerControl, TrainerState
from ..reporter import SINGLE_VALUES, OpeningReporter, choices_of, rewrite_logs

PACKAGES = ("trackio",)


class TrackioCallback(OpeningReporter):
    """Reports to Trackio: to the project `args.project`, in the Space `args.trackio_space_id` if that is set."""

    package = "trackio"

    def __init__(self) -> None:
        super().__init__()
        self._trackio: Any = self.tool()

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Open the run, and keep the arguments and the model's config in it."""
        self._initialized = True
        name = state.trial_name if state.is_hyper_param_search and state.trial_name else args.run_name
        self._trackio.init(
            project=args.project,
            name=name,
            space_id=args.trackio_space_id,
            resume="allow",
            private=args.hub_private_repo,
            bucket_id=args.trackio_bucket_id,
        )
        self._trackio.config.update(choices_of(args, model), allow_val_change=True)
        if hasattr(model, "num_parameters"):
            self._trackio.config["model/num_parameters"] = model.num_parameters()

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, logs: Any = None, **kwargs: Any
    ) -> None:
        """Report all of it but what is logged once, which is no curve."""
        if self.ready(args, state, model):
            curves = {name: value for name, value in (logs or {}).items() if name not in SINGLE_VALUES}
            self._trackio.log({**rewrite_logs(curves), "train/global_step": state.global_step})

    def on_predict(self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any) -> None:
        """Report the metrics."""
        if self.ready(args, state, **kwargs):
            self._trackio.log(rewrite_logs(metrics or {}))

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Close the run; a later report opens it again.

        A Space is frozen as `args.trackio_static_space_id`, by default under a name of its own where the model goes to the hub.
        """
        if not self._initialized or not state.is_world_process_zero:
            return
        self._trackio.finish()
        self._initialized = False
        frozen, space = args.trackio_static_space_id, self._trackio.context_vars.current_space_id.get()
        if frozen is None and space and args.push_to_hub:
            frozen = f"{args.project}-static-{token_hex(3)}"
        if frozen and space:
            self._trackio.freeze(space_id=space, project=args.project, new_space_id=frozen, private=args.hub_private_repo)
        elif frozen:
            warn_once("no-space", "trackio_static_space_id has no effect without trackio_space_id: nothing is there to freeze")


CALLBACK = TrackioCallback
