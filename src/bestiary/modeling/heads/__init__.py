"""The heads that families share: one file per task, parameterised by what checkpoints call the parts."""
