"""A source that takes long, and functions that have little time: many calls do what one cannot."""

from .rig import Journey

FUNCTION = "lakehead-fetch-page"
SECONDS = 5.0


def go(test: Journey, seed: int, requests_per_second: int, products: int, calls: int) -> None:
    """Reads a catalogue at a rate that makes it take so long, in at least so many calls of five seconds."""
    source = test.cloud.other_gins(seed, products)
    params = {**source.params, "requests_per_second": str(requests_per_second)}
    host = test.cloud.emulator.host
    host.shorten(FUNCTION, SECONDS)
    try:
        figures = test.goes(
            f"gins, {products // requests_per_second} s of work at a deadline of {SECONDS:.0f} s",
            {"pipeline": "gins", "params": params},
        )
    finally:
        host.shorten(FUNCTION, None)
    fetches = [used for used in figures.used if used.function == FUNCTION]
    test.assertGreaterEqual(len(fetches), calls, "calls of fetch-page")
    test.assertLess(max(used.seconds for used in fetches), SECONDS, "none is cut off")
    test.root = test.cloud.scratch / f"local-gins-{seed}"
    test.local(source)
    test.compared.equal(test.root)
