"""The optimizers that `TrainingArguments.optim` names: what each is made of, and how those are driven that update weights
otherwise than by `step` after the gradients are there."""
