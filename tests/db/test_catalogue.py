"""The database's own rules, read from its catalogue: nothing that is made is forgotten (SB-01, SB-04)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    Conn = psycopg.Connection[dict[str, Any]]

OURS = "('billing', 'jobs')"


def names(conn: Conn, statement: str) -> list[str]:
    return [str(next(iter(row.values()))) for row in conn.execute(statement)]


def test_every_table_has_row_level_security(conn: Conn) -> None:
    """The job queue's own tables are reached through its functions and the portal's roles only."""
    bare = names(
        conn,
        """
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'billing' and c.relkind in ('r', 'p') and not c.relrowsecurity
        """,
    )
    assert bare == [], "alter table … enable row level security in the migration that makes the table"


def test_every_table_says_who_may_see_its_rows(conn: Conn) -> None:
    silent = names(
        conn,
        """
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'billing' and c.relkind in ('r', 'p')
          and not exists (select from pg_policy p where p.polrelid = c.oid)
        """,
    )
    assert silent == [], "a table without a policy is for nobody: say in its migration for whom it is"


def test_views_ask_with_the_rights_of_who_asks(conn: Conn) -> None:
    views = names(
        conn,
        """
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'billing' and c.relkind in ('v', 'm')
          and not coalesce(c.reloptions @> array['security_invoker=true'], false)
        """,
    )
    assert views == [], "create view … with (security_invoker = true), or row-level security is passed by"


def test_definer_functions_fix_their_search_path(conn: Conn) -> None:
    loose = names(
        conn,
        """
        select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'billing' and p.prosecdef
          and not coalesce(p.proconfig @> array['search_path=""'], false)
        """,
    )
    assert loose == [], "security definer needs set search_path = ''"


def test_strangers_hold_no_grant(conn: Conn) -> None:
    """anon is whoever holds the publishable key; public is everybody."""
    held = names(
        conn,
        f"""
        select format('%s may %s on %s.%s', coalesce(nullif(g.grantee, 0)::regrole::text, 'public'),
                      g.privilege_type, n.nspname, c.relname)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) g
        where n.nspname in {OURS}
          and (g.grantee = 0 or g.grantee in ('anon'::regrole, 'service_role'::regrole))
        """,
    )
    assert held == []


def test_strangers_may_call_nothing_and_enter_nothing(conn: Conn) -> None:
    held = names(
        conn,
        """
        select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'billing' and has_function_privilege('anon', p.oid, 'execute')
        """,
    )
    assert held == []
    entered = names(
        conn,
        f"""
        select nspname from pg_namespace
        where nspname in {OURS} and has_schema_privilege('anon', oid, 'usage')
        """,
    )
    assert entered == []


def test_no_role_of_ours_passes_by_the_policies(conn: Conn) -> None:
    """SB-02: none bypasses row-level security, owns a table or may log in."""
    strong = names(
        conn,
        """
        select rolname from pg_roles
        where rolname in ('authenticated', 'portal_web', 'portal_worker', 'portal_staff')
          and (rolbypassrls or rolsuper or rolcanlogin or rolcreaterole)
        """,
    )
    assert strong == []
    owned = names(
        conn,
        """
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_roles r on r.oid = c.relowner
        where n.nspname = 'billing' and r.rolname like 'portal_%'
        """,
    )
    assert owned == []


def test_members_may_only_read(conn: Conn) -> None:
    may = names(
        conn,
        """
        select format('%s on %s', g.privilege_type, c.relname)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        cross join lateral aclexplode(c.relacl) g
        where n.nspname = 'billing' and g.grantee = 'authenticated'::regrole and g.privilege_type <> 'SELECT'
        """,
    )
    assert may == []


def test_policies_ask_for_the_person_once_a_statement(conn: Conn) -> None:
    """SB-05: a bare auth.uid() in a policy is called for each row."""
    slow = names(
        conn,
        r"""
        select policyname || ' on ' || tablename from pg_policies
        where schemaname = 'billing'
          and regexp_replace(coalesce(qual, '') || coalesce(with_check, ''),
                             '\( ?SELECT auth\.uid\(\)[^)]*\)', '', 'gi') like '%auth.uid()%'
        """,
    )
    assert slow == []


def test_the_trail_cannot_be_rewritten(conn: Conn) -> None:
    """LOG-05 (16.4.2)"""
    may = names(
        conn,
        """
        select r || ' may ' || p
        from unnest(array['authenticated', 'portal_web', 'portal_worker', 'portal_staff']) r,
             unnest(array['update', 'delete', 'truncate']) p
        where has_table_privilege(r, 'billing.activity', p)
        """,
    )
    assert may == []


def test_no_column_is_for_a_password(conn: Conn) -> None:
    """AUT-02: the identity provider keeps them, and nobody else."""
    found = names(
        conn,
        """
        select table_name || '.' || column_name from information_schema.columns
        where table_schema in ('billing', 'jobs') and column_name ~* 'pass(word|phrase|wd)?(_|$)|pwd'
        """,
    )
    assert found == []


def test_bodies_of_deliveries_are_for_staff_and_the_worker(conn: Conn) -> None:
    """LOG-06: they hold personal data; the web writes them and cannot read one."""
    readers = names(
        conn,
        """
        select r from unnest(array['anon', 'authenticated', 'portal_web', 'portal_worker', 'portal_staff']) r
        where has_column_privilege(r, 'billing.inbox', 'body', 'select')
        """,
    )
    assert sorted(readers) == ["portal_staff", "portal_worker"]
