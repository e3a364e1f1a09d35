"""Why a product is shown, in `explain`: what its score consists of, the evidence, and the reason as text."""
