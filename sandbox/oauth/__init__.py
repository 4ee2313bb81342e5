"""Zoho Accounts: consent, tokens, revocation, self clients, data centres, and the guard of the API."""

from flask import Flask

from sandbox.oauth import consent, exchange, guard, tokens
from sandbox.store import Tx
from sandbox.world import World


def register(app: Flask) -> None:
    app.register_blueprint(consent.blueprint)
    app.register_blueprint(exchange.blueprint)
    app.before_request(guard.check)


def seed(world: World, tx: Tx, seed: str, previous: Tx) -> None:
    """A fresh world keeps the clients and tokens that were handed out, but counts from zero.

    A reset is no revocation: programs that hold a token go on with it.
    """
    for client in previous.find(tokens.CLIENTS):
        tx.put(tokens.CLIENTS, client["client_id"], client | {"codes_at": []})
    for grant in previous.find(tokens.GRANTS):
        tx.put(tokens.GRANTS, f"{grant['client_id']}:{grant['user']}", grant | {"made_at": []})
    for refresh in previous.find(tokens.REFRESH):
        tx.put(tokens.REFRESH, refresh["token"], refresh | {"window_count": 0})
    for access in previous.find(tokens.ACCESS):
        tx.put(tokens.ACCESS, access["token"], access, expires=access["expires"])
    tokens.ready(tx)
