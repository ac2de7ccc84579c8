"""The exact conditional comparison of two Poisson counts, and what dispersion does to it (definitions B15).

Given that X events fell in a time of size a and S in one of size b, X of X + S is binomial with share a / (a + b) where
both have the same rate (Przyborowski and Wilenski 1940). Sizes are months, or residents times months.
"""

from __future__ import annotations

from typing import Any


def p_value(seen: Any, reference: Any, share: Any, dispersion: Any = 1.0, degrees: Any = 1) -> Any:
    """Two-sided p-value of ``seen`` events against ``reference`` events: twice the smaller tail, at most 1.

    ``share`` is the size of the time of ``seen`` over that of both. Where ``dispersion`` is above 1 the exact p-value
    becomes a normal deviate, is divided by its root, and is read on Student's t with ``degrees``. Takes arrays.
    """
    import numpy as np
    from scipy.special import betainc, ndtri, stdtr

    seen, reference = np.asarray(seen, float), np.asarray(reference, float)
    # binomial tails as incomplete beta functions, which keep their digits where 1 minus the other tail would not
    lower = np.where(reference > 0, betainc(np.maximum(reference, 1e-9), seen + 1, 1 - share), 1.0)
    upper = np.where(seen > 0, betainc(np.maximum(seen, 1e-9), reference + 1, share), 1.0)
    exact = np.minimum(1.0, 2 * np.minimum(lower, upper))
    deviate = -ndtri(np.maximum(exact, 1e-300) / 2) / np.sqrt(np.maximum(dispersion, 1.0))
    return np.where(np.asarray(dispersion) > 1, np.minimum(1.0, 2 * stdtr(degrees, -deviate)), exact)


def ratio(
    seen: int, reference: int, share: float, dispersion: float = 1.0, degrees: int = 1
) -> tuple[float, float, float]:
    """Rate of ``seen`` over that of ``reference`` with its 95 % interval.

    Clopper and Pearson's interval of the share, as odds over those expected; above a ``dispersion`` of 1 its arms are
    widened on the scale of logarithms, as `p_value` does. Raises ValueError unless both counts are above 0.
    """
    from scipy.special import betaincinv, stdtrit

    if seen <= 0 or reference <= 0:
        raise ValueError("a ratio of rates needs a count above 0 on both sides")
    expected = share / (1 - share)
    low, high = betaincinv(seen, reference + 1, 0.025), betaincinv(seen + 1, reference, 0.975)
    middle = seen / reference / expected
    low, high = low / (1 - low) / expected, high / (1 - high) / expected
    if dispersion > 1:
        wider = dispersion**0.5 * float(stdtrit(degrees, 0.975)) / 1.959964
        low, high = middle * (low / middle) ** wider, middle * (high / middle) ** wider
    return float(middle), float(low), float(high)


def dispersion(years: Any) -> Any:
    """Variance between years within calendar month over the mean, of monthly counts of shape (..., years, 12).

    It has 12 times (years - 1) degrees of freedom. 1 where nothing happened.
    """
    import numpy as np

    counts = np.asarray(years, float)
    mean = counts.mean(axis=(-2, -1))
    return np.where(mean > 0, counts.var(axis=-2, ddof=1).mean(axis=-1) / np.where(mean > 0, mean, 1.0), 1.0)
