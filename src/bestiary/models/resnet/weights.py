"""ResNet's weights under other names."""

from ...loading.rules import Rule, rename


def timm_names(prefix: str) -> tuple[Rule, ...]:
    """Rules for files that hold a ResNet below `prefix` under the names of the package timm; they are read, never written."""
    pairs = [("conv1", "embedder.embedder.convolution"), ("bn1", "embedder.embedder.normalization")]
    for stage in range(4):
        old, new = f"layer{stage + 1}.{{}}", f"encoder.stages.{stage}.layers.{{}}"
        for place in range(3):
            pairs.append((f"{old}.conv{place + 1}", f"{new}.layer.{place}.convolution"))
            pairs.append((f"{old}.bn{place + 1}", f"{new}.layer.{place}.normalization"))
        pairs.append((f"{old}.downsample.0", f"{new}.shortcut.convolution"))
        pairs.append((f"{old}.downsample.1", f"{new}.shortcut.normalization"))
    return tuple(rename(f"{prefix}.{old}.{{}}", f"{prefix}.{new}.{{}}", reverse=False) for old, new in pairs)
