"""The pulse: a watch that hears no beat is deaf, unless the beat was not written."""

import pytest

from forebay.endpoints.pulse import EVERY, PATIENCE, Pulse


def test_a_new_pulse_is_alive_and_has_not_begun():
    pulse = Pulse()
    assert pulse.alive(1e9)
    assert not pulse.begun
    assert pulse.delay is None


def test_beats_that_come_back_keep_it_alive():
    pulse = Pulse()
    for turn in range(100):
        beat = pulse.next
        pulse.written(beat, turn * 30.0)
        pulse.heard(beat, turn * 30.0 + 0.2)
        assert pulse.alive(turn * 30.0 + 29)
    assert pulse.begun
    assert pulse.delay == pytest.approx(0.2)


def test_F04_a_deaf_watch_is_told_within_ninety_seconds_of_its_death():
    pulse = Pulse()
    pulse.written(1, 0.0)
    pulse.heard(1, 0.1)  # here it dies
    for turn in (1, 2, 3):
        pulse.written(pulse.next, turn * EVERY)
    assert pulse.alive(EVERY + PATIENCE - 1)
    assert not pulse.alive(EVERY + PATIENCE + 0.1)
    assert EVERY + PATIENCE <= 90


def test_later_beats_do_not_put_off_the_judgement():
    pulse = Pulse(60)
    for turn in range(10):
        pulse.written(pulse.next, turn * 30.0)
    assert not pulse.alive(61)


def test_an_old_beat_alone_does_not_prove_the_newest():
    pulse = Pulse(60)
    pulse.written(1, 0.0)
    pulse.written(2, 30.0)
    pulse.heard(1, 50.0)
    assert pulse.alive(90)
    assert not pulse.alive(91)
    pulse.heard(2, 92.0)
    assert pulse.alive(1000)


def test_a_beat_may_be_heard_before_its_writer_is_answered():
    pulse = Pulse(60)
    pulse.heard(1, 0.9)
    pulse.written(1, 1.0)
    assert pulse.alive(1e6)
    assert pulse.next == 2


def test_a_repeated_or_stale_beat_is_no_news():
    pulse = Pulse(60)
    pulse.written(1, 0.0)
    pulse.heard(1, 0.1)
    pulse.written(2, 30.0)
    pulse.heard(1, 31.0)
    assert not pulse.alive(91)


def test_F06_an_api_server_that_is_away_for_ten_minutes_does_not_make_it_dead():
    pulse = Pulse(60)
    pulse.written(1, 0.0)
    pulse.failed()  # the next one was not taken, and the first one never came back
    for turn in range(1, 20):
        assert pulse.alive(turn * 30.0)
        pulse.failed()
    pulse.written(pulse.next, 600.0)
    assert pulse.alive(659)
    assert not pulse.alive(661)
    pulse.heard(pulse.next - 1, 662.0)
    assert pulse.alive(700)
