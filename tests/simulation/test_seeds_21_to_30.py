"""CONV-01, CONV-02: seeds 21 to 30, each 200 steps, then healed, reconciled once and compared."""

from tests.simulation.seeds import demand_of

test_inv_1_to_11_hold_for_the_seed = demand_of(range(21, 31))
