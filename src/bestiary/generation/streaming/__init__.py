"""Tokens and text while they are being generated, for one row (`text`) or for a batch (`rows`)."""
