"""Pictures of runs and answers. Charts and reports are SVG and HTML that open anywhere, and need no package.

`draw_labels`, `draw_boxes`, `draw_masks`, `draw_depth` and `draw_matches` draw on a picture what pipelines say of it (Pillow,
the extra `vision`).
"""

from ..core.plugins import lazy

__all__ = ["draw_boxes", "draw_depth", "draw_labels", "draw_masks", "draw_matches"]

__getattr__, __dir__ = lazy(__name__, {"answers": __all__})
