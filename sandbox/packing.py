"""How documents lie in the file: JSON, deflated against a dictionary of phrases that nearly all of them
share.

A year of invoices of a large company is two gigabytes of the same words.  With the dictionary a document
shrinks to a fifth at the price of some microseconds.  The dictionary is kept in each file, so an older
file stays readable.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

WINDOW = -13  # raw deflate, 8 kB: more than the dictionary and a document need
MEMORY = 5
ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
DECODE = json.JSONDecoder().decode

PHRASES = (
    '"custom_fields":[],"persons":[],"notes":"","display_name":"","first_name":"","last_name":"","company_name":"",'
    '"email":"@example.com","is_taxable":true,"billing_address":{"street":"","city":"","state":"","zip":"","country":"U.S.A"},'
    '"source":"api","person_id":"51200000","contactperson_id":"51200000","type":"card","behaviour":"succeeds","charges":'
    '"brand":"visa","address":{},"is_primary":true,"status":"active","created":"2026-","expiry_year":2030,"expiry_month":12,'
    '{"event_id":"51200000","event_type":"subscription_","invoice_notification","payment_thankyou","created_time":"2026-'
    '"event_source":"user","data":{"subscription":{"customer":{"webhooks":[{"webhook_id":"","url":"","status":"success",'
    '{"subscription_id":"51200000","number":"SUB-","customer_id":"51200000","currency":"USD","status":"live",'
    '"created_at":"2026-","plan":{"code":"team-m","name":"Team monthly","price":"49",'
    '"quantity":1,"setup_fee":"0",'
    '"tax_id":"5120000000000801","description":"","trial_days":0},"product_id":"51200000","interval":1,'
    '"interval_unit":"months","addons":[],"cycles":-1,"cycles_done":1,"reference_id":"","salesperson":"",'
    '"setup_fee_first":false,"auto_collect":true,"method_id":"51200000","backdated":false,"starts_at":"2026-",'
    '"anchor":"2026-","index":0,"term_starts_at":"2026-","term_ends_at":"2026-","last_billing_at":"2026-",'
    '"next_billing_at":"2026-","activated_at":"2026-","billed":[{"setup_fee_done":true,"child_invoice_id":"51200000",'
    '"amount":"","sub_total":"","taxes":[],"discount":"0","noticed":"2026-","updated":"2026-"}'
    '{"payment_id":"51200000","number":"","customer_id":"51200000","customer_name":"","currency":"USD",'
    '"mode":"autotransaction","amount":"52.92","refunded":"0","status":"success","date":"2026-","reference":"INV-",'
    '"invoices":[{"id":"51200000","invoice_id":"51200000","amount":""}],"created":"2026-01-01T06:00:00-0500",'
    '"auto":{"autotransaction_id":"51200000","gateway":"authorize_net","transaction_id":"","method_id":"51200000",'
    '"type":"card","last_four":"1111","expiry_month":12,"expiry_year":2030},"unused_amount":"0","updated":"2026-"}'
    '{"invoice_id":"51200000","number":"INV-","customer_id":"51200000","customer_name":"","currency":"USD",'
    '"subscription_id":"51200000","type":"renewal","state":"open","date":"2026-","due":"2026-","lines":[{"kind":"plan",'
    '"code":"team-m","name":"Team monthly","price":"49","quantity":1,"gross":"49.00",'
    '"discount":"0","total":"49.00",'
    '"tax_id":"5120000000000801","description":"","item_id":"51200000"}],"coupon":"","payments":[{"id":"51200000",'
    '"payment_id":"51200000","amount":"52.92"}],"credits":[],"created":"2026-01-01T06:00:00-0500","balance":"0.00",'
    '"sub_total":"49.00","discount":"0","taxes":[{"tax_id":"5120000000000801",'
    '"name":"Sales tax","amount":"3.92"}],'
    '"tax_total":"3.92","total":"52.92","updated":"2026-01-01T06:00:00-0500"}'
)


class Packer:
    """Packs and unpacks the documents of one file."""

    def __init__(self, phrases: str) -> None:
        self._phrases = phrases.encode()

    def pack(self, doc: Any) -> bytes:
        """A document as the file keeps it."""
        return self.deflate(ENCODE(doc))

    def deflate(self, text: str) -> bytes:
        """Text that is already JSON."""
        squeezer = zlib.compressobj(1, zlib.DEFLATED, WINDOW, MEMORY, zlib.Z_DEFAULT_STRATEGY, self._phrases)
        return squeezer.compress(text.encode()) + squeezer.flush()

    def unpack(self, data: bytes) -> Any:
        """The document again."""
        return DECODE(zlib.decompressobj(WINDOW, self._phrases).decompress(data).decode())
