"""Kubeflow Trainer: how far a training is, and its newest metrics, told to the controller of the job that it runs in."""

import json
import os
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from ....core.errors import MissingReporter
from ....core.logging import warn_once
from ..base import TrainerControl, TrainerState
from ..reporter import Reporter

PACKAGES = ("",)  # it needs none
SWITCH = "DISABLE_KUBEFLOW_INTEGRATION"
NEEDS = "KUBEFLOW_TRAINER_SERVER_URL"


class KubeflowCallback(Reporter):
    """Reports the part that is done, the seconds that are left and the newest metrics, at most every five seconds.

    A job's controller (feature `TrainJobRuntimeStatus`) says where in `KUBEFLOW_TRAINER_SERVER_URL`, and in
    `KUBEFLOW_TRAINER_SERVER_CA_CERT` and `KUBEFLOW_TRAINER_SERVER_TOKEN` which files hold its certificate and the token. A
    report that does not arrive is told once, and the training goes on.
    """

    _MIN_UPDATE_INTERVAL = 5.0
    _TOKEN_CACHE_DURATION = 300.0
    _ENV_SERVER_URL = NEEDS
    _ENV_CA_CERT = "KUBEFLOW_TRAINER_SERVER_CA_CERT"
    _ENV_TOKEN_PATH = "KUBEFLOW_TRAINER_SERVER_TOKEN"

    def __init__(self) -> None:
        super().__init__()
        self._metrics: dict[str, float] = {}
        self._last = self._begun = self._token_read = -float("inf")
        self._first, self._token = 0, ""

    def setup(self, args: Any, state: TrainerState, model: Any = None, **kwargs: Any) -> None:
        """Read where to report to.

        Raises:
            MissingReporter: nothing says it.
        """
        self._url = os.environ.get(self._ENV_SERVER_URL, "")
        if not self._url.startswith(("https://", "http://")):
            raise MissingReporter(
                f"report_to names kubeflow, and {self._ENV_SERVER_URL} is {self._url!r:.60}; expected the address that the"
                " controller of a TrainJob gives there. Outside of such a job leave kubeflow out"
            )
        certificate = os.environ.get(self._ENV_CA_CERT)
        self._tls = None
        if self._url.startswith("https://"):
            self._tls = ssl.create_default_context(cafile=certificate or None)
        self._initialized = True

    def _read_token(self) -> str:
        now = time.monotonic()
        path = os.environ.get(self._ENV_TOKEN_PATH)
        if path and now - self._token_read > self._TOKEN_CACHE_DURATION:  # the controller gives a new one now and then
            self._token, self._token_read = Path(path).read_text(encoding="utf-8").strip(), now
        return self._token

    def _report(self, percent: int, left: int | None, metrics: dict[str, float]) -> None:
        self._last = time.monotonic()
        status = {
            "lastUpdatedTime": datetime.now(UTC).isoformat(),
            "progressPercentage": percent,
            **({} if left is None else {"estimatedRemainingSeconds": left}),
            "metrics": [{"name": name, "value": str(value)} for name, value in metrics.items()],
        }
        body = json.dumps({"trainerStatus": status}).encode()
        try:
            headers = {"Authorization": f"Bearer {self._read_token()}", "Content-Type": "application/json"}
            request = Request(self._url, data=body, headers=headers, method="POST")
            with urlopen(request, timeout=5, context=self._tls):
                pass
        except OSError as error:
            self.lost += 1
            warn_once("lost-report", f"Kubeflow did not take a report: {error}. The training goes on", "kubeflow")

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report how many steps there are."""
        if self.ready(args, state):
            self._metrics = {}
            self._begun, self._first = time.monotonic(), state.global_step
            self._report(0, None, {"total_steps": state.max_steps})

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Keep each number for the next report."""
        numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
        self._metrics |= numbers

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report, if it is time to."""
        now = time.monotonic()
        if not (self._initialized and state.is_world_process_zero) or now - self._last < self._MIN_UPDATE_INTERVAL:
            return
        place: dict[str, float] = {"current_step": state.global_step, "total_steps": state.max_steps}
        place |= {} if state.epoch is None else {"current_epoch": round(state.epoch, 2)}
        steps_done = state.global_step - self._first
        left = int((now - self._begun) / steps_done * (state.max_steps - state.global_step)) if steps_done > 0 else None
        self._report(min(99, 100 * state.global_step // max(1, state.max_steps)), left, self._metrics | place)

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report the end."""
        if self._initialized and state.is_world_process_zero:
            done = state.global_step >= state.max_steps
            self._report(100 if done else 100 * state.global_step // max(1, state.max_steps), 0, self._metrics)


CALLBACK = KubeflowCallback
