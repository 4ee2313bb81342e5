"""Sealing secrets for the database: AES-256-GCM with keys that the database never sees (CRY-01).

A sealed value is ``version | key id length | key id | nonce | ciphertext``. The name of what it is
(table, column, row) goes in as associated data, so a value copied into another row does not open.
The first key seals; every key opens, so a key is rotated by putting a new one in front.
"""

import base64
import binascii
import os
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.errors import Misconfigured, PortalError

_VERSION = 1
_NONCE_BYTES = 12
_KEY_BYTES = 32


class Unsealable(PortalError):
    """A stored secret cannot be opened: its key is not in ENCRYPTION_KEYS, or it was tampered with."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of ``ENCRYPTION_KEYS``, newest first, each by its id."""

    keys: dict[str, bytes]

    @classmethod
    def from_settings(cls, entries: list[str]) -> Self:
        """Read ``id:base64-of-32-bytes`` entries. Raises :class:`Misconfigured` on a bad one."""
        keys: dict[str, bytes] = {}
        for entry in entries:
            key_id, _, encoded = entry.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                key = b""
            if not key_id or len(key) != _KEY_BYTES:
                raise Misconfigured("ENCRYPTION_KEYS must be id:base64 pairs of 32-byte keys, newest first")
            keys[key_id] = key
        if not keys:
            raise Misconfigured("ENCRYPTION_KEYS is not set")
        return cls(keys)

    def seal(self, secret: str, bound_to: str) -> bytes:
        """Encrypt ``secret`` with the newest key, bound to the name ``bound_to``."""
        key_id, key = next(iter(self.keys.items()))
        nonce = os.urandom(_NONCE_BYTES)
        name = key_id.encode()
        sealed = AESGCM(key).encrypt(nonce, secret.encode(), bound_to.encode())
        return bytes([_VERSION, len(name)]) + name + nonce + sealed

    def open(self, sealed: bytes, bound_to: str) -> str:
        """Decrypt what :meth:`seal` made. Raises :class:`Unsealable`."""
        key = self.keys.get(self.key_id_of(sealed))
        if key is None:
            raise Unsealable
        start = 2 + sealed[1]
        nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        try:
            return AESGCM(key).decrypt(nonce, body, bound_to.encode()).decode()
        except InvalidTag:
            raise Unsealable from None

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether ``sealed`` was made with the newest key (for the re-encrypt command)."""
        return self.key_id_of(sealed) == next(iter(self.keys))

    @staticmethod
    def key_id_of(sealed: bytes) -> str:
        """Return the id of the key that made ``sealed``."""
        if len(sealed) < 2 + _NONCE_BYTES or sealed[0] != _VERSION:
            raise Unsealable
        return bytes(sealed[2 : 2 + sealed[1]]).decode(errors="replace")
