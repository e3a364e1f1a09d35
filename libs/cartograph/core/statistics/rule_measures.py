"""How strong a rule is: every measure as a Spark expression of four counts.

Names and formulas follow Hahsler, "A probabilistic comparison of commonly used interest measures for association
rules" (the reference of arules), and Tan, Kumar & Srivastava, "Selecting the right objective measure for association
analysis" (2004). The measures that need a distribution (p values, hyper-lift) are in `exact_tests`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Counts:
    """Numbers of baskets that contain both sides of a rule A => B, A, B, and all baskets, as double columns."""

    n_ab: Column
    n_a: Column
    n_b: Column
    n: Column


Measure = Callable[[Counts], Column]


def support(c: Counts) -> Column:
    """P(AB), the share of all baskets."""
    return c.n_ab / c.n


def confidence(c: Counts) -> Column:
    """P(B|A)."""
    return c.n_ab / c.n_a


def lift(c: Counts) -> Column:
    """P(AB) / (P(A) P(B)): 1 is independence (Brin et al. 1997)."""
    return c.n_ab / c.n_a / c.n_b * c.n


def leverage(c: Counts) -> Column:
    """P(AB) - P(A) P(B) (Piatetsky-Shapiro 1991)."""
    return c.n_ab / c.n - c.n_a / c.n * c.n_b / c.n


def leverage_baskets(c: Counts) -> Column:
    """Leverage counted in baskets: how many more contain both than expected under independence."""
    return c.n_ab - c.n_a / c.n * c.n_b


def conviction(c: Counts) -> Column:
    """P(A) P(not B) / P(A and not B): infinite for a rule that never fails, 1 where B is in every basket."""
    never_fails = F.when(c.n_b == c.n, F.lit(1.0)).otherwise(F.lit(float("inf")))
    return F.when(c.n_ab == c.n_a, never_fails).otherwise(
        (c.n - c.n_b) / c.n / F.nullif(c.n_a - c.n_ab, F.lit(0)) * c.n_a
    )


def zhang(c: Counts) -> Column:
    """Zhang's association, -1 (never together) to 1 (always), 0 for independence (Zhang 2000)."""
    both, first, second = c.n_ab / c.n, c.n_a / c.n, c.n_b / c.n
    bound = F.greatest(both * (1 - first), first * (second - both))
    return F.when(bound == 0, F.lit(0.0)).otherwise((both - first * second) / F.nullif(bound, F.lit(0.0)))


def kulczynski(c: Counts) -> Column:
    """Mean of P(B|A) and P(A|B); unchanged by baskets with neither."""
    return (c.n_ab / c.n_a + c.n_ab / c.n_b) / 2


def imbalance(c: Counts) -> Column:
    """|n_a - n_b| over the baskets with either: 0 for equally frequent sides (Wu, Chen & Han 2010)."""
    return F.abs(c.n_a - c.n_b) / (c.n_a + c.n_b - c.n_ab)


def jaccard(c: Counts) -> Column:
    """Baskets with both over baskets with either."""
    return c.n_ab / (c.n_a + c.n_b - c.n_ab)


def cosine(c: Counts) -> Column:
    """P(AB) over the geometric mean of P(A) and P(B)."""
    return c.n_ab / F.sqrt(c.n_a) / F.sqrt(c.n_b)


def all_confidence(c: Counts) -> Column:
    """The smaller of P(B|A) and P(A|B) (Omiecinski 2003, over the two sides of the rule)."""
    return c.n_ab / F.greatest(c.n_a, c.n_b)


def certainty(c: Counts) -> Column:
    """How far A moves the belief in B towards certainty, -1 to 1 (certainty factor, Shortliffe & Buchanan 1975)."""
    given, before = c.n_ab / c.n_a, c.n_b / c.n
    room = F.when(given > before, 1 - before).otherwise(before)
    return F.when(given == before, F.lit(0.0)).otherwise((given - before) / room)


def added_value(c: Counts) -> Column:
    """P(B|A) - P(B)."""
    return c.n_ab / c.n_a - c.n_b / c.n


def npmi(c: Counts) -> Column:
    """ln(lift) / -ln P(AB), -1 to 1 (Bouma 2009); 0 where every basket contains both, which is uninformative."""
    log_lift = F.log(lift(c))
    return F.when(c.n_ab == c.n, F.lit(0.0)).otherwise(log_lift / F.nullif(-F.log(c.n_ab / c.n), F.lit(0.0)))


def log_likelihood(c: Counts) -> Column:
    """G squared of the 2 x 2 table, 2 * sum(observed * ln(observed / expected)) (Dunning 1993)."""
    cells = (
        (c.n_ab, c.n_a, c.n_b),
        (c.n_a - c.n_ab, c.n_a, c.n - c.n_b),
        (c.n_b - c.n_ab, c.n - c.n_a, c.n_b),
        (c.n - c.n_a - c.n_b + c.n_ab, c.n - c.n_a, c.n - c.n_b),
    )
    terms = [
        F.when(seen > 0, seen * F.log(F.nullif(seen, F.lit(0)) / (row / c.n * column))).otherwise(F.lit(0.0))
        for seen, row, column in cells
    ]
    return F.greatest(F.lit(0.0), 2 * (terms[0] + terms[1] + terms[2] + terms[3]))


def shrunk_lift(c: Counts, shrinkage: float = 10.0) -> Column:
    """(n_ab + s) / (expected + s): lift shrunk towards 1 where baskets are few (after DuMouchel 1999)."""
    return (c.n_ab + shrinkage) / (c.n_a / c.n * c.n_b + shrinkage)


MEASURES: dict[str, Measure] = {
    "support": support,
    "confidence": confidence,
    "lift": lift,
    "leverage": leverage,
    "leverage_baskets": leverage_baskets,
    "conviction": conviction,
    "zhang": zhang,
    "kulczynski": kulczynski,
    "imbalance": imbalance,
    "jaccard": jaccard,
    "cosine": cosine,
    "all_confidence": all_confidence,
    "certainty": certainty,
    "added_value": added_value,
    "npmi": npmi,
    "log_likelihood": log_likelihood,
    "shrunk_lift": shrunk_lift,
}


def with_measures(rules: DataFrame) -> DataFrame:
    """The same rules with a double column for each of MEASURES; `rules` has `n_ab`, `n_a`, `n_b`, `n`."""
    counts = Counts(*(F.col(name).cast("double") for name in ("n_ab", "n_a", "n_b", "n")))
    return rules.withColumns({name: measure(counts) for name, measure in MEASURES.items()})
