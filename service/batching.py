"""How an encoder is fed: how large a batch may be, and what padding is worth."""

from dataclasses import dataclass

from service.settings import Settings

# On a CPU a batch of four is as fast, item by item, as one of 32, and is answered sooner; padding
# costs what it takes. On a GPU a pass costs much and padding little. Costs are tokens.
CPU_COST_MAX, CPU_PASS_COST = 512, 16
GPU_COST_MAX, GPU_PASS_COST = 16_384, 1024
# Where all items cost the same, as pictures do, nothing is padded, and a pass is so many of them.
CPU_EVEN_ITEMS, GPU_EVEN_ITEMS = 8, 64
# What one call may cost: of tokens, and of pixels, which take as much memory.
CALL_COST_MAX, EVEN_CALL_COST_MAX = 4_000_000, 32_000_000


@dataclass(frozen=True, slots=True)
class Batching:
    """What one encoder's batches are held to.

    Args:
        items_max: items of one pass.
        cost_max: longest cost times items of one pass.
        pass_cost: padding that one more pass is worth.
        call_cost_max: of all items of one call.
        bulk_handicap_seconds: by how much bulk goes behind.
        passes: of one thread each that go side by side where a queue stands.
    """

    items_max: int
    cost_max: int
    pass_cost: int
    call_cost_max: int
    bulk_handicap_seconds: float
    passes: int = 1

    @classmethod
    def of(
        cls, settings: Settings, *, on_gpu: bool, even_cost: int | None = None, threads: int = 1
    ) -> "Batching":
        """Take what is set, else what suits the device.

        Args:
            even_cost: what every item costs, where all cost the same.
            threads: of a pass that is alone.
        """
        if even_cost is None:
            cost_max = GPU_COST_MAX if on_gpu else CPU_COST_MAX
            pass_cost = GPU_PASS_COST if on_gpu else CPU_PASS_COST
            call_cost_max = CALL_COST_MAX
        else:
            cost_max = even_cost * (GPU_EVEN_ITEMS if on_gpu else CPU_EVEN_ITEMS)
            pass_cost = 0
            call_cost_max = EVEN_CALL_COST_MAX
        return cls(
            items_max=settings.batch_items_max,
            cost_max=settings.batch_cost_max or cost_max,
            pass_cost=pass_cost if settings.pass_cost is None else settings.pass_cost,
            call_cost_max=settings.call_cost_max or call_cost_max,
            bulk_handicap_seconds=settings.bulk_handicap_seconds,
            passes=1 if on_gpu else min(threads, settings.passes or threads),
        )
