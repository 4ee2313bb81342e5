"""The people of the demo: ada, bob and staff, with one password and the staff's second factor."""

from functools import cache
from uuid import NAMESPACE_URL, uuid5

from sandbox.supabase_auth import factors, keys, passwords, totp, users
from sandbox.tx import Tx
from sandbox.world import World

PASSWORD = "correct horse battery staple"
STAFF_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
STAFF = "staff@example.com"
PEOPLE = {
    "ada@example.com": ("Ada Byron", {}),
    "bob@example.com": ("Bob Noyce", {}),
    STAFF: ("Staff", {"role": "admin"}),
}


def seed(_world: World, tx: Tx, _seed: str, previous: Tx) -> None:
    """Plants the people into a fresh world; signing keys outlive it, for clients cache them."""
    for email, (name, role) in PEOPLE.items():
        user = users.confirm(users.build(email, id=user_id(email), password=_hash()))
        user["app_metadata"] = {**user["app_metadata"], **role}
        user["user_metadata"] = {"full_name": name}
        users.save(tx, user)
    factors.save(tx, factors.build(user_id(STAFF), STAFF_SECRET, "Phone", status="verified"))
    keys.carry_over(tx, previous)


@cache
def _hash() -> str:
    """One hash for all of them and every reset: hashing is slow on purpose."""
    return passwords.hashed(PASSWORD)


def user_id(email: str) -> str:
    """Fixed for each demo person, so that a portal's own rows survive the sandbox's reset."""
    return str(uuid5(NAMESPACE_URL, f"https://sandbox.example/users/{email}"))


def demo_totp_code() -> str:
    """The code that the demo's staff user would read from a phone right now."""
    return totp.code(STAFF_SECRET)
