"""Graph neural networks over products, and what trains them."""
