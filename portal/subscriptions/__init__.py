"""The room of subscriptions, and the overview: what somebody has, owes, and what happens next."""
