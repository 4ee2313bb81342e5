"""Zoho's data centres: the location literal, and the hosts that go with it (facts 1.1).

Eight are documented for Billing; uk is listed because a switch may turn it on (U16).
"""

ACCOUNTS = {
    "us": "https://accounts.zoho.com",
    "eu": "https://accounts.zoho.eu",
    "in": "https://accounts.zoho.in",
    "au": "https://accounts.zoho.com.au",
    "jp": "https://accounts.zoho.jp",
    "ca": "https://accounts.zohocloud.ca",
    "sa": "https://accounts.zoho.sa",
    "cn": "https://accounts.zoho.com.cn",
    "uk": "https://accounts.zoho.uk",
}
NAMES = {
    "us": "United States",
    "eu": "Europe",
    "in": "India",
    "au": "Australia",
    "jp": "Japan",
    "ca": "Canada",
    "sa": "Saudi Arabia",
    "cn": "China",
    "uk": "United Kingdom",
}


def offered(with_uk: bool) -> list[str]:
    """The locations a user's account can live in."""
    return [location for location in ACCOUNTS if with_uk or location != "uk"]
