"""The tables of classes by config class and by model_type, beside the published ones, for every family that is here."""

import importlib
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import torch
import transformers
from kit.families import OF_EARLIER_RELEASES
from transformers.models.auto import (
    configuration_auto,
    feature_extraction_auto,
    image_processing_auto,
    modeling_auto,
    processing_auto,
    tokenization_auto,
)

import bestiary
from bestiary import (
    AutoModel,
    AutoModelForCausalLM,
    BertConfig,
    BertModel,
    CLIPConfig,
    GPT2Config,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    auto,
)
from bestiary.auto import tables
from bestiary.auto.mappings import types_of_families
from bestiary.core.errors import ConfigError

# Models of families that are not here, for configs that are. NO_TOKENIZER: types whose tokenizer is a pair of them.
ABSENT = {"JevForDecision"}
NO_TOKENIZER = {"rag"}
# Models whose only input are images, which the published table of these leaves out.
IMAGE_MODELS = {
    *("d_fine", "rt_detr", "rt_detr_v2"),
    *("maskformer", "maskformer-swin", "pvt_v2", "sam", "sam_vision_model", "sam_hq", "sam_hq_vision_model"),
    *("cvt", "lightglue", "mask2former", "sam2", "sam2_hiera_det_model", "sam2_vision_model", "sam2_video"),
}
# There; here one class serves both backends.
TORCHVISION_ALONE = {"depth_pro", "dinov3_vit", "dinov3_convnext", "vivit", "sam2", "sam2_video"}

MODEL_TABLES = [name for name in vars(modeling_auto) if name.startswith("MODEL_") and name.endswith("MAPPING")]
NAME_TABLES = [name for name in vars(modeling_auto) if name.startswith("MODEL_") and name.endswith("NAMES")]
TABLE = re.compile("(MODEL|CONFIG|TOKENIZER|FEATURE_EXTRACTOR|IMAGE_PROCESSOR|PROCESSOR|VIDEO_PROCESSOR)(_.*)?_(MAPPING|NAMES)")
# The published library keeps all kinds of data2vec, and of models whose text half is here, in one folder.
FOLDERS = {
    "data2vec-text": "data2vec_text",
    "data2vec-vision": "data2vec_vision",
    **{name: name for name in ("embedding_gemma2_text", "gemma3_text", "gemma4_text", "llama4_text", "qwen3_5_text")},
}


def types_of_both() -> dict[str, type[Any]]:
    """Our types of models and their config classes, without those that the published library had earlier."""
    return {each: kind for each, kind in types_of_families().items() if each not in OF_EARLIER_RELEASES.values()}


def published(model_type: str) -> type[Any]:
    """The published config class of one of our model types."""
    return configuration_auto.CONFIG_MAPPING[model_type]


def usual(models: Any) -> Any:
    """The first of several classes for one type, which ours names; the automatic classes open the one that a file names."""
    return models[0] if isinstance(models, tuple) else models


@pytest.mark.parametrize("name", MODEL_TABLES)
def test_models_by_config_class(name: str) -> None:
    ours, theirs = getattr(tables, name), getattr(modeling_auto, name)
    of_families = set(types_of_both().values())  # other tests of this process may have opened a checkpoint's own classes
    assert getattr(transformers, name) is theirs
    keys = {kind: published(each) for each, kind in types_of_both().items()}
    expected = {kind: usual(theirs[key]).__name__ for kind, key in keys.items() if key in theirs}
    expected = {kind: model for kind, model in expected.items() if model not in ABSENT}
    more = {types_of_both()[each] for each in IMAGE_MODELS} if name == "MODEL_FOR_IMAGE_MAPPING" else set()
    assert {kind: model.__name__ for kind, model in ours.items() if kind in of_families - more} == expected
    assert more <= set(ours)
    assert set(ours) == set(ours.keys())
    assert set(ours) & of_families == {kind for kind in of_families if kind in ours}
    assert len(ours) == len(ours.values()) == len(tables.get_values(ours))


@pytest.mark.parametrize("name", NAME_TABLES)
def test_names_by_type(name: str) -> None:
    ours, theirs = getattr(tables, name), getattr(modeling_auto, name)
    expected = {each: usual(theirs[each]) for each in types_of_both() if each in theirs}
    expected = {each: model for each, model in expected.items() if model not in ABSENT}
    assert {model_type: ours[model_type] for model_type in expected} == expected
    more = IMAGE_MODELS if name == "MODEL_FOR_IMAGE_MAPPING_NAMES" else set()
    assert {each: kind for each, kind in ours.items() if each not in {*OF_EARLIER_RELEASES.values(), *more}} == expected


def test_configs() -> None:
    ours, theirs = tables.CONFIG_MAPPING, configuration_auto.CONFIG_MAPPING
    both = types_of_both()
    assert {each: ours[each].__name__ for each in both} == {each: theirs[each].__name__ for each in both}
    names = {each: configuration_auto.CONFIG_MAPPING_NAMES[each] for each in both}
    assert {each: tables.CONFIG_MAPPING_NAMES[each] for each in both} == names
    assert set(ours) == set(tables.CONFIG_MAPPING_NAMES) == {*both, *OF_EARLIER_RELEASES.values()}
    assert ours["bert"] is BertConfig
    assert "no-such-type" not in ours
    assert "no-such-type" not in theirs
    for model_type in [*both, "xlm-roberta", "no-such-type"]:
        if model_type in ours or model_type not in theirs:
            module = configuration_auto.model_type_to_module_name(model_type)
            assert tables.model_type_to_module_name(model_type) == FOLDERS.get(model_type, module)
    for model_type, name in names.items():  # the published one gives the first of the types that share a class
        assert tables.config_class_to_model_type(name) == model_type
        assert theirs[configuration_auto.config_class_to_model_type(name)].__name__ == name
    for name in ("NoSuchConfig", "BertModel"):
        assert tables.config_class_to_model_type(name) is configuration_auto.config_class_to_model_type(name) is None


@pytest.mark.parametrize(
    ("name", "module"),
    [("FEATURE_EXTRACTOR_MAPPING", feature_extraction_auto), ("PROCESSOR_MAPPING", processing_auto)],
)
def test_preprocessors(name: str, module: Any) -> None:
    ours, theirs = getattr(tables, name), getattr(module, name)
    for model_type, kind in types_of_both().items():
        if (key := published(model_type)) in theirs:
            assert ours[kind].__name__ == theirs[key].__name__
            assert getattr(tables, f"{name}_NAMES")[model_type] == getattr(module, f"{name}_NAMES")[model_type]


def test_image_processors_by_backend() -> None:
    ours, theirs = tables.IMAGE_PROCESSOR_MAPPING, image_processing_auto.IMAGE_PROCESSOR_MAPPING
    for model_type, kind in types_of_both().items():
        if (key := published(model_type)) in theirs:
            names = [
                {backend: each.__name__.removesuffix("Pil") for backend, each in table.items()}
                for table in (ours[kind], theirs[key])
            ]
            assert names[0] == (names[1] | {"pil": names[1]["torchvision"]} if model_type in TORCHVISION_ALONE else names[1])
            assert tables.IMAGE_PROCESSOR_MAPPING_NAMES[model_type] == names[0]
    assert ours[CLIPConfig]["pil"] is ours[CLIPConfig]["torchvision"]


def test_tokenizers() -> None:
    """The published table names a relative's class, or a general one, for some families that have their own here."""
    ours, theirs = tables.TOKENIZER_MAPPING, tokenization_auto.TOKENIZER_MAPPING
    for model_type, kind in types_of_both().items():
        named = theirs.get(published(model_type), None)
        if named is None or model_type in NO_TOKENIZER:
            continue
        if named.__name__ != "TokenizersBackend":  # a general class, which every file opens with
            assert issubclass(ours[kind], PreTrainedTokenizerBase)
    assert ours[BertConfig].__name__ == theirs[transformers.BertConfig].__name__ == "BertTokenizer"
    for name in ("BertTokenizer", "BertTokenizerFast", "NoSuchTokenizer"):
        answers = [module.tokenizer_class_from_name(name) for module in (tables, tokenization_auto)]
        assert (answers[0] is None) == (answers[1] is None)


def test_a_class_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class MyConfig(PreTrainedConfig):
        model_type = "mine"

    class MyModel(torch.nn.Module):
        pass

    table = tables.MODEL_MAPPING
    monkeypatch.setattr(table, "_registered", {})
    length = len(table)
    assert MyConfig not in table
    assert PreTrainedConfig not in table
    assert int not in table
    with pytest.raises(KeyError):
        table[MyConfig]
    table.register(MyConfig, MyModel)
    assert (table[MyConfig], table.get(MyConfig), len(table)) == (MyModel, MyModel, length + 1)
    assert (MyConfig, MyModel) in table.items()
    assert AutoModel.class_for(MyConfig()) is MyModel
    table.register(MyConfig, BertModel)
    assert table[MyConfig] is BertModel
    table.register(MyConfig, MyModel)
    with pytest.raises(ConfigError, match="BertConfig is registered already"):
        AutoModel.register(BertConfig, MyModel)
    AutoModel.register(type("MyBertConfig", (BertConfig,), {}), MyModel)  # of a family's type, and not its class
    AutoModel.register(BertConfig, MyModel, exist_ok=True)
    assert table[BertConfig] is MyModel
    assert len(table) == length + 2


def test_configs_of_ones_own_are_registered_as_often_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bestiary.auto.config.registered", {})
    for library in (bestiary, transformers):
        kinds = [type("OwnConfig", (library.PreTrainedConfig,), {"model_type": "of-a-test"}) for _ in range(2)]
        for kind in kinds:
            library.AutoConfig.register("of-a-test", kind)
        with pytest.raises(ValueError, match="bert"):
            library.AutoConfig.register("bert", type("BertLike", (library.BertConfig,), {}))
        with pytest.raises(ValueError, match="of-a-test"):
            library.AutoConfig.register("of-another", kinds[0])


def test_the_automatic_class_and_its_table_are_one() -> None:
    assert AutoModel.mapping is tables.MODEL_MAPPING
    assert AutoModelForCausalLM.mapping[GPT2Config] is tables.MODEL_FOR_CAUSAL_LM_MAPPING[GPT2Config]
    assert tables.MODEL_MAPPING[BertConfig] is BertModel
    every = [value for name, value in vars(auto).items() if name.startswith("AutoModel") or name == "AutoBackbone"]
    assert all(any(each.mapping is getattr(tables, name) for name in dir(tables) if name.endswith("MAPPING")) for each in every)


def test_no_torch_and_one_family_at_a_time() -> None:
    code = (
        "import sys, bestiary.auto.tables as tables\n"
        "assert tables.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES['gpt2'] == 'GPT2LMHeadModel'\n"
        "assert 'bert' not in tables.MODEL_FOR_CTC_MAPPING_NAMES\n"
        "print(sorted(name for name in sys.modules if name.startswith('bestiary.models.')))\n"
        "list(tables.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items())\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "['bestiary.models.bert', 'bestiary.models.gpt2']", done.stderr


def test_under_the_old_paths() -> None:
    """Each module of `transformers.models.auto` shows the tables which the published one has."""
    homes = {}
    for kind in ("modeling", "configuration", "tokenization", "feature_extraction", "image_processing", "processing"):
        module = f"transformers.models.auto.{kind}_auto"
        homes[module] = [name for name in vars(importlib.import_module(module)) if TABLE.fullmatch(name)]
    homes["transformers"] = [name for name in dir(transformers) if name.endswith("_MAPPING")]
    homes["transformers.models.auto.auto_factory"] = ["get_values", "_BaseAutoModelClass"]
    code = (
        "import bestiary.compat, importlib; bestiary.compat.install()\n"
        f"for module, names in {homes!r}.items():\n"
        "    for name in names:\n        getattr(importlib.import_module(module), name)\n"
        "from transformers import MODEL_MAPPING, AutoModelForMaskedLM\n"
        "from transformers.models.auto.auto_factory import _BaseAutoModelClass\n"
        "assert issubclass(AutoModelForMaskedLM, _BaseAutoModelClass)\n"
        "from transformers.models.auto.modeling_auto import MODEL_MAPPING as same\nassert same is MODEL_MAPPING\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert all(isinstance(getattr(tables, name), Mapping) for name in homes["transformers"])
