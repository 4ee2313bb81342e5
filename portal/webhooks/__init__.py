"""The room where Zoho knocks: one address, no session, no page."""
