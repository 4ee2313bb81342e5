"""Sections 5 and 6.4 of the facts: cards, bank payments, retries and how they end."""

from __future__ import annotations

import pytest

from sandbox.errors import Declined, ZohoError
from tests.contracts.company import DECLINED, DECLINES_LATER, Company


@pytest.fixture
def failing(company: Company) -> str:
    """A subscription whose first renewal, on 1 June, was just refused."""
    company.go_to("2027-05-01")
    id_ = company.subscribe(card=DECLINES_LATER)["subscription_id"]
    company.go_to("2027-06-01")
    return str(id_)


def test_a_refused_renewal_begins_dunning(company: Company, failing: str) -> None:
    assert company.subscription(failing)["status"] == "dunning"
    assert company.get("/subscriptions", filter_by="SubscriptionStatus.PAST_DUE")["subscriptions"]
    failed = company.get("/payments")["payments"][-1]
    assert (failed["status"], failed["autotransaction"]["gateway_error_code"]) == ("failure", "do_not_honor")
    assert company.events().count("payment_declined") == 1


def test_retries_come_after_5_5_and_3_days(company: Company, failing: str) -> None:
    tries = []
    for day in range(2, 20):
        before = company.events().count("payment_declined")
        company.go_to(f"2027-06-{day:02d}")
        if company.events().count("payment_declined") > before:
            tries.append(day)
    assert tries == [6, 11, 14]
    assert company.subscription(failing)["status"] == "cancelled_from_dunning"


@pytest.mark.parametrize(
    ("final", "status"), [("cancel", "cancelled_from_dunning"), ("unpaid", "unpaid"), ("keep", "live")]
)
def test_the_last_retry_ends_as_the_organisation_wants(
    company: Company, failing: str, final: str, status: str
) -> None:
    company.switch(dunning_final=final)
    company.go_to("2027-06-15")
    assert company.subscription(failing)["status"] == status


@pytest.mark.parametrize(
    ("wanted", "status", "open_amount"),
    [("open", "overdue", 52.92), ("written_off", "paid", 0), ("void", "void", 0)],
)
def test_6_4_the_invoice_that_no_retry_collected_is_left_written_off_or_void(
    company: Company, failing: str, wanted: str, status: str, open_amount: float
) -> None:
    company.switch(dunning_final_invoice=wanted)
    company.go_to("2027-06-16")
    invoice = company.invoices(failing)[-1]
    assert (invoice["status"], invoice["balance"]) == (status, open_amount)
    assert company.subscription(failing)["status"] == "cancelled_from_dunning"


@pytest.mark.parametrize(("wanted", "online"), [("stays_online", True), ("goes_offline", False)])
def test_5_5_a_method_deleted_at_the_customer_leaves_its_subscription_online_by_switch(
    company: Company, wanted: str, online: bool
) -> None:
    company.switch(deleted_method=wanted)
    sub = company.subscribe()
    company.delete(f"/customers/{sub['customer_id']}/cards/{sub['card']['card_id']}")
    after = company.subscription(sub["subscription_id"])
    assert (after["auto_collect"], "card" in after) == (online, False)
    company.go_to(sub["next_billing_at"])
    assert company.subscription(sub["subscription_id"])["status"] == ("dunning" if online else "live")


def test_an_unpaid_subscription_does_not_renew_until_it_is_paid(company: Company, failing: str) -> None:
    company.switch(dunning_final="unpaid")
    company.go_to("2027-08-10")
    assert len(company.invoices(failing)) == 2
    sub, owed = company.subscription(failing), company.invoices(failing)[-1]
    company.post(
        "/payments",
        {
            "customer_id": sub["customer_id"],
            "payment_mode": "check",
            "amount": owed["balance"],
            "invoices": [{"invoice_id": owed["invoice_id"], "amount_applied": owed["balance"]}],
        },
    )
    assert company.subscription(failing)["status"] in ("live", "dunning")
    assert len(company.invoices(failing)) > 2


def test_collect_with_another_card_ends_dunning(company: Company, failing: str) -> None:
    sub, owed = company.subscription(failing), company.invoices(failing)[-1]
    card = company.card(sub["customer_id"])
    told = company.post(f"/invoices/{owed['invoice_id']}/collect", {"card_id": card})
    assert told["payment"]["amount_due"] == 0
    assert company.subscription(failing)["status"] == "live"


def test_a_refused_collect_uses_up_no_retry(company: Company, failing: str) -> None:
    owed = company.invoices(failing)[-1]
    card = company.subscription(failing)["card"]["card_id"]
    for _ in range(3):
        assert company.refused("POST", f"/invoices/{owed['invoice_id']}/collect", {"card_id": card})[0] == 400
    company.go_to("2027-06-13")
    assert company.subscription(failing)["status"] == "dunning"


def test_a_new_card_is_used_by_the_next_retry_and_not_before(company: Company, failing: str) -> None:
    card = company.card(company.subscription(failing)["customer_id"])
    company.post(f"/subscriptions/{failing}/card", {"card_id": card})
    assert company.subscription(failing)["status"] == "dunning"
    company.go_to("2027-06-06")
    assert company.subscription(failing)["status"] == "live"


@pytest.mark.parametrize(("switch", "status"), [("nothing", "unpaid"), ("charge", "live")])
def test_u8_a_new_card_on_an_unpaid_subscription(
    company: Company, failing: str, switch: str, status: str
) -> None:
    company.switch(dunning_final="unpaid", u8_unpaid_card_update=switch)
    company.go_to("2027-06-15")
    card = company.card(company.subscription(failing)["customer_id"])
    company.post(f"/subscriptions/{failing}/card", {"card_id": card})
    assert company.subscription(failing)["status"] == status


@pytest.mark.parametrize(
    ("switch", "status", "code"),
    [("gateway_400", 400, 1004), ("generic_400", 400, 1003), ("payment_200", 200, 0)],
)
def test_u12_how_a_refused_collect_is_answered(
    company: Company, failing: str, switch: str, status: int, code: int
) -> None:
    company.switch(u12_collect_decline=switch)
    owed = company.invoices(failing)[-1]
    card = company.subscription(failing)["card"]["card_id"]
    answer = company.call("POST", f"/invoices/{owed['invoice_id']}/collect", {"card_id": card})
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_a_bank_payment_is_pending_for_15_days_and_then_paid(company: Company) -> None:
    customer = company.customer()
    account = company.bank_account(customer)
    sub = company.subscribe(customer_id=customer, card=None, account_id=account)
    invoice = company.invoices(sub["subscription_id"])[0]
    assert (invoice["status"], invoice["ach_payment_initiated"], invoice["payment_made"]) == ("sent", True, 0)
    assert company.get("/payments")["payments"] == []
    company.wait(14)
    assert company.invoices(sub["subscription_id"])[0]["ach_payment_initiated"]
    company.wait(1)
    invoice = company.invoices(sub["subscription_id"])[0]
    assert (invoice["status"], invoice["ach_payment_initiated"]) == ("paid", False)


def test_a_bank_payment_of_another_gateway_settles_after_4_days(company: Company) -> None:
    company.switch(gateway="test_gateway")
    customer = company.customer()
    account = company.bank_account(customer)
    sub = company.subscribe(customer_id=customer, card=None, account_id=account)
    company.wait(3)
    assert company.invoices(sub["subscription_id"])[0]["ach_payment_initiated"]
    company.wait(1)
    assert company.invoices(sub["subscription_id"])[0]["status"] == "paid"


@pytest.mark.parametrize(
    ("switch", "status", "paid"), [("ignored", "dunning", "overdue"), ("charged", "live", "paid")]
)
def test_a_backup_method_is_shown_and_charged_by_switch(
    company: Company, switch: str, status: str, paid: str
) -> None:
    company.switch(backup_method=switch)
    sub = company.subscribe(card=DECLINES_LATER)
    reserve = company.card(sub["customer_id"])
    acted = {"kind": "make_backup", "card_id": reserve}
    assert company.client.post("/_control/act", json=acted).status_code == 200
    assert company.get("/customers")["customers"][0]["is_backup_associated"] is True
    company.go_to(sub["current_term_ends_at"])
    company.wait(1)
    assert company.subscription(sub["subscription_id"])["status"] == status
    assert company.invoices(sub["subscription_id"])[1]["status"] == paid
    assert company.events().count("payment_declined") == 1


def test_the_primary_method_cannot_be_the_backup(company: Company) -> None:
    card = company.subscribe()["card"]
    assert (card["is_primary"], card["is_backup"]) == (True, False)
    acted = {"kind": "make_backup", "card_id": card["card_id"]}
    assert company.client.post("/_control/act", json=acted).status_code == 409


def test_a_refused_charge_at_the_end_of_a_trial_begins_dunning(company: Company) -> None:
    sub = company.subscribe("starter-m")
    declines = {"kind": "next_charge_declines", "card_id": sub["card"]["card_id"]}
    company.client.post("/_control/act", json=declines)
    company.go_to(sub["trial_ends_at"])
    assert company.subscription(sub["subscription_id"])["status"] == "dunning"
    company.wait(5)
    assert company.subscription(sub["subscription_id"])["status"] == "live"


def test_more_than_three_retries_cannot_be_asked_for(company: Company) -> None:
    answer = company.client.post("/_control/settings", json={"dunning_retries": 4})
    assert answer.status_code == 400


def test_a_returned_bank_payment_begins_dunning(company: Company) -> None:
    customer = company.customer()
    account = company.bank_account(customer, "000111111113")
    sub = company.subscribe(customer_id=customer, card=None, account_id=account)
    company.wait(15)
    assert company.subscription(sub["subscription_id"])["status"] == "dunning"
    assert company.invoices(sub["subscription_id"])[0]["balance"] == 52.92


def test_a_declined_card_is_not_stored(company: Company) -> None:
    customer = company.customer()
    with pytest.raises(Declined) as refusal:
        company.card(customer, DECLINED)
    assert refusal.value.reason == "do_not_honor"
    assert company.get(f"/customers/{customer}/cards")["cards"] == []


def test_a_refused_first_charge_leaves_nothing_behind(company: Company) -> None:
    customer = company.customer()
    card = company.card(customer)
    company.client.post(
        "/_control/act", json={"kind": "next_charge_declines", "reason": "insufficient_funds"}
    )
    body = {"customer_id": customer, "plan": {"plan_code": "team-m"}, "card_id": card}
    assert company.refused("POST", "/subscriptions", body)[0] == 400
    assert company.get("/subscriptions")["subscriptions"] == []
    assert company.get("/invoices")["invoices"] == []


def test_a_refused_first_charge_may_also_leave_a_failed_subscription(company: Company) -> None:
    company.switch(failed_payment="stored")
    customer = company.customer()
    card = company.card(customer)
    company.client.post("/_control/act", json={"kind": "next_charge_declines"})
    sub = company.subscribe(customer_id=customer, card=None, card_id=card)
    assert sub["status"] == "creation_failed"


def test_a_card_is_announced_15_days_before_it_expires_and_the_day_after(company: Company) -> None:
    company.go_to("2027-03-01")
    company.card(company.customer(), year=2027, month=4)
    company.go_to("2027-04-14")
    assert "card_expiring" not in company.events()
    company.go_to("2027-04-15")
    assert company.events().count("card_expiring") == 1
    company.go_to("2027-04-30")
    assert "card_expired" not in company.events()
    company.go_to("2027-05-01")
    assert company.events().count("card_expired") == 1


def test_an_expired_card_is_refused_at_the_renewal(company: Company) -> None:
    company.go_to("2027-03-20")
    customer = company.customer()
    card = company.card(customer, year=2027, month=4)
    sub = company.subscribe(customer_id=customer, card=None, card_id=card)
    company.go_to("2027-05-20")
    assert company.subscription(sub["subscription_id"])["status"] == "dunning"
    assert company.get("/payments")["payments"][-1]["autotransaction"]["gateway_error_code"] == "card_expired"


def test_deleting_the_card_leaves_the_subscription_online_and_breaks_its_renewal(company: Company) -> None:
    company.go_to("2027-03-20")
    sub = company.subscribe()
    company.delete(f"/customers/{sub['customer_id']}/cards/{sub['card']['card_id']}")
    after = company.subscription(sub["subscription_id"])
    assert after["auto_collect"] is True
    assert "card" not in after
    company.go_to("2027-04-20")
    assert company.subscription(sub["subscription_id"])["status"] == "dunning"


def test_an_offline_subscription_is_never_charged(company: Company) -> None:
    company.go_to("2027-03-20")
    sub = company.subscribe(card=None, payment_terms=15)
    company.go_to("2027-04-05")
    invoice = company.invoices(sub["subscription_id"])[0]
    assert (invoice["status"], invoice["due_date"]) == ("overdue", "2027-04-04")
    assert company.subscription(sub["subscription_id"])["status"] == "live"


def test_a_cardholder_named_failure_fails(company: Company) -> None:
    from sandbox.engine import methods

    customer = company.customer()
    with pytest.raises(ZohoError), company.world.store.transaction() as tx:
        methods.add_card(company.world, tx, customer, "4111111111111111", 12, 2040, name="Failure")
