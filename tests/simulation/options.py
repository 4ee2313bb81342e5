"""What a seed draws before it begins: weather (FLT of the threat list), habits, and Zoho's open questions."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

# What one step may be, with its weight before the seed bends it.
STEPS = {
    "person": 34,
    "merchant": 14,
    "time": 24,
    "worker": 16,
    "attacker": 4,
    "weather": 3,
    "crash": 5,
    "connection": 2,
}

# In how many seeds Zoho takes the portal's refresh token away, until staff connect again.
REVOKED = 0.05

# In how many seeds some parts are stopped one by one and started again in another order (a swizzle).
SWIZZLED = 0.25
PARTS = ("web", "worker", "zoho", "auth", "database")
# Of so many transactions each kind of trouble strikes at most; together a tenth (FLT).
TROUBLES = {"pool_timeout": 0.03, "lock_timeout": 0.03, "serialization": 0.03, "deadlock": 0.01}
MOST_FAILOVERS, MOST_JUMPS = 3, 3
SKEW_S = 600

# Switches of the sandbox for what nobody knows about Zoho: the portal must work whichever way it goes.
QUESTIONS: dict[str, list[Any]] = {
    "u2_payment_declined_key": ["payment", "subscription", "invoice", "all"],
    "u3_hosted_data": ["empty", "subject"],
    "u4_hosted_cancel": ["cancelled", "stays"],
    "u4_hosted_decline": ["failed", "stays"],
    "u5_expired_token": ["401/57", "401/14", "400/14"],
    "u9_omitted_addons": ["removed", "kept"],
    "u11_event_time": ["date", "timestamp"],
    "u11_event_payload": ["object", "string"],
    "u12_collect_decline": ["gateway_400", "generic_400", "payment_200"],
    "u14_signature": ["hex", "HEX", "base64"],
    "u14_content_type": ["json", "charset", "form"],
    "webhook_timing": ["race", "before_redirect"],
    "number_drift": ["live", "spec"],
    "failed_payment": ["refused", "stored"],
    "dunning_final": ["keep", "unpaid", "cancel"],
}


@dataclass(frozen=True)
class Options:
    """All that was drawn. A violating seed prints it whole."""

    seed: int
    steps: int
    weather: dict[str, Any]
    questions: dict[str, Any]
    mail: dict[str, float]
    skew_s: int
    latency_s: float
    crash: float
    database: float
    transactions: dict[str, float]
    failovers: int
    clock_jumps: int
    swizzle: list[str]
    token_s: int
    double_click: float
    old_form: float
    revoked: bool
    worker_asleep: float
    weights: dict[str, int] = field(default_factory=dict)

    def as_text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def draw(seed: int, steps: int) -> Options:
    """Draw the options of a seed; each fault is off in some seeds, so that others come through."""
    dice, rare = Random(f"options:{seed}"), Random(f"rare:{seed}")
    revoked = dice.random() < REVOKED
    possible = {name: weight for name, weight in STEPS.items() if revoked or name != "connection"}
    sky, questions = weather(dice), {name: dice.choice(values) for name, values in QUESTIONS.items()}
    mail = {"refuse": _maybe(dice, 0.2), "lose_answer": _maybe(dice, 0.2)}
    skew_s = dice.choice([0, 0, 0, dice.randint(-SKEW_S, SKEW_S)])
    swizzle, clock_jumps = _swizzle(rare), rare.choice([0, rare.randint(1, MOST_JUMPS)])
    return Options(
        seed=seed,
        steps=steps,
        weather=sky,
        questions=questions,
        mail=mail,
        skew_s=skew_s,
        latency_s=dice.choice([0.02, 0.1, 0.4]),
        crash=_maybe(dice, 0.15),
        database=_maybe(dice, 0.1),
        transactions={name: p for name, most in TROUBLES.items() if (p := _maybe(rare, most))},
        failovers=rare.choice([0, rare.randint(1, MOST_FAILOVERS)]),
        clock_jumps=clock_jumps,
        swizzle=swizzle,
        # Tokens of two minutes ask the identity provider often; a clock that is off would never take one.
        token_s=120 if swizzle and not skew_s and not clock_jumps else 3600,
        double_click=_maybe(dice, 0.3),
        old_form=_maybe(dice, 0.3),
        revoked=revoked,
        worker_asleep=dice.choice([0.2, 0.5, 0.8]),
        weights={name: max(1, round(weight * dice.uniform(0.5, 1.5))) for name, weight in possible.items()},
    )


def weather(dice: Random) -> dict[str, Any]:
    """Draw the sandbox's weather, within the magnitudes of the threat list."""
    api = {
        "429": _maybe(dice, 0.12),
        "429_retry_after": _maybe(dice, 0.12),
        "429_concurrency": _maybe(dice, 0.06),
        "500": _maybe(dice, 0.06),
        "503": _maybe(dice, 0.04),
        "502_html": _maybe(dice, 0.05),
        "empty": _maybe(dice, 0.03),
        "200_error": _maybe(dice, 0.02),
        "timeout": _maybe(dice, 0.1),
        "timeout_after_effect": _maybe(dice, 0.2),
        "reset": _maybe(dice, 0.05),
        "slow": _maybe(dice, 0.1),
        "stale": _maybe(dice, 0.1),
        "stale_list": _maybe(dice, 0.1),
        "shift": _maybe(dice, 0.1),
        "token_expired": _maybe(dice, 0.02),
    }
    oauth = {name: _maybe(dice, 0.1) for name in ("throttle", "throttle_200", "500", "empty", "timeout")}
    webhooks = {
        "drop": _maybe(dice, 0.3),
        "duplicate": _maybe(dice, 0.5),
        "corrupt": _maybe(dice, 0.05),
        "forge": _maybe(dice, 0.2),
        "replay": _maybe(dice, 0.2),
        "drop_as": dice.choice(["failure", "success", "silent"]),
        "delay_s": [0, dice.choice([0, 5, 600, 6 * 3600])],
        "reorder": dice.random() < 0.5,
        "reorder_s": dice.choice([3, 300]),
        "copies": [2, 5],
    }
    magnitudes = {
        "retry_after_s": dice.choice([1, 30, 120]),
        "stale_s": [1, 120],
        "slow_s": [0, 30],
        "hold_s": 12,
    }
    number = dice.randrange(2**31)
    # With dice of their own, so that the other draws of a seed stay what they were.
    rare = Random(f"sky:{number}")
    webhooks["truncate"] = _maybe(rare, 0.05)
    skew_s = rare.choice([0, 0, rare.randint(-SKEW_S, SKEW_S)])
    return {
        "seed": number,
        "skew_s": skew_s,
        "api": {name: p for name, p in api.items() if p} | magnitudes,
        "oauth": {name: p for name, p in oauth.items() if p} | {"hold_s": 12},
        "webhooks": {name: p for name, p in webhooks.items() if p},
    }


def _maybe(dice: Random, most: float) -> float:
    """Half of the time nothing, else up to `most`."""
    on, value = dice.random() < 0.5, round(dice.uniform(0, most), 3)
    return value if on else 0.0


def _swizzle(dice: Random) -> list[str]:
    """The parts that are stopped, in this order; none in most seeds."""
    if dice.random() >= SWIZZLED:
        return []
    return dice.sample(PARTS, dice.randint(1, len(PARTS)))
