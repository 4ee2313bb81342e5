"""Every wrong setting is named at once, in words and without what was given (docs/settings.md)."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from portal import clock, config, doctor
from portal.errors import Misconfigured
from tests.zoho.conftest import settings_for

RIGHT = {
    name.upper(): value.get_secret_value() if hasattr(value, "get_secret_value") else value
    for name, value in settings_for("http://127.0.0.1:9", "postgresql://u:hush@127.0.0.1/x")
    if isinstance(value, str) or hasattr(value, "get_secret_value")
} | {"ENCRYPTION_KEYS": "k:" + "a" * 43 + "="}
WRONG = {
    "DATABASE_URL": [
        "nonsense",
        "mysql://u:hush@h/x",
        "postgresql://u:hush@h:port/x",
        "host=h password=hush",
    ],
    "BASE_URL": [
        "example.com",
        "http://example.com",
        "https://[",
        "https://example.com:port",
        "https://example.com/portal",
        "https://example.com/?a=1",
        "https://u:hush@example.com",
        "https://[2001:db8::1]",
    ],
    "SUPABASE_URL": ["nowhere"],
    "ZOHO_API_URL": ["ftp://example.com"],
    "ZOHO_HOSTED_ORIGINS": [
        "https://zoho.eu/path",
        "https://zoho.eu;script-src",
        "zoho.eu",
        "http://zoho.eu",
    ],
    "ENCRYPTION_KEYS": ["hush", "k:hush", ""],
    "SMTP_URL": ["mail.example.com", "http://u:hush@h", "smtp://u:hush@h:port"],
    "WEB_POOL_SIZE": ["many"],
}


def problems(monkeypatch: pytest.MonkeyPatch, **changes: str) -> str:
    for name, value in (RIGHT | changes).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as caught:
        config.load()
    return caught.value.message


def test_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = problems(monkeypatch, **{name: values[0] for name, values in WRONG.items()})
    assert sorted(line.partition(":")[0] for line in told.split("; ")) == sorted(WRONG)


@pytest.mark.parametrize(("name", "value"), [(name, one) for name, many in WRONG.items() for one in many])
def test_each_by_itself_and_no_secret_is_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    told = problems(monkeypatch, **{name: value})
    assert told.startswith(f"{name}: ")
    assert "; " not in told
    assert "hush" not in told


def test_an_origin_needs_no_care_about_its_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "https://Billing.zoho.eu/, http://[::1]:8100"
    for name, value in (RIGHT | {"ZOHO_HOSTED_ORIGINS": given}).items():
        monkeypatch.setenv(name, value)
    assert config.load().zoho_hosted_origins == ["https://billing.zoho.eu", "http://[::1]:8100"]


@pytest.mark.parametrize("name", ["BASE_URL", "ZOHO_ACCOUNTS_URL", "ZOHO_API_URL", "SUPABASE_URL"])
def test_an_address_needs_no_care_about_its_slash(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Or a link would have two of them: the hourly look at the front door found a page that is not there."""
    for setting, value in (RIGHT | {name: "https://example.com/"}).items():
        monkeypatch.setenv(setting, value)
    assert getattr(config.load(), name.lower()) == "https://example.com"


def test_a_host_is_written_as_browsers_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """CSRF-03: or no form's Origin would be ours."""
    for setting, value in (RIGHT | {"BASE_URL": "https://Billing.Example.com"}).items():
        monkeypatch.setenv(setting, value)
    assert config.load().base_url == "https://billing.example.com"


def test_the_sandboxes_secret_signs_nothing_that_others_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """WH-01: it is printed in the documentation."""
    given = f"a-secret-of-our-own, {config.SANDBOX_SECRET}"
    told = problems(monkeypatch, BASE_URL="https://billing.example.com", ZOHO_WEBHOOK_SECRETS=given)
    assert told.startswith("ZOHO_WEBHOOK_SECRETS: is the sandbox's published secret")


def test_keys_may_lie_in_the_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (RIGHT | {"ENCRYPTION_KEYS": "", "SECRETS_BACKEND": "vault"}).items():
        monkeypatch.setenv(name, value)
    assert config.load().encryption_keys == []


@pytest.mark.parametrize(
    ("keys", "verdict"),
    [
        ([{"kid": "a", "kty": "EC", "crv": "P-256"}], "look"),  # as far as keys go, all is well
        ([{"kid": "a", "kty": "RSA"}], "bad"),
        ([], "bad"),
    ],
)
def test_sb_06_the_doctor_names_a_project_whose_tokens_we_would_not_believe(
    monkeypatch: pytest.MonkeyPatch, keys: list[dict[str, str]], verdict: str
) -> None:
    """A project with the older shared secret: everybody's sign-in failed, and nothing said why."""
    answer = SimpleNamespace(status_code=200, headers={}, json=lambda: {"keys": keys})
    monkeypatch.setattr(doctor, "_ask_provider", lambda *_: answer)
    services = SimpleNamespace(settings=settings_for("http://127.0.0.1:9", "postgresql://u@127.0.0.1/x"))
    (found,) = doctor._identity(services)  # type: ignore[arg-type]
    assert found.verdict == verdict
    assert ("ES256" in found.text) == (verdict == "bad")


@pytest.mark.parametrize(
    ("minutes", "told"), [(-5, "clock is -300 s off"), (5, "clock is +300 s off"), (0, "SUPABASE_SECRET_KEY")]
)
def test_sb_06_the_doctor_names_a_clock_by_which_no_token_is_of_today(
    monkeypatch: pytest.MonkeyPatch, minutes: int, told: str
) -> None:
    keys = [{"kid": "a", "kty": "EC", "crv": "P-256"}]
    headers = {"Date": format_datetime(clock.now().replace(microsecond=0), usegmt=True)}
    answer = SimpleNamespace(status_code=200, headers=headers, json=lambda: {"keys": keys})
    monkeypatch.setattr(doctor, "_ask_provider", lambda *_: answer)
    given = {"base_url": "https://billing.example.com"}
    settings = settings_for("http://127.0.0.1:9", "postgresql://u@127.0.0.1/x", **given)
    services = SimpleNamespace(settings=settings)
    here = clock.now().replace(microsecond=0) + timedelta(minutes=minutes)
    with clock.replaced_by(lambda: here):
        (found,) = doctor._identity(services)  # type: ignore[arg-type]
    assert told in found.text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, {"proxies": "TRUSTED_PROXIES is 0", "words": "MERCHANT_NAME, SUPPORT_EMAIL, MAIL_FROM: "}),
        ({"trusted_proxies": 1, "merchant_name": "Acme", "mail_from": "a@b.c"}, {"words": "SUPPORT_EMAIL: "}),
        ({"base_url": "http://127.0.0.1:8000"}, {}),
    ],
)
def test_the_doctor_names_what_was_left_as_it_was(changes: dict[str, object], told: dict[str, str]) -> None:
    given = {"base_url": "https://billing.example.com", **changes}
    settings = settings_for("http://127.0.0.1:9", "postgresql://u@127.0.0.1/x", **given)
    found = {finding.name: finding for finding in doctor.left_as_they_were(settings)}
    assert {finding.verdict for finding in found.values()} <= {"look"}
    assert list(found) == list(told)
    assert all(found[name].text.startswith(words) for name, words in told.items())
