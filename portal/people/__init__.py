"""Who may come in: users, their sessions, their accounts, and the identity provider behind them."""
