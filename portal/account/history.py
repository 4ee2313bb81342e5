"""What was done in the account, by whom and when, for all its people."""

from typing import Any

from flask import Response, url_for

from portal.account.room import blueprint
from portal.billing.history import phrase
from portal.mirror import history
from portal.web import guard, paging
from portal.web.forms import query
from portal.web.pages import page
from portal.web.reading import reading

PAGE_SIZE = 30


@blueprint.get("/account/history")
@guard.member("viewer")
def show_history() -> Response:
    """List what changed for the account, the newest first."""
    cursor = paging.parse(query("page"), paging.a_moment)
    edge = (cursor.value, cursor.id) if cursor else None
    backwards = cursor is not None and cursor.direction == "before"
    with reading() as (conn, account):
        found = history.find_page(conn, account.id, edge, PAGE_SIZE + 1, backwards=backwards)
    shown = paging.cut(found, PAGE_SIZE, cursor, lambda row: row["sort_value"])
    return page(
        "account/history.html",
        place="account",
        entries=[_entry(row) for row in shown.rows],
        earlier=_address(shown.previous),
        later=_address(shown.next),
    )


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    before, is_about, after = phrase(row).partition("{}")
    return {**row, "before": before, "is_about": bool(is_about), "after": after}


def _address(cursor: paging.Cursor | None) -> str | None:
    return url_for("account.show_history", page=str(cursor)) if cursor else None
