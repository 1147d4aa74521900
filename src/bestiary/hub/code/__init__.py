"""Code in a checkpoint: which files it is, whether the caller lets it run, how it becomes modules, and how it is saved."""
