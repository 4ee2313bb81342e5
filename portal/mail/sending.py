"""Sending what the outbox holds: claim, commit, look whether it is still true, send, commit.

A death between claim and answer leaves the row in ``sending``; it becomes ``unknown``, never a second mail.
"""

from email.message import EmailMessage
from typing import Any

import structlog

from portal.config import Settings
from portal.db import transaction
from portal.db.transaction import Pool
from portal.mail import dunning, messages, outbox
from portal.mail.transport import NotSent, PerhapsSent, Transport

log = structlog.get_logger()
MOST = 200


def send_due(settings: Settings, pool: Pool, transport: Transport) -> int:
    """Send every mail that is due; return how many went out."""
    with transaction.as_worker(pool) as conn:
        abandoned = outbox.mark_abandoned(conn)
    if abandoned:
        log.error("mails of unknown fate", count=abandoned)
    sent = 0
    for _ in range(MOST):
        with transaction.as_worker(pool) as conn:
            row = outbox.claim(conn)
        if row is None:
            break
        sent += _send(settings, pool, transport, row)
    return sent


def _send(settings: Settings, pool: Pool, transport: Transport, row: dict[str, Any]) -> bool:
    with transaction.as_worker(pool) as conn:
        reason = dunning.why_not(conn, row)
        if reason:
            outbox.mark_stopped(conn, row["id"], reason)
            return False
    try:
        message: EmailMessage = messages.render(settings, row)
    except messages.Unwritable as problem:
        log.error("mail cannot be written", template=row["template"], error=str(problem))  # noqa: TRY400
        with transaction.as_worker(pool) as conn:
            outbox.mark_not_sent(conn, row, str(problem), permanent=True)
        return False
    return _hand_over(pool, transport, row, message)


def _hand_over(pool: Pool, transport: Transport, row: dict[str, Any], message: EmailMessage) -> bool:
    try:
        transport.send(message)
    except NotSent as problem:
        with transaction.as_worker(pool) as conn:
            outbox.mark_not_sent(conn, row, str(problem), permanent=problem.permanent)
        return False
    except PerhapsSent as problem:
        with transaction.as_worker(pool) as conn:
            outbox.mark_unknown(conn, row["id"], str(problem))
        return False
    with transaction.as_worker(pool) as conn:
        outbox.mark_sent(conn, row["id"])
    return True
