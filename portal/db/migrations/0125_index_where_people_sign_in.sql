-- Whether somebody has signed in from this address before: asked at every try to sign in (AUT-04).
-- depends: 0091_index_what_pages_ask
-- squawk-ignore require-concurrent-index-creation
create index sessions_place_idx on billing.sessions (user_id, ip, created_at desc);
