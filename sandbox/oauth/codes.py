"""Grant codes: made by consent or in the console for a self client, used once, soon expired (facts 1.3, 1.4).

At most 10 codes per client in 10 minutes. A code remembers its redirect URI, its
PKCE challenge and the data centre of its user: a token endpoint elsewhere does
not know it.
"""

import base64
import hashlib
import hmac
import secrets

from sandbox.oauth.tokens import (
    CLIENTS,
    CODES,
    CODES_PER_WINDOW,
    WINDOW_S,
    Doc,
    Refused,
    Terms,
    Throttled,
)
from sandbox.store import Tx

SELF_CLIENT_MINUTES = (3, 5, 7, 10)


def issue(tx: Tx, client: Doc, details: Doc, terms: Terms) -> str:
    """Store a code for `details` (user, scope, location, ...); Throttled beyond Zoho's rate."""
    made = [at for at in client["codes_at"] if terms.now - at < WINDOW_S]
    if terms.limited and len(made) >= CODES_PER_WINDOW:
        raise Throttled
    tx.put(CLIENTS, client["client_id"], client | {"codes_at": [*made, terms.now]})
    code = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
    base = {"redirect_uri": "", "challenge": "", "challenge_method": "plain", "offline": True}
    expires = terms.now + details.get("lasts_s", terms.code_s)
    doc = base | details | {"code": code, "client_id": client["client_id"], "expires": expires}
    tx.put(CODES, code, doc)
    return code


def redeem(tx: Tx, client: Doc, code: str, form: dict[str, str], terms: Terms) -> Doc:
    """Use the code up and return what it stands for."""
    doc = tx.get(CODES, code)
    if doc is None or doc["client_id"] != client["client_id"]:
        raise Refused("invalid_code")
    if doc["redirect_uri"] and doc["redirect_uri"] != form.get("redirect_uri"):
        raise Refused("invalid_redirect_uri")
    tx.delete(CODES, code)
    if doc["expires"] <= terms.now or not proves(doc, form.get("code_verifier", "")):
        # The code is spent even so: guessing a verifier gets one try.
        return {}
    return doc


def proves(doc: Doc, verifier: str) -> bool:
    """Whether the PKCE verifier fits the challenge that came with the consent."""
    if not doc["challenge"]:
        return True
    proof = verifier
    if doc["challenge_method"].upper() == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(proof.encode(), doc["challenge"].encode())
