"""Which access tokens are believed (SB-06): the table of R7, where the library believes too much."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from portal import clock
from portal.people.auth_errors import AuthUnavailable, TokenRefused
from portal.people.tokens import KeySet, Verifier

ISSUER = "https://project.example/auth/v1"


def next_name(changes: dict[str, Any]) -> str:
    """Name a case by the claim it changes."""
    return next(iter(changes))


def _moment(value: Any, now: int) -> Any:
    """Turn a distance in time into the claim's number."""
    return now + int(value.total_seconds()) if isinstance(value, timedelta) else value


class Provider:
    """Keys that can be rotated, a JWKS that counts its readers and can be down."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.reads = 0
        self.is_down = False
        self.rotate()

    def rotate(self) -> str:
        self.kid = str(uuid4())
        self.keys[self.kid] = ec.generate_private_key(ec.SECP256R1())
        return self.kid

    def jwks(self) -> dict[str, Any]:
        self.reads += 1
        if self.is_down:
            raise httpx.ConnectError("down")
        keys = [
            {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": kid, "alg": "ES256"}
            for kid, key in self.keys.items()
        ]
        return {"keys": keys}

    def token(self, *, kid: str = "", algorithm: str = "ES256", key: Any = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": str(uuid4()),
            "aud": "authenticated",
            "exp": now + 3600,
            "iat": now,
            "session_id": str(uuid4()),
            "aal": "aal1",
            **changes,
        }
        claims = {name: _moment(value, now) for name, value in claims.items() if value is not None}
        signer = key or self.keys[self.kid]
        return jwt.encode(claims, signer, algorithm=algorithm, headers={"kid": kid or self.kid})


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def verifier(provider: Provider) -> Verifier:
    return Verifier(ISSUER, KeySet(provider.jwks))


def test_a_genuine_token_is_believed(provider: Provider, verifier: Verifier) -> None:
    claims = verifier.claims_of(provider.token(aal="aal2", app_metadata={"role": "admin"}))
    assert (claims.aal, claims.issuer) == ("aal2", ISSUER)
    assert claims.app_metadata == {"role": "admin"}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example/auth/v1"},
        {"iss": None},
        {"aud": "anon"},
        {"aud": None},
        {"exp": timedelta(seconds=-31)},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": timedelta(seconds=120)},
        {"sub": "ada@example.com"},
        {"sub": None},
        {"session_id": None},
        {"session_id": "1"},
        {"session_id": 7},
    ],
    ids=next_name,
)
def test_what_the_library_lets_pass_is_refused(
    provider: Provider, verifier: Verifier, changes: dict[str, Any]
) -> None:
    """R7: wrong audience, issuer and times, each alone."""
    with pytest.raises(TokenRefused):
        verifier.claims_of(provider.token(**changes))


@pytest.mark.parametrize(
    "changes", [{"exp": timedelta(seconds=-20)}, {"nbf": timedelta(seconds=20)}], ids=next_name
)
def test_clocks_may_differ_by_half_a_minute(
    provider: Provider, verifier: Verifier, changes: dict[str, Any]
) -> None:
    assert verifier.claims_of(provider.token(**changes))


def test_signature_of_another_key_is_refused(provider: Provider, verifier: Verifier) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(TokenRefused):
        verifier.claims_of(provider.token(key=stranger))


def test_other_algorithms_are_refused_and_break_nothing(provider: Provider, verifier: Verifier) -> None:
    """R7: an RS256 header with the id of an EC key raises an odd error inside the library."""
    public = provider.keys[provider.kid].public_key()
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    tokens = [
        provider.token(algorithm="RS256", key=rsa_key),
        provider.token(algorithm="HS256", key="a shared secret of enough bytes to please it"),
        jwt.encode({"sub": "x"}, "", algorithm="none", headers={"kid": provider.kid}),
    ]
    assert public
    for token in tokens:
        with pytest.raises(TokenRefused):
            verifier.claims_of(token)


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "....", "é.é.é", "eyJhbGciOiJFUzI1NiJ9..x", "\0"])
def test_rubbish_is_refused(verifier: Verifier, token: str) -> None:
    with pytest.raises((TokenRefused, AuthUnavailable)):
        verifier.claims_of(token)


def test_keys_of_a_kind_we_do_not_use_are_ignored(provider: Provider) -> None:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    odd = [{**json.loads(RSAAlgorithm.to_jwk(rsa_key.public_key())), "kid": "rsa"}, {"kty": "EC"}, 7]
    keys = KeySet(lambda: {"keys": [*odd, *provider.jwks()["keys"]]})
    assert Verifier(ISSUER, keys).claims_of(provider.token())
    with pytest.raises(TokenRefused):
        Verifier(ISSUER, keys).claims_of(provider.token(algorithm="RS256", key=rsa_key, kid="rsa"))


def test_a_thousand_invented_keys_cost_at_most_two_reads(provider: Provider, verifier: Verifier) -> None:
    """SB-06"""
    tokens = [provider.token(kid=str(uuid4())) for _ in range(1000)]
    for token in tokens:
        with pytest.raises(TokenRefused):
            verifier.claims_of(token)
    assert provider.reads <= 2


def test_rotation_refuses_nobody(provider: Provider, verifier: Verifier) -> None:
    """supabase/auth #2821: the first token of the new key fetches it, older tokens go on."""
    old = provider.token()
    verifier.claims_of(old)
    provider.rotate()
    fresh = [provider.token() for _ in range(20)]
    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(verifier.claims_of, fresh))) == 20
    assert verifier.claims_of(old)
    assert provider.reads == 2


def test_keys_are_kept_for_ten_minutes_and_a_day_when_the_provider_is_down(
    provider: Provider, verifier: Verifier
) -> None:
    """SB-06: stale if error."""
    start = datetime.now(UTC)  # noqa: TID251 - real time is what the tokens carry
    long_lived = provider.token(exp=int(start.timestamp()) + 90_000)

    def ask_after(**later: float) -> None:
        with clock.replaced_by(lambda: start + timedelta(**later)):
            verifier.claims_of(long_lived)

    ask_after(minutes=0)
    ask_after(minutes=9)
    assert provider.reads == 1
    ask_after(minutes=11)
    assert provider.reads == 2
    provider.is_down = True
    ask_after(hours=20)
    with pytest.raises(AuthUnavailable):
        ask_after(hours=24, minutes=12)


def test_revoked_key_is_forgotten_at_the_next_read(provider: Provider, verifier: Verifier) -> None:
    token = provider.token(exp=int(time.time()) + 7200)
    verifier.claims_of(token)
    del provider.keys[provider.kid]
    provider.rotate()
    start = datetime.now(UTC)  # noqa: TID251 - as above
    with clock.replaced_by(lambda: start + timedelta(minutes=11)), pytest.raises(TokenRefused):
        verifier.claims_of(token)
