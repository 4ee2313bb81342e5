"""Settings, read once from the environment; every missing or wrong one is named at once.

docs/settings.md documents each (tests/house keeps the two equal). Secrets are ``SecretStr``, so a
traceback or a log line that shows the settings shows none of them.
"""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from portal.errors import Misconfigured
from portal.sealing import Keyring

# Accounts host, API host, web host of the hosted pages (facts.md 1.1). Three values, never derived
# from each other: Canada breaks every rule. UK is not a documented Billing data centre; it is here
# because the settings promise it, with its hosts unverified.
DATA_CENTRES: dict[str, tuple[str, str, str]] = {
    "us": ("https://accounts.zoho.com", "https://www.zohoapis.com", "https://billing.zoho.com"),
    "eu": ("https://accounts.zoho.eu", "https://www.zohoapis.eu", "https://billing.zoho.eu"),
    "in": ("https://accounts.zoho.in", "https://www.zohoapis.in", "https://billing.zoho.in"),
    "au": (
        "https://accounts.zoho.com.au",
        "https://www.zohoapis.com.au",
        "https://billing.zoho.com.au",
    ),
    "jp": ("https://accounts.zoho.jp", "https://www.zohoapis.jp", "https://billing.zoho.jp"),
    "ca": (
        "https://accounts.zohocloud.ca",
        "https://www.zohoapis.ca",
        "https://billing.zohocloud.ca",
    ),
    "sa": ("https://accounts.zoho.sa", "https://www.zohoapis.sa", "https://billing.zoho.sa"),
    "uk": ("https://accounts.zoho.uk", "https://www.zohoapis.uk", "https://billing.zoho.uk"),
    "cn": (
        "https://accounts.zoho.com.cn",
        "https://www.zohoapis.com.cn",
        "https://billing.zoho.com.cn",
    ),
}
MIN_SECRET_KEY = 32
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
SANDBOX_SECRET = "SandboxWebhookSecret01"  # noqa: S105 - published in docs/sandbox.md
# They become part of the content policy, so nothing but an origin may be in one.
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[::1\])(:[0-9]+)?")

DataCentre = Literal["us", "eu", "in", "au", "jp", "ca", "sa", "uk", "cn"]
CommaList = Annotated[list[str], NoDecode]


class Settings(BaseSettings):
    """The portal's settings; field names are the environment's names in lower case."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: SecretStr
    secret_key: SecretStr
    secret_key_fallbacks: CommaList = []
    base_url: str
    trusted_proxies: int = Field(default=0, ge=0, le=5)

    zoho_dc: DataCentre | None = None
    zoho_accounts_url: str = Field(default="", validate_default=True)
    zoho_api_url: str = Field(default="", validate_default=True)
    zoho_hosted_origins: CommaList = []
    zoho_organization_id: str = ""
    zoho_client_id: SecretStr = SecretStr("")
    zoho_client_secret: SecretStr = SecretStr("")
    zoho_refresh_token: SecretStr = SecretStr("")
    zoho_webhook_secrets: Annotated[list[SecretStr], NoDecode] = []
    zoho_calls_per_minute: int = Field(default=100, ge=1)
    zoho_calls_per_day: int = Field(default=10_000, ge=1)
    zoho_concurrency: int = Field(default=5, ge=1)

    supabase_url: str
    supabase_publishable_key: SecretStr
    supabase_secret_key: SecretStr = SecretStr("")

    secrets_backend: Literal["vault", "env"] = "env"
    encryption_keys: CommaList = Field(default=[], validate_default=True)

    smtp_url: SecretStr = SecretStr("")
    mail_from: str = "Billing <billing@example.com>"

    merchant_name: str = "Northwind Cloud"
    support_email: str = "support@example.com"
    web_pool_size: int = Field(default=5, ge=1, le=50)
    worker_pool_size: int = Field(default=4, ge=2, le=50)
    # Multiplies every request limit: for load tests, or a customer behind one busy address.
    rate_limit_scale: int = Field(default=1, ge=1, le=1000)
    metrics_token: SecretStr = SecretStr("")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    # What customers may do by themselves (facts.md 8.2: the merchant decides).
    allow_upgrade: bool = True
    allow_downgrade: bool = True
    allow_cancel: Literal["no", "end_of_term", "now", "both"] = "end_of_term"
    allow_pause: bool = False
    allow_reactivate: bool = True
    pay_by_invoice: bool = False

    @field_validator(
        "secret_key_fallbacks",
        "zoho_hosted_origins",
        "zoho_webhook_secrets",
        "encryption_keys",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < MIN_SECRET_KEY:
            raise ValueError(f"must have at least {MIN_SECRET_KEY} characters")
        return value

    @model_validator(mode="before")
    @classmethod
    def _fill_from_data_centre(cls, values: dict[str, object]) -> dict[str, object]:
        centre = values.get("zoho_dc")
        if isinstance(centre, str) and centre in DATA_CENTRES:
            accounts, api, hosted = DATA_CENTRES[centre]
            preset = {
                "zoho_accounts_url": accounts,
                "zoho_api_url": api,
                "zoho_hosted_origins": hosted,
            }
            values = {**preset, **{name: given for name, given in values.items() if given}}
        return values

    # Each by itself and not all after the fields, or one wrong number would hide a wrong address.
    @field_validator("base_url", "zoho_accounts_url", "zoho_api_url", "supabase_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        _check_address(value)
        return value.rstrip("/")

    @field_validator("base_url")
    @classmethod
    def _has_a_host_of_its_own(cls, value: str) -> str:
        value = value.lower()
        parts = _parts(value)
        # Werkzeug knows an IPv6 address in no list of hosts: every page would be refused.
        if f"{parts.scheme}://{parts.netloc}" != value or set("@[") & set(parts.netloc):
            raise ValueError("must be a host of its own such as https://billing.example.com, without a path")
        return value

    @field_validator("zoho_hosted_origins")
    @classmethod
    def _are_origins(cls, values: list[str]) -> list[str]:
        origins = [value.lower().removesuffix("/") for value in values]
        for origin in origins:
            _check_address(origin)
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("must be origins such as https://billing.zoho.eu, without a path")
        return origins

    @field_validator("zoho_webhook_secrets")
    @classmethod
    def _are_secret(cls, values: list[SecretStr], info: ValidationInfo) -> list[SecretStr]:
        is_here = _parts(info.data.get("base_url", "")).hostname in THIS_MACHINE
        if not is_here and any(value.get_secret_value() == SANDBOX_SECRET for value in values):
            raise ValueError("is the sandbox's published secret, which anybody can sign with: make one")
        return values

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        try:
            conninfo_to_dict(url)
            is_known = _parts(url).scheme in ("postgresql", "postgres")
        except (psycopg.ProgrammingError, ValueError):
            is_known = False
        if not is_known:  # and never what libpq says about it, which quotes the password
            raise ValueError("must look like postgresql://user:password@host:5432/name")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, value: SecretStr) -> SecretStr:
        if url := value.get_secret_value():
            parts = _parts(url)
            if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
                raise ValueError("must look like smtp://user:password@mail.example.com:587")
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _are_keys(cls, values: list[str], info: ValidationInfo) -> list[str]:
        if not values and info.data.get("secrets_backend") == "vault":
            return values  # they may lie there
        try:
            Keyring.from_settings(values)
        except Misconfigured as problem:
            raise ValueError(problem.message.removeprefix("ENCRYPTION_KEYS ")) from None
        return values

    @cached_property
    def is_local(self) -> bool:
        """Whether the portal is for this machine alone: the demo, tests."""
        return urlsplit(self.base_url).hostname in THIS_MACHINE

    @cached_property
    def is_secure(self) -> bool:
        """Whether browsers reach the portal by https (decides the cookie's Secure and __Host-)."""
        return self.base_url.startswith("https://")


def load() -> Settings:
    """Read the settings from the environment.

    Raises :class:`~portal.errors.Misconfigured`, naming every missing or wrong variable at once.
    """
    return _named(Settings)  # the environment fills the fields


def checked(values: dict[str, object]) -> Settings:
    """Return these settings. Raises :class:`~portal.errors.Misconfigured` as :func:`load` does."""
    return _named(lambda: Settings.model_validate(values))


def _named(make: Callable[[], Settings]) -> Settings:
    try:
        return make()
    except ValidationError as problem:
        lines = [_line(error) for error in problem.errors()]
        raise Misconfigured("; ".join(lines)) from None


def _check_address(value: str) -> None:
    parts = _parts(value)
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ValueError("must be an address such as https://example.com")
    if parts.scheme == "http" and parts.hostname not in THIS_MACHINE:
        raise ValueError("must use https (http only on this machine)")


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - is read only when it is asked for, and raises then
    except ValueError:
        raise ValueError("is no address: its host or port cannot be read") from None
    return parts


def _line(error: object) -> str:
    assert isinstance(error, dict)  # noqa: S101 - pydantic's ErrorDetails is a TypedDict
    name = ".".join(str(part) for part in error["loc"]).upper()
    if error["type"] == "missing":
        return f"{name} is not set"
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
