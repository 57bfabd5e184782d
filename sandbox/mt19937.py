"""llama.cpp's dice: std::mt19937 seeded with one number, and the uniforms it makes of the words.

numpy's RandomState starts and steps the same way and promises to stay so (NEP 19). Only the way from words to a
number in [0, 1) is llama.cpp's (libstdc++'s generate_canonical), and is made here; llama.cpp built with libc++
or MSVC may go another way.

Source: Matsumoto and Nishimura 1998, "Mersenne Twister"; llama.cpp, `llama_sampler_dist_apply` and
`llama_sample_xtc_apply`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# 0xFFFFFFFF asks llama.cpp for a seed of its own choice
LARGEST_SEED = 2**32 - 2
_LAST_BELOW_1, _LAST_BELOW_1_FLOAT32 = 1 - 2.0**-53, 1 - 2.0**-24


class MersenneTwister:
    """The words that std::mt19937(seed) gives, from the first; kept, so that any of them can be asked for again.

    >>> MersenneTwister(5489).word(9_999)  # the value that the C++ standard prescribes for the 10,000th
    4123659995
    """

    def __init__(self, seed: int) -> None:
        """seed: below 2**32."""
        self._state = np.random.RandomState(seed)  # here, not above: numpy loads its generators on first use
        self._words: NDArray[np.uint32] = np.empty(0, np.uint32)

    def word(self, n: int) -> int:
        """The n-th word from 0, below 2**32."""
        while n >= len(self._words):
            more = self._state.randint(0, 2**32, size=1024, dtype=np.uint32)
            self._words = np.concatenate((self._words, more))
        return int(self._words[n])

    def double(self, n: int) -> float:
        """The n-th number of a `uniform_real_distribution<double>`, two words each: what `dist` draws with."""
        low, high = self.word(2 * n), self.word(2 * n + 1)
        return min((float(low) + float(high) * 2.0**32) / 2.0**64, _LAST_BELOW_1)

    def single(self, n: int) -> float:
        """The n-th number of a `uniform_real_distribution<float>`, one word each: the coin of XTC."""
        return min(float(np.float32(self.word(n))) / 2.0**32, _LAST_BELOW_1_FLOAT32)
