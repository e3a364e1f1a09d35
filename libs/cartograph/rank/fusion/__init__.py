"""Fusing the lists of all models into one."""
