"""Every statement that was recorded from the real API has a test named after its section.

A statement is a line of the facts that is tagged LIVE; it is known here by words of its own.  A new one
fails until it has a test.
"""

from __future__ import annotations

import inspect
import re

import pytest

from tests.contracts import facts, test_recorded_basics, test_recorded_billing

pytestmark = pytest.mark.skipif(not facts.FILE.exists(), reason=facts.ABSENT)

# the tag, and not the word for a status in a filter or in a page context
LIVE = re.compile(r"(?<![.,`\"])\bLIVE\b(?![,`\"])")
# section -> words of a statement -> its test
TESTED: dict[str, dict[str, str]] = {
    "0": {
        "| Envelope |": "answers_are_wrapped_in_code_and_message",
        "| Ids |": "ids_are_strings_of_15_to_19_digits",
        "| Dates |": "days_have_no_zone_and_times_an_offset_without_colon",
        "| Empty values |": "absent_days_are_empty_strings_and_absent_lists_empty",
    },
    "2.1": {
        "Org header is": "the_organisation_header_may_be_missing_and_may_not_be_wrong",
        "`GET /organizations` lists orgs": "organizations_have_the_recorded_fields",
        "strings are **localised": "messages_come_in_the_organisations_language",
    },
    "2.3": {
        "| success / action text |": "success_is_code_0_with_200_or_201",
        "Subscription ID does not exist": "what_is_unknown_is_refused_with_its_own_code",
        "Invalid Product ID": "what_is_unknown_is_refused_with_its_own_code",
        "valid reference for the customer": "what_is_unknown_is_refused_with_its_own_code",
        "Invalid PlanCode": "what_is_unknown_is_refused_with_its_own_code",
        "Invalid AddonCode": "what_is_unknown_is_refused_with_its_own_code",
    },
    "2.4": {
        "### 2.4 Pagination": "page_context_has_the_recorded_keys",
        "customers additionally returned": "customers_say_which_report_they_are",
    },
    "2.5": {"GET /transactions": "transactions_have_the_recorded_row"},
    "2.7": {"Same email on two customers": "the_same_email_makes_two_customers"},
    "2.8": {"DELETE returns 200": "what_was_deleted_is_unknown"},
    "3.1": {"Spelling: two l's": "cancelling_says_canceled_and_the_status_cancelled"},
    "3.2": {"| any active | cancelled |": "every_active_subscription_is_cancelled_at_once"},
    "3.3": {
        "List row (GET /subscriptions)": "a_row_of_the_list_has_the_recorded_keys_and_no_objects",
        "Detail (GET /subscriptions/{id})": "the_detail_has_the_recorded_keys",
        "- `plan`:": "a_percentage_that_is_not_set_is_an_empty_string",
        "- `taxes[]`:": "taxes_have_numeric_amounts_and_names_with_their_percentage",
        "- `customer`:": "the_customer_inside_has_whole_addresses_and_flattened_fields",
        "- `contactpersons[]`:": "contact_persons_have_the_recorded_keys",
        "- `card`:": "an_offline_subscription_has_no_card",
        "- custom field object": "a_custom_field_is_shown_whole_and_in_the_hash",
        "`amount` = total incl. tax": "amount_is_with_tax_and_sub_total_without",
    },
    "3.4": {"Live offline creation": "a_live_offline_creation_is_live_from_today_for_one_interval"},
    "3.5": {"Quantity change 1 -> 10": "a_quantity_change_makes_a_new_invoice_in_the_same_term"},
    "4.1": {"| updatecard |": "updatecard_answers_200_where_the_others_answer_201"},
    "4.2": {
        "### 4.2 Create response": "a_hosted_page_is_created_with_both_ids_and_lives_one_hour",
        "Expiry exactly **1 hour**": "a_hosted_page_is_created_with_both_ids_and_lives_one_hour",
    },
    "4.4": {"placeholders, those come first": "the_merchants_own_query_comes_first_and_the_pages_id_last"},
    "5.1": {"`is_primary_associated`": "customers_say_whether_a_primary_and_a_backup_method_are_there"},
    "6.1": {
        "return BOTH `number`": "rows_of_the_invoice_list_have_the_recorded_keys",
        "Numbering: `INV-000123`": "payment_numbers_are_plain_and_subscriptions_are_linked",
    },
    "6.3": {"Customer credit fields": "customers_have_credits_and_debts_under_both_names"},
    "7.3": {
        "Captured from": "an_event_holds_its_payload_as_an_object",
        "`event_source`: `user`": "the_source_is_the_api_or_the_user",
    },
    "7.5": {
        "1. subscription_created": "subscription_created_is_what_the_api_shows",
        "4. subscription_cancelled": "subscription_cancelled_gains_and_loses_the_keys_of_the_answer",
    },
    "8.1": {"| Access |": "customers_say_whether_zohos_portal_is_open_to_them"},
    "9": {
        "Test organisation vs Live": "the_organisation_is_a_test_organisation",
        "`test_gateway` is a real literal": "test_gateway_is_a_gateway",
    },
    "10": {
        "| 5 |": "5_specified_types_can_be_had_instead_of_recorded_ones",
        "| 8 |": "8_an_email_finds_every_customer_that_has_it",
        "| 10 |": "10_times_are_in_the_organisations_zone_and_days_have_none",
        "| 28 |": "28_amounts_keep_their_cents",
        "| 29 |": "29_whole_amounts_come_with_and_without_a_point",
    },
}


def recorded() -> list[tuple[str, str]]:
    """Every statement with its section."""
    return [
        (section, line)
        for section, text in facts.sections().items()
        for line in text.splitlines()
        if LIVE.search(line)
    ]


def test_every_recorded_statement_is_known() -> None:
    unknown = [
        f"{section}: {line[:90]}"
        for section, line in recorded()
        if not any(words in line for words in TESTED.get(section, {}))
    ]
    assert not unknown, "Give each a test in test_recorded_*.py, and its words a line here:\n" + "\n".join(
        unknown
    )


def test_every_recorded_statement_has_its_test() -> None:
    there = {
        name
        for module in (test_recorded_basics, test_recorded_billing)
        for name, _ in inspect.getmembers(module, inspect.isfunction)
    }
    wanted = {
        f"test_{section.replace('.', '_')}_{name}"
        for section, statements in TESTED.items()
        for name in statements.values()
    }
    assert wanted - there == set()


def test_no_statement_is_listed_that_the_facts_do_not_have() -> None:
    lines = recorded()
    gone = [
        words
        for section, statements in TESTED.items()
        for words in statements
        if not any(section == where and words in line for where, line in lines)
    ]
    assert gone == []
