"""Counting pairs of products that occur together, exactly, in compiled code."""
