"""Customers and their contact persons."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sandbox import fields
from sandbox.api.paging import Listing
from sandbox.api.routes import body, delete, done, get, post, put
from sandbox.engine import customers
from sandbox.envelope import ok
from sandbox.errors import bad, refused, unknown
from sandbox.render import people
from sandbox.tx import Doc, Tx
from sandbox.world import World

LIST = Listing(
    "customers",
    "Status",
    {
        "All": {},
        "Active": {"status": "active"},
        "Inactive": {"status": "inactive"},
        "Gapps": {"status": "gapps"},
        "Crm": {"crm": ("!=", "")},
        "NonSubscribers": {"id": ("not in", ("subscriptions", "customer_id"))},
        "PortalEnabled": {"portal": 1},
        "PortalDisabled": {"portal": 0},
    },
    {
        "customer_id": "seq",
        "created_time": "seq",
        "updated_time": "updated",
        "display_name": "name",
        "email": "email",
    },
    default_sort="customer_id",
    report="All Contacts",
)
REFERENCES = {"zcrm_account_id": "crm", "zcrm_contact_id": "crm_contact"}
PERSON_TEXTS = ("first_name", "last_name", "mobile", "phone", "fax")


@post("/customers")
def create(world: World, tx: Tx) -> Response:
    """A new customer."""
    doc = customers.create(world, tx, body())
    return ok("The customer has been added.", 201, customer=people.customer(world, tx, doc))


@get("/customers")
def listed(world: World, tx: Tx) -> Response:
    """Every customer, filtered and searched."""
    found, context = LIST.page(tx, _search())
    return ok(customers=[people.customer_row(world, tx, doc) for doc in found], page_context=context)


@get("/customers/reference/<reference_id>")
def by_reference(world: World, tx: Tx, reference_id: str) -> Response:
    """One customer by its id in another system."""
    column = REFERENCES.get(request.args.get("reference_id_type") or "zcrm_account_id")
    if column is None:
        raise bad("reference_id_type")
    known = column in tx.columns("customers")
    found = tx.find("customers", where={column: reference_id}, limit=1) if known else []
    if not found:
        raise unknown("customers")
    return ok(customer=people.customer(world, tx, found[0]))


@get("/customers/<customer_id>")
def one(world: World, tx: Tx, customer_id: str) -> Response:
    """One customer."""
    return ok(customer=people.customer(world, tx, customers.get(tx, customer_id)))


@put("/customers/<customer_id>")
def update(world: World, tx: Tx, customer_id: str) -> Response:
    """Change a customer."""
    doc = customers.update(world, tx, customer_id, body())
    return ok("The customer has been updated.", customer=people.customer(world, tx, doc))


@delete("/customers/<customer_id>")
def remove(world: World, tx: Tx, customer_id: str) -> Response:
    """Forget a customer without transactions."""
    customers.delete(tx, customer_id)
    return done("The customer has been deleted.")


@post("/customers/<customer_id>/markasactive")
def activate(world: World, tx: Tx, customer_id: str) -> Response:
    """Active again."""
    customers.set_status(world, tx, customer_id, "active")
    return done("The customer has been marked as active.")


@post("/customers/<customer_id>/markasinactive")
def deactivate(world: World, tx: Tx, customer_id: str) -> Response:
    """Inactive; not with a running subscription."""
    customers.set_status(world, tx, customer_id, "inactive")
    return done("The customer has been marked as inactive.")


@post("/customers/<customer_id>/contactpersons")
def create_person(world: World, tx: Tx, customer_id: str) -> Response:
    """Another contact person."""
    customers.get(tx, customer_id)
    person: Doc = {
        "contactperson_id": tx.next_id(),
        "customer_id": customer_id,
        "created": world.clock.stamp(),
    }
    _fill_person(person, body())
    saved = customers.save_person(world, tx, person)
    return ok("The contact person has been created.", 201, contact_person=people.person(saved))


@get("/customers/<customer_id>/contactpersons")
def list_people(world: World, tx: Tx, customer_id: str) -> Response:
    """The contact persons of a customer."""
    customers.get(tx, customer_id)
    found, context = Listing("contact_persons", sorts={"created_time": "seq"}).page(
        tx, {"customer_id": customer_id}
    )
    return ok(contact_persons=[people.person(doc) for doc in found], page_context=context)


@get("/customers/<customer_id>/contactpersons/<contactperson_id>")
def one_person(world: World, tx: Tx, customer_id: str, contactperson_id: str) -> Response:
    """One contact person."""
    return ok(contact_person=people.person(_person(tx, customer_id, contactperson_id)))


@put("/customers/<customer_id>/contactpersons/<contactperson_id>")
def update_person(world: World, tx: Tx, customer_id: str, contactperson_id: str) -> Response:
    """Change a contact person."""
    person = _person(tx, customer_id, contactperson_id)
    _fill_person(person, body())
    saved = customers.save_person(world, tx, person)
    return ok("The contact person has been updated.", contact_person=people.person(saved))


@delete("/customers/<customer_id>/contactpersons/<contactperson_id>")
def remove_person(world: World, tx: Tx, customer_id: str, contactperson_id: str) -> Response:
    """Forget a contact person other than the first."""
    person = _person(tx, customer_id, contactperson_id)
    if customers.get(tx, customer_id)["person_id"] == person["contactperson_id"]:
        raise refused("The primary contact person cannot be deleted.")
    tx.delete("contact_persons", contactperson_id)
    return done("The contact person has been deleted.")


def _search() -> dict[str, Any]:
    where: dict[str, Any] = {}
    for name, column in (("email", "email"), ("phone", "phone")):
        if given := request.args.get(name, ""):
            where[column] = given.lower() if name == "email" else given
    if given := request.args.get("display_name_contains", "") or request.args.get("search_text", ""):
        where["name"] = ("contains", given)
    return where


def _person(tx: Tx, customer_id: str, contactperson_id: str) -> Doc:
    customers.get(tx, customer_id)
    person = tx.get("contact_persons", contactperson_id)
    if person is None or person["customer_id"] != customer_id:
        raise unknown("contact_persons")
    return person


def _fill_person(person: Doc, asked: Doc) -> None:
    person.update(fields.kept(asked, PERSON_TEXTS))
    person["email"] = fields.required(asked, "email", longest=customers.OWN_EMAIL)
    if "@" not in person["email"]:
        raise bad("email")
