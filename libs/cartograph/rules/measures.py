"""How strong a rule is: every measure as a Spark expression of four counts.

`n_ab`, `n_a`, `n_b` are the baskets that hold antecedent and consequent, the antecedent, the consequent; `n` is all
baskets. Names and formulas follow Hahsler, "A probabilistic comparison of commonly used interest measures for
association rules" (the reference of arules), and Tan, Kumar & Srivastava, "Selecting the right objective measure for
association analysis" (2004). The measures that need a distribution (p values, hyper-lift) are in `significance`.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

Measure = Callable[[Column, Column, Column, Column], Column]


def support(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """P(AB), the share of all baskets."""
    return n_ab / n


def confidence(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """P(B|A)."""
    return n_ab / n_a


def lift(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """P(AB) / (P(A) P(B)): 1 is independence (Brin et al. 1997)."""
    return n_ab / n_a / n_b * n


def leverage(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """P(AB) - P(A) P(B) (Piatetsky-Shapiro 1991)."""
    return n_ab / n - n_a / n * n_b / n


def leverage_baskets(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """Leverage counted in baskets: how many more hold both than chance would give."""
    return n_ab - n_a / n * n_b


def conviction(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """P(A) P(not B) / P(A and not B): infinite for a rule that never fails, 1 where B is in every basket."""
    never_fails = F.when(n_b == n, F.lit(1.0)).otherwise(F.lit(float("inf")))
    return F.when(n_ab == n_a, never_fails).otherwise((n - n_b) / n / F.nullif(n_a - n_ab, F.lit(0)) * n_a)


def zhang(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """Zhang's association, -1 (never together) to 1 (always), 0 for independence (Zhang 2000)."""
    both, first, second = n_ab / n, n_a / n, n_b / n
    bound = F.greatest(both * (1 - first), first * (second - both))
    return F.when(bound == 0, F.lit(0.0)).otherwise((both - first * second) / F.nullif(bound, F.lit(0.0)))


def kulczynski(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """Mean of P(B|A) and P(A|B); unchanged by baskets that hold neither."""
    return (n_ab / n_a + n_ab / n_b) / 2


def imbalance(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """|n_a - n_b| over the baskets that hold either: 0 for equally frequent sides (Wu, Chen & Han 2010)."""
    return F.abs(n_a - n_b) / (n_a + n_b - n_ab)


def jaccard(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """Baskets with both over baskets with either."""
    return n_ab / (n_a + n_b - n_ab)


def cosine(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """P(AB) over the geometric mean of P(A) and P(B)."""
    return n_ab / F.sqrt(n_a) / F.sqrt(n_b)


def all_confidence(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """The smaller of P(B|A) and P(A|B) (Omiecinski 2003, over the two sides of the rule)."""
    return n_ab / F.greatest(n_a, n_b)


def certainty(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """How far A moves belief in B of the way to certain, -1 to 1 (certainty factor, Shortliffe & Buchanan 1975)."""
    given, before = n_ab / n_a, n_b / n
    room = F.when(given > before, 1 - before).otherwise(before)
    return F.when(given == before, F.lit(0.0)).otherwise((given - before) / room)


def added_value(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """P(B|A) - P(B)."""
    return n_ab / n_a - n_b / n


def npmi(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """ln(lift) / -ln P(AB), -1 to 1 (Bouma 2009); 0 where every basket holds both, as that says nothing."""
    log_lift = F.log(lift(n_ab, n_a, n_b, n))
    return F.when(n_ab == n, F.lit(0.0)).otherwise(log_lift / F.nullif(-F.log(n_ab / n), F.lit(0.0)))


def log_likelihood(n_ab: Column, n_a: Column, n_b: Column, n: Column) -> Column:
    """G squared of the 2 x 2 table, 2 * sum(observed * ln(observed / expected)) (Dunning 1993)."""
    cells = (
        (n_ab, n_a, n_b),
        (n_a - n_ab, n_a, n - n_b),
        (n_b - n_ab, n - n_a, n_b),
        (n - n_a - n_b + n_ab, n - n_a, n - n_b),
    )
    terms = [
        F.when(seen > 0, seen * F.log(F.nullif(seen, F.lit(0)) / (row / n * column))).otherwise(F.lit(0.0))
        for seen, row, column in cells
    ]
    return F.greatest(F.lit(0.0), 2 * (terms[0] + terms[1] + terms[2] + terms[3]))


MEASURES: dict[str, Measure] = {
    measure.__name__: measure
    for measure in (
        support, confidence, lift, leverage, leverage_baskets, conviction, zhang, kulczynski, imbalance, jaccard,
        cosine, all_confidence, certainty, added_value, npmi, log_likelihood,
    )
}  # fmt: skip


def with_measures(rules: DataFrame, shrinkage: float = 10.0) -> DataFrame:
    """The same rules with a double column for each of MEASURES and `shrunk_lift`.

    `rules` has the long columns `n_ab`, `n_a`, `n_b`, `n`; `shrinkage` is that of `shrunk_lift`, in baskets.
    """
    counts = [F.col(name).cast("double") for name in ("n_ab", "n_a", "n_b", "n")]
    columns = {name: measure(*counts) for name, measure in MEASURES.items()}
    return rules.withColumns(columns | {"shrunk_lift": shrunk_lift(*counts, shrinkage)})


def shrunk_lift(n_ab: Column, n_a: Column, n_b: Column, n: Column, shrinkage: float) -> Column:
    """(n_ab + s) / (expected + s): lift drawn towards 1 where there are few baskets (after DuMouchel 1999)."""
    return (n_ab + shrinkage) / (n_a / n * n_b + shrinkage)
