"""Conversations to prompts: templates from checkpoints, tools as JSON schemas, the sandbox that templates run in."""
