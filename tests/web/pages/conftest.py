"""A world to look at, and visitors who are signed in to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask import Flask

from tests.harness.people import plant
from tests.harness.worlds import Member, World
from tests.visitor import Visitor


@pytest.fixture
def world(conn: psycopg.Connection[dict[str, Any]]) -> World:
    """An organisation whose mirror was compared with Zoho a moment ago."""
    made = World(conn)
    made.organization()
    made.full_run()
    return made


@pytest.fixture
def as_member(app: Flask) -> Callable[[Member], Visitor]:
    """Give a member's session to a visitor who checks every page."""

    def sign_in(member: Member) -> Visitor:
        visitor = Visitor(app)
        plant(visitor, member.cookie)
        return visitor

    return sign_in
