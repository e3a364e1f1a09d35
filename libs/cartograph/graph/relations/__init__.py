"""What two products are to each other: complements, substitutes, variants, repeats."""
