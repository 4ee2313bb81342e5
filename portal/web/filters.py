"""How money, dates, times, statuses and cards are written on pages.

An amount that is not known is written in words ("not known"), never as 0. Minus signs are minus signs.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from babel import Locale
from babel.dates import format_date, format_time, format_timedelta, get_timezone_name
from babel.numbers import format_currency, format_decimal, format_percent
from flask import Flask

from portal import clock
from portal.money import Money, precision_of
from portal.web.locales import Conventions, conventions

UNKNOWN = "not known"
_HYPHEN, _MINUS = "-", "\u2212"
_FRACTION = re.compile(r"\.0+")  # the decimals in a CLDR pattern such as ¤#,##0.00
_CODE_THEN_DIGIT = re.compile(r"(?<=[A-Z]{3})(?=\d)")
_MOST_ZONE_NAMES = 2000
_zone_names: dict[tuple[timedelta | None, timedelta | None, Conventions], str] = {}
_DAYS_COUNTED = 60  # beyond, months say more than days


def register(app: Flask) -> None:
    """Make the filters known to every template."""
    app.jinja_env.filters.update(FILTERS)


def money(amount: Decimal | Money | None, currency: str | None = None) -> str:
    """Write an amount rounded to its currency's decimals: `$49.00`, `−$5.00`, `¥1,200`."""
    known = _known(amount, currency)
    return UNKNOWN if known is None else _written_amount(*known, conventions())


def price(amount: Decimal | Money | None, currency: str | None = None) -> str:
    """Write a price per unit, with all its decimals where it has more than its currency: `$0.0025`."""
    known = _known(amount, currency)
    if known is None:
        return UNKNOWN
    value, code = known
    usual = precision_of(code)
    digits = max(usual, -int(value.normalize().as_tuple().exponent))
    if digits == usual:
        return money(value, code)
    locale = conventions().numbers
    pattern = _FRACTION.sub("." + "0" * digits, locale.currency_formats["standard"].pattern)
    text = format_currency(value, code, format=pattern, locale=locale, currency_digits=False)
    return _spaced(text)


def number(value: Decimal | int | None) -> str:
    """Write a count or quantity without needless zeros: `3`, `2.5`, `12,000`."""
    return UNKNOWN if value is None else _written_number(value, conventions())


def percent(value: Decimal | None) -> str:
    """Write a rate given in percent: `8.25%`."""
    if value is None:
        return UNKNOWN
    return format_percent(value / 100, format="#,##0.####%", locale=conventions().numbers)


def day(value: date | None) -> str:
    """Write a date in words: `29 November 2026`."""
    return UNKNOWN if value is None else _written_day(_as_date(value), "long", conventions())


def full_day(value: date | None) -> str:
    """Write a date where a deadline is meant: `Sunday, 29 November 2026`."""
    return UNKNOWN if value is None else _written_day(_as_date(value), "full", conventions())


def short_day(value: date | None) -> str:
    """Write a date for a table: `29 Nov 2026`."""
    return UNKNOWN if value is None else _written_day(_as_date(value), "medium", conventions())


def moment(value: datetime | None) -> str:
    """Write a time with its day and zone: `29 November 2026 at 12:03 UTC`."""
    if value is None:
        return UNKNOWN
    where = conventions()
    return _moment_of(value.astimezone(where.zone), where)


def clock_time(value: datetime | None) -> str:
    """Write a time of the day with its zone: `12:03 UTC`, `2:03 PM GMT+2`."""
    if value is None:
        return UNKNOWN
    where = conventions()
    return _time_of(value.astimezone(where.zone), where)


def _moment_of(local: datetime, where: Conventions) -> str:
    return f"{_written_day(local.date(), 'long', where)} at {_time_of(local, where)}"


def _time_of(local: datetime, where: Conventions) -> str:
    return f"{_written_time(local.hour, local.minute, where)} {_zone_name(local, where)}"


# Babel takes a tenth of a millisecond for a date, a time or a number, and a list has hundreds: what is
# written again and again (days, minutes, prices, small counts) is remembered. Equal numbers read the same.


@lru_cache(maxsize=4096)
def _written_day(value: date, length: Literal["medium", "long", "full"], where: Conventions) -> str:
    return format_date(value, length, where.dates)


@lru_cache(maxsize=4096)
def _written_amount(amount: Decimal, currency: str, where: Conventions) -> str:
    rounded = Money(amount, currency).rounded().amount
    # abs: a rounded zero may carry a sign, and "−$0.00" is no amount
    return _spaced(format_currency(rounded or abs(rounded), currency, locale=where.numbers))


@lru_cache(maxsize=4096)
def _written_number(value: Decimal | int, where: Conventions) -> str:
    return _minus(format_decimal(value, locale=where.numbers))


@lru_cache(maxsize=4096)
def _written_time(hour: int, minute: int, where: Conventions) -> str:
    return format_time(time(hour, minute), "short", locale=where.dates)


def _zone_name(local: datetime, where: Conventions) -> str:
    key = (local.utcoffset(), local.dst(), where)
    if key not in _zone_names:
        if len(_zone_names) >= _MOST_ZONE_NAMES:
            _zone_names.clear()
        _zone_names[key] = _named_zone(local, where.dates)
    return _zone_names[key]


def _named_zone(local: datetime, locale: Locale) -> str:
    """Return `UTC`, `CET`, or the distance (`UTC+5:30`) of a zone without a short English name."""
    name = get_timezone_name(local, width="short", locale=locale)
    if name[0] not in "+-":
        return name
    hours, minutes = int(name[1:3]), name[3:5]
    return _minus(f"UTC{name[0]}{hours}" + (f":{minutes}" if minutes != "00" else ""))


def stamp(value: datetime | None) -> str:
    """Write when something was read: the time alone if today, otherwise with its day."""
    if value is None:
        return UNKNOWN
    where = conventions()
    local = value.astimezone(where.zone)
    is_today = local.date() == clock.now().astimezone(where.zone).date()
    return (_time_of if is_today else _moment_of)(local, where)


def ago(value: datetime | None) -> str:
    """Write how long ago or ahead; only ever beside the absolute time: `3 minutes ago`."""
    if value is None:
        return UNKNOWN
    return format_timedelta(value - clock.now(), add_direction=True, locale=conventions().dates)


def days_away(value: date | None, today: date | None = None) -> str:
    """Write how far a date is from today; only ever beside the date: `today`, `in 3 days`.

    Dates of Zoho count from the organisation's ``today``, or a due date could be past and "in 2 days".
    """
    if value is None:
        return UNKNOWN
    days = (_as_date(value) - (today or clock.now().astimezone(conventions().zone).date())).days
    named = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(days)
    if named:
        return named
    if abs(days) < _DAYS_COUNTED:
        far = f"{abs(days)} days"
    else:
        far = format_timedelta(timedelta(abs(days)), locale=conventions().dates, threshold=2)
    return f"in {far}" if days > 0 else f"{far} ago"


def month(card: Mapping[str, Any]) -> str:
    """Write a card's expiry: `11/2026`."""
    if not card["expiry_month"] or not card["expiry_year"]:
        return UNKNOWN
    return f"{card['expiry_month']:02d}/{card['expiry_year']}"


def iso(value: date) -> str:
    """Write a date or an aware time for machines (the attribute of a `time` element)."""
    return value.isoformat()


def _known(amount: Decimal | Money | None, currency: str | None) -> tuple[Decimal, str] | None:
    if isinstance(amount, Money):
        return amount.amount, amount.currency
    return None if amount is None or not currency else (amount, currency)


def _as_date(value: date) -> date:
    return value.astimezone(conventions().zone).date() if isinstance(value, datetime) else value


def _spaced(text: str) -> str:
    """Keep a code that stands for a sign apart from its number (CLDR asks for it, Babel forgets)."""
    return _minus(_CODE_THEN_DIGIT.sub("\N{NO-BREAK SPACE}", text))


def _minus(text: str) -> str:
    return text.replace(_HYPHEN, _MINUS)


FILTERS: dict[str, Callable[..., str]] = {
    filter_.__name__: filter_
    for filter_ in (
        money,
        price,
        number,
        percent,
        day,
        full_day,
        short_day,
        moment,
        clock_time,
        stamp,
        ago,
        days_away,
        month,
        iso,
    )
}
