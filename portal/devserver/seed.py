"""The one row of the demo that nobody can sign up for: Ada, who bought months before the portal was there.

Her Zoho customer is real (in the sandbox), her login is real (in its Supabase Auth); what the portal
would know from her first purchase is written here: user, account, owner, and whose customer she is.
"""

import json
from http.client import HTTPConnection
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg

EMAIL = "ada@example.com"
NAME = "Ada Byron"

_USER = """
insert into billing.users (id, issuer, email, display_name, time_zone)
values (%(id)s, %(issuer)s, %(email)s, %(name)s, 'America/New_York')
on conflict (id) do nothing
"""
_ACCOUNT = """
insert into billing.accounts (name, billing_email, zoho_customer_id)
values (%(account)s, %(email)s, %(customer)s)
on conflict (zoho_customer_id) do nothing
returning id
"""
_OWNER = "insert into billing.members (account_id, user_id, role) values (%(account_id)s, %(id)s, 'owner')"


def plant(database_url: str, sandbox_port: int) -> None:
    """Give Ada her account; does nothing when she has it, or when this sandbox never knew her."""
    customer = _customer(sandbox_port)
    if customer is None:
        return
    values = {
        "id": user_id(EMAIL),
        "issuer": f"http://127.0.0.1:{sandbox_port}/auth/v1",
        "email": EMAIL,
        "name": NAME,
        "account": customer.get("company_name") or customer.get("display_name") or NAME,
        "customer": customer["customer_id"],
    }
    with psycopg.connect(database_url) as conn:
        conn.execute(_USER, values)
        made = conn.execute(_ACCOUNT, values).fetchone()
        if made:
            conn.execute(_OWNER, {**values, "account_id": made[0]})


def user_id(email: str) -> UUID:
    """Return the id that the sandbox's Supabase Auth gives to a person of the demo."""
    return uuid5(NAMESPACE_URL, f"https://sandbox.example/users/{email}")


def _customer(sandbox_port: int) -> dict[str, Any] | None:
    connection = HTTPConnection("127.0.0.1", sandbox_port, timeout=30)
    try:
        connection.request("GET", "/_control/state?kind=customers")
        customers = json.loads(connection.getresponse().read())["customers"]
    finally:
        connection.close()
    return next((customer for customer in customers if customer.get("email") == EMAIL), None)
