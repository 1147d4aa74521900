"""No two files import each other, directly or by way of others, also not inside of functions."""

import grimp

# Circles that are still there: files that import each other; to be undone, and never more.
REMAINING = {
    *("bestiary.cache.base", "bestiary.cache.transfer"),
    *(f"bestiary.generation.{name}" for name in ("loop", "prefixes", "start", "strategy")),
    *("bestiary.generation.processors.watermarking", "bestiary.generation.watermarking"),
    *("bestiary.models.whisper.generation", "bestiary.models.whisper.transcription"),
}


def in_circles(imports: dict[str, set[str]]) -> set[str]:
    """The files that import one of these files and are imported by one of them, again and again."""
    left = dict(imports)
    while True:
        imported = {name for names in left.values() for name in names}
        ends = {name for name, names in left.items() if not names or name not in imported}
        if not ends:
            return set(left)
        left = {name: names - ends for name, names in left.items() if name not in ends}


def test_a_circle_is_found() -> None:
    assert in_circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"b", "c"}
    assert not in_circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_no_file_is_in_a_circle() -> None:
    graph = grimp.build_graph("bestiary")
    assert in_circles({name: graph.find_modules_directly_imported_by(name) for name in graph.modules}) <= REMAINING
