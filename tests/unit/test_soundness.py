"""What `portal doctor` says about the way to the database (CRY-04)."""

import pytest

from portal.db import soundness


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("postgresql://postgres@/postgres?host=%2Fsomewhere", "ok"),
        ("postgresql://u:p@127.0.0.1:5432/x", "ok"),
        ("postgresql://u:p@db.example.co:5432/x?sslmode=verify-full", "ok"),
        ("postgresql://u:p@postgres:5432/x", "look"),
        ("postgresql://u:p@db.example.co:5432/x", "bad"),
        ("postgresql://u:p@db.example.co:5432/x?sslmode=require", "bad"),
        ("postgresql://u:p@db.example.co:5432/x?sslmode=verify-ca", "bad"),
    ],
)
def test_cry_04_only_a_verified_certificate_is_enough_over_a_network(url: str, verdict: str) -> None:
    found = soundness.connection(url)
    assert found.verdict == verdict
    assert "u:p" not in found.text
