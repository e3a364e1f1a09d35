"""Sample ratio test: whether the numbers of customers match the declared shares of the arms.

If not, customers were lost or logged twice in a way that depends on the arm, and no difference between arms can be
trusted (Fabijan et al. 2019, "Diagnosing sample ratio mismatch in online controlled experiments"). The test is
exact, as chi-squared would call two of twenty customers in an arm with a share of one in a hundred impossible.
"""

from __future__ import annotations

from collections.abc import Mapping

from scipy.stats import binom


def sample_ratio_p(n_users: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """The p-value of these numbers if customers were assigned by `shares`; 1 without customers.

    Twice the smaller tail of the binomial distribution, for the most extreme arm; times the number of arms if there are
    more than two (Bonferroni).

    Args:
        n_users: customers per arm; an arm that is not named has none.
        shares: share per arm, adding up to 1.

    Raises:
        ValueError: customers were logged in an arm that has no share.
    """
    unknown = sorted(set(n_users) - set(shares))
    if unknown:
        raise ValueError(f"customers were logged in arms that were not declared: {', '.join(unknown)}; "
                         f"the arms are {', '.join(shares)}")  # fmt: skip
    total = sum(n_users.values())
    if total == 0:
        return 1.0
    tails = []
    for name, share in shares.items():
        n = n_users.get(name, 0)
        tails += [float(binom.cdf(n, total, min(share, 1.0))), float(binom.sf(n - 1, total, min(share, 1.0)))]
    return min(1.0, 2 * min(tails) * (len(shares) if len(shares) > 2 else 1))
