"""A mail server that takes messages, refuses them, or takes them and loses the answer."""

from __future__ import annotations

from collections import Counter
from email.message import EmailMessage
from random import Random

from portal.mail.transport import NotSent, PerhapsSent


class Mailbox:
    """What was accepted, by Message-ID."""

    def __init__(self, dice: Random, refuse: float, lose_answer: float) -> None:
        self._dice = dice
        self.refuse, self.lose_answer = refuse, lose_answer
        self.accepted: Counter[str] = Counter()

    def send(self, message: EmailMessage) -> None:
        fate = self._dice.random()
        if fate < self.refuse:
            raise NotSent("the mail server is busy")
        self.accepted[str(message["Message-ID"])] += 1
        if fate < self.refuse + self.lose_answer:
            raise PerhapsSent("the answer was lost")
