"""Portal and sandbox in one process, on virtual time, under weather drawn from a seed.

A run has two halves (CONV-02): faults and people first, then health, one reconciliation, and a judge who
compares what Zoho holds with what the portal holds, sent, acknowledged and promised.
"""
