"""What is spelt differently in each language and says the same; what says nothing at all."""

_KEYWORDS = """
if else for while do switch case default break continue return function class lambda in is not
and or try catch finally throw new delete yield await async with pass goto assert del struct
enum interface template typename operator let type null true false this super global nonlocal
foreach unless until then
"""
KEYWORDS = frozenset(_KEYWORDS.split())
SPELT: dict[str, str] = {
    "&&": "and",
    "||": "or",
    "!": "not",
    "->": ".",
    "::": ".",
    "?.": ".",
    "===": "==",
    "!==": "!=",
    ":=": "=",
    "def": "function",
    "func": "function",
    "fn": "function",
    "fun": "function",
    "elsif": "elif",
    "except": "catch",
    "rescue": "catch",
    "raise": "throw",
    "throws": "throw",
    "None": "null",
    "nullptr": "null",
    "NULL": "null",
    "nil": "null",
    "undefined": "null",
    "True": "true",
    "False": "false",
    "self": "this",
    "cls": "this",
    "struct": "class",
    "xrange": "range",
    "raw_input": "input",
    "izip": "zip",
    "imap": "map",
    "ifilter": "filter",
    "unicode": "str",
    "unichr": "chr",
    "iteritems": "items",
    "itervalues": "values",
    "iterkeys": "keys",
    "basestring": "str",
    "int64_t": "long",
    "int32_t": "int",
    "uint64_t": "long",
    "uint32_t": "int",
    "size_t": "int",
    "ssize_t": "int",
    "__int128": "long",
    "signed": "int",
    "unsigned": "int",
    "short": "int",
    "Integer": "int",
    "Long": "long",
    "Boolean": "bool",
    "boolean": "bool",
    "String": "string",
    "emplace_back": "push_back",
    "__builtin_popcountll": "__builtin_popcount",
}
# Qualifiers, and what a reader of the algorithm could do without.
_SILENT = """
public private protected static final const constexpr inline virtual override explicit
noexcept mutable volatile register extern unsafe mut readonly abstract synchronized transient
export package friend std
"""
SILENT = frozenset(_SILENT.split())
# What a method calls the object that it belongs to.
ITSELF = frozenset(("self", "this", "cls"))
# Modules whose functions are called with their name before them, or without.
_MODULES = """
collections itertools functools heapq bisect math operator string sys typing random re copy
numpy np fractions decimal statistics Math java util ranges views numbers
"""
MODULES = frozenset(_MODULES.split())
_POWERS = (*range(4, 11), 12, 15, 16, 18)
_USUAL = (128, 255, 256, 360, 365, 500, 512, 1000, 1023, 1024, 200_000, 200_005, 100_005)
_LIMITS = (1 << 30, 1 << 31, (1 << 31) - 1, 2 * 10**9, 0x3F3F3F3F)
_PRIMES = (10**9 + 7, 10**9 + 9, 998_244_353)
NUMBERS_KEPT = frozenset(
    (*range(101), *(10**power for power in _POWERS), *_USUAL, *_LIMITS, *_PRIMES)
)
