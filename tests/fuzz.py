"""How many examples tests with made-up input try: few in the suite, `BAYPLAN_FUZZ_FACTOR` times as many with `make fuzz-api`
and `make fuzz-registry`.
"""

import os

FACTOR = int(os.environ.get("BAYPLAN_FUZZ_FACTOR", "1"))


def examples(few: int) -> int:
    """Gives how many examples to try."""
    return few * FACTOR
