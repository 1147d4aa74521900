"""One file for each way to store weights in few bits."""

from typing import Any

METHODS: dict[str, Any] = {
    "bitsandbytes": "bitsandbytes:BitsAndBytes",
}
"""Published name of a method -> "file:class" of its `method.Quantizer`, or the class itself where a user registered one."""
