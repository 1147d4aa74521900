"""One file per task; its name is the task's."""
