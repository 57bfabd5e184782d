"""The chance that chi-square comes out this large or larger when the law is the right one.

It is the regularised upper incomplete gamma function Q(degrees / 2, chi2 / 2), by a series or by a continued fraction,
each where it converges fast. Source: Abramowitz and Stegun 1964, 6.5.29 and 6.5.31.
"""

from __future__ import annotations

import math
import sys

_SMALLEST = sys.float_info.min  # stands for a 0 that must be divided by


def p_value(chi2: float, degrees: int) -> float:
    """0 to 1. chi2: 0 or more. degrees: of freedom, 1 or more.

    >>> p_value(0.0, 1), round(p_value(3.841459, 1), 6), round(p_value(4 * math.log(2), 2), 12)
    (1.0, 0.05, 0.25)
    """
    return upper_gamma(degrees / 2, chi2 / 2)


def upper_gamma(a: float, x: float) -> float:
    """Q(a, x): the share of the integral of t**(a - 1) * exp(-t) that lies above x. a > 0, x >= 0.

    >>> abs(upper_gamma(1.0, 2.0) - math.exp(-2)) < 1e-15, upper_gamma(3.0, 0.0)
    (True, 1.0)
    """
    if x <= 0:
        return 1.0
    if x == math.inf:
        return 0.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    return 1.0 - scale * _series(a, x) if x < a + 1 else scale * _fraction(a, x)


def _series(a: float, x: float) -> float:
    """1/a + x/(a(a+1)) + x**2/(a(a+1)(a+2)) + ..."""
    term = total = 1 / a
    while term > total * 1e-17:
        a += 1
        term *= x / a
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    """1/(x+1-a - 1(1-a)/(x+3-a - 2(2-a)/(x+5-a - ...))), from the front (Lentz 1976, as Thompson and Barnett modify
    it)."""
    b = x + 1 - a
    c, d = 1 / _SMALLEST, 1 / b
    product, n = d, 0
    factor = 0.0
    while abs(factor - 1) > 1e-15:
        n += 1
        numerator = -n * (n - a)
        b += 2
        d = 1 / (numerator * d + b or _SMALLEST)
        c = b + numerator / c or _SMALLEST
        factor = c * d
        product *= factor
    return product
