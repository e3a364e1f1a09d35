"""Why a product is in a list: evidence, contributions, reasons in words."""
