"""Sample-ratio check: whether arms hold as many customers as they were promised.

Where they do not, customers were lost or logged twice in a way that depends on the arm, and no difference between arms
can be believed (Fabijan et al. 2019, "Diagnosing sample ratio mismatch in online controlled experiments").
"""

from __future__ import annotations

from collections.abc import Mapping

from scipy.stats import chisquare


def sample_ratio_p(n_users: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """How likely numbers as uneven as these are if customers were dealt by `shares` (chi-squared); 1 without customers.

    Args:
        n_users: customers per arm; an arm that is not named has none.
        shares: of the arms, adding up to 1.

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
    found = [n_users.get(name, 0) for name in shares]
    return float(chisquare(found, [share * total for share in shares.values()]).pvalue)
