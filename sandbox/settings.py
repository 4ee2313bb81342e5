"""What can be set from outside: the environment, and one switch for each thing nobody knows about Zoho.

A switch is named after the open question it stands for (`facts.md` 13), so `SANDBOX_U9_OMITTED_ADDONS=kept`
answers question U9.  Switches may be changed while the sandbox runs; the rest is fixed at start.
"""

from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting, with the default that the evidence favours."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_", validate_assignment=True, extra="ignore")

    # where it runs
    host: str = "127.0.0.1"
    port: int = Field(default=8001, ge=1, le=65535)
    data: Path = Path(".data/sandbox")
    time_zone: str = "America/New_York"
    public_url: str = ""
    portal_url: str = "http://127.0.0.1:8000"
    smtp_port: int = Field(default=8025, ge=0, le=65535)
    threads: int = Field(default=8, ge=1)
    data_center: str = "us"

    # OAuth: tokens age on the clock that clients count with, unless a simulation runs on virtual time
    oauth_clock: Literal["real", "virtual"] = "real"
    oauth_limits: bool = True
    oauth_bearer: Literal["refused", "accepted"] = "refused"
    oauth_throttle: Literal["400", "200", "200_localised"] = "400"
    oauth_access_s: int = Field(default=3600, ge=1)
    oauth_code_s: int = Field(default=120, ge=1)
    oauth_live_access: Literal["15", "30"] = "15"
    oauth_refresh_rate: Literal["10_per_10_min", "5_per_min", "20_per_10_min"] = "10_per_10_min"
    data_center_hosts: Literal["same", "prefix"] = "same"

    # webhook deliveries: a thread sends them, or a test pumps them by hand
    deliver: Literal["thread", "manual"] = "thread"
    webhook_timing: Literal["race", "before_redirect"] = "race"

    # the organisation
    dunning_retries: int = Field(default=3, ge=1, le=3)
    dunning_gaps: list[int] = Field(default=[5, 5, 3], min_length=1)
    dunning_final: Literal["keep", "unpaid", "cancel"] = "cancel"
    dunning_final_invoice: Literal["open", "written_off", "void"] = "open"
    deleted_method: Literal["stays_online", "goes_offline"] = "stays_online"
    ach_days: int = Field(default=15, ge=0)
    ach_days_elsewhere: int = Field(default=4, ge=0)
    backup_method: Literal["ignored", "charged"] = "ignored"
    ahead_days: int = 3
    card_expiring_days: int = 15
    prorate: bool = True
    use_latest_prices: bool = False
    auto_apply_credits: bool = True
    failed_payment: Literal["refused", "stored"] = "refused"
    pause_credits: bool = False
    changed_setup_fee: Literal["never", "charged"] = "never"
    gateway: Literal["test_gateway", "authorize_net"] = "authorize_net"

    # renderings that sources disagree about
    message_language: Literal["en", "es", "zh"] = "en"
    number_drift: Literal["live", "spec"] = "live"
    whole_money: Literal["integer", "float"] = "integer"
    no_scheduled_changes: Literal["refused", "empty"] = "refused"
    hosted_numeric_id: Literal["refused", "accepted"] = "refused"
    hosted_list_key: Literal["hosted_pages", "hostedpages"] = "hosted_pages"
    payments_filter: Literal["ignored", "refused"] = "ignored"
    invoice_event: Literal["invoice_notification", "invoice_created", "both"] = "invoice_notification"

    # the unknowns of facts.md 13
    u1_webhook_timeout_s: float = 15
    u1_webhook_retries: Literal["none", "growing"] = "growing"
    u1_webhook_success: Literal["2xx", "200"] = "2xx"
    u1_webhook_disable_after: int = 0
    u2_payment_declined_key: Literal["payment", "subscription", "invoice", "all"] = "payment"
    u2_payment_refunded_key: Literal["refund", "payment"] = "refund"
    u2_credit_note_key: Literal["creditnote", "credit_note"] = "creditnote"
    u2_card_key: Literal["card", "payment_method"] = "card"
    u3_hosted_data: Literal["empty", "subject"] = "empty"
    u3_hosted_action: Literal["enum", "spec"] = "enum"
    u4_hosted_cancel: Literal["cancelled", "stays"] = "cancelled"
    u4_hosted_decline: Literal["failed", "stays"] = "failed"
    u4_hosted_redirect_on_cancel: bool = False
    u5_expired_token: Literal["401/57", "401/14", "400/14"] = "401/57"
    u6_per_minute: int = 0
    u6_per_day: int = 0
    u6_concurrent: int = 0
    u6_retry_after: bool = False
    u6_block_s: int = Field(default=60, ge=1)
    u7_reactivate: Literal["non_renewing", "cancelled", "any"] = "non_renewing"
    u8_unpaid_card_update: Literal["nothing", "charge"] = "nothing"
    u9_omitted_addons: Literal["removed", "kept"] = "removed"
    u9_omitted_coupon: Literal["kept", "removed"] = "kept"
    u10_cancel_reason: Literal["ignored", "stored", "required"] = "ignored"
    u11_event_time: Literal["date", "timestamp"] = "date"
    u11_event_payload: Literal["object", "string"] = "object"
    u11_event_filters: Literal["both", "filter_by"] = "both"
    u11_event_days: int = 180
    u12_collect_decline: Literal["gateway_400", "generic_400", "payment_200"] = "gateway_400"
    u13_last_four: Literal["string", "integer"] = "string"
    u13_card_type: bool = False
    u14_signature: Literal["hex", "HEX", "base64"] = "hex"
    u14_form_spaces: Literal["plus", "percent"] = "plus"
    u14_query_values: Literal["decoded", "raw"] = "decoded"
    u14_content_type: Literal["json", "charset", "form"] = "json"
    u15_iframe: Literal["deny", "allow"] = "deny"
    u16_uk_uae: bool = False
    u17_test_cards: Literal["by_number", "always_succeed"] = "by_number"
    u18_pause: Literal["on", "off"] = "on"
    u19_dunning_on: Literal["renewals", "every_charge"] = "renewals"
    u20_unpaid_filter: Literal["all_open", "sent_only"] = "all_open"

    # the Supabase Auth stand-in
    auth_rate_limits: bool = False
    auth_forwarded_for: bool = True
    auth_mail_links: Literal["verify", "token_hash"] = "verify"
    auth_mail_pause_s: float = 0
    auth_outage: Literal["none", "503", "hang"] = "none"
    auth_token_lifetime_s: int = Field(default=3600, ge=1)

    # generated data and its limits
    tax_percentage: Decimal = Decimal(8)

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as unknown:
            raise ValueError("no such time zone; one such as America/New_York is needed") from unknown
        return name

    @property
    def base_url(self) -> str:
        """Where clients reach the sandbox; hosted page addresses and `api_domain` are built from it."""
        host = _reachable(self.host)
        shown = f"[{host}]" if ":" in host else host
        return (self.public_url or f"http://{shown}:{self.port}").rstrip("/")


def _reachable(host: str) -> str:
    """Where a sandbox that listens on every address is reached: at home."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004 - IPv4
