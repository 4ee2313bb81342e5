"""What the 06:00 job does: terms, trials, cycles, month-ends, leap years, daylight saving."""

from __future__ import annotations

from datetime import date, timedelta

import time_machine

from tests.contracts.company import DECLINES_LATER, Company


def ends(company: Company, id_: str) -> str:
    return str(company.subscription(id_)["current_term_ends_at"])


def test_a_subscription_of_the_31st_comes_back_to_the_31st(company: Company) -> None:
    company.go_to("2027-01-31")
    id_ = company.subscribe()["subscription_id"]
    seen = []
    for day in ("2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"):
        assert ends(company, id_) == day
        company.go_to(day)
        seen.append(company.invoices(id_)[-1]["invoice_date"])
    assert seen == ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]


def test_a_leap_day_is_a_month_end_and_a_year_later_its_eve(company: Company) -> None:
    company.go_to("2028-02-29")
    monthly, yearly = company.subscribe("team-m"), company.subscribe("team-y")
    assert monthly["current_term_ends_at"] == "2028-03-29"
    assert yearly["current_term_ends_at"] == "2029-02-28"


def test_days_that_passed_while_nothing_ran_are_made_up_for_as_they_would_have_been(company: Company) -> None:
    """A sandbox that was off for weeks: its renewal is of its own day, and so are the retries after it."""
    paid, poor = company.subscribe(), company.subscribe(card=DECLINES_LATER)
    due = date.fromisoformat(paid["next_billing_at"])
    company.switch(oauth_clock="virtual", oauth_access_s=90 * 86_400)
    company.sign_in()
    with time_machine.travel(company.world.clock.epoch() + 50 * 86_400):
        renewal = company.invoices(paid["subscription_id"])[1]
        assert (renewal["invoice_date"], renewal["created_time"][:13]) == (str(due), f"{due}T06")
        assert renewal["payments"][0]["date"] == str(due)
        tries = [each["date"] for each in company.get("/payments")["payments"] if each["status"] == "failure"]
        assert tries == [str(due + timedelta(days=days)) for days in (0, 5, 10, 13)]
        ended = company.subscription(poor["subscription_id"])
        assert (ended["status"], ended["cancelled_at"]) == (
            "cancelled_from_dunning",
            str(due + timedelta(days=13)),
        )
        stamps = [row["event_time"] for row in company.get("/events", sort_order="A")["events"]]
        assert stamps == sorted(stamps)


def test_renewals_are_made_at_six_in_the_morning_of_the_organisation(company: Company) -> None:
    company.go_to("2027-03-01")
    id_ = company.subscribe()["subscription_id"]
    company.world.advance_to(company.world.clock.at(company.today() + timedelta(days=31), 5, 59))
    assert len(company.invoices(id_)) == 1
    company.world.advance_to(company.world.clock.at(company.today(), 6, 1))
    assert company.invoices(id_)[1]["created_time"] == "2027-04-01T06:00:00-0400"


def test_the_job_runs_once_at_six_on_the_days_that_lose_and_gain_an_hour(company: Company) -> None:
    """On 14 March 2027 the clocks go forward at two, on 7 November back."""
    for begins, changes, offset in (
        ("2027-02-14", "2027-03-14", "-0400"),
        ("2027-10-07", "2027-11-07", "-0500"),
    ):
        company.go_to(begins)
        id_ = company.subscribe()["subscription_id"]
        company.go_to(changes)
        made = company.invoices(id_)
        assert [each["invoice_date"] for each in made] == [begins, changes]
        assert made[1]["created_time"] == f"{changes}T06:00:00{offset}"


def test_a_yearly_term_of_a_leap_day_comes_back_to_it(company: Company) -> None:
    company.go_to("2028-02-29")
    id_ = company.subscribe("team-y")["subscription_id"]
    seen = []
    for year in ("2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"):
        assert ends(company, id_) == year
        company.go_to(year)
        seen.append(company.invoices(id_)[-1]["invoice_date"])
    assert seen[-1] == "2032-02-29"


def test_the_offset_follows_daylight_saving(company: Company) -> None:
    company.go_to("2027-03-13")
    before = company.subscribe()["created_time"]
    company.go_to("2027-03-15")
    after = company.subscribe()["created_time"]
    assert (before[-5:], after[-5:]) == ("-0500", "-0400")


def test_a_renewal_is_announced_three_days_ahead(company: Company) -> None:
    company.go_to("2027-03-01")
    company.subscribe()
    company.go_to("2027-03-28")
    assert "subscription_ahead" not in company.events()
    company.go_to("2027-03-29")
    assert company.events().count("subscription_ahead") == 1
    company.go_to("2027-03-31")
    assert company.events().count("subscription_ahead") == 1


def test_a_trial_is_free_then_announced_then_billed(company: Company) -> None:
    sub = company.subscribe("starter-m")
    assert (sub["status"], sub["trial_remaining_days"]) == ("trial", 14)
    assert company.invoices(sub["subscription_id"]) == []
    company.wait(11)
    assert "trial_expiring" in company.events()
    company.wait(3)
    assert company.subscription(sub["subscription_id"])["status"] == "live"
    assert company.invoices(sub["subscription_id"])[0]["status"] == "paid"
    assert "subscription_activation" in company.events()


def test_a_trial_that_will_not_renew_may_change_its_plan(company: Company) -> None:
    """It has no term to be prorated (seed 26 of the simulator met a page of status 500)."""
    sub = company.subscribe("starter-m")
    company.post(f"/subscriptions/{sub['subscription_id']}/cancel?cancel_at_end=true", {})
    changed = company.put(f"/subscriptions/{sub['subscription_id']}", {"plan": {"plan_code": "team-m"}})

    assert changed["subscription"]["plan"]["plan_code"] == "team-m"
    assert company.invoices(sub["subscription_id"]) == []


def test_a_trial_without_a_card_becomes_an_offline_subscription(company: Company) -> None:
    sub = company.subscribe("starter-m", card=None)
    company.wait(14)
    assert company.subscription(sub["subscription_id"])["status"] == "live"
    assert company.invoices(sub["subscription_id"])[0]["status"] == "sent"


def test_an_online_trial_that_lost_its_card_expires(company: Company) -> None:
    sub = company.subscribe("starter-m")
    company.delete(f"/subscriptions/{sub['subscription_id']}/card")
    with company.world.store.transaction() as tx:
        doc = tx.get("subscriptions", sub["subscription_id"])
        assert doc is not None
        tx.put("subscriptions", sub["subscription_id"], doc | {"auto_collect": True})
    company.wait(14)
    assert company.subscription(sub["subscription_id"])["status"] == "trial_expired"


def test_exclude_trial_bills_now_and_a_named_trial_counts_even_so(company: Company) -> None:
    assert company.subscribe("starter-m", plan={"exclude_trial": True})["status"] == "live"
    assert company.subscribe("team-m", plan={"exclude_trial": True, "trial_days": 5})["status"] == "trial"


def test_a_future_start_waits_and_then_begins(company: Company) -> None:
    starts = company.today() + timedelta(days=10)
    sub = company.subscribe(starts_at=starts.isoformat())
    assert (sub["status"], sub["next_billing_at"]) == ("future", starts.isoformat())
    company.wait(10)
    live = company.subscription(sub["subscription_id"])
    assert (live["status"], live["activated_at"]) == ("live", starts.isoformat())


def test_a_backdated_start_bills_only_from_now_on_and_tells_nobody(company: Company) -> None:
    starts = company.today() - timedelta(days=45)
    before = company.events()
    sub = company.subscribe(card=None, starts_at=starts.isoformat())
    assert sub["status"] == "live"
    assert company.invoices(sub["subscription_id"]) == []
    assert company.events() == before
    company.go_to(sub["next_billing_at"])
    assert len(company.invoices(sub["subscription_id"])) == 1
    assert company.events()[-2:] == ["invoice_notification", "subscription_renewed"]


def test_billing_cycles_end_a_subscription_on_the_day_it_said(company: Company) -> None:
    company.go_to("2027-03-01")
    sub = company.subscribe(plan={"billing_cycles": 2})
    assert (sub["expires_at"], sub["remaining_billing_cycles"]) == ("2027-05-01", 1)
    company.go_to("2027-04-30")
    assert "subscription_expiring" in company.events()
    company.go_to("2027-05-01")
    assert company.subscription(sub["subscription_id"])["status"] == "expired"
    assert len(company.invoices(sub["subscription_id"])) == 2


def test_extended_cycles_move_the_end(company: Company) -> None:
    company.go_to("2027-03-01")
    sub = company.subscribe(plan={"billing_cycles": 2})
    path = f"/subscriptions/{sub['subscription_id']}/extend"
    assert company.post(path, {"billing_cycles": 3})["subscription"]["expires_at"] == "2027-08-01"


def test_a_cancellation_at_the_end_waits_for_the_end(company: Company) -> None:
    company.go_to("2027-03-01")
    id_ = company.subscribe()["subscription_id"]
    sub = company.post(f"/subscriptions/{id_}/cancel", cancel_at_end="true")["subscription"]
    assert (sub["status"], sub["scheduled_cancellation_date"]) == ("non_renewing", "2027-04-01")
    company.go_to("2027-04-01")
    gone = company.subscription(id_)
    assert (gone["status"], gone["cancelled_at"]) == ("cancelled", "2027-04-01")
    assert len(company.invoices(id_)) == 1


def test_a_trial_cancelled_and_taken_back_is_a_trial_again(company: Company) -> None:
    id_ = company.subscribe("starter-m")["subscription_id"]
    company.post(f"/subscriptions/{id_}/cancel", cancel_at_end="true")
    back = company.post(f"/subscriptions/{id_}/reactivate")["subscription"]
    assert back["status"] == "trial"


def test_postponed_billing_moves_later_only_and_counts_from_there(company: Company) -> None:
    company.go_to("2027-03-01")
    id_ = company.subscribe()["subscription_id"]
    assert company.refused("POST", f"/subscriptions/{id_}/postpone", {"renewal_at": "2027-03-20"})[0] == 400
    company.post(f"/subscriptions/{id_}/postpone", {"renewal_at": "2027-04-10"})
    company.go_to("2027-04-10")
    assert ends(company, id_) == "2027-05-10"
    assert "billing_date_changed" in company.events()


def test_a_pause_stops_billing_and_a_resume_after_the_term_bills_from_that_day(company: Company) -> None:
    company.go_to("2027-03-01")
    id_ = company.subscribe()["subscription_id"]
    assert (
        company.post(f"/subscriptions/{id_}/pause", {"reason": "holidays"})["subscription"]["status"]
        == "paused"
    )
    company.go_to("2027-04-20")
    assert len(company.invoices(id_)) == 1
    company.post(f"/subscriptions/{id_}/resume", {})
    assert ends(company, id_) == "2027-05-20"
    assert len(company.invoices(id_)) == 2


def test_time_never_goes_back(company: Company) -> None:
    company.go_to("2027-03-01")
    answer = company.client.post("/_control/clock", json={"to": "2027-02-01T00:00:00"})
    assert answer.status_code == 409


def test_a_job_that_was_missed_runs_with_the_next_request(company: Company) -> None:
    company.go_to("2027-03-01")
    id_ = company.subscribe()["subscription_id"]
    company.world.clock.advance_to(company.world.clock.at(company.today() + timedelta(days=40), 7))
    assert len(company.invoices(id_)) == 2
