"""Texts to compare encoders on: made by code, the same on every machine."""

import random
from collections.abc import Iterator

PROBE_TEXTS = (
    "A probe shows that this machine computes what the publisher computed.",
    "x",
    "日本語とEnglish混在 🎉 naïve café",
    "def f(x):\n    return x ** 2  # 3.14159",
)

SENTENCES = tuple(
    """
The violinist replaced a broken string during the interval.
Glaciers in the valley have retreated by two kilometres since 1950.
My flight to Lisbon was cancelled because of fog.
The court upheld the tenant's claim for a refund of the deposit.
Knead the dough for ten minutes and let it rise until it doubles.
A quicksort is slow on inputs that are already sorted.
The goalkeeper saved two penalties in the final.
Vaccination of the herd began after the second outbreak.
Interest rates stayed at four per cent for the third quarter.
She painted the kitchen door a dark shade of green.
The telescope recorded a supernova in a nearby galaxy.
Our dentist moved to a new practice near the station.
Bees find their way home by the position of the sun.
The treaty was signed aboard a ship in the harbour.
Replace the oil filter every ten thousand kilometres.
The novel opens with a funeral in a small mining town.
Tickets for the museum are half price on Thursdays.
A triangle with two equal sides has two equal angles.
He grows tomatoes and basil on the balcony.
The union called a strike over weekend shifts.
Coral reefs turn white when the sea becomes too warm.
The password must contain at least one digit.
Grandfather kept his medals in a tin box.
The bridge was closed to lorries after the inspection.
Sodium reacts violently with water.
Her thesis deals with pronouns in medieval Icelandic.
The bakery sells out of rye bread before nine.
An owl nested in the tower of the old church.
The chess champion resigned after forty moves.
Download the form and send it to the tax office.
The marathon route follows the river for half its length.
Fibre cables were laid along the railway line.
The potter fires her bowls in a kiln heated with wood.
Patients with asthma should carry an inhaler.
The emperor moved his capital to the east.
Two suspects were arrested outside the jewellery shop.
The recipe calls for saffron and preserved lemons.
Our cat sleeps on top of the wardrobe.
The satellite will burn up in the atmosphere next week.
Wool shrinks if it is washed too hot.
The choir rehearses in the school hall on Mondays.
A landslide blocked the road to the monastery.
The auditor found no errors in the accounts.
Children under six travel free on the tram.
The chemist isolated an enzyme that digests plastic.
He proposed to her on the last day of the holiday.
The printer is out of yellow ink again.
Wolves were brought back to the national park in 1995.
The dam supplies electricity to three provinces.
Her grandmother spoke only Basque at home.
The film was shot in black and white on a tiny budget.
Farmers rotate beans and maize to keep the soil fertile.
The lift is stuck between the second and the third floor.
A comet with a bright tail appeared in the spring sky.
The minister denied having met the lobbyist.
Turn left at the pharmacy and walk up the hill.
The surgeon removed the appendix in forty minutes.
Pirates hid the chest under a fig tree.
The start-up builds drones that inspect wind turbines.
Salmon swim upstream to lay their eggs.
""".strip().splitlines()
)

ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "áàâäãåçéèêëíîïñóôöõúûüýÿæœßøłžšč",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρςστυφχψω",
    "אבגדהוזחטיכלמנסעפצקרשת",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "अआइईउऊएऐओऔकखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह",
    "的一是不了人我在有他这中大来上国个到说们",
    "あいうえおかきくけこさしすせそアイウエオカキクケコ",
    "가나다라마바사아자차카타파하",
    "กขคงจฉชซญดตถทนบปผฝพฟมยรลวสหอ",
    "😀🎉🚀👩‍💻🇯🇵❤️👍🏽🧪",
    "0123456789.,-+%$€",
    "!?;:()[]{}<>/\\|@#&*~`'\"^_=",
)

PIECES = (
    "https://example.org/a/b?c=d&e=%20#f",
    "someone@example.com",
    "SELECT * FROM t WHERE id = 3;",
    "for (int i = 0; i < n; ++i) { s += a[i]; }",
    "  leading and trailing  ",
    "tabs\tand\nnew\r\nlines",
    "no\u00a0break\u2003spaces\u200band\u200djoiners",
    "e\u0301 combining a\u0308",
    "[CLS] special [SEP] words [MASK] [PAD] <s> </s>",
    "ﬁ ﬂ ① ² ½ Ⅷ full\uff0d\uff57\uff49\uff44\uff54\uff48",
    "İstanbul ΣΊΣΥΦΟΣ straße ǅ",
    "control\x01\x02\x7f characters",
    "\ufeffbyte order mark",
    "-1.5e-10, 1,234,567.89 and 0xFF",
    "supercalifragilisticexpialidocious" * 4,
    "a" * 300,
    "?!" * 60,
    "C3PO, R2-D2; it's 5 o'clock — \u201cquoted\u201d\u2026",
)


def varied_texts(tokens_max: int) -> list[str]:
    """Make some 370 texts, from one token to well beyond the longest that the encoder reads."""
    return [*SENTENCES, *PIECES, *_words(), *_lengths(tokens_max), *_mixtures()]


def _words() -> Iterator[str]:
    """Words of every alphabet, alone and a few together."""
    draw = random.Random(1)  # noqa: S311 - test texts, not secrets
    for alphabet in ALPHABETS:
        yield alphabet[0]
        yield alphabet
        for count in (1, 2, 5, 12, 30):
            words = ("".join(draw.choices(alphabet, k=draw.randint(1, 9))) for _ in range(count))
            yield " ".join(words)


def _lengths(tokens_max: int) -> Iterator[str]:
    """Runs of words round about the maximum, where cutting off by one would show."""
    draw = random.Random(2)  # noqa: S311 - test texts, not secrets
    words = " ".join(SENTENCES).split()
    near = [tokens_max + step for step in range(-6, 5)]
    far = [tokens_max // 4, tokens_max // 2, 2 * tokens_max, 6 * tokens_max]
    for length in [*range(1, 40), *near, *far]:
        yield " ".join(draw.choices(words, k=min(max(1, length), 4000)))
    yield "a " * min(tokens_max + 3, 4000)


def _mixtures() -> Iterator[str]:
    """Sentences with pieces and letters of other scripts among them."""
    draw = random.Random(3)  # noqa: S311 - test texts, not secrets
    for _ in range(120):
        parts = [*draw.sample(SENTENCES, 1), *draw.sample(PIECES, draw.randint(0, 2))]
        parts += ["".join(draw.choices(draw.choice(ALPHABETS), k=5))]
        draw.shuffle(parts)
        yield draw.choice([" ", "\n", ", "]).join(parts)
