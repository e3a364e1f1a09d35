"""Fusing the lists of all models into one: `learning` chooses the method, `fuse` applies it."""
