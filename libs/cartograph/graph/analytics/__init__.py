"""The position of products in the product graph: components, communities, centrality, bundles."""
