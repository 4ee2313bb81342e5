"""Zoho's objects as typed models; `base` holds the rules by which its loose JSON is read."""

from portal.zoho.payloads.base import Part, Payload, Raw, dump
from portal.zoho.payloads.catalogue import Addon, Bracket, Coupon, Plan, Product
from portal.zoho.payloads.customer import BankAccount, Card, Customer
from portal.zoho.payloads.event import Event
from portal.zoho.payloads.hosted_page import HostedPage
from portal.zoho.payloads.invoice import Invoice, InvoiceLine, InvoicePayment
from portal.zoho.payloads.organization import Organization, Tax
from portal.zoho.payloads.payment import Applied, CreditNote, GatewayCharge, Payment
from portal.zoho.payloads.subscription import (
    ScheduledChange,
    Subscription,
    SubscriptionAddon,
    SubscriptionPlan,
)

__all__ = [
    "Addon",
    "Applied",
    "BankAccount",
    "Bracket",
    "Card",
    "Coupon",
    "CreditNote",
    "Customer",
    "Event",
    "GatewayCharge",
    "HostedPage",
    "Invoice",
    "InvoiceLine",
    "InvoicePayment",
    "Organization",
    "Part",
    "Payload",
    "Payment",
    "Plan",
    "Product",
    "Raw",
    "ScheduledChange",
    "Subscription",
    "SubscriptionAddon",
    "SubscriptionPlan",
    "Tax",
    "dump",
]
