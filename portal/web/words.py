"""The glossary for templates: how statuses, methods and terms are called (portal/billing decides)."""

from flask import Flask

from portal.billing import declines, payment_method, statuses, subscription


def register(app: Flask) -> None:
    """Make the words known to every template."""
    app.jinja_env.globals.update(
        subscription_word=statuses.subscription_word,
        invoice_word=statuses.invoice_word,
        payment_word=statuses.payment_word,
        payment_mode=statuses.payment_mode,
        method_name=payment_method.name,
        method_mention=payment_method.mention,
        method_word=payment_method.word,
        method_ends_on=payment_method.expires_on,
        decline_reason=declines.reason,
        name_of=subscription.name_of,
        price_of=subscription.price_of,
        interval_of=subscription.interval_of,
        next_step=subscription.next_step,
    )
