"""The only place that knows Zoho's words: its addresses, payloads, errors, tokens and limits.

`client` asks Zoho, `payloads` reads what it answers, `errors` names what can go wrong, `events` and
`signature` read and check what it sends by itself. Everything else of the portal speaks our words.
"""
