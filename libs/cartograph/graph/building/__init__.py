"""The product graph: which products are bought and looked at together."""
