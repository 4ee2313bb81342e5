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
        answer = company.call(operation.method, path, body, **made.query)
        assert (answer.status_code, answer.get_json()["code"]) == (operation.status, 0), (
            f"{body}: {answer.text}"
        )
        assert defects.unexplained(operation, answer.get_json()) == []
        company.check_money()

    holds()


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
