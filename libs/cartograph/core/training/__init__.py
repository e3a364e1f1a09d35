"""Training networks on a group of workers: data feed, training loop, weights."""
