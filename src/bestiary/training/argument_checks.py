"""What is refused, and what is filled in, when `TrainingArguments` are made."""

import json
import sys
from dataclasses import fields
from enum import Enum
from typing import Any

from ..core.errors import ArgumentError, did_you_mean
from ..core.first_process import Wish
from ..core.logging import LEVELS, get_verbosity
from ..core.optional import require
from .accelerator_config import AcceleratorConfig
from .callbacks.reporting import chosen
from .choices import DebugOption, HubStrategy, IntervalStrategy, SaveStrategy, SchedulerType
from .deepspeed_config import HfTrainerDeepSpeedConfig
from .launcher import fsdp_of_launcher, precision_of_launcher
from .optimizers.limits import check_optimizer, known
from .sharding.plan import read

LOG_LEVELS: dict[str, int | None] = {"passive": None, **LEVELS}
SAMPLING = ("random", "sequential", "group_by_length")
# Metrics whose better direction is known by their name's end.
_SMALLER = ("loss", "perplexity", "wer", "cer", "mse", "rmse", "mae", "error")
_GREATER = {*"accuracy f1 precision recall auc map bleu rouge1 rouge2 rougel rougelsum exact_match".split()}  # noqa: SIM905
# Numbers by their least and greatest; those that count are whole.
_COUNTS = {
    "per_device_train_batch_size": (1, None),
    "per_device_eval_batch_size": (1, None),
    "gradient_accumulation_steps": (1, None),
    "max_nonfinite_updates": (1, None),
    "max_steps": (None, 2**53),
    "dataloader_num_workers": (0, None),
    "dataloader_prefetch_factor": (1, None),
    "ddp_timeout": (1, 10**9),
    "save_total_limit": (1, None),
    "eval_accumulation_steps": (1, None),
    "torch_empty_cache_steps": (1, None),
    "data_seed": (None, None),
}
_NEVER_NONE = ("max_steps", "adam_beta1", "adam_beta2", "adam_epsilon", "label_smoothing_factor")
_LARGEST = sys.float_info.max
_NUMBERS = {
    "max_grad_norm": (0, None),
    "warmup_steps": (0, None),
    "weight_decay": (0, None),
    "learning_rate": (0, None),
    "num_train_epochs": (0, 10**9),
    "eval_delay": (0, None),
    "adam_beta1": (0, None),
    "adam_beta2": (0, None),
    "adam_epsilon": (0, None),
    "label_smoothing_factor": (0, None),
    "neftune_noise_alpha": (None, None),
}


def checked(args: Any) -> None:
    """Turn words into choices and fill in defaults that hang on others.

    Raises:
        ArgumentError: values without meaning, or that contradict each other. ValueError: an unknown choice.
    """
    args.output_dir = "trainer_output" if args.output_dir is None else str(args.output_dir)
    _choices(args)
    _numbers(args)
    _steps(args)
    _best(args)
    check_optimizer(args)
    if not (args.bf16 or args.fp16) and (half := precision_of_launcher()) is not None:
        setattr(args, half, True)
    shares, args.fsdp_config = read(args.fsdp, args.fsdp_config, fsdp_of_launcher())
    args.fsdp = shares or args.fsdp
    # While these arguments live, `from_pretrained` reads weights in the first process only.
    args._wish = Wish() if shares and args.fsdp_config.get("cpu_ram_efficient_loading") else None
    args.accelerator_config = AcceleratorConfig.of(args.accelerator_config)
    if args.accelerator_config != AcceleratorConfig():
        args.accelerator_config.check(args)
    if args.ddp_backend is not None:
        _one_of("ddp_backend", args.ddp_backend, ("nccl", "gloo", "mpi", "ccl", "hccl", "xccl", "cncl", "mccl"))
    args.hf_deepspeed_config = None
    if args.deepspeed:
        args.hf_deepspeed_config = HfTrainerDeepSpeedConfig(args.deepspeed)
        require("deepspeed", "TrainingArguments(deepspeed=...)")
        args.hf_deepspeed_config.trainer_config_process(args, args.auto_find_batch_size)
    in_half = [name for name in ("fp16", "fp16_full_eval", "bf16_full_eval") if getattr(args, name)]
    if shares and in_half:
        raise ArgumentError(f"fsdp and {in_half[0]} are both on, which cannot be done yet; use bf16, whose weights stay fp32")
    if args.fp16 and args.bf16:
        raise ArgumentError("fp16 and bf16 are both on; computing is in one of them")
    if args.fp16_full_eval and args.bf16_full_eval:
        raise ArgumentError("fp16_full_eval and bf16_full_eval are both on; expected one")
    if args.past_index >= 0 and args.auto_find_batch_size:
        raise ArgumentError("past_index hands states of a whole batch on, which auto_find_batch_size may cut; leave one out")
    if args.dataloader_prefetch_factor is not None and not args.dataloader_num_workers:
        raise ArgumentError("dataloader_prefetch_factor is what each worker prepares; it needs dataloader_num_workers above 0")
    if args.torch_compile_backend is not None or args.torch_compile_mode is not None:
        args.torch_compile = True
    if args.torch_compile and args.torch_compile_backend is None:
        args.torch_compile_backend = "inductor"


def _choices(args: Any) -> None:
    args.eval_strategy = IntervalStrategy(args.eval_strategy)
    args.logging_strategy = IntervalStrategy(args.logging_strategy)
    args.save_strategy = SaveStrategy(args.save_strategy)
    args.lr_scheduler_type = SchedulerType(args.lr_scheduler_type)
    args.optim = known(args.optim)
    args.hub_strategy = HubStrategy(args.hub_strategy)
    args.do_eval = args.do_eval or args.eval_strategy != IntervalStrategy.NO
    for name in ("lr_scheduler_kwargs", "gradient_checkpointing_kwargs"):
        setattr(args, name, _table(name, getattr(args, name)))
    counted = args.include_num_input_tokens_seen
    counted = {True: "all", False: "no"}[counted] if isinstance(counted, bool) else counted
    args.include_num_input_tokens_seen = _one_of("include_num_input_tokens_seen", counted, ("all", "non_padding", "no"))
    _one_of("train_sampling_strategy", args.train_sampling_strategy, SAMPLING)
    for name in ("log_level", "log_level_replica"):
        _one_of(name, getattr(args, name), tuple(LOG_LEVELS))
    named = [args.include_for_metrics] if isinstance(args.include_for_metrics, str) else args.include_for_metrics
    if not isinstance(named, list | tuple | set):
        raise ArgumentError(f"include_for_metrics is {named!r:.60}; expected a list of inputs, loss")
    args.include_for_metrics = [_one_of("include_for_metrics", each, ("inputs", "loss")) for each in named]
    args.report_to = chosen(args.report_to)
    args.debug = _debug(args.debug)
    if args.disable_tqdm is None:  # no bar where not even warnings are wanted
        args.disable_tqdm = get_verbosity() > LEVELS["warning"]
    args.dataloader_pin_memory = args.dataloader_pin_memory and not args.use_cpu


def _debug(words: Any) -> list[DebugOption]:
    words = words.split() if isinstance(words, str) else list(words or ())
    options = [DebugOption(word) for word in words]
    if DebugOption.TPU_METRICS_DEBUG in options:
        raise ArgumentError("debug='tpu_metrics_debug' prints metrics of TPUs, which nothing here trains on; leave it out")
    return options


def _table(name: str, value: Any) -> dict[str, Any] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ArgumentError(f"{name} is {value!r:.80}, which is no JSON: {error}") from error
    if value is not None and not isinstance(value, dict):
        raise ArgumentError(f"{name} is {value!r:.80}; expected a dict")
    return value


def _one_of(name: str, value: Any, words: tuple[str, ...]) -> Any:
    if value not in words:
        raise ArgumentError(f"{name} is {value!r:.80}; expected one of {', '.join(words)}.{did_you_mean(value, words)}")
    return value


def _number(name: str, value: Any, least: int | None, most: int | None) -> int | float:
    number = value.item() if hasattr(value, "item") else value  # of NumPy
    whole = name in _COUNTS
    fits = isinstance(number, int | float) and not isinstance(number, bool) and -_LARGEST <= number <= _LARGEST
    fits = fits and (not whole or number == int(number))
    if not fits or (least is not None and number < least) or (most is not None and number > most):
        limits = (f" of at least {least}" if least is not None else "") + (f" and at most {most}" if most is not None else "")
        raise ArgumentError(f"{name} is {_shown(value)}; expected a {'whole ' * whole}number{limits}")
    return int(number) if whole else number


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.60}"
    except ValueError:  # Python writes no whole number of so many digits
        return "a number of thousands of digits"


def _numbers(args: Any) -> None:
    for name, (least, most) in (_COUNTS | _NUMBERS).items():
        value = getattr(args, name)
        if value is None and name not in _NEVER_NONE:
            continue
        setattr(args, name, _number(name, value, least, most))
    for each in fields(args):
        value = getattr(args, each.name)
        if not isinstance(each.default, bool) or isinstance(value, bool):
            continue
        if value in (None, 0, 1):
            setattr(args, each.name, bool(value))
        else:
            raise ArgumentError(f"{each.name} is {value!r:.60}; expected True or False")
    if not 0 <= args.label_smoothing_factor < 1:
        raise ArgumentError(f"label_smoothing_factor is {args.label_smoothing_factor!r:.60}; expected 0 to below 1")
    for name in ("adam_beta1", "adam_beta2"):
        if not 0 <= getattr(args, name) < 1:
            raise ArgumentError(f"{name} is {getattr(args, name)!r:.60}; expected 0 to below 1")


def _steps(args: Any) -> None:
    """How often things are done: whole numbers from 1 on, or parts of all steps."""
    if args.eval_strategy == IntervalStrategy.STEPS and not args.eval_steps:
        args.eval_steps = args.logging_steps
    for kind, strategy in (("logging", args.logging_strategy), ("eval", args.eval_strategy), ("save", args.save_strategy)):
        steps = getattr(args, f"{kind}_steps")
        if strategy != "steps":
            continue
        if isinstance(steps, bool) or not isinstance(steps, int | float) or not steps > 0:
            raise ArgumentError(f"{kind}_steps is {steps!r:.60}; expected steps from 1 on, or a part of all steps below 1")
        if steps > 1:
            if steps != int(steps):
                raise ArgumentError(f"{kind}_steps is {steps}; above 1 it counts steps: expected a whole number")
            setattr(args, f"{kind}_steps", int(steps))


def _best(args: Any) -> None:
    """What is best, and that each checkpoint that could be is evaluated."""
    if args.load_best_model_at_end and args.save_strategy != SaveStrategy.BEST:
        if args.eval_strategy != args.save_strategy:
            raise ArgumentError(
                "load_best_model_at_end needs each checkpoint to be evaluated, and eval_strategy and save_strategy differ:"
                f" {_word(args.eval_strategy)} and {_word(args.save_strategy)}; let both be the same, or save_strategy='best'"
            )
        if args.eval_strategy == IntervalStrategy.STEPS and not _multiple(args.save_steps, args.eval_steps):
            raise ArgumentError(
                f"load_best_model_at_end needs each checkpoint to be evaluated: save_steps ({args.save_steps}) is no multiple"
                f" of eval_steps ({args.eval_steps})"
            )
    if args.save_strategy == SaveStrategy.BEST and args.eval_strategy == IntervalStrategy.NO:
        raise ArgumentError("save_strategy='best' saves after the best evaluation; it needs an eval_strategy")
    follows = args.lr_scheduler_type in (SchedulerType.REDUCE_ON_PLATEAU, SchedulerType.GREEDY)
    if follows and args.eval_strategy == IntervalStrategy.NO:
        raise ArgumentError(
            f"the schedule {args.lr_scheduler_type.value!r} follows a metric of evaluations; it needs an eval_strategy"
        )
    if args.load_best_model_at_end or args.save_strategy == SaveStrategy.BEST:
        args.metric_for_best_model = args.metric_for_best_model or "loss"
    if args.metric_for_best_model is not None and args.greater_is_better is None:
        args.greater_is_better = _direction(args.metric_for_best_model)


def _word(choice: Any) -> str:
    return repr(choice.value if isinstance(choice, Enum) else choice)


def _multiple(whole: float, part: float | None) -> bool:
    # Parts of all steps are compared as what they are of a million.
    scale = 1_000_000 if whole < 1 or (part or 1) < 1 else 1
    return round(whole * scale) % max(1, round((part or 1) * scale)) == 0


def _direction(metric: str) -> bool:
    word = metric.lower().removeprefix("eval_")
    last = word.rpartition("_")[2]
    if word.endswith(_SMALLER) or last in _SMALLER:
        return False
    if word in _GREATER or last in _GREATER:
        return True
    raise ArgumentError(
        f"whether a greater {metric!r} is better cannot be known from its name; say greater_is_better=True or False"
    )
