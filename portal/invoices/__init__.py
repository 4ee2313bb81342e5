"""The room of invoices: list, detail, PDF, CSV."""
