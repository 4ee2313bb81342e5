-- The web puts mails in the outbox (invitations, notices about one's own login) at most once per cause:
-- telling whether a mail was there before means reading its key.
-- depends: 0011_close_functions

grant select (id, template, entity, cause, recipient) on billing.outbox to portal_web;
create policy outbox_web_read on billing.outbox for select to portal_web using (true);
