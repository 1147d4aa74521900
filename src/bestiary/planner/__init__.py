"""Memory known before: what loading, running and training a model will take, found without its weights."""
