"""`TrainingArguments`: every choice of a training, checked when they are made."""

import math
from dataclasses import KW_ONLY, dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Any

from ..core.argument_parser import HfArg
from ..core.files import json_text
from ..core.logging import get_verbosity
from .accelerator_config import AcceleratorConfig
from .argument_checks import LOG_LEVELS, checked
from .argument_setters import ArgumentSetters
from .choices import HubStrategy, IntervalStrategy, OptimizerNames, ParallelMode, SaveStrategy, SchedulerType
from .derived_arguments import DerivedArguments
from .older_arguments import AcceptsOlderArguments
from .processes import Processes
from .sharding.plan import Plan

if TYPE_CHECKING:
    from torch import device

# Shown in place of what must not be read by others.


@dataclass
class TrainingArguments(ArgumentSetters, DerivedArguments, metaclass=AcceptsOlderArguments):
    """The choices of a training. Each field is also an option of `HfArgumentParser`, and `help` in its metadata describes it.

    Counts of steps are updates of the optimizer: with `gradient_accumulation_steps` of k, an update takes k batches. A number
    of steps below 1 is a part of all of them.

    Raises:
        ArgumentError: values that contradict each other or have no meaning, before any work.
        ValueError: a word that is none of those to choose from.
    """

    output_dir: str | None = HfArg(default=None, help="Folder of checkpoints and results; by default trainer_output")
    _: KW_ONLY
    # How long, and with how much at a time.
    per_device_train_batch_size: int = HfArg(
        default=8, aliases="--per_gpu_train_batch_size", help="Rows of a batch on each device, in training"
    )
    num_train_epochs: float = HfArg(default=3.0, help="How often to go over the data; 2.5 ends in the middle of the third time")
    max_steps: int = HfArg(default=-1, help="Updates to make, whatever the epochs come to; -1: as many as the epochs need")
    gradient_accumulation_steps: int = HfArg(default=1, help="Batches whose gradients are summed for an update")
    auto_find_batch_size: bool = HfArg(
        default=False,
        help="On out-of-memory, halve the batch and double the accumulation, so that an update sees the same rows",
    )
    # The optimizer.
    learning_rate: float = HfArg(default=5e-5, help="The highest learning rate of the schedule")
    lr_scheduler_type: SchedulerType | str = HfArg(default="linear", help="The schedule's name")
    lr_scheduler_kwargs: dict[str, Any] | str | None = HfArg(default=None, help="Further arguments of the schedule, as JSON")
    warmup_steps: float = HfArg(
        default=0, aliases="--warmup_ratio", help="Steps in which the rate rises from 0; below 1 a part of all steps"
    )
    optim: OptimizerNames | str = HfArg(default="adamw_torch_fused", help="The optimizer's name")
    optim_args: str | None = HfArg(default=None, help="Further arguments of the optimizer, as in 'scale=2,decay=0.5'")
    optim_target_modules: str | list[str] | None = HfArg(
        default=None, help="Linear modules that GaLore and APOLLO project: all-linear, a regular expression, or names"
    )
    weight_decay: float = HfArg(default=0.0, help="Of all weights but biases and those of normalizations")
    adam_beta1: float = HfArg(default=0.9, help="Adam's decay of the mean gradient")
    adam_beta2: float = HfArg(default=0.999, help="Adam's decay of the mean squared gradient")
    adam_epsilon: float = HfArg(default=1e-8, help="Added to the divisor of Adam")
    max_grad_norm: float = HfArg(default=1.0, help="Longer gradients are shortened to this norm; 0: none is")
    max_nonfinite_updates: int = HfArg(
        default=10, help="Updates in a row whose loss or gradient is not finite, which are left out, before the training stops"
    )
    # The loss.
    label_smoothing_factor: float = HfArg(default=0.0, help="The part of each label that is spread over all classes")
    average_tokens_across_devices: bool = HfArg(
        default=True, help="Divide the loss by the labels of all processes, so that each label counts the same"
    )
    neftune_noise_alpha: float | None = HfArg(default=None, help="Strength of the noise added to embeddings (NEFTune)")
    # Precision, memory and speed.
    bf16: bool = HfArg(default=False, help="Compute in bfloat16 with weights in fp32")
    fp16: bool = HfArg(default=False, help="Compute in float16 with weights in fp32 and a scaled loss")
    bf16_full_eval: bool = HfArg(default=False, help="Evaluate with weights in bfloat16")
    fp16_full_eval: bool = HfArg(default=False, help="Evaluate with weights in float16")
    tf32: bool | None = HfArg(default=None, help="Let matrix products of fp32 be computed in TF32 on GPUs that can")
    gradient_checkpointing: bool = HfArg(
        default=False, aliases="--activation_checkpointing", help="Recompute activations in the backward pass, to save memory"
    )
    gradient_checkpointing_kwargs: dict[str, Any] | str | None = HfArg(default=None, help="For torch's checkpoint, as JSON")
    torch_compile: bool = HfArg(default=False, help="Compile the model by torch.compile")
    torch_compile_backend: str | None = HfArg(default=None, help="The backend to compile with")
    torch_compile_mode: str | None = HfArg(default=None, help="The mode to compile in")
    use_cache: bool = HfArg(default=False, help="Let the model return its cache while it is trained")
    torch_empty_cache_steps: int | None = HfArg(default=None, help="Free the device's unused memory every so many steps")
    past_index: int = HfArg(
        default=-1, help="The place of the states in the model's output that the next batch gets as mems (XLNet); -1: none does"
    )
    # What is told.
    logging_strategy: IntervalStrategy | str = HfArg(default="steps", help="When losses are logged")
    logging_steps: float = HfArg(default=500, help="Steps between logs")
    logging_first_step: bool = HfArg(default=False, help="Also log the first step")
    logging_nan_inf_filter: bool = HfArg(
        default=True, help="Leave losses that are not finite out of means; they are logged apart"
    )
    include_num_input_tokens_seen: str | bool = HfArg(default="no", help="Count input tokens: all, non_padding or no")
    log_level: str = HfArg(default="passive", help="The library's log level in the main process; passive: as it is")
    log_level_replica: str = HfArg(default="warning", help="That in the other processes")
    log_on_each_node: bool = HfArg(default=True, help="Log on every machine, not only on the first")
    disable_tqdm: bool | None = HfArg(default=None, help="Print lines instead of a bar")
    training_report: bool = HfArg(
        default=True, help="Write training_report.html, a page with the curves of the run, into output_dir"
    )
    report_to: str | list[str] | None = HfArg(default="none", help="Where logs go besides: names of reporters, all or none")
    run_name: str | None = HfArg(default=None, help="A name for this run, for reporters")
    project: str = HfArg(default="huggingface", help="The project of this run, for Trackio")
    trackio_space_id: str | None = HfArg(default=None, help="The hub's Space in which Trackio keeps the run")
    trackio_bucket_id: str | None = HfArg(default=None, help="The hub's bucket in which that Space keeps its data")
    trackio_static_space_id: str | None = HfArg(default=None, help="The Space that is made of it at the end, to be looked at")
    skip_memory_metrics: bool = HfArg(default=True, help="Do not measure how much memory training and evaluations take")
    debug: str | list[str] = HfArg(default="", help="underflow_overflow: stop at the first inf or NaN, and say where it is")
    # Evaluation.
    eval_strategy: IntervalStrategy | str = HfArg(default="no", aliases="--evaluation_strategy", help="When to evaluate")
    eval_steps: float | None = HfArg(default=None, help="Steps between evaluations; by default logging_steps")
    eval_delay: float = HfArg(default=0, help="Epochs or steps, as eval_strategy has it, before the first evaluation")
    per_device_eval_batch_size: int = HfArg(
        default=8, aliases="--per_gpu_eval_batch_size", help="Rows of a batch on each device, in evaluation"
    )
    prediction_loss_only: bool = HfArg(default=False, help="Keep nothing of an evaluation but its loss")
    eval_on_start: bool = HfArg(default=False, help="Evaluate before the first step")
    eval_do_concat_batches: bool = HfArg(default=True, help="Join what batches give into one array, instead of a list of them")
    eval_accumulation_steps: int | None = HfArg(default=None, help="Batches whose predictions stay on the device")
    include_for_metrics: list[str] = HfArg(default_factory=list, help="What compute_metrics gets besides: inputs, loss")
    batch_eval_metrics: bool = HfArg(default=False, help="Call compute_metrics for each batch, the last time to sum up")
    # Checkpoints.
    save_strategy: SaveStrategy | str = HfArg(default="steps", help="When to write a checkpoint")
    save_steps: float = HfArg(default=500, help="Steps between checkpoints")
    save_total_limit: int | None = HfArg(default=None, help="Checkpoints to keep; the best and the newest always are")
    save_only_model: bool = HfArg(default=False, help="Leave out what resuming needs")
    save_on_each_node: bool = HfArg(default=False, help="Write on every machine, not only on the first")
    load_best_model_at_end: bool = HfArg(default=False, help="End with the weights of the best evaluation")
    metric_for_best_model: str | None = HfArg(default=None, help="What is best: a metric of the evaluation, or loss")
    greater_is_better: bool | None = HfArg(
        default=None, help="Whether a larger metric is better; losses and accuracy are known"
    )
    resume_from_checkpoint: str | None = HfArg(default=None, help="For scripts: the checkpoint to go on from")
    ignore_data_skip: bool = HfArg(default=False, help="Begin the data anew when a training goes on")
    restore_callback_states_from_checkpoint: bool = HfArg(default=False, help="Give callbacks the state they were saved with")
    # Uploads.
    push_to_hub: bool = HfArg(default=False, help="Upload the model to the hub whenever it is saved")
    hub_token: str | None = HfArg(default=None, help="An access token; by default the stored one")
    hub_private_repo: bool | None = HfArg(default=None, help="Whether a repository that is made now is private")
    hub_model_id: str | None = HfArg(default=None, help="The repository; by default of the name of output_dir")
    hub_strategy: HubStrategy | str = HfArg(
        default="every_save", help="What is uploaded, and when: end, every_save, checkpoint (the last too), all_checkpoints"
    )
    hub_always_push: bool = HfArg(default=False, help="Upload a checkpoint also while the one before is being uploaded")
    hub_revision: str | None = HfArg(default=None, help="The branch to upload to; by default the main one")
    # Random numbers.
    seed: int = HfArg(default=42, help="Of all random numbers")
    data_seed: int | None = HfArg(default=None, help="Of the order of the data; by default seed")
    full_determinism: bool = HfArg(default=False, help="Refuse algorithms whose result differs from run to run")
    # Data.
    dataloader_drop_last: bool = HfArg(default=False, help="Leave out the last batch of an epoch if it is not full")
    dataloader_num_workers: int = HfArg(default=0, help="Processes that load data; 0: this one does")
    dataloader_pin_memory: bool = HfArg(default=True, help="Hold batches where a GPU can fetch them")
    dataloader_persistent_workers: bool = HfArg(default=False, help="Keep these processes from epoch to epoch")
    dataloader_prefetch_factor: int | None = HfArg(default=None, help="Batches that each of them prepares ahead")
    dataloader_multiprocessing_context: str | None = HfArg(default=None, help="How they are begun: fork, spawn, forkserver")
    dataloader_in_order: bool = HfArg(default=True, help="Take batches in their order, not as they get ready")
    remove_unused_columns: bool = HfArg(default=True, help="Give the model only what its forward takes")
    label_names: list[str] | None = HfArg(default=None, help="The inputs that are labels")
    train_sampling_strategy: str = HfArg(default="random", help="The order of rows: random, sequential or group_by_length")
    length_column_name: str = HfArg(default="length", help="The column that says how long a row is, if there is one")
    # Devices and processes.
    use_cpu: bool = HfArg(default=False, aliases="--no_cuda", help="Use no GPU")
    local_rank: int = HfArg(default=-1, help="This process's number on its machine; launchers set it")
    ddp_backend: str | None = HfArg(default=None, help="How processes talk: nccl, gloo, mpi, ...")
    ddp_timeout: int = HfArg(default=1800, help="Seconds to wait for another process")
    ddp_find_unused_parameters: bool | None = HfArg(default=None, help="Look for parameters that a step does not use")
    ddp_bucket_cap_mb: int | None = HfArg(default=None, help="Megabytes of gradients that are sent at a time")
    ddp_broadcast_buffers: bool | None = HfArg(default=None, help="Send buffers before each forward")
    ddp_static_graph: bool | None = HfArg(default=None, help="Every step uses the same parameters")
    fsdp: str | None = HfArg(
        default=None,
        help="Share weights out among processes: true, or words as 'full_shard', 'shard_grad_op offload'",
        metadata={"nargs": "?", "const": "true"},
    )
    fsdp_config: dict[str, Any] | str | None = HfArg(default=None, help="How: a JSON file, or JSON")
    deepspeed: dict[str, Any] | str | None = HfArg(default=None, help="A configuration of DeepSpeed: a JSON file, or a dict")
    accelerator_config: dict[str, Any] | str | None = HfArg(
        default=None, help="How batches are shared out: a JSON file or JSON"
    )
    # For scripts: the trainer does not look at them.
    do_train: bool = HfArg(default=False, help="For scripts: train")
    do_eval: bool = HfArg(default=False, help="For scripts: evaluate; on where eval_strategy is")
    do_predict: bool = HfArg(default=False, help="For scripts: predict")

    def __post_init__(self) -> None:
        checked(self)

    @property
    def processes(self) -> Processes:
        """The processes that train together, this one among them."""
        return Processes.of(self.use_cpu, self.ddp_backend, self.ddp_timeout)

    @property
    def sharding(self) -> Plan | None:
        """How weights are shared out among processes; None where each holds all of them."""
        shares = bool(self.fsdp) and self.world_size > 1
        return Plan.of(self.fsdp_config) if shares and isinstance(self.fsdp_config, dict) else None

    @property
    def device(self) -> "device":
        """Where this process computes."""
        return self.processes.device

    @property
    def n_gpu(self) -> int:
        """GPUs of this process: 0 or 1."""
        return int(self.device.type == "cuda")

    @property
    def parallel_mode(self) -> ParallelMode:
        """How processes share the work."""
        return ParallelMode.DISTRIBUTED if self.world_size > 1 else ParallelMode.NOT_PARALLEL

    @property
    def world_size(self) -> int:
        """How many processes train together."""
        return self.processes.count

    @property
    def process_index(self) -> int:
        """This process's number among all."""
        return self.processes.index

    @property
    def local_process_index(self) -> int:
        """This process's number on its machine."""
        return self.processes.local_index

    @property
    def should_log(self) -> bool:
        """Whether this process logs."""
        return self.processes.is_first(each_machine=self.log_on_each_node)

    @property
    def should_save(self) -> bool:
        """Whether this process writes files."""
        return self.processes.is_first(each_machine=self.save_on_each_node)

    @property
    def place_model_on_device(self) -> bool:
        """Whether the trainer moves the model to the device."""
        return True

    @property
    def train_batch_size(self) -> int:
        """Rows of a training batch of this process."""
        return self._of_process(self.per_device_train_batch_size)

    @property
    def eval_batch_size(self) -> int:
        """Rows of a batch of an evaluation of this process."""
        return self._of_process(self.per_device_eval_batch_size)

    def _of_process(self, rows: int) -> int:
        splits: Any = self.accelerator_config
        return rows // self.world_size if splits.split_batches else rows

    def get_process_log_level(self) -> int:
        """The log level that this process is to have; of `passive` what it has."""
        level = LOG_LEVELS[self.log_level if self.should_log else self.log_level_replica]
        return get_verbosity() if level is None else level

    def main_process_first(self, local: bool = True, desc: str = "work") -> Any:
        """A context in which the first process (of the machine, if `local`) works before the others, which find its caches."""
        return self.processes.first_before_others(local)

    def get_warmup_steps(self, num_training_steps: int) -> int:
        """Steps in which the rate rises, of so many."""
        return int(self.warmup_steps if self.warmup_steps >= 1 else math.ceil(num_training_steps * self.warmup_steps))

    def to_dict(self) -> dict[str, Any]:
        """All fields; choices as their words. A secret, whose name ends with `_token`, is hidden."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        plain = {name: _plain(value) for name, value in values.items()}
        return plain | {name: f"<{name.upper()}>" for name, value in plain.items() if value and name.endswith("_token")}

    def to_json_string(self) -> str:
        """`to_dict` as JSON."""
        return json_text(self.to_dict(), type(self).__name__).rstrip("\n")

    def to_sanitized_dict(self) -> dict[str, Any]:
        """`to_dict` and the batch sizes, each value a number or a text, for reporters."""
        values = {**self.to_dict(), "train_batch_size": self.train_batch_size, "eval_batch_size": self.eval_batch_size}
        return {name: value if isinstance(value, bool | int | float | str) else str(value) for name, value in values.items()}

    def __str__(self) -> str:
        lines = "".join(f"{name}={value!r},\n" for name, value in sorted(self.to_dict().items()))
        return f"{type(self).__name__}(\n{lines})"

    __repr__ = __str__


def _plain(value: Any) -> Any:
    if isinstance(value, AcceleratorConfig):
        return {name: each for name, each in value.to_dict().items() if name != "use_configured_state"}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple) and value and isinstance(value[0], Enum):
        return [each.value for each in value]
    return value
