"""What can be read again from Zoho: a kind and Zoho's id."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """One thing at Zoho that we can read again."""

    kind: str
    zoho_id: str

    @property
    def lock(self) -> str:
        """Return the name under which reads of it queue."""
        return f"zoho:{self.kind}:{self.zoho_id}"

    def as_dict(self) -> dict[str, str]:
        return {"kind": self.kind, "zoho_id": self.zoho_id}
