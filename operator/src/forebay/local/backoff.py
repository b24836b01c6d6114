"""How long to wait before the next try: doubled from one second, at most a minute. Pure."""

FIRST = 1.0  # seconds
CAP = 60.0


def delay(failures: int) -> float:
    """Seconds to wait after that many failures in a row (at least one)."""
    return float(min(CAP, FIRST * 2 ** (min(failures, 10) - 1)))
