"""From a fused list to the one shown: diversity, rules of the shop, exploration, new products."""
