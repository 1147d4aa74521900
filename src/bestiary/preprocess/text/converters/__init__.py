"""Vocabulary files of older formats become a Rust tokenizer. One file per format."""
