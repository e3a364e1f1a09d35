"""Vectors of customers and of products: how ALS and BPR learn them in a worker group, and what is made from them."""
