"""Which conventions a visitor's numbers, dates and times follow.

Pages speak English; amounts follow the visitor's own locale (`49,00 €` for de-DE) and dates the
English of their country (`29 November 2026`, `November 29, 2026` in the US), so that no month stands
in another language than its sentence. Times are in the person's zone and always name it.
"""

from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from flask import g, has_request_context, request

_DEFAULT = "en-US"
_UNSET = "en"  # what a person has who never chose: the browser knows better


@dataclass(frozen=True, slots=True, eq=False)
class Conventions:
    """How to write numbers, dates and times for somebody.

    One object for all who share them (:func:`between`), told apart by identity: what was written by them is
    remembered under it, and Babel's locales are slow to compare.
    """

    numbers: Locale
    dates: Locale
    zone: tzinfo


def conventions() -> Conventions:
    """Return the conventions of the visitor of this request."""
    if not has_request_context():
        return between(_DEFAULT, "UTC")
    found: Conventions | None = g.get("conventions")
    if found is None:
        person = g.get("person")
        chosen = getattr(person, "locale", "") or _UNSET
        tag = _asked_for() if chosen == _UNSET else chosen
        found = g.conventions = between(tag, getattr(person, "time_zone", "") or "UTC")
    return found


@lru_cache(maxsize=256)
def between(tag: str, zone: str) -> Conventions:
    """Return the conventions for a BCP 47 ``tag`` and an IANA ``zone``; unknown ones fall back."""
    numbers = _parse(tag) or Locale("en", "US")
    dates = _parse(f"en-{numbers.territory}") or Locale("en", "GB")
    try:
        return Conventions(numbers, dates, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Conventions(numbers, dates, ZoneInfo("UTC"))


def _asked_for() -> str:
    for tag, _ in request.accept_languages:
        if _parse(tag):
            return str(tag)
    return _DEFAULT


@lru_cache(maxsize=256)
def _parse(tag: str) -> Locale | None:
    """Read a tag of any case and separator; fill in the country a bare language is most spoken in."""
    try:
        locale = Locale.parse(tag[:35].replace("_", "-"), sep="-")
        if locale.territory is None:
            likely = get_global("likely_subtags").get(locale.language, "")
            locale = Locale(locale.language, likely.split("_")[-1] or None)
    except (UnknownLocaleError, ValueError, TypeError):
        return None
    return locale
