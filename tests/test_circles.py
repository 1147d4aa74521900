"""No two files import each other, directly or by way of others, also not inside of functions."""

import grimp


def in_circles(imports: dict[str, set[str]]) -> set[str]:
    """The files that import themselves, by way of others."""
    return {name for name in imports if name in reached(name, imports)}


def reached(name: str, imports: dict[str, set[str]]) -> set[str]:
    """What a file imports, directly or by way of others."""
    found: set[str] = set()
    new = {name}
    while new:
        new = {other for each in new for other in imports.get(each, ())} - found
        found |= new
    return found


def test_a_circle_is_found() -> None:
    assert in_circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": {"e"}, "e": {"f"}, "f": {"e"}}) == {"b", "c", "e", "f"}
    assert not in_circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_no_file_is_in_a_circle() -> None:
    graph = grimp.build_graph("bestiary")
    assert not in_circles({name: graph.find_modules_directly_imported_by(name) for name in graph.modules})
