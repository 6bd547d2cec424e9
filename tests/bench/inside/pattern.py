"""A kept film and a generation that the vendor works on, of which a seed makes copies."""

from generations.lifecycle import State
from tests.bench.inside import product
from tests.factories import make_generation
from tests.support.working import CHEAP


def main() -> dict[str, str]:
    """Make both by the product's own verbs; return their ids."""
    member = product.demo_owner()
    kept = make_generation(member, State.COMPLETED, prompt="A lighthouse, take 1", **CHEAP)
    working = make_generation(member, State.PROCESSING, prompt="A lighthouse, take 2", **CHEAP)
    type(working).objects.filter(pk=working.pk).update(next_poll_at=None)
    return {"kept": str(kept.pk), "working": str(working.pk)}
