"""Which scope an API call needs, and which scopes exist (facts 1.5).

The module is the first segment of the path, except where Zoho files a resource
under another module; the operation follows from the method.
"""

import re

FULL_ACCESS = "ZohoSubscriptions.fullaccess.all"
SERVICE = "ZohoSubscriptions"

# Zoho's mapping traps: the path segment is not the scope's module.
MODULES = {
    "transactions": "customers",
    "cards": "customers",
    "bankaccounts": "customers",
    "contactpersons": "customers",
    "events": "webhooks",
    "invoice": "invoices",
    "unbilledcharges": "invoices",
    "refunds": "creditnotes",
    "organizations": "settings",
    "currencies": "settings",
    "pricebooks": "settings",
}
KNOWN = frozenset(
    {
        *("products", "plans", "addons", "coupons", "items", "customers", "subscriptions"),
        *("invoices", "payments", "hostedpages", "creditnotes", "settings", "webhooks"),
        *("projects", "expenses", "quotes"),
    }
)
OPERATIONS = {"GET": "READ", "HEAD": "READ", "POST": "CREATE", "PUT": "UPDATE", "DELETE": "DELETE"}
SHAPE = re.compile(r"([A-Za-z]+)\.([A-Za-z]+)\.(CREATE|READ|UPDATE|DELETE|ALL|all)")


def needed(method: str, path: str) -> str:
    """Name the scope for `path` below /billing/v1."""
    segment = path.strip("/").split("/", 1)[0].lower()
    module = MODULES.get(segment, segment)
    return f"{SERVICE}.{module}.{OPERATIONS.get(method, 'READ')}"


def covers(granted: str, need: str) -> bool:
    """Whether the comma-separated `granted` scopes allow `need`."""
    scopes = set(split(granted))
    module = need.rsplit(".", 1)[0]
    return bool(scopes & {need, FULL_ACCESS, f"{module}.ALL"})


def split(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text.strip()) if part]


def unknown(text: str) -> list[str]:
    """The scopes of `text` that Zoho would not know."""
    return [scope for scope in split(text) if not _exists(scope)]


def _exists(scope: str) -> bool:
    shape = SHAPE.fullmatch(scope)
    if scope == FULL_ACCESS:
        return True
    if shape is None:
        return False
    # Scopes of Zoho's other products pass: one consent may span several products.
    return shape[1] != SERVICE or shape[2] in KNOWN
