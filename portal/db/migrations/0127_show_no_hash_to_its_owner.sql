-- What opens a session or an invitation is nobody's to read, not even its owner's (SES-01, SES-10): the pages of
-- a person list neither hashes nor sealed tokens, and the web reads them as portal_web.
-- depends: 0125_index_where_people_sign_in
revoke select on billing.sessions, billing.invitations from authenticated;
grant select (id, user_id, account_id, aal, is_staff, user_agent, ip, created_at, authenticated_at,
  last_seen_at, expires_at, ended_at, ended_reason) on billing.sessions to authenticated;
grant select (id, account_id, email, role, invited_by, created_at, expires_at, accepted_at, revoked_at)
  on billing.invitations to authenticated;
