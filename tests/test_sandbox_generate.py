"""generate(): what each step records and how a generation ends."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from models.catalog import ModelSpec
from models.engine import Request
from models.engines.toy import ToyEngine, ToyTokenizer
from models.errors import ContextFull, EmptyPrompt, EngineClosed
from models.loading import LoadedModel
from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.draw import draw, uniform
from sandbox.errors import LogitsNotANumber
from sandbox.generate import generate
from sandbox.settings import DEFAULT_GENERATE, NEUTRAL, SamplingSettings


def toy(**options):
    spec = ModelSpec(id="toy", title="Toy", sha256="ab" * 32)
    return LoadedModel(spec, ToyEngine(**options), ToyTokenizer())


class Scripted(ToyEngine):
    """Says these bytes, whatever was said before; then the end token."""

    def __init__(self, said: bytes, **options) -> None:
        super().__init__(**options)
        self._said, self._start = [*said, 257], None

    def next_logits(self, token_ids, *, request=None):
        row = super().next_logits(token_ids, request=request)
        self._start = len(token_ids) if self._start is None else self._start
        row[self._said[len(token_ids) - self._start]] = 99
        return row


def scripted(said, **options):
    return LoadedModel(ModelSpec(id="scripted", title="Scripted"), Scripted(said, **options), ToyTokenizer())


GREEDY = SamplingSettings(temperature=0, max_tokens=5)


def finish(generation):
    """The steps and the value the generator returns."""
    steps = []
    while True:
        try:
            steps.append(next(generation))
        except StopIteration as end:
            return steps, end.value


def test_a_generation_yields_steps_and_returns_its_trace():
    generation = generate(toy(), [97], GREEDY)
    steps, trace = finish(generation)
    assert [step.token_id for step in steps] == [98, 99, 100, 101, 102]
    assert trace == generation.trace
    assert trace.steps == tuple(steps)
    assert (trace.text, trace.finish_reason) == ("bcdef", "length")
    assert (trace.model.id, trace.model.sha256, trace.engine) == ("toy", "ab" * 32, "toy")
    assert (trace.prompt, trace.prompt_token_ids) == ("a", (97,))


def test_a_step_says_what_the_model_thought_and_what_the_chain_left():
    (step,), _ = finish(generate(toy(), [97], SamplingSettings(top_k=2, seed=1, max_tokens=1)))
    total = math.exp(3) + math.exp(2) + math.exp(1) + 257
    model_probs = {98: math.exp(3) / total, 99: math.exp(2) / total}
    final = {98: math.e / (math.e + 1), 99: 1 / (math.e + 1)}
    assert math.isclose(step.logprob, math.log(model_probs[step.token_id]), rel_tol=1e-12)
    assert math.isclose(step.final_logprob, math.log(final[step.token_id]), rel_tol=1e-12)
    assert step.rank == {98: 1, 99: 2}[step.token_id]
    probs = np.array([math.exp(3), math.exp(2), math.exp(1)] + [1.0] * 257) / total
    assert math.isclose(step.entropy_bits, -(probs * np.log2(probs)).sum(), rel_tol=1e-12)
    assert [token_id for token_id, _ in step.top[:4]] == [98, 99, 100, 0]
    assert step.survivors.token_ids.tolist() == [98, 99]
    np.testing.assert_allclose(step.survivors.probs, list(final.values()), rtol=1e-12)
    assert math.isclose(step.stages[0].removed_mass, 1 - sum(model_probs.values()), rel_tol=1e-12)


def test_u_depends_on_the_seed_and_the_position_in_the_whole_sequence():
    steps, _ = finish(generate(toy(), [97, 98, 99], NEUTRAL.updated(seed=7, max_tokens=4)))
    assert [step.position for step in steps] == [3, 4, 5, 6]
    assert [step.u for step in steps] == [uniform(7, position) for position in (3, 4, 5, 6)]
    assert [step.attempt for step in steps] == [0] * 4


def test_another_attempt_draws_other_tokens_from_the_same_seed():
    settings = NEUTRAL.updated(seed=7, max_tokens=12)
    first, second = (finish(generate(toy(), [97], settings, attempt=attempt))[1] for attempt in (0, 1))
    assert first.token_ids != second.token_ids
    assert [step.u for step in second.steps] == [
        uniform(7, step.position, attempt=1) for step in second.steps
    ]
    assert {step.attempt for step in second.steps} == {1}


def test_continuing_from_a_drawn_prefix_draws_the_same_tokens():
    settings = NEUTRAL.updated(seed=7, max_tokens=8)
    whole = finish(generate(toy(), [97], settings))[1].token_ids
    rest = finish(generate(toy(), [97, *whole[:3]], settings.updated(max_tokens=5)))[1].token_ids
    assert whole[3:] == rest


def test_the_same_seed_gives_the_same_tokens_and_another_seed_others():
    def tokens(seed):
        return finish(generate(toy(), [97], NEUTRAL.updated(seed=seed, max_tokens=20)))[1].token_ids

    assert tokens(7) == tokens(7) != tokens(8)


def test_without_a_seed_one_is_thrown_and_recorded():
    settings = NEUTRAL.updated(max_tokens=10)
    traces = [finish(generate(toy(), [97], settings))[1] for _ in range(2)]
    assert traces[0].seed != traces[1].seed
    again = finish(generate(toy(), [97], settings.updated(seed=traces[0].seed)))[1]
    assert again.token_ids == traces[0].token_ids
    assert traces[0].settings["seed"] == traces[0].seed


def test_every_step_is_the_draw_of_its_own_law():
    model, settings = toy(), DEFAULT_GENERATE.updated(seed=3, max_tokens=20)
    steps, trace = finish(generate(model, [97], settings))
    ids = [97]
    for step in steps:
        dist, _ = settings.chain().run(Distribution.from_logits(model.engine.next_logits(ids)))
        assert step.token_id == draw(dist, step.u)
        ids.append(step.token_id)
    assert trace.samplers == tuple(settings.chain().to_steps())


def test_a_chain_may_be_handed_over_instead_of_settings():
    chain = SamplerChain.from_steps([{"sampler": "greedy"}])
    _, trace = finish(generate(toy(), [97], NEUTRAL.updated(max_tokens=2, seed=1), chain=chain))
    assert trace.token_ids == [98, 99]
    assert trace.samplers == ({"sampler": "greedy"},)


def test_an_end_token_stops_and_is_recorded_but_is_no_text():
    _, trace = finish(generate(scripted(b"Hi"), [97], GREEDY))
    assert trace.token_ids == [72, 105, 257]
    assert trace.steps[-1].token_bytes == b"<|end|>"
    assert (trace.text, trace.finish_reason) == ("Hi", "stop")


def test_a_stop_string_across_tokens_stops_and_is_not_shown():
    steps, trace = finish(
        generate(scripted(b"Oui.\nQ: et"), [97], SamplingSettings(temperature=0, stop=("\nQ:",)))
    )
    assert [step.text for step in steps] == ["O", "u", "i", ".", "", "", ""]
    assert (trace.text, trace.finish_reason) == ("Oui.", "stop")


def test_text_held_for_a_stop_string_comes_out_when_the_text_ends():
    for n_tokens, reason in ((3, "length"), (9, "stop")):
        settings = SamplingSettings(temperature=0, stop=("##!",), max_tokens=n_tokens)
        _, trace = finish(generate(scripted(b"a##"), [97], settings))
        assert (trace.text, trace.finish_reason) == ("a##", reason)


def test_a_character_cut_by_max_tokens_is_shown_as_bytes_and_a_whole_one_as_itself():
    steps, _ = finish(generate(scripted("é!".encode()), [97], GREEDY))
    assert [step.text for step in steps] == ["", "é", "!", ""]
    steps, _ = finish(generate(scripted("é!".encode()), [97], SamplingSettings(temperature=0, max_tokens=1)))
    assert [step.text for step in steps] == ["<C3>"]


def test_a_full_context_ends_the_text_and_a_prompt_that_does_not_fit_is_an_error():
    _, trace = finish(generate(toy(context_length=4), [97, 98], GREEDY))
    assert (trace.token_ids, trace.finish_reason) == ([99, 100, 101], "context_full")
    with pytest.raises(ContextFull):
        next(generate(toy(context_length=2), [97] * 3, GREEDY))


def test_text_held_back_comes_out_when_the_context_is_full():
    settings = SamplingSettings(temperature=0, stop=("##!",))
    _, trace = finish(generate(scripted(b"a##", context_length=3), [97], settings))
    assert (trace.text, trace.finish_reason) == ("a##", "context_full")


def test_closing_early_keeps_every_step():
    generation = generate(toy(), [97], GREEDY)
    first, second = next(generation), next(generation)
    generation.close()
    assert generation.trace.steps == (first, second)
    assert generation.trace.finish_reason == "cancelled"
    with pytest.raises(StopIteration):
        next(generation)


def test_leaving_a_loop_or_closing_after_the_end_changes_nothing_recorded():
    generation = generate(toy(), [97], GREEDY)
    for step in generation:
        if step.token_id == 99:
            break
    assert generation.trace.token_ids == [98, 99]
    assert generation.trace.finish_reason is None
    done = generate(toy(), [97], GREEDY)
    list(done)
    done.close()
    assert done.trace.finish_reason == "length"


def test_closing_from_another_thread_interrupts_the_engine():
    entered = threading.Event()

    class Endless(ToyEngine):
        def next_logits(self, token_ids, *, request=None):
            if len(token_ids) > 1:
                entered.set()
                assert request.cancel.wait(timeout=10)
                request.check()
            return super().next_logits(token_ids, request=request)

    model = LoadedModel(ModelSpec(id="endless", title="Endless"), Endless(), ToyTokenizer())
    generation = generate(model, [97], GREEDY)
    reader = threading.Thread(target=lambda: list(generation))
    reader.start()
    assert entered.wait(timeout=10)
    generation.close()
    reader.join(timeout=10)
    assert not reader.is_alive()
    assert (generation.trace.token_ids, generation.trace.finish_reason) == ([98], "cancelled")


def test_a_cancelled_request_ends_the_generation_with_its_trace():
    cancel = threading.Event()
    generation = generate(toy(), [97], GREEDY, request=Request(cancel=cancel))
    next(generation)
    cancel.set()
    steps, trace = finish(generation)
    assert steps == []
    assert (trace.token_ids, trace.finish_reason) == ([98], "cancelled")


def test_closing_after_an_error_does_not_call_it_cancelled():
    model = toy()
    generation = generate(model, [97], GREEDY)
    next(generation)
    model.close()
    with pytest.raises(EngineClosed):
        next(generation)
    generation.close()
    assert generation.trace.finish_reason is None


def test_ctrl_c_inside_a_step_is_a_way_to_cancel():
    class Interrupted(ToyEngine):
        def next_logits(self, token_ids, *, request=None):
            if len(token_ids) > 1:
                raise KeyboardInterrupt
            return super().next_logits(token_ids, request=request)

    model = LoadedModel(ModelSpec(id="toy", title="Toy"), Interrupted(), ToyTokenizer())
    generation = generate(model, [97], GREEDY)
    next(generation)
    with pytest.raises(KeyboardInterrupt):
        next(generation)
    generation.close()
    assert (generation.trace.token_ids, generation.trace.finish_reason) == ([98], "cancelled")


def test_an_error_in_the_middle_leaves_the_steps_before_it():
    model = toy()
    generation = generate(model, [97], GREEDY)
    next(generation)
    model.close()
    with pytest.raises(EngineClosed):
        next(generation)
    assert (generation.trace.token_ids, generation.trace.finish_reason) == ([98], None)


def test_what_the_engine_refuses_is_raised_at_the_first_step():
    with pytest.raises(EmptyPrompt):
        next(generate(toy(), [], GREEDY))


def test_broken_logits_are_an_error_and_not_a_token():
    model = scripted(b"ab")
    model.engine.next_logits = lambda token_ids, request=None: np.full(260, math.nan, dtype=np.float32)
    with pytest.raises(LogitsNotANumber):
        next(generate(model, [97], GREEDY))


def test_the_route_of_each_row_is_recorded_and_passed_on():
    reports = []
    generation = generate(toy(), [97], GREEDY, request=Request(on_evaluated=reports.append))
    steps, _ = finish(generation)
    assert [step.route for step in steps] == ["step", "prefill", "prefill", "prefill", "prefill"]
    assert len(reports) == 5


def test_times_are_recorded_in_two_parts():
    steps, trace = finish(generate(toy(), [97], GREEDY))
    assert trace.prefill_ms == steps[0].elapsed_ms > 0
    assert trace.decode_ms == sum(step.elapsed_ms for step in steps[1:])


def test_yield_from_receives_the_trace():
    def outer():
        trace = yield from generate(toy(), [97], GREEDY)
        return trace.text

    assert finish(outer())[1] == "bcdef"
