"""What the secret key may do: users, invitations, links without mail, factors."""

import re
from typing import Any

from flask import Response, jsonify, request

from sandbox.supabase_auth import errors, gate, mails, one_time, passwords, sessions, users
from sandbox.supabase_auth.people import body, mapping, redirect_to
from sandbox.tx import Tx
from sandbox.world import current

Row = dict[str, Any]
UNITS = {"s": 1, "m": 60, "h": 3600}


def list_users() -> Response:
    page, size = _number("page", 1), _number("per_page", 50)
    with current().store.read() as tx:
        found = users.everyone(tx, limit=size, offset=(page - 1) * size)
        answer = jsonify({"users": [users.rendered(tx, user) for user in found], "aud": "authenticated"})
        answer.headers["X-Total-Count"] = str(tx.count(users.KIND))
    return answer


def create_user() -> Response:
    given = body()
    fresh = users.build(str(given.get("email") or ""))
    if given.get("id"):
        fresh["id"] = str(given["id"])
    with current().store.transaction() as tx:
        _refuse_taken(tx, fresh["email"])
        return jsonify(users.rendered(tx, users.save(tx, _changed(fresh, given))))


def get_user(user_id: str) -> Response:
    with current().store.read() as tx:
        return jsonify(users.rendered(tx, users.by_id(tx, user_id)))


def update_user(user_id: str) -> Response:
    given = body()
    with current().store.transaction() as tx:
        user = users.by_id(tx, user_id)
        if given.get("email") and users.normalised(given["email"]) != user["email"]:
            _refuse_taken(tx, users.normalised(given["email"]))
            user = {**user, "email": users.normalised(given["email"])}
        return jsonify(users.rendered(tx, users.save(tx, _changed(user, given))))


def delete_user(user_id: str) -> Response:
    soft = bool(body().get("should_soft_delete"))
    with current().store.transaction() as tx:
        user = users.by_id(tx, user_id)
        sessions.end_all(tx, user_id)
        for factor in users.factors(tx, user_id):
            tx.delete(users.FACTORS, factor["id"])
        if soft:
            gone = {"email": f"{user_id}@deleted.invalid", "password": "", "user_metadata": {}}
            users.save(tx, {**user, **gone, "deleted_at": users.timestamp()})
        else:
            tx.delete(users.KIND, user_id)
    return jsonify({})


def invite() -> Response:
    given = body()
    email = users.normalised(given.get("email"))
    with current().store.transaction() as tx:
        user = users.by_email(tx, email)
        if user and user.get("email_confirmed_at"):
            _refuse_taken(tx, email)
        invited = _invited(user or users.build(email), given)
        mails.pause_between(user or {}, "invited_at")
        kept = users.save(tx, invited)
        issued = one_time.issue(tx, kept["id"], one_time.CONFIRMATION, email)
        mails.send(tx, email, "invite", issued, redirect_to(given))
        return jsonify(users.rendered(tx, kept))


def generate_link() -> Response:
    """A link for mailers of one's own; nothing is sent."""
    given = body()
    kind = str(given.get("type") or "")
    slot, mail_kind = _link_slot(kind)
    with current().store.transaction() as tx:
        user = _link_user(tx, kind, given)
        to = user["email_change"] if slot == one_time.CHANGE_NEW else user["email"]
        issued = one_time.issue(tx, user["id"], slot, to)
        target = redirect_to(given)
        return jsonify({
            **users.rendered(tx, user),
            "action_link": mails.link(mail_kind, issued.token_hash, target),
            "email_otp": issued.code,
            "hashed_token": issued.token_hash,
            "verification_type": kind,
            "redirect_to": target,
        })  # fmt: skip


def list_factors(user_id: str) -> Response:
    with current().store.read() as tx:
        return jsonify(users.rendered(tx, users.by_id(tx, user_id)).get("factors", []))


def delete_factor(user_id: str, factor_id: str) -> Response:
    with current().store.transaction() as tx:
        factor = tx.get(users.FACTORS, factor_id)
        if factor is None or factor["user_id"] != user_id:
            raise errors.AuthFailure(404, "mfa_factor_not_found", "Factor not found")
        tx.delete(users.FACTORS, factor_id)
        if factor["status"] == "verified":
            sessions.end_all(tx, user_id)
    return jsonify({"id": factor_id})


def guarded(path: str) -> None:
    """Everything under /admin, and /invite, needs the secret key."""
    if path == "/invite" or path.startswith("/admin/"):
        gate.require_secret_key()


def _changed(user: Row, given: Row) -> Row:
    kept = dict(user)
    if given.get("password"):
        passwords.require_strong(str(given["password"]))
        kept["password"] = passwords.hashed(str(given["password"]))
    for name in ("app_metadata", "user_metadata"):
        kept[name] = {**kept[name], **mapping(given, name)}
    if given.get("email_confirm"):
        kept = users.confirm(kept)
    if given.get("ban_duration"):
        kept["banned_until"] = _banned_until(str(given["ban_duration"]))
    return {**kept, "role": given.get("role") or kept["role"]}


def _banned_until(duration: str) -> str | None:
    if duration == "none":
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", duration)
    if not parts:
        raise errors.validation_failed(f"invalid format for ban duration: {duration}")
    return users.timestamp(sum(float(number) * UNITS[unit] for number, unit in parts))


def _invited(user: Row, given: Row) -> Row:
    told = {**user["user_metadata"], **mapping(given, "data")}
    now = users.timestamp()
    return {**user, "user_metadata": told, "invited_at": now, "confirmation_sent_at": now}


def _link_slot(kind: str) -> tuple[str, str]:
    slots = {
        "signup": (one_time.CONFIRMATION, "signup"),
        "invite": (one_time.CONFIRMATION, "invite"),
        "magiclink": (one_time.RECOVERY, "magiclink"),
        "recovery": (one_time.RECOVERY, "recovery"),
        "email_change_current": (one_time.CHANGE_CURRENT, "email_change"),
        "email_change_new": (one_time.CHANGE_NEW, "email_change"),
    }
    if kind not in slots:
        raise errors.validation_failed(f"Invalid email action link type requested: {kind}")
    return slots[kind]


def _link_user(tx: Tx, kind: str, given: Row) -> Row:
    email = users.normalised(given.get("email"))
    user = users.by_email(tx, email)
    if user is None and kind in ("recovery", "email_change_current", "email_change_new"):
        raise errors.user_not_found()
    if user and kind in ("signup", "invite") and user.get("email_confirmed_at"):
        _refuse_taken(tx, email)
    user = user or users.build(email, str(given.get("password") or ""))
    user = {**user, "user_metadata": {**user["user_metadata"], **mapping(given, "data")}}
    if kind.startswith("email_change"):
        user = {**user, "email_change": users.normalised(given.get("new_email"))}
    return users.save(tx, user)


def _refuse_taken(tx: Tx, email: str) -> None:
    if users.by_email(tx, email):
        raise errors.AuthFailure(
            422, "email_exists", "A user with this email address has already been registered"
        )


def _number(name: str, otherwise: int) -> int:
    text = request.args.get(name, "")
    return max(1, int(text)) if re.fullmatch(r"[0-9]{1,6}", text) else otherwise
