"""How an encoder is fed: how large a batch may be, and what padding is worth."""

from dataclasses import dataclass

from service.settings import Settings

# On a CPU a batch of four is as fast, item by item, as one of 32, and is answered sooner; padding
# costs what it takes. On a GPU a pass costs much and padding little. Costs are tokens.
CPU_COST_MAX, CPU_PASS_COST = 512, 16
GPU_COST_MAX, GPU_PASS_COST = 16_384, 1024


@dataclass(frozen=True, slots=True)
class Batching:
    """What one encoder's batches are held to.

    Args:
        items_max: items of one pass.
        cost_max: longest cost times items of one pass.
        pass_cost: padding that one more pass is worth.
        bulk_handicap_seconds: by how much bulk goes behind.
    """

    items_max: int
    cost_max: int
    pass_cost: int
    bulk_handicap_seconds: float

    @classmethod
    def of(cls, settings: Settings, *, on_gpu: bool) -> "Batching":
        """Take what is set, else what suits the device."""
        cost_max = GPU_COST_MAX if on_gpu else CPU_COST_MAX
        pass_cost = GPU_PASS_COST if on_gpu else CPU_PASS_COST
        return cls(
            items_max=settings.batch_items_max,
            cost_max=settings.batch_cost_max or cost_max,
            pass_cost=pass_cost if settings.pass_cost is None else settings.pass_cost,
            bulk_handicap_seconds=settings.bulk_handicap_seconds,
        )
