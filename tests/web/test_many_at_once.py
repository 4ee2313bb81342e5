"""All customers come from one server: the identity provider must see their own addresses (SB-09)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from portal.people.auth_errors import TooManyTries
from portal.people.supabase_auth import SupabaseAuth
from tests.harness.people import PASSWORD

if TYPE_CHECKING:
    from flask import Flask

    from tests.harness.processes import Sandbox

PEOPLE = 100


@pytest.fixture
def strict(sandbox: Sandbox) -> Iterator[Sandbox]:
    """An identity provider that limits each address, as Supabase does."""
    sandbox.control("settings", {"auth_rate_limits": True})
    yield sandbox
    sandbox.control("settings", {"auth_rate_limits": False, "auth_forwarded_for": True})


@pytest.fixture
def auth(app: Flask) -> SupabaseAuth:
    found: SupabaseAuth = app.extensions["services"].auth
    return found


def sign_in_from(auth: SupabaseAuth, addresses: list[str]) -> None:
    for ip in addresses:
        auth.sign_in("ada@example.com", PASSWORD, ip=ip)


THEIR_OWN = [f"198.51.100.{number}" for number in range(PEOPLE)]


def test_a_hundred_people_from_their_own_addresses_are_not_limited(
    strict: Sandbox, auth: SupabaseAuth
) -> None:
    sign_in_from(auth, THEIR_OWN)


def test_where_the_provider_does_not_believe_the_header_it_limits_our_server(
    strict: Sandbox, auth: SupabaseAuth
) -> None:
    strict.control("settings", {"auth_forwarded_for": False})
    with pytest.raises(TooManyTries):
        sign_in_from(auth, THEIR_OWN)


def test_one_persons_address_is_what_is_counted(strict: Sandbox, auth: SupabaseAuth) -> None:
    with pytest.raises(TooManyTries):
        sign_in_from(auth, ["203.0.113.7"] * PEOPLE)
    sign_in_from(auth, ["203.0.113.8"])
