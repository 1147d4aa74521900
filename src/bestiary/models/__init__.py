"""A folder per family, named by its `model_type`; `base.py`, `heads.py`, `config.py` and a few more are what they share."""
