"""What helps where memory does not suffice for a single row."""

from typing import Any

from torch import Tensor

from .losses import rows_in


def advise(error: BaseException, trainer: Any, batch: Any, training: bool) -> None:
    """Add to an error of memory what of this training could be smaller.

    Args:
        batch: the one that did not fit. training: it was trained with, not evaluated.
    """
    args, rows = trainer.args, rows_in(batch)
    phase = "train" if training else "eval"
    ways = []
    if rows > 1:
        ways.append(f"per_device_{phase}_batch_size below {rows}, or auto_find_batch_size=True, which cuts batches")
    main = batch.get(getattr(trainer.model, "main_input_name", "input_ids")) if hasattr(batch, "get") else None
    if isinstance(main, Tensor) and main.dim() == 2 and main.shape[1] > 1:
        ways.append(f"shorter texts (these have {main.shape[1]} tokens)")
    if training and not args.gradient_checkpointing:
        ways.append("gradient_checkpointing=True, which computes activations twice instead of keeping them")
    if training and not (args.bf16 or args.fp16):
        ways.append("bf16=True")
    if not getattr(trainer.model, "is_quantized", False):
        adapter = " and train an adapter (peft)" if training else ""
        ways.append(f"open the model with load_in_4bit=True{adapter}")
    offloads = args.sharding is not None and args.sharding.offloads
    if training and args.n_gpu and not offloads:
        ways.append("several processes with fsdp='full_shard offload', which keeps weights in the host's memory")
    if not training and args.n_gpu and not trainer.is_in_train:
        ways.append("device_map='auto', which leaves weights in the host's memory")
    error.add_note(f"Memory does not suffice for a batch of {rows}, in {phase}. What makes it less: {'; '.join(ways)}.")
