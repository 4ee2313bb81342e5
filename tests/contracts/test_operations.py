"""For every operation of Zoho's OpenAPI files: what they allow is accepted, and the answer is as they say.

Where it is not, the exception stands in `defects` with its reason.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts import cases, defects, requests, spec
from tests.contracts.company import Company
from tests.contracts.spec import Operation

pytestmark = pytest.mark.skipif(not spec.FOLDER.exists(), reason=spec.ABSENT)


@pytest.mark.parametrize("operation", spec.operations(), ids=str)
def test_allowed_requests_are_accepted_and_answers_are_as_specified(
    company: Company, operation: Operation
) -> None:
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        made = cases.ready(company, operation)
        body = data.draw(requests.drawn(operation.asked, made.fields))
        path = re.sub(r"\{(\w+)\}", lambda found: quote(str(made.path[found[1]]), safe=""), operation.path)
        query = data.draw(requests.queried(operation, made.query))
        answer = company.call(operation.method, path, body, **query)
        assert (answer.status_code, answer.get_json()["code"]) == (operation.status, 0), (
            f"{body}: {answer.text}"
        )
        assert defects.unexplained(operation, answer.get_json()) == []
        company.check_money()

    holds()
    TRIED.add(operation.name)


TRIED: set[str] = set()


@pytest.mark.parametrize("operation", [one for one in spec.operations() if one.filtered], ids=str)
def test_2_5_every_filter_of_the_specs_is_taken(company: Company, operation: Operation) -> None:
    company.subscribe()
    for value in operation.filtered:
        context = company.get(operation.path, filter_by=value)["page_context"]
        assert context["applied_filter"] == value
    assert company.refused("GET", operation.path, filter_by="Nothing.Known")[:2] == (400, 2)


def test_no_exception_to_the_specs_is_without_use() -> None:
    """What no answer needed any more is taken out; asked only after every operation was tried."""
    if {one.name for one in spec.operations()} - TRIED:
        pytest.skip("only some operations were tried in this run")
    unused = (set(defects.TYPES) | set(defects.MISSING)) - defects.USED
    assert not unused, "The sandbox keeps to the specs here: take these out of defects.py"


@pytest.mark.parametrize("operation", spec.operations(), ids=str)
def test_nonsense_is_refused_in_zohos_way(company: Company, operation: Operation) -> None:
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        body = data.draw(NONSENSE)
        path = re.sub(
            r"\{\w+\}", lambda _: quote(data.draw(st.text(max_size=20)) or "x", safe=""), operation.path
        )
        answer = company.call(operation.method, path, body)
        told = answer.get_json()
        assert answer.status_code in (200, 201) or sorted(told) == ["code", "message"]
        assert (told["code"] == 0) == (answer.status_code in (200, 201))

    holds()


@pytest.mark.parametrize("operation", spec.operations(), ids=str)
def test_one_spoilt_value_in_a_good_request_never_breaks(company: Company, operation: Operation) -> None:
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        made = cases.ready(company, operation)
        good = data.draw(requests.drawn(operation.asked, made.fields))
        path = re.sub(r"\{(\w+)\}", lambda found: quote(str(made.path[found[1]]), safe=""), operation.path)
        body = data.draw(requests.spoilt(good))
        answer = company.call(operation.method, path, body, **made.query)
        told = answer.get_json()
        assert (told["code"] == 0) == (answer.status_code in (200, 201))
        company.check_money()

    holds()


ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["plan", "plan_code", "customer_id", "amount", "invoices", "addons"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "customer_id",
        "plan",
        "addons",
        "name",
        "amount",
        "date",
        "invoice_items",
        "price_brackets",
        "email",
        "customer",
    ]
)
NONSENSE = st.dictionaries(KEYS, ODD, max_size=5) | ODD
