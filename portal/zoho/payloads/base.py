"""How Zoho's loose JSON becomes typed values (facts.md 10: gotchas 4, 5, 10, 28, 29).

Zoho writes "" for what is absent, numbers as numbers or as text, one key in two spellings, and leaves
keys out. A model therefore never fails over a single odd field: what cannot be read becomes None or the
field's default, and `raw` keeps what Zoho really said. Refused are only an object without its id, because
nothing can be done with it, and an amount of money that cannot be read: an error must never look like 0.
Unknown keys are ignored, unknown statuses kept as they are.
"""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from portal import money
from portal.money import decimal_from
from portal.zoho.errors import BadAnswer

Raw = dict[str, Any]
MONTHS, CENTURY, THIS_CENTURY = 12, 100, 2000


def text_from(value: object) -> str:
    """Read a text or a number as text; anything else is absent."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    return ""


def number_from(value: object) -> Decimal | None:
    try:
        return decimal_from(value.strip() if isinstance(value, str) else value)
    except ValueError:
        return None


def whole_from(value: object) -> int | None:
    number = number_from(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


def month_from(value: object) -> int | None:
    """Read a month of a card's expiry."""
    month = whole_from(value)
    return month if month is not None and 1 <= month <= MONTHS else None


def year_from(value: object) -> int | None:
    """Read a year of a card's expiry, which may be written as on the card; what is none is not known."""
    year = whole_from(value)
    if year is not None and 0 < year < CENTURY:
        year += THIS_CENTURY
    return year if year is not None and THIS_CENTURY < year < THIS_CENTURY + 2 * CENTURY else None


def flag_from(value: object) -> bool:
    """Read true, "true", 1 and "1" as true (facts.md 11: the specifications quote booleans)."""
    return text_from(value).lower() in ("true", "1", "yes") if not isinstance(value, bool) else value


def day_from(value: object) -> date | None:
    """Read a business date, which is a date in the organisation's zone; of a moment, its date there."""
    try:
        return date.fromisoformat(text_from(value)[:10])
    except ValueError:
        return None


def moment_from(value: object) -> datetime | None:
    """Read ``2024-03-04T12:17:51+0100`` as aware UTC. A moment without an offset is no moment."""
    try:
        moment = datetime.fromisoformat(text_from(value))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def last_four_from(value: object) -> str:
    """Read the last four digits, which arrive as ``"0042"`` or as ``42`` (facts.md 5.1)."""
    digits = "".join(character for character in text_from(value) if character.isdecimal())
    return digits[-4:].zfill(4) if digits else ""


def rows_from(value: object) -> list[Raw]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def object_from(value: object) -> Raw:
    return value if isinstance(value, dict) else {}


def _amount_from(value: object) -> Decimal:
    return decimal_from(value, default=Decimal(0))


def address_from(value: object) -> Raw:
    """Read an address, whose postal code is called `zip` or, on invoices, `zipcode` (facts.md 6.1)."""
    address = {key: text_from(part) for key, part in object_from(value).items()}
    postal_code = address.pop("zipcode", "") or address.get("zip", "")
    return {**address, "zip": postal_code} if address or postal_code else {}


Text = Annotated[str, BeforeValidator(text_from)]
Number = Annotated[Decimal | None, BeforeValidator(number_from)]
# An amount that may be absent, which then is 0; and one without which the object makes no sense.
Amount = Annotated[Decimal, BeforeValidator(_amount_from)]
Sum = Annotated[Decimal, BeforeValidator(decimal_from)]
Whole = Annotated[int | None, BeforeValidator(whole_from)]
Month = Annotated[int | None, BeforeValidator(month_from)]
Year = Annotated[int | None, BeforeValidator(year_from)]
Flag = Annotated[bool, BeforeValidator(flag_from)]
Day = Annotated[date | None, BeforeValidator(day_from)]
Moment = Annotated[datetime | None, BeforeValidator(moment_from)]
LastFour = Annotated[str, BeforeValidator(last_four_from)]
Rows = Annotated[list[Raw], BeforeValidator(rows_from)]
Object = Annotated[Raw, BeforeValidator(object_from)]
Address = Annotated[Raw, BeforeValidator(address_from)]
Id = Annotated[str, BeforeValidator(text_from), Field(min_length=1)]


def named(*spellings: str) -> AliasChoices:
    """Take the first of these keys that the object has."""
    return AliasChoices(*spellings)


class Part(BaseModel):
    """A piece of an object: a line, an address, a plan inside a subscription."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @classmethod
    def each(cls, rows: Iterable[Raw]) -> list[Self]:
        """Read a list, leaving out rows that cannot be read (they stay in the owner's `raw`)."""
        found = []
        for row in rows:
            try:
                found.append(cls.model_validate(row))
            except ValidationError:
                continue
        return found


class Payload(Part):
    """An object of Zoho's with an id of its own, and `raw`: what Zoho said about it."""

    kind: ClassVar[str] = ""

    raw: Raw = Field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, row: object) -> Self:
        """Read one object. Raises :class:`BadAnswer` when it is none or has no id."""
        if not isinstance(row, dict):
            raise BadAnswer(f"no {cls.kind} in the answer")
        try:
            return cls.model_validate({**cls.prepared(row), "raw": row})
        except ValidationError as problem:
            fields = ", ".join(str(error["loc"][0]) for error in problem.errors() if error["loc"])
            raise BadAnswer(f"a {cls.kind} without {fields or 'sense'}") from None

    @classmethod
    def id_in(cls, row: Raw) -> str:
        """Return the id of a row that cannot be read as a whole; "" where even that is missing."""
        alias = cls.model_fields["zoho_id"].validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [alias or "zoho_id"]
        prepared = cls.prepared(row)
        found = (text_from(prepared.get(name)) for name in names if isinstance(name, str))
        return next((text for text in found if text), "")

    @classmethod
    def prepared(cls, row: Raw) -> Raw:
        """Hook: bring a second shape of the same object to the first."""
        return row


def dump(raw: object) -> str:
    """Write what was read as JSON again (for jsonb columns), amounts as the numbers they were."""
    return json.dumps(raw, default=money.as_json, ensure_ascii=False)
