"""A full reconciliation of many subscriptions: how long, and how many calls to Zoho."""

import time

import requests

from tests.harness.processes import Stack


def measure(stack: Stack, subscriptions: int) -> dict[str, float]:
    """Fill the sandbox, copy it once, then compare again with nothing to do."""
    stack.sandbox.reset("empty", subscriptions=subscriptions)
    first_s, first_calls = _reconcile(stack)
    second_s, second_calls = _reconcile(stack)
    return {
        "reconcile_subscriptions": subscriptions,
        "reconcile_first_s": first_s,
        "reconcile_first_calls": first_calls,
        "reconcile_unchanged_s": second_s,
        "reconcile_unchanged_calls": second_calls,
    }


def _reconcile(stack: Stack) -> tuple[float, int]:
    requests.delete(f"{stack.sandbox.url}/_control/calls", timeout=30)
    begun = time.monotonic()
    stack.portal("reconcile", seconds=1800)
    taken = round(time.monotonic() - begun, 1)
    return taken, int(stack.sandbox.control("calls?limit=1")["total"])
