"""The company of the contract tests, for the engine's own rules."""

from tests.contracts.conftest import company, made

__all__ = ["company", "made"]
