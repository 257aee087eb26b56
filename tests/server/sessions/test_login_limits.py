"""Limits on guessing: for a name with an address, for an address across names, whatever the clock does."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from bayplan.server.auth.login_limits import ATTEMPTS_OF_ADDRESS, WINDOW_SECONDS, attempt, network_of
from tests.answers import refused
from tests.conftest import USER, Service
from tests.inprocess import client, running_app


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:/run/x", "unix:/run/x"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_an_address_stands_for_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_pair_is_a_name_without_case_and_a_network() -> None:
    assert attempt("Kim", "2001:db8::1") == attempt("kim", "2001:db8::ffff")
    assert attempt("kim", "192.0.2.1") != attempt("kim", "192.0.2.2")
    assert attempt("\ud800", "\ud800").pair  # a name may be anything that JSON can say


def test_an_address_has_a_budget_across_names(service: Service) -> None:
    settings = service.settings.model_copy(update={"login_attempts": 1})
    with running_app(settings, service.loop) as app:

        def status(username: str, password: str, address: str) -> int:
            with client(app, service.loop, address=address) as asking:
                body = {"username": username, "password": password}
                answer = asking.post("/v1/auth/obtain", json=body)
                if answer.status_code == 429:
                    assert 0 < int(answer.headers["retry-after"]) <= WINDOW_SECONDS
                return answer.status_code

        assert status(*USER, "2001:db8::1") == 200
        guesses = [status(f"name-{number}", "guess", f"2001:db8::{number}") for number in range(ATTEMPTS_OF_ADDRESS)]
        assert guesses == [401] * ATTEMPTS_OF_ADDRESS
        assert status("another name", "guess", "2001:db8::77") == 429
        assert status("admin", "guess", "2001:db8::78") == 429
        # Whoever logged in from there before is not kept out by others, unless somebody guesses at their own name.
        assert status(*USER, "2001:db8::79") == 200
        assert status(USER[0], "guess", "2001:db8::79") == 401
        assert status(*USER, "2001:db8::79") == 429
        assert status(*USER, "2001:db8:0:1::1") == 200


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


def test_no_jump_of_the_clock_locks_for_longer_than_the_window(service: Service) -> None:
    clock = Clock()
    with running_app(service.settings, service.loop, clock=clock) as app, client(app, service.loop) as asking:

        def log_in(password: str) -> httpx2.Response:
            return asking.post("/v1/auth/obtain", json={"username": USER[0], "password": password})

        for back in (timedelta(days=1), timedelta(days=40)):
            for _ in range(service.settings.login_attempts):
                refused(log_in("guess"), 401)
            clock.time -= back
            answer = log_in(USER[1])
            assert (answer.status_code, answer.headers["retry-after"]) == (429, str(WINDOW_SECONDS))
            clock.time += timedelta(seconds=WINDOW_SECONDS - 1)
            assert log_in(USER[1]).headers["retry-after"] == "1"
            clock.time += timedelta(seconds=1)
            assert log_in(USER[1]).status_code == 200
        for _ in range(service.settings.login_attempts):
            refused(log_in("guess"), 401)
        clock.time += timedelta(days=40)
        assert log_in(USER[1]).status_code == 200
