-- How far Zoho's clock is from ours, as its answers' Date headers tell. Business dates ("today", days left
-- of a term) are Zoho's, so estimates and pages count with its day even when one of the clocks is wrong.
-- depends: 0003_create_mirror
alter table billing.organization add column clock_offset interval not null default '0';
