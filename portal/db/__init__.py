"""The database: migrations, the pool, and the identity of every transaction."""
