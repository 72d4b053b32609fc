"""What is found in source code: every language against a small file, symbol by symbol."""

import json
import time
from typing import NamedTuple

import pytest

from models.functions.extraction import LINES_READ, Function, functions_of
from models.functions.language import language_names, language_of, suffixes
from models.functions.notebook import NotebookInvalid, cells_of
from tests.pace import PACE


class Case(NamedTuple):
    """A file, and what stands in it: symbol, kind, first and last line, docstring."""

    path: str
    source: str
    found: list[tuple[str, str, int, int, str]]


CASES = {
    "python": Case(
        "shop.py",
        '''"""A shop."""

@dataclass
class Cart(Base):
    """What a customer

    wants to buy.
    """
    @property
    def total(self):
        r"The sum."
        return sum(self.prices)

async def pay(cart): return lambda: b"""no docstring"""
''',
        [
            ("Cart", "class", 3, 12, "What a customer\n\nwants to buy."),
            ("Cart.total", "method", 9, 12, "The sum."),
            ("pay", "function", 14, 14, ""),
        ],
    ),
    "javascript": Case(
        "shop.js",
        """/**
 * Adds <b>up</b>.
 * @param {number} a one
 */
export default function add(a) { return a; }
const double = (x) => { return 2 * x; };
exports.triple = function () { return 3; };
Cart.prototype.total = function total() {};
class Shop extends Base {
  // opens
  async open() { return 1; }
  static close = () => 2;
}
const api = { get() { return 1 }, put: function () { return 2 } };
int; // of the line before
function* later() {}
(function () { function inner() {} })();
""",
        [
            ("add", "function", 5, 5, "Adds up.\n@param {number} a one"),
            ("double", "function", 6, 6, ""),
            ("triple", "function", 7, 7, ""),
            ("Cart.total", "method", 8, 8, ""),
            ("Shop", "class", 9, 13, ""),
            ("Shop.open", "method", 11, 11, "opens"),
            ("Shop.close", "method", 12, 12, ""),
            ("api.get", "function", 14, 14, ""),
            ("api.put", "function", 14, 14, ""),
            ("later", "function", 16, 16, ""),
            ("inner", "function", 17, 17, ""),
        ],
    ),
    "typescript": Case(
        "shop.tsx",
        """namespace shop {
  /** A cart. */
  export class Cart<T> { constructor(private x: number) {} total(): void { } }
}
interface Payable { pay(): void; }
abstract class Base { protected abstract stop(): void; go = async (x: T): Promise<void> => { }; }
function over(a: string): void;
function over(a: any) {}
@Component({})
export class App { render() { return <b>hi</b>; } }
export default class { m() {} }
""",
        [
            ("shop.Cart", "class", 3, 3, "A cart."),
            ("shop.Cart.constructor", "method", 3, 3, ""),
            ("shop.Cart.total", "method", 3, 3, ""),
            ("Payable", "class", 5, 5, ""),
            ("Base", "class", 6, 6, ""),
            ("Base.go", "method", 6, 6, ""),
            ("over", "function", 8, 8, ""),
            ("App", "class", 9, 10, ""),
            ("App.render", "method", 10, 10, ""),
            ("default", "class", 11, 11, ""),
            ("default.m", "method", 11, 11, ""),
        ],
    ),
    "java": Case(
        "Shop.java",
        """package a.b;
/** A shop. */
@Entity
public class Shop<T> extends Base {
  // one
  /* two */
  public Shop(int x) { }

  // too far away

  @Override
  public <U> void sell(String s) throws E { }
  abstract void stop();
  interface Payable { void pay(); default void later() { } }
  enum Colour { RED { void mix() {} }; void paint() {} }
  record Price(int cents) { Price { } }
}
""",
        [
            ("Shop", "class", 3, 17, "A shop."),
            ("Shop.Shop", "method", 7, 7, "one\ntwo"),
            ("Shop.sell", "method", 11, 12, ""),
            ("Shop.Payable", "class", 14, 14, ""),
            ("Shop.Payable.later", "method", 14, 14, ""),
            ("Shop.Colour", "class", 15, 15, ""),
            ("Shop.Colour.RED.mix", "method", 15, 15, ""),
            ("Shop.Colour.paint", "method", 15, 15, ""),
            ("Shop.Price", "class", 16, 16, ""),
            ("Shop.Price.Price", "method", 16, 16, ""),
        ],
    ),
    "go": Case(
        "shop.go",
        """package shop
// Add adds.
// More of it.
func Add(a int) (int, error) { return 1, nil }
func (s *Server[T]) Run() { f := func() {} }
func (Server) Stop() {}
// Cart is one.
type Cart struct { a int }
type (
  // Payable pays.
  Payable interface { Pay() }
  Cents = int
)
""",
        [
            ("Add", "function", 4, 4, "Add adds.\nMore of it."),
            ("Server.Run", "method", 5, 5, ""),
            ("Server.Stop", "method", 6, 6, ""),
            ("Cart", "class", 8, 8, "Cart is one."),
            ("Payable", "class", 11, 11, "Payable pays."),
        ],
    ),
    "ruby": Case(
        "shop.rb",
        """# A shop.
module Shop
  # A cart.
  class Cart < Base::X
    # the sum
    # of all
    def total(a) = a
    def self.build
      1
    end
    class << self
      def open; end
    end
  end
end
class A::B; def ==(o); end; end
""",
        [
            ("Shop", "class", 2, 15, "A shop."),
            ("Shop::Cart", "class", 4, 14, "A cart."),
            ("Shop::Cart::total", "method", 7, 7, "the sum\nof all"),
            ("Shop::Cart::build", "method", 8, 10, ""),
            ("Shop::Cart::open", "method", 12, 12, ""),
            ("A::B", "class", 16, 16, ""),
            ("A::B::==", "method", 16, 16, ""),
        ],
    ),
    "php": Case(
        "shop.php",
        """<html><?php
namespace App\\Models;
/** A cart. */
#[Entity]
abstract class Cart extends Base implements Payable {
  use Lines;
  /** The sum. */
  public static function total(int $x): int { return 1; }
  abstract function stop();
}
trait Lines { function each() {} }
enum Colour: string { case Red = 'r'; function mix() {} }
# adds
function add() { }
$anonymous = function () {};
""",
        [
            ("Cart", "class", 4, 10, "A cart."),
            ("Cart::total", "method", 8, 8, "The sum."),
            ("Lines", "class", 11, 11, ""),
            ("Lines::each", "method", 11, 11, ""),
            ("Colour", "class", 12, 12, ""),
            ("Colour::mix", "method", 12, 12, ""),
            ("add", "function", 14, 14, "adds"),
        ],
    ),
    "c": Case(
        "shop.c",
        """#include <x.h>
/* Adds. */
static int *add(int a, char **b) { return 0; }
struct Cart { int a; };
typedef struct { int x; } Price;
int declared(int);
#ifdef X
void inside(void) {}
#endif
int (*chosen(int x))(int) { return 0; }
""",
        [
            ("add", "function", 3, 3, "Adds."),
            ("Cart", "class", 4, 4, ""),
            ("Price", "class", 5, 5, ""),
            ("inside", "function", 8, 8, ""),
            ("chosen", "function", 10, 10, ""),
        ],
    ),
    "cpp": Case(
        "shop.h",
        """namespace shop::carts {
/// A cart.
template <class T>
class Cart : public Base {
 public:
  Cart(int x) : x_(x) {}
  ~Cart() {}
  int operator+(const Cart& o) { return 1; }
  operator bool() const { return true; }
  void declared();
};
}
template <class T> void shop::carts::Cart<T>::declared() { auto l = []{ return 1; }; }
namespace { struct Hidden { void f() {} }; }
extern "C" { void plain() {} }
Price& price(int a) { return x; }
""",
        [
            ("shop::carts::Cart", "class", 3, 11, "A cart."),
            ("shop::carts::Cart::Cart", "method", 6, 6, ""),
            ("shop::carts::Cart::~Cart", "method", 7, 7, ""),
            ("shop::carts::Cart::operator+", "method", 8, 8, ""),
            ("shop::carts::Cart::operator bool", "method", 9, 9, ""),
            ("shop::carts::Cart::declared", "method", 13, 13, ""),
            ("Hidden", "class", 14, 14, ""),
            ("Hidden::f", "method", 14, 14, ""),
            ("plain", "function", 15, 15, ""),
            ("price", "function", 16, 16, ""),
        ],
    ),
    "csharp": Case(
        "Shop.cs",
        """namespace X.Y {
  /// <summary>A shop.</summary>
  [Entity]
  public class Shop<T> : Base {
    public Shop() { }
    ~Shop() { }
    public int Size { get; set; }
    /// Sells.
    public async Task<int> Sell(int x) { int Once() { return 1; } return 1; }
    public int Two() => 2;
    public static Shop operator +(Shop a, Shop b) { return a; }
    abstract void Stop();
  }
  struct Price { }
  record Cart(int A);
}
""",
        [
            ("X.Y.Shop", "class", 3, 13, "A shop."),
            ("X.Y.Shop.Shop", "method", 5, 5, ""),
            ("X.Y.Shop.~Shop", "method", 6, 6, ""),
            ("X.Y.Shop.Sell", "method", 9, 9, "Sells."),
            ("X.Y.Shop.Two", "method", 10, 10, ""),
            ("X.Y.Shop.operator +", "method", 11, 11, ""),
            ("X.Y.Price", "class", 14, 14, ""),
            ("X.Y.Cart", "class", 15, 15, ""),
        ],
    ),
    "rust": Case(
        "shop.rs",
        """//! The module.
/// A cart.
/// More of it.
#[derive(Debug)]
pub struct Cart<T> { x: T }
impl<T: X> Payable for Cart<T> {
    /// Pays.
    pub async fn pay(&self) -> i32 { 1 }
}
mod tests { #[test] fn works() {} }
trait Payable { fn pay(&self); fn later(&self) { } }
macro_rules! shout { () => {} }
/** Plain. */
pub unsafe extern "C" fn plain() {}
""",
        [
            ("Cart", "class", 5, 5, "A cart.\nMore of it."),
            ("Cart::pay", "method", 8, 8, "Pays."),
            ("tests::works", "function", 10, 10, ""),
            ("Payable", "class", 11, 11, ""),
            ("Payable::later", "method", 11, 11, ""),
            ("shout", "function", 12, 12, ""),
            ("plain", "function", 14, 14, "Plain."),
        ],
    ),
}


def told(functions: list[Function]) -> list[tuple[str, str, int, int, str]]:
    return [(f.symbol, f.kind, f.start_line, f.end_line, f.docstring) for f in functions]


@pytest.mark.parametrize("name", language_names())
def test_all_that_stands_in_a_file_is_found(name: str) -> None:
    case = CASES[name]  # a new language wants a case here
    source = case.source.encode()
    assert language_of(case.path, source) == name
    found = functions_of(source, name, case.path)
    assert told(found.functions) == case.found
    assert found.broken_line is None


def test_suffixes_are_of_one_language_each() -> None:
    assert len(suffixes()) == sum(len(s) for s in map(suffixes_of, language_names()))
    assert language_of("a.h", b"int f(void);") == "c"
    assert language_of("a.txt", b"") is None


def suffixes_of(name: str) -> list[str]:
    return [suffix for suffix, of in suffixes().items() if of == name]


def test_code_is_the_whole_of_a_function_and_the_outline_of_a_class() -> None:
    cart, total, _ = functions_of(CASES["python"].source.encode(), "python").functions
    assert total.code == '@property\ndef total(self):\n    r"The sum."\n    return sum(self.prices)'
    assert cart.code.endswith("@property\n    def total(self):\n        ...")
    assert cart.code.startswith("@dataclass\nclass Cart(Base):\n")
    shop = functions_of(CASES["java"].source.encode(), "java").functions[0]
    assert shop.code.startswith("/** A shop. */\n@Entity\npublic class Shop<T> extends Base {")
    assert "public Shop(int x) ...\n" in shop.code
    assert "abstract void stop();" in shop.code


def test_what_stands_in_a_function_is_found_where_an_encoder_would_not_read_so_far() -> None:
    def symbols(lines: int) -> list[str]:
        inner = "    def inner():\n        pass\n"
        source = "def outer():\n" + "    x = 1\n" * (lines - 3) + inner
        return [f.symbol for f in functions_of(source.encode(), "python").functions]

    assert symbols(LINES_READ) == ["outer"]
    assert symbols(LINES_READ + 1) == ["outer", "outer.inner"]


def test_of_a_broken_file_what_can_be_read_is_found() -> None:
    source = b"def good():\n    return 1\n\ndef (:\n\nclass Fine:\n    def f(self): pass\n"
    found = functions_of(source, "python")
    assert {"good", "Fine.f"} <= {f.symbol for f in found.functions}
    assert found.broken_line == 4
    assert functions_of(b"", "python").functions == []
    assert functions_of(b"\xff\xfe(((", "java").broken_line == 1


def test_a_macro_before_a_declaration_hides_nothing() -> None:
    source = b"class MY_API Cart {\n  MY_INLINE int total() { return 1; }\n};\n"
    found = functions_of(source + b"MY_API int add() {}\n", "cpp")
    assert [(f.symbol, f.kind) for f in found.functions] == [
        ("Cart", "class"),
        ("Cart::total", "method"),
        ("add", "function"),
    ]
    assert found.functions[0].code.startswith("class MY_API Cart {")
    assert found.functions[2].code == "int add() {}"
    assert found.broken_line is None


def test_names_and_docstrings_are_bounded() -> None:
    long = b"def " + b"a" * 5000 + b"():\n    '''" + b"word " * 5000 + b"'''\n"
    (one,) = functions_of(long, "python").functions
    assert (len(one.symbol), len(one.docstring)) == (200, 999)


def test_deep_nesting_takes_neither_the_stack_nor_for_ever() -> None:
    started = time.monotonic()
    deep = b"function f() { return " + b"(" * 3000 + b")" * 3000 + b" }\n"
    functions_of(deep, "javascript")  # deeper than the parser follows
    deep = b"function f() { return " + b"(" * 500 + b"1" + b")" * 500 + b" }\n"
    assert [f.symbol for f in functions_of(deep, "javascript").functions] == ["f"]
    blocks = b"void f() " + b"{" * 1000 + b"}" * 1000
    assert [f.symbol for f in functions_of(blocks, "c").functions] == ["f"]
    assert time.monotonic() - started < 5 * PACE


def notebook(*cells: dict[str, object], **metadata: object) -> bytes:
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4}).encode()


def test_a_notebooks_cells_have_the_text_before_them() -> None:
    source = notebook(
        {"cell_type": "markdown", "source": ["# Load\n", "\n", "the prices"]},
        {"cell_type": "code", "source": ["import csv\n", "rows = load()"]},
        {"cell_type": "code", "source": ""},
        {"cell_type": "code", "source": "plot(rows)"},
        kernelspec={"language": "python"},
    )
    language, found = cells_of(source)
    assert language == "python"
    assert told(found.functions) == [
        ("cell 2", "cell", 1, 2, "# Load\n\nthe prices"),
        ("cell 4", "cell", 1, 1, ""),
    ]
    assert found.functions[0].code == "# # Load\n# the prices\nimport csv\nrows = load()"
    assert cells_of(notebook(language_info={"name": "C++"}))[0] == "cpp"
    assert cells_of(notebook(kernelspec={"language": "Wolfram Language"}))[0] == ""


@pytest.mark.parametrize(
    "source", [b"{", b"[]", b'{"cells": [{}]}', b'{"cells": 3}', b"[" * 100_000]
)
def test_what_is_no_notebook_is_refused(source: bytes) -> None:
    with pytest.raises(NotebookInvalid, match="no notebook"):
        cells_of(source)
