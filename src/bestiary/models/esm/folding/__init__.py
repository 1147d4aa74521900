"""How ESMFold turns a protein's sequence into the places of its atoms; `model.py` holds the whole.

AlphaFold 2 (Jumper et al. 2021), whose supplement numbers the algorithms that docstrings here name, without alignments: the
states of ESM-2 stand in for them (Lin et al. 2023).
"""
