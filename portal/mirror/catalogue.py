"""The catalogue as the mirror has it, in one round trip, as :mod:`portal.billing.catalogue` objects."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal import clock
from portal.billing.catalogue import Addon, Catalogue, Coupon, Plan
from portal.billing.interval import Interval
from portal.billing.pricing import BRACKETED, BY_THE_UNIT, Pricing, pricing_from
from portal.db.transaction import Conn
from portal.mirror import bundle
from portal.mirror.situation import away_until

# Amounts travel as text, because JSON numbers would come back as floats.
_READ = """
select
  (select coalesce(jsonb_object_agg(p.zoho_id, p.name), '{}') from billing.products p
    where p.gone_at is null) as products,
  (select coalesce(jsonb_agg(jsonb_build_object(
      'code', p.code, 'name', p.name, 'product', p.product_zoho_id, 'description', p.description,
      'price', p.price::text, 'setup_fee', p.setup_fee::text, 'currency', p.currency_code,
      'interval', p.interval, 'interval_unit', p.interval_unit, 'trial_days', p.trial_days,
      'billing_cycles', p.billing_cycles, 'unit', p.unit, 'status', p.status,
      'scheme', p.pricing_scheme, 'brackets', p.raw -> 'price_brackets',
      'tax_percentage', coalesce(p.tax_percentage, t.percentage)::text,
      'tax_name', coalesce(nullif(p.tax_name, ''), t.name, '')) order by p.price, p.name), '[]')
    from billing.plans p left join billing.taxes t on t.zoho_id = p.raw ->> 'tax_id'
    where p.gone_at is null) as plans,
  (select coalesce(jsonb_agg(jsonb_build_object(
      'code', a.code, 'name', a.name, 'product', a.product_zoho_id, 'description', a.description,
      'price', a.price::text, 'type', a.type, 'interval_unit', a.interval_unit, 'unit', a.unit,
      'scheme', a.pricing_scheme, 'brackets', a.raw -> 'price_brackets',
      'plan_codes', case when a.applies_to_all_plans then '{}'::text[] else a.plan_codes end,
      'tax_percentage', coalesce(a.tax_percentage, t.percentage)::text, 'status', a.status)
      order by a.name), '[]')
    from billing.addons a left join billing.taxes t on t.zoho_id = a.raw ->> 'tax_id'
    where a.gone_at is null) as addons,
  (select coalesce(jsonb_agg(jsonb_build_object(
      'code', c.code, 'name', c.name, 'product', c.product_zoho_id, 'by', c.discount_by,
      'value', c.discount_value::text, 'redemption', c.redemption_type, 'duration', c.duration,
      'max', c.max_redemption, 'count', c.redemption_count, 'expires_on', c.expires_on,
      'status', c.status, 'plans_word', coalesce(c.raw ->> 'apply_to_plans', ''),
      'addons_word', coalesce(c.raw ->> 'apply_to_addons', ''),
      'plan_codes', case when c.applies_to_all_plans then '{}'::text[] else c.plan_codes end,
      'addon_codes', c.addon_codes, 'all_addons', c.applies_to_all_addons)), '[]')
    from billing.coupons c where c.gone_at is null and c.code = any (%(coupons)s)) as coupons,
  (select min(p.synced_at) from billing.plans p where p.gone_at is null) as read_at,
  (select o.time_zone from billing.organization o limit 1) as time_zone,
  coalesce((select o.clock_offset from billing.organization o limit 1), '0') as clock_offset,
  (select o.currency_code from billing.organization o limit 1) as currency,
  (select facts from billing.connection) as connection
"""


@dataclass(frozen=True, slots=True)
class CatalogueRead:
    """The catalogue, how old it is, the date that it is for the organisation (by Zoho's clock), and
    whether Zoho can be asked now, or nothing can be bought.
    """

    catalogue: Catalogue
    read_at: datetime | None
    today: date
    is_zoho_away: bool


def read(conn: Conn, coupon_code: str = "") -> CatalogueRead:
    """Read what is for sale; of the coupons only the one named (others are nobody's business)."""
    codes = [coupon_code, coupon_code.upper()] if coupon_code else []
    row = conn.execute(_READ, {"coupons": codes}).fetchone()
    assert row is not None  # noqa: S101 - a select of sub-selects has one row
    default_currency = row["currency"] or "USD"
    plans = [_plan(item, default_currency) for item in row["plans"]]
    addons = [_addon(item) for item in row["addons"]]
    coupons = [_coupon(item) for item in row["coupons"]]
    return CatalogueRead(
        Catalogue(
            {plan.code: plan for plan in plans},
            {addon.code: addon for addon in addons},
            {coupon.code: coupon for coupon in coupons},
            row["products"],
        ),
        row["read_at"],
        clock.today(row["time_zone"] or "UTC", row["clock_offset"]),
        away_until(bundle.parse_one(row["connection"])) is not None,
    )


def _is_active(status: str) -> bool:
    return status.lower() in ("", "active")


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _plan(item: dict[str, Any], default_currency: str) -> Plan:
    return Plan(
        code=item["code"],
        name=item["name"],
        product=item["product"],
        description=item["description"],
        price=Decimal(item["price"]),
        setup_fee=Decimal(item["setup_fee"]),
        currency=item["currency"] or default_currency,
        interval=Interval(item["interval"], item["interval_unit"]),
        trial_days=item["trial_days"],
        billing_cycles=item["billing_cycles"],
        tax_percentage=_decimal(item["tax_percentage"]),
        tax_name=item["tax_name"],
        unit=item["unit"],
        is_active=_is_active(item["status"]),
        pricing=_pricing(item),
    )


def _pricing(item: dict[str, Any]) -> Pricing:
    """Return how a plan is priced. A scheme that nobody has heard of is taken for a price each."""
    return pricing_from(item["scheme"], item["brackets"]) if item["scheme"] in BRACKETED else BY_THE_UNIT


def _addon(item: dict[str, Any]) -> Addon:
    return Addon(
        code=item["code"],
        name=item["name"],
        product=item["product"],
        description=item["description"],
        price=Decimal(item["price"]),
        is_recurring=item["type"] == "recurring",
        interval_unit=item["interval_unit"],
        unit=item["unit"],
        plan_codes=frozenset(item["plan_codes"]),
        tax_percentage=_decimal(item["tax_percentage"]),
        is_active=_is_active(item["status"]),
        pricing=pricing_from(item["scheme"], item["brackets"]),
    )


def _coupon(item: dict[str, Any]) -> Coupon:
    return Coupon(
        code=item["code"],
        name=item["name"],
        product=item["product"],
        is_percentage=item["by"] == "percentage",
        value=Decimal(item["value"]),
        redemption=item["redemption"],
        duration=item["duration"],
        max_redemption=item["max"],
        redemption_count=item["count"],
        expires_on=None if item["expires_on"] is None else date.fromisoformat(item["expires_on"]),
        status=item["status"],
        plan_codes=frozenset(item["plan_codes"]),
        addon_codes=frozenset(item["addon_codes"]),
        applies_to_all_addons=item["all_addons"],
        plans_word=item["plans_word"],
        addons_word=item["addons_word"],
    )
