"""What a failure of the database means: that it went away, or that nobody has migrated it."""

import psycopg

# The first signs of what Postgres says when it ends a connection: shut down, crashed, starting up; broken.
_FAREWELLS = ("57P", "080")
# What it says where a schema, a table, a column or (as somebody takes it) a role is not there yet.
NOT_MIGRATED = (
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidParameterValue,
)


def is_lost(problem: BaseException) -> bool:
    """Say whether the database went away under whoever asked, as opposed to refusing what was asked.

    Nobody answered (that is also how a pool without connections fails), or the server said goodbye.
    """
    if not isinstance(problem, psycopg.OperationalError):
        return False
    return problem.sqlstate is None or problem.sqlstate[:3] in _FAREWELLS
