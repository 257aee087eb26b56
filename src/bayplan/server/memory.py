"""Memory that was needed for many connections, given back to the system when they have gone."""

import ctypes
import gc


def give_back() -> None:
    """Collects garbage and has the C library give free memory back; does nothing more where the library cannot."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
