"""Experiments: who gets which list, verdicts, and what other lists would have earned."""
