"""The table: each old module path, where its names are found here, and the names that are called differently.

Every public name of the library is found under every old path, as many old modules passed names on. Besides these, a path
shows the names of the modules listed for it in `MODULES`, and those of `RENAMED`. A family's modules follow one rule
(`family_module`), so that a new family needs no line here.
"""

from collections.abc import Collection

from .family_paths import FAMILY_FILES, families_here, family_module, published_folder
from .part_names import PART_NAMES, PLAIN_NORMS, ROTARY, ROTARY_BY_HALVES

_TASKS = "bestiary.pipelines.tasks"

_GENERATION = ("generation", "core.outputs")
_AUTO = ("auto.tables",)
_TOKENIZERS = (
    "preprocess.text.tokenizer",
    "preprocess.text.python_tokenizer",
    "preprocess.text.batch_encoding",
    "preprocess.text.special_tokens",
    "compat.scripts",
)
_UTILS = (
    "compat.helpers",
    "compat.scripts",
    "compat.hub_files",
    "preprocess.text.chat.tool_schema",
    "preprocess.batch",
    "hub.push",
    "compat.generic",
    "core.outputs",
    "compat.hub_errors",
)

_TRAINER = (
    "compat.helpers",
    "compat.scripts",
    "compat.trainer_helpers",
    "compat.evaluation_arrays",
    "compat.process_groups",
    "compat.searches",
    "compat.reporting",
    "core.seed",
    "loading.save",
    "modeling.facts",
    "training.accelerator_config",
    "training.callbacks.default",
    "training.checkpoints",
    "training.choices",
    "training.columns",
    "training.deepspeed_config",
    "training.loaders",
    "training.losses",
    "training.memory_metrics",
    "training.model_card.summary",
    "training.nested",
    "training.overflow",
    "training.parameter_names",
    "training.rotation",
    "training.run_metrics",
    "training.schedules",
    "training.uploads",
)
_SAMPLERS = ("compat.shared_samplers", "training.samplers.length_grouped")

_REPORTERS = ("training.callbacks.reporter", "compat.reporting")

_DATASETS = tuple(f"training.benchmark_datasets.{name}" for name in ("text_files", "paired_texts", "squad_dataset", "glue"))

# old path below `transformers` -> modules of ours whose names it shows
MODULES: dict[str, tuple[str, ...]] = {
    "": ("compat.helpers", "auto.tables", "compat.absent"),
    "activations": ("compat.activations",),
    "audio_utils": (
        "preprocess.audio.spectrogram",
        "preprocess.audio.reading",
        "compat.audio",
        "compat.audio_sources",
        "compat.annotations",
    ),
    "backbone_utils": ("compat.backbones",),
    "benchmark": ("bench.published", "bench.published_arguments"),
    "benchmark.benchmark": ("bench.published",),
    "benchmark.benchmark_args": ("bench.published_arguments",),
    "benchmark.benchmark_args_tf": ("compat.absent",),
    "benchmark.benchmark_args_utils": ("bench.published_arguments",),
    "benchmark.benchmark_tf": ("compat.absent",),
    "benchmark.benchmark_utils": ("bench.published",),
    "cache_utils": ("cache", "compat.generation"),
    "configuration_utils": ("modeling.config", "compat.layer_types", "compat.hub_files"),
    "conversion_mapping": ("compat.weight_conversions",),
    "convert_slow_tokenizer": ("compat.slow_tokenizers", "compat.scripts"),
    "core_model_loading": ("compat.weight_conversions", "compat.absent"),
    "data": (),
    "data.datasets": _DATASETS,
    **{f"data.datasets.{name}": _DATASETS for name in ("glue", "language_modeling", "squad")},
    "data.metrics": ("training.metrics.classification",),
    "data.metrics.squad_metrics": (
        "training.benchmark_datasets.squad_metrics",
        "training.benchmark_datasets.squad_predictions",
        "training.metrics.answers",
    ),
    "data.processors": (),
    "data.processors.glue": ("training.benchmark_datasets.glue",),
    "data.processors.squad": ("training.benchmark_datasets.squad_examples", "training.benchmark_datasets.squad_features"),
    "data.processors.utils": ("training.benchmark_datasets.examples",),
    "data.processors.xnli": ("training.benchmark_datasets.xnli",),
    "data.data_collator": ("compat.trainer_helpers", "compat.data_collator"),
    "debug_utils": ("training.overflow",),
    "deepspeed": ("training.deepspeed_config", "compat.helpers"),
    "dynamic_module_utils": ("compat.dynamic_modules",),
    "dependency_versions_check": ("compat.scripts",),
    "feature_extraction_sequence_utils": (),
    "feature_extraction_utils": (),
    "file_utils": _UTILS,
    "hyperparameter_search": ("compat.searches",),
    "generation": (*_GENERATION, "compat.generation"),
    "generation.configuration_utils": ("generation.config", "compat.generation"),
    "generation.logits_process": _GENERATION,
    "generation.stopping_criteria": (*_GENERATION, "compat.generation"),
    "generation.streamers": _GENERATION,
    "generation.utils": (*_GENERATION, "compat.annotations", "compat.generation"),
    "generation.watermarking": (
        "generation.watermark",
        "generation.watermarks.green_list",
        "generation.watermarks.synthid",
        "modeling.watermark_detector",
    ),
    "generation_logits_process": _GENERATION,
    "generation_stopping_criteria": _GENERATION,
    "generation_utils": _GENERATION,
    "hf_argparser": ("core.argument_parser", "compat.annotations"),
    "image_processing_backends": ("compat.image_processors", "compat.image_transforms"),
    "image_processing_base": (),
    "image_processing_utils": ("compat.image_processors",),
    "image_processing_utils_fast": ("compat.image_processors", "compat.image_transforms"),
    "image_transforms": ("compat.image_transforms",),
    "image_utils": (
        "compat.images",
        "preprocess.image.reading",
        "compat.annotations",
        "compat.helpers",
        "compat.generic",
    ),
    "initialization": ("compat.initialization",),
    "integrations": (
        "training.deepspeed_config",
        "training.neftune",
        "compat.helpers",
        "compat.process_groups",
        "compat.searches",
        "modeling.adapters",
        *_REPORTERS,
    ),
    "integrations.bitsandbytes": ("compat.quantizers",),
    "integrations.deepspeed": ("training.deepspeed_config", "compat.helpers"),
    "integrations.fsdp": ("compat.process_groups",),
    "integrations.hub_kernels": (),
    "integrations.integration_utils": ("compat.helpers", "compat.searches", *_REPORTERS),
    "integrations.neftune": ("training.neftune",),
    "integrations.peft": ("modeling.adapters",),
    "integrations.sdpa_attention": ("compat.attention",),
    "loss": (),
    "loss.loss_deformable_detr": ("modeling.set_losses",),
    "loss.loss_d_fine": ("modeling.realtime_losses",),
    "loss.loss_rt_detr": ("modeling.realtime_losses",),
    "loss.loss_for_object_detection": ("modeling.set_losses",),
    "loss.loss_utils": ("modeling.loss_functions", "modeling.set_losses"),
    "masking_utils": ("compat.masks", "compat.mask_functions"),
    "modeling_attn_mask_utils": ("compat.attention_masks",),
    "modelcard": (
        "training.model_card.summary",
        "training.model_card.history",
        "training.model_card.hyperparameters",
        "compat.scripts",
    ),
    "modeling_flash_attention_utils": ("compat.generic", "compat.flash_attention"),
    "modeling_layers": ("compat.heads",),
    "modeling_outputs": ("core.outputs", "core.series_outputs", "core.mixture_outputs", "compat.outputs"),
    "modeling_rope_utils": ("compat.rotary", "compat.annotations"),
    "modeling_utils": (
        "compat.scripts",
        "compat.hub_files",
        "loading.save",
        "modeling.facts",
        "compat.layers",
        "compat.attention",
        "compat.generic",
        "compat.trainer_helpers",
    ),
    "models": (),
    "models.auto": _AUTO,
    "models.auto.auto_factory": (*_AUTO, "compat.auto_mapping"),
    "models.auto.configuration_auto": _AUTO,
    "models.auto.feature_extraction_auto": (*_AUTO, "compat.hub_files"),
    "models.auto.image_processing_auto": (*_AUTO, "compat.hub_files"),
    "models.auto.modeling_auto": (*_AUTO, "compat.auto_mapping"),
    "models.auto.processing_auto": _AUTO,
    "models.auto.tokenization_auto": (*_AUTO, "compat.hub_files"),
    "models.auto.video_processing_auto": _AUTO,
    "models.rag.retrieval_rag": ("models.rag",),
    "models.t5gemma2.modeling_t5gemma2": ("compat.absent",),
    "models.whisper.english_normalizer": ("models.whisper.text_normalizer", "models.whisper.number_normalizer"),
    "optimization": ("compat.trainer_helpers", "training.schedules", "training.optimizers.older_adamw"),
    "pipelines": ("pipelines",),
    "pipelines.audio_utils": ("compat.streams",),
    "pipelines.base": ("pipelines.base", "pipelines", "compat.pipelines"),
    "pipelines.pt_utils": ("pipelines.datasets", "compat.pipelines"),
    "processing_utils": ("preprocess.call_options", "compat.scripts", "compat.annotations"),
    "pytorch_utils": ("compat.layers", "compat.helpers"),
    "testing_utils": ("compat.testing", "compat.testing_tools", "compat.markers", "compat.helpers", "compat.scripts"),
    "time_series_utils": ("nn.distributions", "compat.layers"),
    "tokenization_python": (*_TOKENIZERS, "compat.tries"),
    "tokenization_utils": _TOKENIZERS,
    "tokenization_utils_base": _TOKENIZERS,
    "tokenization_utils_fast": _TOKENIZERS,
    "tokenization_utils_sentencepiece": (*_TOKENIZERS, "preprocess.text.sentence_piece_tokenizer", "compat.slow_tokenizers"),
    "tokenization_utils_tokenizers": _TOKENIZERS,
    "trainer": (*_TRAINER, *_SAMPLERS, "compat.layers", "compat.absent"),
    "trainer_callback": ("training.loaders",),
    "trainer_pt_utils": (*_TRAINER, *_SAMPLERS),
    "trainer_seq2seq": ("compat.helpers", "compat.process_groups", "training.deepspeed_config"),
    "trainer_utils": (*_TRAINER, "training.search.best_run", "training.search.backend", "training.search.default_spaces"),
    "training_args": (*_TRAINER, "compat.absent"),
    "training_args_seq2seq": ("compat.scripts",),
    "utils": _UTILS,
    "quantizers": ("compat.quantizers", "quantization.config"),
    "quantizers.auto": ("compat.quantizers", "quantization.config"),
    "quantizers.base": ("compat.quantizers",),
    "quantizers.quantizers_utils": ("compat.quantizers",),
    "utils.auto_docstring": ("compat.generic",),
    "utils.backbone_utils": ("compat.backbones",),
    "utils.chat_template_utils": ("preprocess.text.chat.tool_schema", "compat.annotations", "compat.chat"),
    "utils.constants": ("compat.images",),
    "utils.deprecation": ("compat.deprecation",),
    "utils.doc": _UTILS,
    "utils.generic": _UTILS,
    "utils.hub": _UTILS,
    "utils.import_utils": _UTILS,
    "utils.logging": ("logging",),
    "utils.notebook": ("training.callbacks.notebook", "training.callbacks.notebook_bars"),
    "utils.output_capturing": ("compat.output_capturing",),
    "utils.peft_utils": ("compat.hub_files", "compat.scripts", "compat.helpers"),
    "utils.quantization_config": (
        "quantization.config",
        "quantization.methods.autoround",
        "quantization.methods.awq",
        "quantization.methods.bitsandbytes",
        "quantization.methods.bitnet",
        "quantization.methods.compressed_tensors",
        "quantization.methods.eetq",
        "quantization.methods.fbgemm_fp8",
        "quantization.methods.fp8",
        "quantization.methods.gguf",
        "quantization.methods.gptq",
        "quantization.methods.hqq",
        "quantization.methods.mxfp4",
        "quantization.methods.quanto",
        "quantization.methods.torchao",
        "compat.absent",
    ),
    "utils.versions": ("compat.scripts",),
    "video_processing_utils": ("preprocess.video.base",),
    "video_utils": (
        "compat.annotations",
        "preprocess.video.metadata",
        "preprocess.video.reading",
        "preprocess.video.sampling",
    ),
}

MODULES |= {
    "models.maskformer.configuration_maskformer_swin": ("models.maskformer",),
    "models.rt_detr.configuration_rt_detr_resnet": ("models.rt_detr",),
    "models.rt_detr.modeling_rt_detr_resnet": ("models.rt_detr.resnet",),
    "models.maskformer.modeling_maskformer_swin": ("models.maskformer.swin",),
}

# ESMFold: old path below `models.esm` -> modules in `models.esm.folding`.
_FOLDING = {
    "modeling_esmfold": ("model", "trunk", "structure", "triangles", "confidence"),
    "openfold_utils": ("protein", "atoms", "confidence", "rigid"),
    "openfold_utils.data_transforms": ("atoms",),
    "openfold_utils.feats": ("atoms",),
    "openfold_utils.loss": ("confidence",),
    "openfold_utils.protein": ("protein",),
    "openfold_utils.residue_constants": ("residue_constants",),
    "openfold_utils.rigid_utils": ("rigid",),
}
MODULES |= {f"models.esm.{path}": tuple(f"models.esm.folding.{name}" for name in names) for path, names in _FOLDING.items()}

# Preprocessors that lie with a relative here, and stand-ins: published folder -> beginning of its file's name, module of ours.
_ELSEWHERE = {
    "pvt": ("image_processing", "models.pvt_v2.image_processor"),
    "mbart50": ("tokenization", "models.mbart.tokenizer"),
    "nllb": ("tokenization", "models.m2m_100.nllb_tokenizer"),
    "squeezebert": ("tokenization", "models.bert.tokenizer"),
    "paligemma": ("processing", "compat.absent"),
    **dict.fromkeys(
        ("blenderbot_small", "moonshine", "pegasus_x", "prophetnet", "t5gemma2", "timm_wrapper", "udop"),
        ("configuration", "compat.absent"),
    ),
}
for _folder, (_prefix, _module) in _ELSEWHERE.items():
    MODULES |= {f"models.{_folder}": (_module,), f"models.{_folder}.{_prefix}_{_folder}": (_module,)}
    if _prefix == "image_processing":
        MODULES[f"models.{_folder}.image_processing_pil_{_folder}"] = (_module,)

_LOGGING = {"logging": "transformers.utils.logging"}
_FILES = {
    "CONFIG_NAME": "modeling.config:PreTrainedConfig.file_name",
    "GENERATION_CONFIG_NAME": "generation.config:GenerationConfig.file_name",
    "SAFE_WEIGHTS_NAME": "loading.checkpoint:SAFE_NAME",
    "WEIGHTS_NAME": "loading.checkpoint:TORCH_NAME",
}
_INTERVALS = {"EvaluationStrategy": "training.choices:IntervalStrategy"}
_CODE = {"HF_MODULES_CACHE": "compat.dynamic_modules:HF_MODULES_CACHE"}
_LAZY = {
    name: f"compat.lazy_modules:{name}" for name in ("OptionalDependencyNotAvailable", "_LazyModule", "define_import_structure")
}
_PIXELS = {
    f"IMAGENET_{kind}_{what}": f"compat.images:IMAGENET_{kind}_{what}"
    for kind in ("DEFAULT", "STANDARD")
    for what in ("MEAN", "STD")
}
_PREPROCESSORS = {
    "BaseImageProcessorFast": "preprocess.image.pil_backend:PilBackend",
    "ImageFeatureExtractionMixin": "compat.image_processors:ImageFeatureExtractionMixin",
    "ImageProcessingMixin": "preprocess.image.base:BaseImageProcessor",
}
_BACKBONES = {
    "BackboneConfigMixin": "modeling.backbone_config:BackboneConfig",
    "BackboneMixin": "modeling.backbone:Backbone",
}
_KERNELS = {
    name: f"compat.generic:{name}"
    for name in ("use_kernel_forward_from_hub", "use_kernel_func_from_hub", "use_kernelized_func")
}
_BERT_TOKENIZERS = """
ElectraTokenizer ElectraTokenizerFast LayoutLMTokenizer LayoutLMTokenizerFast LxmertTokenizer LxmertTokenizerFast
SqueezeBertTokenizer SqueezeBertTokenizerFast
"""
_OLDER_OUTPUTS = {
    f"{how}{kind}Output": f"generation.outputs:Generate{beam}{kind}Output"
    for how, beam in {
        "GreedySearch": "",
        "Sample": "",
        "ContrastiveSearch": "",
        "BeamSearch": "Beam",
        "BeamSample": "Beam",
    }.items()
    for kind in ("DecoderOnly", "EncoderDecoder")
}

# old path -> old name -> "module:name" of ours, or another old path
RENAMED: dict[str, dict[str, str]] = {
    "": {
        **_BACKBONES,
        **_LAZY,
        **_LOGGING,
        **_FILES,
        **_PREPROCESSORS,
        "AdamW": "training.optimizers.older_adamw:AdamW",
        "AttentionInterface": "compat.attention:AttentionInterface",
        "AttentionMaskInterface": "compat.masks:AttentionMaskInterface",
        "Conv1D": "nn.conv:Conv1D",
        "ROPE_INIT_FUNCTIONS": "compat.rotary:ROPE_INIT_FUNCTIONS",
        "SPIECE_UNDERLINE": "compat.scripts:SPIECE_UNDERLINE",
        "dynamic_rope_update": "compat.rotary:dynamic_rope_update",
        "GradientCheckpointingLayer": "nn.layer:Layer",
        # Published as other names of these.
        **dict.fromkeys(_BERT_TOKENIZERS.split(), "models.bert.tokenizer:BertTokenizer"),
        **dict.fromkeys(("MvpTokenizer", "MvpTokenizerFast"), "models.roberta.tokenizer:RobertaTokenizer"),
        "NerPipeline": "pipelines.tasks.token_classification:TokenClassificationPipeline",
        "SpecialTokensMixin": "preprocess.text.special_tokens:SpecialTokens",
        **{name: f"compat.scripts:{name}" for name in ("add_end_docstrings", "add_start_docstrings", "requires_backends")},
        "apply_chunking_to_forward": "compat.layers:apply_chunking_to_forward",
        "dep_version_check": "compat.scripts:dep_version_check",
        **{
            name: f"compat.scripts:{name}"
            for name in ("PYTORCH_PRETRAINED_BERT_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "TRANSFORMERS_CACHE")
        },
    },
    "cache_utils": {
        "DynamicSlidingWindowLayer": "cache.kinds.sliding_window:SlidingWindowLayer",
        "LinearAttentionLayer": "cache.kinds.recurrent:RecurrentLayer",
    },
    "feature_extraction_utils": _PREPROCESSORS,
    "file_utils": {**_LOGGING, **_FILES},
    "generation": _OLDER_OUTPUTS,
    "generation.utils": _OLDER_OUTPUTS,
    "generation_utils": _OLDER_OUTPUTS,
    "image_processing_backends": _PREPROCESSORS,
    "image_processing_base": _PREPROCESSORS,
    "image_processing_utils": _PREPROCESSORS,
    "image_processing_utils_fast": _PREPROCESSORS,
    "image_utils": _PREPROCESSORS,
    "modeling_outputs": {
        "BaseModelOutputWithCrossAttentions": "core.outputs:BaseModelOutputWithPast",
        "BaseModelOutputWithNoAttention": "core.outputs:BaseModelOutput",
        "BaseModelOutputWithPastAndCrossAttentions": "core.outputs:BaseModelOutputWithPast",
        "BaseModelOutputWithPoolingAndNoAttention": "core.outputs:BaseModelOutputWithPooling",
        "CausalLMOutputWithCrossAttentions": "core.outputs:CausalLMOutput",
        "CausalLMOutputWithPast": "core.outputs:CausalLMOutput",
        "ImageClassifierOutputWithNoAttention": "core.outputs:ImageClassifierOutput",
        "SequenceClassifierOutputWithPast": "core.outputs:SequenceClassifierOutput",
    },
    "models.auto.auto_factory": {
        "_BaseAutoModelClass": "auto.models:AutoModelClass",
        "_LazyAutoMapping": "compat.auto_mapping:LazyAutoMapping",
    },
    "models.auto.feature_extraction_auto": {"feature_extractor_class_from_name": "modeling.families:class_named"},
    "models.auto.image_processing_auto": {
        "get_image_processor_class_from_name": "modeling.families:class_named",
        "image_processor_class_from_name": "modeling.families:class_named",
    },
    "models.auto.processing_auto": {"processor_class_from_name": "modeling.families:class_named"},
    "models.clip.modeling_clip": {
        "CLIPOutput": "core.outputs:ContrastiveOutput",
        "CLIPTextModelOutput": "core.outputs:TextEmbedsOutput",
        "CLIPVisionModelOutput": "core.outputs:ImageEmbedsOutput",
    },
    **{
        f"models.{family}.modeling_{family}": {
            f"{prefix}RotaryEmbedding": "compat.rotary:LlamaRotaryEmbedding",
            **({f"{prefix}RMSNorm": "nn.norm:RMSNorm"} if family in PLAIN_NORMS.split() else {}),
            **{name: f"compat.rotary:{name}" for name in ("apply_rotary_pos_emb", "rotate_half", "repeat_kv")},
            "load_balancing_loss_func": "compat.layers:load_balancing_loss_func",
        }
        for family, prefix in ROTARY_BY_HALVES.items()
    },
    "models.esm.openfold_utils": {"OFProtein": "models.esm.folding.protein:Protein"},
    "models.squeezebert.tokenization_squeezebert": dict.fromkeys(
        ("SqueezeBertTokenizer", "SqueezeBertTokenizerFast"), "models.bert.tokenizer:BertTokenizer"
    ),
    "models.whisper.tokenization_whisper": {
        "LANGUAGES": "models.whisper.languages:LANGUAGES",
        "TO_LANGUAGE_CODE": "models.whisper.languages:CODE_OF",
    },
    "conversion_mapping": {
        "_MODEL_TO_CONVERSION_PATTERN": "compat.weight_conversions:_MODEL_TO_CONVERSION_PATTERN",
    },
    "pipelines": {
        "check_task": "pipelines.registry:PIPELINE_REGISTRY.check_task",
        "SUPPORTED_TASKS": "pipelines.registry:PIPELINE_REGISTRY.supported_tasks",
        "get_supported_tasks": "pipelines.registry:PIPELINE_REGISTRY.get_supported_tasks",
    },
    "trainer": {
        **_FILES,
        "DEFAULT_PROGRESS_CALLBACK": "training.callbacks.progress:ProgressCallback",
    },
    "trainer_utils": _INTERVALS,
    "training_args": {**_INTERVALS, "strtobool": "compat.generic:strtobool"},
    "utils": {**_FILES, **_CODE, **_LAZY, **_PIXELS},
    "utils.import_utils": _LAZY,
    "integrations": _KERNELS,
    "integrations.hub_kernels": _KERNELS,
    "modeling_attn_mask_utils": {
        name: f"compat.attention_masks:{name}"
        for name in (
            "_create_4d_causal_attention_mask",
            "_prepare_4d_attention_mask",
            "_prepare_4d_attention_mask_for_sdpa",
            "_prepare_4d_causal_attention_mask",
            "_prepare_4d_causal_attention_mask_for_sdpa",
        )
    },
    "modeling_flash_attention_utils": {
        name: f"compat.flash_attention:{name}"
        for name in ("_flash_attention_forward", "_get_unpad_data", "_index_first_axis", "_pad_input", "_unpad_input")
    },
    "modeling_layers": {"GradientCheckpointingLayer": "nn.layer:Layer"},
    "modeling_utils": {**_FILES, "OutputRecorder": "compat.output_capturing:OutputRecorder"},
    "models.gpt2.tokenization_gpt2": {"bytes_to_unicode": "compat.scripts:bytes_to_unicode"},
    "models.roberta.tokenization_roberta": {"bytes_to_unicode": "compat.scripts:bytes_to_unicode"},
    "backbone_utils": _BACKBONES,
    "utils.backbone_utils": _BACKBONES,
    "utils.generic": {name: f"compat.output_capturing:{name}" for name in ("OutputRecorder", "check_model_inputs")},
    "utils.hub": {**_FILES, **_CODE, "PushInProgress": "training.uploads:PushInProgress"},
}

for _target, _words in {**PART_NAMES, "compat.rotary:ConfiguredTables": ROTARY}.items():
    for _family, _name in (word.split(".") for word in _words.split()):
        RENAMED.setdefault(f"models.{_family}.modeling_{_family}", {}).setdefault(_name, _target)


def sources(path: str) -> tuple[str, ...] | None:
    """The modules of ours that stand for the old module `path` (below `transformers`); None when there is no such path."""
    if path in MODULES:
        return MODULES[path]
    task = path.removeprefix("pipelines.")
    if task != path and task in _tasks():
        return (f"pipelines.tasks.{task}",)
    return family_module(path)


def _tasks() -> Collection[str]:
    from ..core import plugins  # `install` alone needs no list of files

    return plugins.names(_TASKS)


def paths() -> list[str]:
    """Every old path, a family's without its older flat form."""
    names = {*families_here(), *(published_folder(name) for name in families_here())}
    below = [f"models.{name}" for name in names]
    below += [f"models.{name}.{prefix}_{name}" for name in names for prefix in FAMILY_FILES]
    below += [f"pipelines.{name}" for name in _tasks()]
    return sorted(path for path in {*MODULES, *below} if sources(path) is not None)
