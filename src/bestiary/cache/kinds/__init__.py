"""One file per kind of cache; its name is the value that `cache_implementation` takes."""
