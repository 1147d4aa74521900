"""What a training was set to, as a card lists it."""

from typing import Any

from ..choices import ParallelMode


def extract_hyperparameters_from_trainer(trainer: Any) -> dict[str, Any]:
    """The choices of a trainer that decide how it trains."""
    args = trainer.args
    hyperparameters: dict[str, Any] = {
        "learning_rate": args.learning_rate,
        "train_batch_size": args.train_batch_size,
        "eval_batch_size": args.eval_batch_size,
        "seed": args.seed,
    }
    several = args.parallel_mode == ParallelMode.DISTRIBUTED
    if several:
        hyperparameters |= {"distributed_type": "multi-GPU" if args.n_gpu else "multi-CPU", "num_devices": args.world_size}
    if args.gradient_accumulation_steps > 1:
        hyperparameters["gradient_accumulation_steps"] = args.gradient_accumulation_steps
    if several or args.gradient_accumulation_steps > 1:
        hyperparameters["total_train_batch_size"] = args.train_batch_size * args.world_size * args.gradient_accumulation_steps
    if several:
        hyperparameters["total_eval_batch_size"] = args.eval_batch_size * args.world_size
    adam = f" with betas=({args.adam_beta1},{args.adam_beta2}) and epsilon={args.adam_epsilon}" if _adam(args) else ""
    hyperparameters["optimizer"] = f"{args.optim.value}{adam}" + (f", {args.optim_args}" if args.optim_args else "")
    hyperparameters["lr_scheduler_type"] = args.lr_scheduler_type.value
    if args.warmup_steps:
        hyperparameters["lr_scheduler_warmup_steps"] = args.warmup_steps
    if args.max_steps > 0:
        hyperparameters["training_steps"] = args.max_steps
    else:
        hyperparameters["num_epochs"] = args.num_train_epochs
    if args.fp16 or args.bf16:
        hyperparameters["mixed_precision_training"] = "fp16" if args.fp16 else "bf16"
    if args.label_smoothing_factor:
        hyperparameters["label_smoothing_factor"] = args.label_smoothing_factor
    return hyperparameters


def _adam(args: Any) -> bool:
    return "adamw" in args.optim.value
