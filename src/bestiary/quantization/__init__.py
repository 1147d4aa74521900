"""Models in few bits: settings, and what reads, makes, computes with and writes weights of each published kind.

    config.py      what settings of all methods have in common; `AutoQuantizationConfig` tells them apart
    method.py      what a method does while a model is opened, used and saved
    methods/       one file for each method: its settings and its layer (nn/quantized.py); its table names them

A further method is one file in `methods/` and one line in its table.
"""
