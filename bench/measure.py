"""The arithmetic of the benches: spreads, ratios with an interval, and measuring A B A B."""

import random
import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Measurements of one thing: the median, between the smallest and the largest."""
    values: tuple

    @classmethod
    def of(cls, values):
        return cls(tuple(values))

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def low(self):
        return min(self.values)

    @property
    def high(self):
        return max(self.values)

    def percentile(self, percent):
        """The value that percent of the measurements do not exceed."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def scaled(self, factor):
        return Spread(tuple(v * factor for v in self.values))


@dataclass(frozen=True)
class Ratio:
    """How many times as much as the bare run: the median over the rounds, and the interval that holds it with 95 %."""
    median: float
    low: float
    high: float
    values: tuple


BOOTSTRAPS = 4000


def ratio(bare, other):
    """other / bare, paired by round, so that what changes slowly on the machine touches both. The interval comes from a
    bootstrap of the rounds (always the same random numbers: the same measurements give the same interval)."""
    pairs = [b / a for a, b in zip(bare, other, strict=True) if a]
    if not pairs:
        return None
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(pairs, k=len(pairs))) for _ in range(BOOTSTRAPS))
    return Ratio(statistics.median(pairs), medians[int(BOOTSTRAPS * 0.025)], medians[int(BOOTSTRAPS * 0.975)],
                 tuple(pairs))


def interleave(variants, rounds, done=lambda text: None):
    """Measures every variant once a round and returns {name: [measurement of each round]}. variants: {name: callable}.
    Every round begins with another variant: what the one before leaves behind does not always hit the same one."""
    names = list(variants)
    measured = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            measured[name].append(variants[name]())
        done(f"round {number + 1} of {rounds}")
    return measured
