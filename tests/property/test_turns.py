"""Passes go alone or side by side, never both; one batch is held ahead at most; nobody is stuck."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.turns import Turns


class TakingTurns(RuleBasedStateMachine):
    """Runners that take, pass, leave and die in any order."""

    @initialize(at_once=st.integers(1, 4), narrow=st.booleans())
    def start(self, at_once: int, narrow: bool) -> None:
        self.turns = Turns(at_once, narrow=narrow and at_once > 1)
        self.idle = set(range(at_once + 1))
        self.held: dict[int, bool] = {}
        self.passing: dict[int, bool] = {}

    @precondition(lambda self: self.idle)
    @rule(waiting=st.integers(1, 9), full=st.booleans())
    def take(self, waiting: int, full: bool) -> None:
        if not self.turns.may_take(full=full):
            return
        runner = min(self.idle)
        nobody = not self.held and not self.passing
        wide = self.turns.take(runner, waiting)
        self.idle.remove(runner)
        self.held[runner] = wide
        if self.turns.narrow:
            assert wide == (nobody and waiting < self.turns.at_once), "all threads for one alone"
        else:
            assert wide

    @precondition(lambda self: self.turns.at_once > 1)
    @rule()
    def narrow_ones_can_be_had(self) -> None:
        self.turns.narrow = True

    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        ready = [runner for runner in self.held if self.turns.may_pass(runner)]
        assert ready or self.passing or not self.held, "a batch is held, and none may pass"
        if ready:
            runner = data.draw(st.sampled_from(ready))
            wide = self.held.pop(runner)
            assert self.turns.enter(runner) == wide
            self.passing[runner] = wide

    @precondition(lambda self: self.held or self.passing)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        runner = data.draw(st.sampled_from(sorted({**self.held, **self.passing})))
        self.turns.leave(runner)
        self.held.pop(runner, None)
        self.passing.pop(runner, None)
        self.idle.add(runner)

    @invariant()
    def the_session_is_shared(self) -> None:
        if not hasattr(self, "turns"):
            return
        assert len(self.passing) <= self.turns.at_once
        if any(self.passing.values()):
            assert len(self.passing) == 1, "a pass with all threads goes alone"
        assert len(self.held) + len(self.passing) <= self.turns.at_once + 1, "held ahead: one"
        if not self.held and not self.passing:
            assert self.turns.may_take(full=False), "nobody is in the way"


TestTurns = TakingTurns.TestCase
