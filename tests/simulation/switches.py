"""Every switch of the sandbox: the values under which the portal must work, or why it cannot matter to it.

A switch stands in exactly one of the tables; `test_switches.py` fails for one that stands in none, and for a
value that nobody thought of.
"""

from __future__ import annotations

from itertools import zip_longest
from random import Random
from typing import Any, Literal, get_args, get_origin

from sandbox.settings import Settings

Values = dict[str, Any]

# What the portal's life at Zoho can depend on. The first value is the default.
MATTERS: dict[str, list[Any]] = {
    "oauth_clock": ["real", "virtual"],
    "oauth_limits": [True, False],
    "oauth_throttle": ["400", "200", "200_localised"],
    "oauth_access_s": [3600, 600],
    "oauth_live_access": ["15", "30"],
    "oauth_refresh_rate": ["10_per_10_min", "5_per_min", "20_per_10_min"],
    "webhook_timing": ["race", "before_redirect"],
    "dunning_retries": [3, 1, 2],
    "dunning_gaps": [[5, 5, 3], [1], [7, 2, 1]],
    "dunning_final": ["cancel", "keep", "unpaid"],
    "dunning_final_invoice": ["open", "written_off", "void"],
    "deleted_method": ["stays_online", "goes_offline"],
    "ach_days": [15, 0],
    "ach_days_elsewhere": [4, 0],
    "backup_method": ["ignored", "charged"],
    "ahead_days": [3, 0],
    "card_expiring_days": [15, 0],
    "prorate": [True, False],
    "use_latest_prices": [False, True],
    "auto_apply_credits": [True, False],
    "failed_payment": ["refused", "stored"],
    "pause_credits": [False, True],
    "gateway": ["authorize_net", "test_gateway"],
    "message_language": ["en", "es", "zh"],
    "number_drift": ["live", "spec"],
    "whole_money": ["integer", "float"],
    "no_scheduled_changes": ["refused", "empty"],
    "hosted_list_key": ["hosted_pages", "hostedpages"],
    "invoice_event": ["invoice_notification", "invoice_created", "both"],
    "u1_webhook_retries": ["growing", "none"],
    "u1_webhook_success": ["2xx", "200"],
    "u1_webhook_disable_after": [0, 1],
    "u2_payment_declined_key": ["payment", "subscription", "invoice", "all"],
    "u2_payment_refunded_key": ["refund", "payment"],
    "u2_credit_note_key": ["creditnote", "credit_note"],
    "u2_card_key": ["card", "payment_method"],
    "u3_hosted_data": ["empty", "subject"],
    "u3_hosted_action": ["enum", "spec"],
    "u4_hosted_cancel": ["cancelled", "stays"],
    "u4_hosted_decline": ["failed", "stays"],
    "u4_hosted_redirect_on_cancel": [False, True],
    "u5_expired_token": ["401/57", "401/14", "400/14"],
    "u6_per_minute": [0, 100],
    "u6_per_day": [0, 3000],
    "u6_concurrent": [0, 5],
    "u6_retry_after": [False, True],
    "u6_block_s": [60, 300],
    "u7_reactivate": ["non_renewing", "cancelled", "any"],
    "u8_unpaid_card_update": ["nothing", "charge"],
    "u9_omitted_addons": ["removed", "kept"],
    "u9_omitted_coupon": ["kept", "removed"],
    "u10_cancel_reason": ["ignored", "stored", "required"],
    "u11_event_time": ["date", "timestamp"],
    "u11_event_payload": ["object", "string"],
    "u11_event_filters": ["both", "filter_by"],
    "u11_event_days": [180, 2],
    "u12_collect_decline": ["gateway_400", "generic_400", "payment_200"],
    "u13_last_four": ["string", "integer"],
    "u13_card_type": [False, True],
    "u14_signature": ["hex", "HEX", "base64"],
    "u14_content_type": ["json", "charset", "form"],
    "u17_test_cards": ["by_number", "always_succeed"],
    "u18_pause": ["on", "off"],
    "u19_dunning_on": ["renewals", "every_charge"],
    "u20_unpaid_filter": ["all_open", "sent_only"],
}

_OWN = "where the sandbox's process listens and keeps its files: no word of its answers"
_AUTH = "of the Supabase Auth stand-in, which is no part of Zoho: the portal's sign-in has tests of its own"
CANNOT_MATTER: dict[str, str] = {
    "oauth_bearer": "the portal says `Zoho-oauthtoken`, which every value takes",
    "hosted_numeric_id": "the portal reads a hosted page by the opaque id that it was given",
    "payments_filter": "the portal lists payments by customer or by date, and never by a filter",
    "changed_setup_fee": "a change to a plan with a setup fee has no estimate (billing/quote.py)",
    "host": _OWN,
    "port": _OWN,
    "data": _OWN,
    "public_url": _OWN,
    "portal_url": _OWN,
    "smtp_port": _OWN,
    "threads": _OWN,
    "deliver": "the thread and the pump send the same messages; which of the two is a matter of tests",
    "time_zone": "fixed at start; the portal takes the organisation's zone, tests/web/pages/test_overview.py",
    "data_center": "before any purchase: which hosts a connection gets, tests/zoho/test_connect.py",
    "data_center_hosts": "as data_center",
    "u16_uk_uae": "as data_center",
    "oauth_code_s": "how long a code of the consent page lives; one is used once, when staff connect",
    "u1_webhook_timeout_s": "how long an answer may take; the portal's is a commit (bench/webhooks.py)",
    "u14_form_spaces": "signs form payloads of workflow webhooks; the portal takes event webhooks",
    "u14_query_values": "signs query parameters, which the portal's own address has none of",
    "u15_iframe": "the portal sends people to hosted pages and never frames one",
    "tax_percentage": "a number that a reset writes into the tax; the portal reads it from there",
    "auth_rate_limits": _AUTH,
    "auth_forwarded_for": _AUTH,
    "auth_mail_links": _AUTH,
    "auth_mail_pause_s": _AUTH,
    "auth_outage": _AUTH,
    "auth_token_lifetime_s": _AUTH,
}

DEFAULTS: Values = {name: values[0] for name, values in MATTERS.items()}


def alternatives(name: str) -> list[Any]:
    """The values that the sandbox itself knows of a switch; none for numbers and lists."""
    kind = Settings.model_fields[name].annotation
    if kind is bool:
        return [False, True]
    return list(get_args(kind)) if get_origin(kind) is Literal else []


def together() -> list[Values]:
    """As few combinations as hold every value of every switch at least once, the defaults first."""
    columns = [[(name, value) for value in values] for name, values in MATTERS.items()]
    return [DEFAULTS | dict(each for each in row if each is not None) for row in zip_longest(*columns)]


def mixed(count: int) -> list[Values]:
    """Combinations drawn at random, always the same: values meet that meet in no other row."""
    dice = Random("mixed")
    return [{name: dice.choice(values) for name, values in MATTERS.items()} for _ in range(count)]


def alone() -> list[tuple[str, Any]]:
    """Every value that is not a default, by itself."""
    return [(name, value) for name, values in MATTERS.items() for value in values[1:]]
