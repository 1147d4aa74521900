"""Many requests at once: an engine over a paged cache, as a call (`generate_batch`) and as a manager in a thread of its own."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(__name__, {"engine": ["Engine"], "manager": ["Health", "RequestStream"]}, public=True)
