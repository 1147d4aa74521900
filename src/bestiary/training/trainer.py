"""`Trainer`: trains, evaluates and predicts with any model that gives its loss first."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..core.logging import get_logger, set_verbosity, warn_once
from ..core.seed import enable_full_determinism, set_seed
from ..modeling.quantized import check_trainable
from .arguments import TrainingArguments
from .callbacks.base import TrainerControl, TrainerState
from .callbacks.default import progress_callback
from .callbacks.flow import DefaultFlowCallback
from .callbacks.handler import Callback, CallbackHandler
from .callbacks.reporting import callbacks_of
from .choices import DebugOption, IntervalStrategy
from .collators.default import default_data_collator
from .collators.padding import DataCollatorWithPadding
from .columns import label_names_of, parameters_of, parameters_of_function
from .data import Data, check_rows
from .evaluation import TrainOutput
from .interruption import Listener
from .lengths import Planning
from .losses import LabelSmoother
from .memory_metrics import TrainerMemoryTracker
from .neftune import activate_neftune, deactivate_neftune
from .optimization import METRIC_SCHEDULES, Optimization
from .optimizers.averaging import to_average
from .overflow import DebugUnderflowOverflow
from .pace import Pace
from .phases import Phases
from .predicting import Predicting
from .progress import Progress
from .run_report.run import RunReport, reported
from .saving import Saving
from .search.searching import Searching
from .sharding.sharing import Sharing
from .special_tokens import align_special_tokens
from .telling import Telling
from .training_step import TrainingStep
from .uploads import Uploads

logger = get_logger(__name__)


class Trainer(Data, Optimization, Phases, Planning, Predicting, Saving, Searching, Sharing, Telling, TrainingStep, Uploads):
    """The loop of training, evaluation and prediction. Its methods may be replaced one by one in a subclass.

    Args:
        model: one of this library, or any module that takes inputs by keyword and returns its loss first, or as `loss`, when
            it gets labels. model_init: makes one instead, for each `train`; it may take the trial of a search.
        args: by default `TrainingArguments("tmp_trainer")`.
        data_collator: makes a batch from a list of rows; by default one that pads with `processing_class`, if that can, else
            `default_data_collator`.
        train_dataset, eval_dataset: rows as mappings, by number or one after the other; several for evaluation in a dict.
        processing_class: the tokenizer or processor, which is saved with the model.
        compute_loss_func: makes the loss of (outputs, labels, num_items_in_batch=), instead of the model.
        compute_metrics: makes metrics of an `EvalPrediction`.
        callbacks: besides those that are there anyway. optimizers: an optimizer and a schedule, instead of those of `args`.
        optimizer_cls_and_kwargs: the class of an optimizer and its arguments.
        preprocess_logits_for_metrics: makes what is kept for `compute_metrics` of (logits, labels).

    Raises:
        ArgumentError: neither a model nor something that makes one, or both.
    """

    optimizer: Any
    lr_scheduler: Any
    optimizer_cls_and_kwargs: tuple[type, dict[str, Any]] | None
    callback_handler: CallbackHandler
    control: TrainerControl
    state: TrainerState
    progress: Progress
    pace: Pace
    report: RunReport
    scaler: Any
    _globalstep_last_logged: int = 0

    def __init__(
        self,
        model: nn.Module | None = None,
        args: TrainingArguments | None = None,
        data_collator: Callable[[list[Any]], Any] | None = None,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        processing_class: Any = None,
        model_init: Callable[..., nn.Module] | None = None,
        compute_loss_func: Callable[..., Tensor] | None = None,
        compute_metrics: Callable[..., dict[str, Any]] | None = None,
        callbacks: Sequence[Callback] | None = None,
        optimizers: tuple[Any, Any] = (None, None),
        optimizer_cls_and_kwargs: tuple[type, dict[str, Any]] | None = None,
        preprocess_logits_for_metrics: Callable[[Any, Any], Any] | None = None,
        *,
        tokenizer: Any = None,
    ) -> None:
        if tokenizer is not None:
            if processing_class is not None:
                raise ArgumentError("tokenizer is the older name of processing_class, and both are given; leave tokenizer out")
            warn_once("older-argument", "tokenizer is now called processing_class", "Trainer")
            processing_class = tokenizer
        if model is None and model_init is None:
            raise ArgumentError("a Trainer needs a model, or model_init, which makes one")
        if model is not None and model_init is not None:
            raise ArgumentError("model and model_init are both given; expected one of them")
        self.args = TrainingArguments("tmp_trainer") if args is None else args
        args = self.args
        if not hasattr(args, "processes"):
            raise ArgumentError(
                f"args is a {type(args).__module__}.{type(args).__name__}; expected bestiary's TrainingArguments"
            )
        self._check_engine()
        self.create_accelerator_and_postprocess()
        self._memory_tracker = TrainerMemoryTracker(args.skip_memory_metrics)
        self._memory_tracker.start()
        if (level := args.get_process_log_level()) is not None:
            set_verbosity(level)
        (enable_full_determinism if args.full_determinism else set_seed)(args.seed)
        if args.tf32 is not None and args.n_gpu:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = args.tf32
        elif args.tf32:
            warn_once("no-tf32", "tf32=True changes nothing: there is no GPU, and only GPUs compute in TF32")
        self.model_init = model_init
        self.model: Any = self.call_model_init() if model is None else model
        if not callable(self.model):
            raise ArgumentError(f"model is a {type(model).__name__}; expected a model, as from_pretrained returns it")
        self.model_wrapped: Any = self.model
        self.processing_class = processing_class
        pads = hasattr(processing_class, "pad") and not hasattr(processing_class, "preprocess")  # of images: another pad
        self.data_collator = data_collator or (DataCollatorWithPadding(processing_class) if pads else default_data_collator)
        self.train_dataset, self.eval_dataset = train_dataset, eval_dataset
        self.compute_loss_func, self.compute_metrics = compute_loss_func, compute_metrics
        self.preprocess_logits_for_metrics = preprocess_logits_for_metrics
        if not isinstance(optimizers, tuple | list) or len(optimizers) != 2:
            raise ArgumentError(f"optimizers is {optimizers!r:.80}; expected an optimizer and a schedule, each of them or None")
        self.optimizer, self.lr_scheduler = optimizers
        self.optimizer_cls_and_kwargs = optimizer_cls_and_kwargs
        if optimizer_cls_and_kwargs is not None and self.optimizer is not None:
            raise ArgumentError("optimizers and optimizer_cls_and_kwargs both name an optimizer; expected one of them")
        if model_init is not None and (self.optimizer is not None or self.lr_scheduler is not None):
            raise ArgumentError(
                "optimizers are of one model, and model_init makes another for each training; override"
                " create_optimizer_and_scheduler instead"
            )
        self._makes_schedule = self.lr_scheduler is None
        self.is_in_train, self.is_model_parallel = False, False
        self.current_gradient_accumulation_steps, self.share = args.gradient_accumulation_steps, 1.0
        self.current_flos, self.first_step = 0.0, 0
        self._ops_of_token: int | None = None
        self.progress, self.listener, self.pace = Progress(), Listener(), Pace()
        self.label_smoother = LabelSmoother(args.label_smoothing_factor) if args.label_smoothing_factor else None
        self.scaler = torch.amp.GradScaler(args.device.type) if args.fp16 else None
        self._read_model()
        self._validate_args()
        self.callback_handler = CallbackHandler(
            [DefaultFlowCallback, *callbacks_of(args.report_to), *(callbacks or ())],
            self.model,
            self.processing_class,
            self.optimizer,
            self.lr_scheduler,
        )
        self.add_callback(progress_callback(args))
        self.control = TrainerControl()
        self.state = TrainerState(
            is_local_process_zero=self.is_local_process_zero(),
            is_world_process_zero=self.is_world_process_zero(),
            stateful_callbacks=self.stateful_callbacks(),
        )
        if args.push_to_hub:
            self.init_hf_repo()
        self.control = self.callback_handler.on_init_end(args, self.state, self.control)
        self._memory_tracker.stop_and_update_metrics()
        self._own_names = frozenset(vars(self))  # what a search puts back

    def _validate_args(self) -> None:
        """Refuse data, a collator or metrics that cannot be what the arguments need.

        Raises:
            ArgumentError: what is wrong.
        """
        args = self.args
        if not callable(self.data_collator):
            raise ArgumentError(
                f"data_collator is a {type(self.data_collator).__name__}; expected a function of a list of rows"
            )
        if args.eval_strategy != "no" and self.eval_dataset is None:
            when = IntervalStrategy(args.eval_strategy).value
            raise ArgumentError(f"eval_strategy is {when!r} and the trainer has no eval_dataset to evaluate")
        if args.batch_eval_metrics and self.compute_metrics is not None:
            if "compute_result" not in parameters_of_function(self.compute_metrics):
                raise ArgumentError("with batch_eval_metrics, compute_metrics needs a parameter compute_result")
        if self.train_dataset is not None:
            check_rows(self.train_dataset, "train_dataset")
            check_trainable(self.model)
        several = self.eval_dataset if isinstance(self.eval_dataset, dict) else {"eval_dataset": self.eval_dataset}
        for name, dataset in several.items():
            if dataset is not None:
                check_rows(dataset, name)

    def _read_model(self) -> None:
        """What the model's forward says of itself; the model goes to its device."""
        model, args = self.model, self.args
        parameters = parameters_of(model)
        self.label_names = label_names_of(model) if args.label_names is None else args.label_names
        returns_loss = parameters.get("return_loss")
        self.can_return_loss = returns_loss is not None and returns_loss.default is True
        takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        says = getattr(model, "accepts_loss_kwargs", None)
        self.model_accepts_loss_kwargs = "num_items_in_batch" in parameters or (takes_any if says is None else bool(says))
        of_loss = parameters_of_function(self.compute_loss)
        self._takes_items = "num_items_in_batch" in of_loss or any(each.kind is each.VAR_KEYWORD for each in of_loss.values())
        # Whether a loss is divided by the labels of the whole update; None where it has to be watched.
        self.has_own_loss = type(self).compute_loss is not Trainer.compute_loss
        watched = self.has_own_loss or self.compute_loss_func is not None or says is not None
        named = "num_items_in_batch" in parameters
        self._divides = None if watched or (takes_any and not named) else named and self.label_smoother is None
        if args.gradient_checkpointing:
            model.gradient_checkpointing_enable(args.gradient_checkpointing_kwargs)
        if args.sharding is None and self.place_model_on_device:
            if any(each.is_meta for each in model.parameters()):
                raise ArgumentError("weights of the model are on the meta device, where they have no numbers; load them first")
            self._move_model_to_device(model, args.device)
        if any(each.requires_grad and each.dtype in (torch.float16, torch.bfloat16) for each in model.parameters()):
            warn_once(
                "16-bit-weights",
                "weights to be trained are in 16 bits, in which small updates are lost; open the model with dtype=torch.float32"
                " and set bf16=True, which computes in 16 bits with weights in 32",
                about=str(id(model)),
            )

    @property
    def tokenizer(self) -> Any:
        """The older name of `processing_class`."""
        return self.processing_class

    @tokenizer.setter
    def tokenizer(self, value: Any) -> None:
        self.processing_class = value

    @property
    def place_model_on_device(self) -> bool:
        """Whether the trainer moves the model to its device: unless the model lies on several already."""
        spread = len(set((getattr(self.model, "hf_device_map", None) or {}).values())) > 1
        return self.args.place_model_on_device and not spread

    def _move_model_to_device(self, model: nn.Module, device: torch.device) -> None:
        model.to(device)

    def call_model_init(self, trial: Any = None) -> nn.Module:
        """A new model of `model_init`, which gets `trial` if it takes an argument.

        Raises:
            ArgumentError: it takes several, or makes no model.
        """
        takes = len(parameters_of_function(self.model_init))
        if takes > 1:
            raise ArgumentError(f"model_init takes {takes} arguments; expected none, or one for the trial of a search")
        model = self.model_init(trial) if takes else self.model_init()  # type: ignore[misc]
        if not isinstance(model, nn.Module):
            raise ArgumentError(f"model_init made a {type(model).__name__}; expected a model")
        return model

    # Training.

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
        *,
        model_path: str | None = None,
    ) -> TrainOutput:
        """Train, from the beginning or from where a checkpoint ends.

        Args:
            resume_from_checkpoint: the folder of a checkpoint, or True for the newest whole one in `args.output_dir`.
            trial: of a search. ignore_keys_for_eval: parts of the output that evaluations do not keep.
            model_path: the older name of `resume_from_checkpoint`.

        Raises:
            ArgumentError: no checkpoint is there, or the data yields nothing. NumericsError: too many updates in a row are
            not finite.
        """
        args = self.args
        if model_path is not None:
            warn_once("older-argument", "model_path is now called resume_from_checkpoint", "Trainer.train")
            resume_from_checkpoint = model_path
        self._hp_search_setup(trial)
        checkpoint = self._checkpoint_to_resume(resume_from_checkpoint, trial)
        if self.model_init is not None:
            (enable_full_determinism if args.full_determinism else set_seed)(args.seed)
            self.model = self.model_wrapped = self.call_model_init(trial)
            self._read_model()
            self.optimizer = None
        align_special_tokens(self.model, self.processing_class)
        if self._makes_schedule:
            self.lr_scheduler = None
        if checkpoint is not None:
            self._load_from_checkpoint(checkpoint)
        self.progress, self.pace = Progress(run=self._new_run()), Pace()
        self._ops_of_token = None
        self.is_in_train = True
        watcher = DebugUnderflowOverflow(self.model) if DebugOption.UNDERFLOW_OVERFLOW in args.debug else None
        noise = None if args.neftune_noise_alpha is None else activate_neftune(self.model, args.neftune_noise_alpha)
        try:
            with reported(self), self._memory_tracker.measured("train"):
                output: TrainOutput = self._inner_training_loop(
                    batch_size=self._train_batch_size,
                    args=args,
                    resume_from_checkpoint=checkpoint,
                    trial=trial,
                    ignore_keys_for_eval=ignore_keys_for_eval,
                )
            self._finish_current_push()
            return output
        finally:
            self.is_in_train, self.past = False, None
            self.end_updates()
            if watcher is not None:
                watcher.remove()
            if noise is not None:
                deactivate_neftune(self.model, noise)

    @property
    def _total_loss_scalar(self) -> float:
        """The sum of the losses of all updates that were logged."""
        return self.progress.total_loss

    @_total_loss_scalar.setter
    def _total_loss_scalar(self, value: float) -> None:
        self.progress.total_loss = value

    def _model_for_evaluation(self) -> Any:
        """The model to evaluate with, on its device and in the type of `args`."""
        args = self.args
        to_average(self.optimizer)
        if self.is_in_train:
            return self.model_wrapped if args.torch_compile else self.model
        if args.bf16_full_eval or args.fp16_full_eval:
            self.model.to(torch.bfloat16 if args.bf16_full_eval else torch.float16)
        if args.sharding is None and self.place_model_on_device:
            self._move_model_to_device(self.model, args.device)
        return self._wrap_model(self.model, training=False)

    def _evaluate(self, trial: Any, ignore_keys_for_eval: list[str] | None, skip_scheduler: bool = False) -> dict[str, float]:
        """An evaluation within training; the schedule hears of it if it goes by a metric."""
        metrics = self.evaluate(ignore_keys=ignore_keys_for_eval)
        self._report_to_hp_search(trial, self.state.global_step, metrics)
        if not skip_scheduler and isinstance(self.lr_scheduler, METRIC_SCHEDULES):
            self.lr_scheduler.step(self._metric(metrics, self.args.metric_for_best_model or "loss"))
        return metrics

    def _end_if_asked(self) -> None:
        if self.is_in_train and self.args.world_size == 1:  # several end after an update, together
            self.listener.stop_here()
