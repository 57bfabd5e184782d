"""THE TABLE of samplers: name -> class. The name is the same in code, JSON, command line and screen."""

from __future__ import annotations

from sandbox.sampler import AnySampler
from sandbox.samplers.adaptive_p import AdaptiveP
from sandbox.samplers.allowed_tokens import AllowedTokens
from sandbox.samplers.bad_words import BadWords
from sandbox.samplers.cfg import Cfg
from sandbox.samplers.contrastive import Contrastive
from sandbox.samplers.dry import Dry
from sandbox.samplers.dynamic_temperature import DynamicTemperature
from sandbox.samplers.epsilon_cutoff import EpsilonCutoff
from sandbox.samplers.eta_cutoff import EtaCutoff
from sandbox.samplers.grammar import Grammar
from sandbox.samplers.greedy import Greedy
from sandbox.samplers.logit_bias import LogitBias
from sandbox.samplers.min_new_tokens import MinNewTokens
from sandbox.samplers.min_p import MinP
from sandbox.samplers.mirostat_v1 import MirostatV1
from sandbox.samplers.mirostat_v2 import MirostatV2
from sandbox.samplers.no_repeat_ngram import NoRepeatNgram
from sandbox.samplers.p_less import PLess
from sandbox.samplers.penalties import Penalties
from sandbox.samplers.quadratic import Quadratic
from sandbox.samplers.suppress_tokens import SuppressTokens
from sandbox.samplers.temperature import Temperature
from sandbox.samplers.top_a import TopA
from sandbox.samplers.top_h import TopH
from sandbox.samplers.top_k import TopK
from sandbox.samplers.top_n_sigma import TopNSigma
from sandbox.samplers.top_p import TopP
from sandbox.samplers.typical_p import TypicalP
from sandbox.samplers.xtc import Xtc

SAMPLERS: dict[str, type[AnySampler]] = {
    # rule
    "greedy": Greedy,
    # truncate
    "top_k": TopK,
    "top_p": TopP,
    "min_p": MinP,
    "typical_p": TypicalP,
    "top_n_sigma": TopNSigma,
    "top_h": TopH,
    "top_a": TopA,
    "epsilon_cutoff": EpsilonCutoff,
    "eta_cutoff": EtaCutoff,
    "p_less": PLess,
    "xtc": Xtc,
    # reshape
    "temperature": Temperature,
    "dynamic_temperature": DynamicTemperature,
    "quadratic": Quadratic,
    # history
    "penalties": Penalties,
    "dry": Dry,
    "no_repeat_ngram": NoRepeatNgram,
    "logit_bias": LogitBias,
    # constrain
    "allowed_tokens": AllowedTokens,
    "suppress_tokens": SuppressTokens,
    "bad_words": BadWords,
    "min_new_tokens": MinNewTokens,
    "grammar": Grammar,
    # memory
    "mirostat_v1": MirostatV1,
    "mirostat_v2": MirostatV2,
    "adaptive_p": AdaptiveP,
    # two laws
    "cfg": Cfg,
    "contrastive": Contrastive,
}
