"""Exact Poisson limits and intervals (definitions B2 and B5); nothing here is a normal approximation."""

from __future__ import annotations

import math

#: Tail probabilities of three-sigma limits, definitions B2.
LOWER_TAIL = 0.00135
UPPER_TAIL = 0.99865


def quantile(probability: float, mean: float) -> int:
    """The smallest count whose cumulative probability reaches ``probability`` where ``mean`` are expected.

    Raises ValueError unless 0 < probability < 1 and mean >= 0.
    """
    from scipy.special import pdtr

    if not 0 < probability < 1 or mean < 0:
        raise ValueError("a probability lies between 0 and 1, and a mean is not negative")
    count = 0
    while float(pdtr(count, mean)) < probability:
        count += 1
    return count


def limits(mean: float) -> tuple[int, int]:
    """Lower and upper control limit of a c-chart with centre ``mean``: the 0.00135 and 0.99865 quantiles.

    A count below the lower or above the upper limit is a signal; a count on a limit is not.
    """
    return quantile(LOWER_TAIL, mean), quantile(UPPER_TAIL, mean)


def interval(count: int, level: float = 0.95) -> tuple[float, float]:
    """Exact (Garwood) interval of the mean behind an observed ``count``; (0, 3.69) for 0 at 95 %.

    Half of chi-square quantiles with 2·count and 2·count + 2 degrees of freedom, written with the incomplete
    gamma function. Raises ValueError if count < 0 or level is not between 0 and 1.
    """
    from scipy.special import gammaincinv

    if count < 0 or not 0 < level < 1:
        raise ValueError("a count is not negative, and a level lies between 0 and 1")
    tail = (1 - level) / 2
    low = 0.0 if count == 0 else float(gammaincinv(count, tail))
    return low, float(gammaincinv(count + 1, 1 - tail))


def rate(count: int, population: int, per: int = 100_000) -> tuple[float, float, float]:
    """Events per ``per`` residents with the exact 95 % interval. Raises ValueError if population <= 0."""
    if population <= 0 or math.isnan(population):
        raise ValueError("a rate needs a population above 0")
    low, high = interval(count)
    return count / population * per, low / population * per, high / population * per
