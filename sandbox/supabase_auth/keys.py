"""Signing keys: ES256 with a key id, published as a JWKS, rotated on demand.

Supabase keeps the previous public key in the set after a rotation so that running tokens stay
valid; revoking takes it out. A rotation here does the same, so clients' caches can be tested.
"""

import time
from functools import lru_cache
from typing import Any, cast
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from sandbox.tx import Tx

KIND = "auth_keys"
CURRENT, PREVIOUS = "current", "previous"


def current(tx: Tx) -> dict[str, Any]:
    keys = tx.find(KIND, where={"state": CURRENT})
    return keys[0] if keys else _create(tx)


def by_kid(tx: Tx, kid: str) -> dict[str, Any] | None:
    return tx.get(KIND, kid)


def rotate(tx: Tx, *, revoke_previous: bool = False) -> dict[str, Any]:
    for key in tx.find(KIND):
        if revoke_previous:
            tx.delete(KIND, key["kid"])
        elif key["state"] == CURRENT:
            _put(tx, {**key, "state": PREVIOUS})
    return _create(tx)


def carry_over(tx: Tx, previous: Tx) -> None:
    for key in previous.find(KIND):
        _put(tx, key)
    current(tx)


def jwks(tx: Tx) -> dict[str, Any]:
    current(tx)
    keys = sorted(tx.find(KIND), key=lambda key: -float(key["created_at"]))
    return {"keys": [_public_jwk(key) for key in keys]}


@lru_cache(maxsize=32)
def private_key(pem: str) -> ec.EllipticCurvePrivateKey:
    return cast("ec.EllipticCurvePrivateKey", serialization.load_pem_private_key(pem.encode(), password=None))


def _create(tx: Tx) -> dict[str, Any]:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key = {
        "kid": str(uuid4()),
        "pem": pem.decode(),
        "state": CURRENT,
        "created_at": repr(time.time()),
    }
    _put(tx, key)
    return key


def _put(tx: Tx, key: dict[str, Any]) -> None:
    tx.put(KIND, key["kid"], key, state=key["state"])


def _public_jwk(key: dict[str, Any]) -> dict[str, Any]:
    jwk = ECAlgorithm.to_jwk(private_key(key["pem"]).public_key(), as_dict=True)
    return {**jwk, "alg": "ES256", "kid": key["kid"], "use": "sig", "key_ops": ["verify"], "ext": True}
