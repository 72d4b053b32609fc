"""What fails is left alone for longer and longer, and tried by one call at a time."""

from service.breaker import PAUSE_SECONDS_MAX, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    assert breaker.admits()
    assert breaker.failed(trial=False)
    return breaker


def test_it_stays_open_for_its_pause_and_then_lets_one_call_through() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 0.99
    assert not breaker.admits()
    clock.now = 1.0
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    assert breaker.succeeded(trial=True)
    breaker.ended(trial=True)
    assert not breaker.open
    assert all(breaker.admits() for _ in range(3))


def test_the_pause_doubles_up_to_its_limit_and_begins_anew_after_a_success() -> None:
    clock = Clock()
    breaker = opened(clock)
    pauses = []
    for _ in range(7):
        pauses.append(breaker.pause_seconds)
        clock.now += breaker.pause_seconds - 0.01
        assert not breaker.admits()
        clock.now += 0.01
        assert breaker.admits()
        assert not breaker.failed(trial=True)
        breaker.ended(trial=True)
    assert pauses == [1, 2, 4, 8, 16, PAUSE_SECONDS_MAX, PAUSE_SECONDS_MAX]
    clock.now += PAUSE_SECONDS_MAX
    assert breaker.admits()
    breaker.succeeded(trial=True)
    breaker.ended(trial=True)
    assert breaker.failed(trial=False)
    assert breaker.pause_seconds == 1


def test_calls_that_began_before_it_opened_change_nothing() -> None:
    clock = Clock()
    breaker = opened(clock)
    for _ in range(100):
        assert not breaker.failed(trial=False)
    assert breaker.pause_seconds == 1
    assert not breaker.succeeded(trial=False)
    assert breaker.open


def test_a_trial_that_ends_without_a_verdict_leaves_its_place() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 1.0
    assert breaker.admits()
    assert not breaker.admits()
    breaker.ended(trial=True)  # its caller left
    assert breaker.admits()
