"""The part of the audit trail that the people of an account read, with the names of what it is about."""

from uuid import UUID

from portal.billing.history import ACTIONS, FIRST_SEEN
from portal.db.transaction import Conn
from portal.mirror.rows import Row

# What an act of a person did at Zoho is read back at once (source command, return): told with the act.
# Names are those that row-level security shows to whoever asks: people who left the account have none.
# The lines of the page are found first, and what they name is worked out before it is looked for: beneath
# row-level security an index is used for a plain column alone, and not for what a function makes of one.
_PAGE = """
with lines as materialized (
  select a.id, a.at, a.account_id, a.action, a.actor_kind, a.actor_id, a.object_kind, a.object_id,
         a.detail ->> 'key' as intent_key,
         case when a.object_kind = 'user' then a.object_id::uuid end as user_id,
         case when a.object_kind = 'checkout' then a.object_id::uuid end as checkout_id
  from billing.activity a
  where a.account_id = %(account_id)s and a.action = any(%(actions)s)
    and not (a.actor_kind = 'zoho' and coalesce(a.detail ->> 'source', '') in ('command', 'return'))
    and not (a.action = any(%(first_seen)s) and coalesce(a.detail ->> 'source', '') = 'reconcile')
    and (%(value)s::timestamptz is null
         or case when %(backwards)s then (a.at, a.id) > (%(value)s::timestamptz, %(id)s::bigint)
            else (a.at, a.id) < (%(value)s::timestamptz, %(id)s::bigint) end)
  order by case when %(backwards)s then a.at end, case when %(backwards)s then a.id end, a.at desc, a.id desc
  limit %(limit)s
), told as materialized (
  select l.*, c.kind as checkout_kind, c.quoted ->> 'plan_name' as quoted_plan,
         coalesce((t.request ->> 'at_end')::boolean, (t.request ->> 'end_of_term')::boolean, false) as at_end,
         case l.object_kind when 'subscription' then l.object_id when 'checkout' then c.subscription_zoho_id
           when 'purchase' then t.result ->> 'subscription_zoho_id' end as subscription_zoho_id,
         case when l.object_kind = 'invoice' then l.object_id
           when c.kind = 'invoice_payment' then c.invoice_zoho_id end as invoice_zoho_id,
         case when l.object_kind = 'payment' then l.object_id end as payment_zoho_id,
         case when l.object_kind = 'payment_method' then l.object_id end as method_zoho_id
  from lines l
  left join billing.intents t on t.key = l.intent_key and t.account_id = l.account_id
  left join billing.checkouts c on c.id = l.checkout_id
)
select l.id, l.at, l.at as sort_value, l.action, l.actor_kind, l.actor_id, l.object_kind, l.at_end,
       l.checkout_kind,
       coalesce(nullif(actor.display_name, ''), actor.email) as actor,
       coalesce(nullif(about.display_name, ''), about.email) as person,
       s.id as subscription_id,
       coalesce(nullif(s.plan_name, ''), nullif(s.name, ''), l.quoted_plan) as subscription,
       i.id as invoice_id, i.number as invoice, p.amount, p.currency_code,
       m.kind, m.brand, m.last_four
from told l
left join billing.users actor on actor.id = l.actor_id
left join billing.users about on about.id = l.user_id
left join billing.subscriptions s on s.account_id = l.account_id and s.zoho_id = l.subscription_zoho_id
left join billing.invoices i on i.account_id = l.account_id and i.zoho_id = l.invoice_zoho_id
left join billing.payments p on p.account_id = l.account_id and p.zoho_id = l.payment_zoho_id
left join billing.payment_methods m on m.account_id = l.account_id and m.zoho_id = l.method_zoho_id
order by case when %(backwards)s then l.at end, case when %(backwards)s then l.id end, l.at desc, l.id desc
"""


def find_page(
    conn: Conn, account_id: UUID, edge: tuple[str, UUID] | None, limit: int, *, backwards: bool = False
) -> list[Row]:
    """Return lines of the trail, the newest first, or from the edge on, nearest first.

    The trail counts its lines; a cursor holds a UUID, so the number travels as one.
    """
    value, row_id = edge or (None, None)
    names = {
        "account_id": account_id,
        "actions": ACTIONS,
        "first_seen": FIRST_SEEN,
        "value": value,
        # a cursor is a visitor's word: more than the column holds is as good as its largest
        "id": None if row_id is None else min(row_id.int, 2**63 - 1),
        "backwards": backwards,
        "limit": limit,
    }
    rows = conn.execute(_PAGE, names).fetchall()
    return [{**row, "id": UUID(int=row["id"])} for row in rows]
