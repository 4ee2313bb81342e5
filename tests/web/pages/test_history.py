"""What was done in an account, and by whom, as its people read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from portal.billing.history import SAID
from portal.db import transaction
from portal.db.transaction import Pool
from portal.mirror import history
from portal.web.paging import Cursor
from tests.harness.worlds import Member, Row, World
from tests.visitor import Visitor

SignIn = Callable[[Member], Visitor]


@pytest.fixture
def ada(world: World) -> Member:
    return world.member(display_name="Ada")


def done(world: World, member: Member, action: str, kind: str = "", id_: object = "", **columns: Any) -> Row:
    line = {"account_id": member.account_id, "action": action, "object_kind": kind, "object_id": str(id_)}
    return world.put("activity", {"actor_kind": "user", "actor_id": member.user_id, **line, **columns})


def lines(visitor: Visitor) -> list[str]:
    assert visitor.last
    return [" ".join(item.p.get_text().split()) for item in visitor.last.soup.select("main .lines > li")]


def test_an_act_names_what_who_and_when(world: World, as_member: SignIn, ada: Member) -> None:
    bob = world.member("bob@example.com", display_name="Bob", account="Elsewhere")
    world.join(bob.user_id, ada.account_id, "billing")
    row, bill = world.subscription(ada), world.invoice(ada, number="INV-7")
    intent = {"account_id": ada.account_id, "kind": "cancel", "request_hash": "h", "state": "done"}
    world.put("intents", {"key": "k1", "request": {"at_end": True}, **intent})
    done(world, ada, "cancel:done", "subscription", row["zoho_id"], detail={"key": "k1"})
    done(world, ada, "collect:done", "invoice", bill["zoho_id"], actor_id=bob.user_id)
    done(world, ada, "reactivate:done", "subscription", row["zoho_id"], actor_id=uuid4())
    paid = world.payment(ada, bill)
    done(world, ada, "payment:received", "payment", paid["zoho_id"], actor_kind="zoho", actor_id=None)
    done(world, ada, "member:removed", "user", bob.user_id, actor_kind="staff")

    page = as_member(ada).get("/account/history")

    assert page.shows("Team was cancelled for the end of its term")
    assert page.shows("A payment of invoice INV-7 was made")
    assert page.shows(", by Bob")
    assert page.shows(", by you")
    assert page.shows("Team was kept after all")
    assert page.shows(", by a former member")
    assert page.shows("The payment of $49.00 was received")
    assert page.shows("Bob was removed from the account")
    assert page.link("Team") == f"/subscriptions/{row['id']}"
    assert page.link("INV-7") == f"/invoices/{bill['id']}"


@pytest.mark.parametrize("action", sorted(SAID))
def test_every_line_is_a_sentence_also_when_nothing_can_be_named(
    world: World, as_member: SignIn, ada: Member, action: str
) -> None:
    kind = {"member": "user", "remove_method": "payment_method", "collect": "invoice"}
    kinds = ("subscription", "invoice", "payment", "payment_method", "customer")
    first = action.partition(":")[0]
    about: tuple[str, object] = (kind.get(first, first if first in kinds else "subscription"), "unknown")
    detail = {}
    if action.endswith(":completed"):
        checkout = {"account_id": ada.account_id, "kind": first, "key": "k", "choice": {}, "choice_hash": "h"}
        about = ("checkout", world.put("checkouts", {**checkout, "state": "completed"})["id"])
        action = "checkout:completed"
    elif about[0] == "user":
        about = ("user", uuid4())
    if action.endswith(" at end"):
        intent = {"account_id": ada.account_id, "kind": first, "request_hash": "h", "state": "done"}
        world.put("intents", {"key": "k", "request": {"end_of_term": True}, **intent})
        action, detail = action.removesuffix(" at end"), {"key": "k"}
    done(world, ada, action, *about, detail=detail)
    visitor = as_member(ada)
    visitor.get("/account/history")

    (line,) = lines(visitor)

    assert line[0].isupper()
    assert "None" not in line
    assert "{}" not in line
    assert "  " not in line


@pytest.mark.parametrize(
    ("action", "columns"),
    [
        ("session:ended", {}),
        ("password:changed", {}),
        ("drift:repair", {"actor_kind": "staff"}),
        ("subscription:non_renewing", {"actor_kind": "zoho", "detail": {"source": "command"}}),
        ("invoice:settled", {"actor_kind": "zoho", "detail": {"source": "return"}}),
        ("invoice:created", {"actor_kind": "zoho", "detail": {"source": "reconcile"}}),
    ],
)
def test_what_is_each_ones_own_or_told_already_is_not_told(
    world: World, as_member: SignIn, ada: Member, action: str, columns: dict[str, Any]
) -> None:
    """A person's sessions, what staff look at, the echo of an act, what was there before the first copy."""
    done(world, ada, action, "subscription", "S1", **columns)
    assert as_member(ada).get("/account/history").shows("Nothing was done here yet.")


def test_another_accounts_lines_are_not_there(world: World, as_member: SignIn, ada: Member) -> None:
    """AC-01, AC-04"""
    other = world.member("else@example.com", account="Elsewhere")
    done(world, other, "update_customer:done", "customer", "C1")
    assert as_member(ada).get("/account/history").shows("Nothing was done here yet.")
    world.join(ada.user_id, other.account_id, "viewer")
    assert as_member(ada).get("/account/history").shows("Nothing was done here yet.")


def test_pages_of_lines_lead_on_and_back(world: World, as_member: SignIn, ada: Member) -> None:
    rows = [world.invoice(ada, number=f"N{n:02}", lines=()) for n in range(70)]
    for n, row in enumerate(rows):
        # some at the very same moment
        at = world.now - timedelta(minutes=n // 3)
        done(world, ada, "collect:done", "invoice", row["zoho_id"], at=at)
    visitor = as_member(ada)

    pages = []
    visitor.get("/account/history")
    pages.append(lines(visitor))
    for _ in range(2):
        visitor.click("Next page")
        pages.append(lines(visitor))

    assert [len(page) for page in pages] == [30, 30, 10]
    assert len({line for page in pages for line in page}) == len(rows)
    visitor.click("Previous page")
    assert lines(visitor) == pages[1]


@pytest.mark.parametrize(
    "path", ["/account/history?", "/invoices?", "/invoices?sort=amount&", "/subscriptions?"]
)
def test_a_made_up_cursor_opens_nothing_and_breaks_nothing(as_member: SignIn, ada: Member, path: str) -> None:
    """INP-01, on every list with pages; staff's are in tests/web/test_sync_status.py."""
    visitor = as_member(ada)
    for value in ("x", "", "2026-W60-1", "infinity", "NaN", "1e99999", "2026-01-01T00:00:00"):
        cursor = Cursor("after", value, uuid4())
        told = visitor.get(f"{path}page={cursor}", status=422)
        assert told.shows("Start again from the list.")
    known = {"/account/history?": "2026-01-01T00:00:00+00:00", "/invoices?sort=amount&": "12.50"}
    # the number in it may be larger than any line of the trail has
    cursor = Cursor("before", known.get(path, "2026-01-01"), UUID(int=2**128 - 1))
    visitor.get(f"{path}page={cursor}")


class Explaining:
    """A connection that tells how Postgres would answer if it looked each row up, where it can."""

    def __init__(self, conn: Any) -> None:
        self.conn, self.plan = conn, ""

    def execute(self, statement: Any, names: Any) -> Any:
        for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "material"):
            self.conn.execute(f"set local enable_{way} = off")
        self.plan = "\n".join(row["QUERY PLAN"] for row in self.conn.execute(f"explain {statement}", names))
        return self.conn.execute(statement, names)


def test_no_line_of_the_trail_reads_a_whole_table(world: World, pool: Pool) -> None:
    """design.md 8: at 100,000 logins each line read all of them, beneath row-level security, for one name."""
    member = world.member()
    with transaction.as_member(pool, member.user_id) as conn:
        asked: Any = Explaining(conn)
        history.find_page(asked, member.account_id, None, 31)
    # a scan without a condition walks all there is, also along an index
    looked = [after for line, after in pairwise(asked.plan.splitlines()) if " on users " in line]
    assert len(looked) == 2
    assert all("Index Cond" in after for after in looked), asked.plan
