"""A name becomes local files: folders, the cache, the hub. One switch for offline, checked in one function."""
