"""Whether weights that a checkpoint lacks start afresh without being asked, as in the published library: `compat` says so."""

_start_afresh = False


def start_afresh() -> None:
    """From now on a model opens although its checkpoint lacks weights; a warning names them."""
    global _start_afresh
    _start_afresh = True


def may_start_afresh() -> bool:
    """Whether `start_afresh` was called in this process; else missing weights are refused."""
    return _start_afresh
