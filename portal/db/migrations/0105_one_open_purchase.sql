-- A person who opens two payment pages for two choices may pay both, and Zoho has no call that closes one. So an
-- account has at most one purchase that can still be paid: the next one takes the place of the one before
-- (docs/decisions/0105).
-- depends: 0091_index_what_pages_ask
-- The table holds one row for each attempt of the last weeks: an index is made in less than a blink.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

-- Attempts that took each other's place share it; null where none did.
alter table billing.checkouts add column purchase_id uuid;

-- Of those that are open now the newest stays; the others are watched on until their pages are over.
update billing.checkouts older
set state = 'cancelled', closed_at = now(), updated_at = now(),
    next_check_at = older.hosted_page_expires_at + interval '2 minutes'
from billing.checkouts newer
where older.kind = 'new_subscription' and older.state in ('preparing', 'open')
  and newer.account_id = older.account_id and newer.kind = older.kind
  and newer.state in ('preparing', 'open')
  and (newer.created_at, newer.id) > (older.created_at, older.id);

create unique index checkouts_one_purchase_idx on billing.checkouts (account_id)
  where kind = 'new_subscription' and state in ('preparing', 'open');
create index checkouts_purchase_idx on billing.checkouts (purchase_id) where purchase_id is not null;

-- An attempt that was given up is looked at once more, when its page at Zoho can no longer be paid.
drop index billing.checkouts_due_idx;
create index checkouts_due_idx on billing.checkouts (next_check_at)
  where state in ('preparing', 'open', 'confirming', 'unknown', 'cancelled') and next_check_at is not null;
