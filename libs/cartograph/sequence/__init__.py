"""Purchase sequences: what a customer buys next, from the order of what came before."""
