"""The API side of a purchase and the person's form, for tests that drive hosted pages."""

from __future__ import annotations

from typing import Any

import requests

from tests.sandbox.serving import Place

Json = dict[str, Any]
GOOD, DECLINED, POOR = "4111111111111111", "4000000000000002", "4000000000009995"
SECOND_TRY, DECLINES_LATER = "4000000000003220", "4000000000000341"
KINDS = {
    "newsubscription": (201, "new_subscription"),
    "updatesubscription": (201, "update_subscription"),
    "updatecard": (200, "update_card"),
    "buyonetimeaddon": (201, "one_time_addon"),
    "addpaymentmethod": (201, "add_payment_method"),
    "invoicepayment": (201, "invoice_payment"),
    "updatepaymentmethod": (201, "update_payment_method"),
}


class Merchant:
    """The API side: a connected client with one token."""

    def __init__(self, place: Place) -> None:
        self.place = place
        answer = requests.post(
            f"{place.url}/oauth/v2/token",
            data={
                "grant_type": "refresh_token",
                "client_id": "1000.SANDBOXCLIENT",
                "client_secret": "sandbox-client-secret",
                "refresh_token": "1000.sandbox.refresh",
            },
            timeout=10,
        ).json()
        self.headers = {"Authorization": f"Zoho-oauthtoken {answer['access_token']}"}

    def call(self, method: str, path: str, body: Json | None = None) -> requests.Response:
        url = f"{self.place.url}/billing/v1{path}"
        return requests.request(method, url, json=body, headers=self.headers, timeout=10)

    def get(self, path: str) -> Json:
        found: Json = self.call("GET", path).json()
        return found

    def page(self, kind: str = "newsubscription", **asked: Any) -> Json:
        answer = self.call("POST", f"/hostedpages/{kind}", asked)
        assert answer.status_code == KINDS[kind][0], answer.text
        page: Json = answer.json()["hostedpage"]
        return page

    def customer(self) -> str:
        body = {"display_name": "Grace Hopper", "email": "grace@example.com"}
        return str(self.call("POST", "/customers", body).json()["customer"]["customer_id"])

    def subscriptions(self, customer_id: str) -> list[Json]:
        found: list[Json] = self.get(f"/subscriptions?customer_id={customer_id}")["subscriptions"]
        return found

    def bought(self, plan: str = "team-m") -> Json:
        """A subscription bought on a hosted page, as the page's `data` shows it."""
        page = self.page(customer_id=self.customer(), plan={"plan_code": plan})
        assert pay(page).status_code == 303
        data: Json = self.get(f"/hostedpages/{page['hostedpage_id']}")["data"]
        return data


def pay(page: Json, number: str = GOOD, **changed: str) -> requests.Response:
    form = {
        "act": "pay",
        "method": "card",
        "card_number": number,
        "card_name": "Grace Hopper",
        "expiry": "08 / 39",
        "cvv": "123",
    }
    return requests.post(page["url"], data=form | changed, allow_redirects=False, timeout=20)


def bank(page: Json, account: str = "000123456789") -> requests.Response:
    form = {"routing_number": "110000000", "account_number": account, "account_holder": "Grace Hopper"}
    return pay(page, method="bank", **form)
