"""The beats that every act at Zoho shares: a key made by the server, one effect, an honest answer.

A form carries its key signed (CONV-03): the same form sent twenty times is one act, and a key that the
server did not make is refused. After the call the person sees the result, the reason of a refusal beside
the kept form, or a page that says "checking" until the outcome is known.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from flask import current_app, flash, redirect, url_for
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response
from wtforms import HiddenField

from portal.db import transaction
from portal.errors import Conflict, PortalError
from portal.sync import acts, intents
from portal.sync.intents import Intent, Wish
from portal.web import limits
from portal.web.current import current_services, signed_in_account, signed_in_session
from portal.web.forms import BaseForm

_SALT = "act"


class ActForm(BaseForm):
    """A form whose sending is an act at Zoho."""

    key = HiddenField()


class NotDone(PortalError):
    """Zoho did not do it. Nothing was changed."""


def new_key() -> str:
    """Return a fresh signed key for a form."""
    return _signer().dumps(str(uuid4()))


def key_of(form: ActForm) -> str:
    """Return the key that the form carries. Raises :class:`Conflict` when the server did not make it."""
    try:
        return str(UUID(_signer().loads(form.key.data or "")))
    except (BadSignature, ValueError):
        raise Conflict("This form has been open for too long. Open the page again.") from None


def carry_out(form: ActForm, kind: str, demand: Callable[[], None], **wanted: Any) -> Intent:
    """Do what the form asks, once. Raises :class:`NotDone` with Zoho's reason when it was refused.

    ``demand`` raises when the act is not open now. It is not asked again for a form that was sent
    before: the second click must reach the act of the first, which may just have closed the door.
    """
    services, person = current_services(), signed_in_session().person
    key = key_of(form)
    with transaction.as_member(services.pool, person.user_id) as conn:
        is_new = intents.find_by_key(conn, key) is None
    if is_new:
        demand()
    wish = Wish(key=key, kind=kind, account_id=signed_in_account().id, user_id=person.user_id, **wanted)
    intent = acts.run(services, wish)
    if intent.state in ("refused", "abandoned"):
        raise NotDone(intent.problem or None)
    return intent


@contextmanager
def once(form: ActForm) -> Iterator[bool]:
    """Say whether this is the first click of the form, for what is done elsewhere than at Zoho.

    A first click that ends in an exception does not count: the form may be sent again.
    """
    services, person, key = current_services(), signed_in_session().person, f"act:{key_of(form)}"
    with transaction.as_web(services.pool, person.user_id) as conn:
        is_first = limits.claim(conn, key)
    try:
        yield is_first
    except Exception:
        with transaction.as_web(services.pool, person.user_id) as conn:
            limits.clear(conn, key)
        raise


def find_earlier(form: ActForm) -> Intent | None:
    """Return the act that this very form made before: a second click goes where the first one went."""
    services, person = current_services(), signed_in_session().person
    with transaction.as_member(services.pool, person.user_id) as conn:
        return intents.find_by_key(conn, key_of(form))


def onward(intent: Intent, done: str, to: str) -> Response:
    """Go to ``to`` saying ``done`` when the act is done, otherwise to the page that waits for it."""
    if intent.state == "done":
        flash(done, "good")
        return redirect(to, 303)
    return redirect(url_for("subscriptions.show_act", intent_id=intent.id), 303)


def _signer() -> URLSafeSerializer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt=_SALT)
