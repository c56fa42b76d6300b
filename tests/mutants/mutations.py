"""Small changes of a module, each of which a test should notice.

Every mutant differs from the source in one place: a comparison, a number (by one, or by 5 %), a text, an operator, a
removed statement, operand or `not`, or a returned None. Some places are left alone because no behaviour hangs on them:
docstrings, annotations, decorators, `strict=` of `zip`, the first argument of `cast`, and the words of raised errors.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

AROUND = 24  # characters of context on both sides of a change
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
NEARBY = (1.05, 0.95)  # times a number that is no integer
OF_ZERO = (0.01, -0.01)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where it is, how it reads, and the module compiled with it."""

    module: str
    line: int
    name: str  # function and change; no two of a module have the same
    code: CodeType

    def __str__(self) -> str:
        """Return the change with its place."""
        return f"{self.module}:{self.line} {self.name}"


def unchanged(module: str) -> CodeType:
    """Return a module compiled as it is."""
    return compile(Path(module).read_text(encoding="utf-8"), module, "exec", dont_inherit=True)


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its source."""
    tree = ast.parse(Path(module).read_text(encoding="utf-8"))
    names: Counter[str] = Counter()
    for place in _places(tree, "", tree):
        for changed in _changes(place.node):
            before = _shown(place.statement)
            place.put(changed)
            change = _difference(before, _shown(changed if place.node is place.statement else place.statement))
            code = compile(ast.fix_missing_locations(tree), module, "exec", dont_inherit=True)
            place.put(place.node)
            name = f"{place.function or 'module'}: {change}"
            names[name] += 1
            again = f" ({names[name]})" if names[name] > 1 else ""
            yield Mutant(module, _line(place.node), name + again, code)


@dataclass(frozen=True, slots=True)
class _Place:
    """A node and what holds it."""

    holder: ast.AST
    field: str
    position: int | None  # in a list
    node: ast.AST
    statement: ast.AST
    function: str

    def put(self, node: ast.AST) -> None:
        """Set another node here."""
        if self.position is None:
            setattr(self.holder, self.field, node)
        else:
            getattr(self.holder, self.field)[self.position] = node


def _places(node: ast.AST, function: str, statement: ast.AST) -> Iterator[_Place]:
    for field, position, child in _children(node):
        inside = child if isinstance(child, ast.stmt | ast.comprehension) else statement
        name = getattr(child, "name", "") if isinstance(child, ast.FunctionDef | ast.ClassDef) else ""
        below = f"{function}.{name}".strip(".") if name else function
        yield _Place(node, field, position, child, inside, below)
        yield from _places(child, below, inside)


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "type_params", "bases"}:
            continue
        for position, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _left_alone(node, field, position, child):
                yield field, position, child


def _left_alone(holder: ast.AST, field: str, position: int | None, child: ast.AST) -> bool:
    match holder:
        case ast.Raise() | ast.Expr(value=ast.Constant()):
            return True
        case ast.keyword(arg="strict") | ast.FormattedValue():
            return field == "format_spec" or isinstance(holder, ast.keyword)
        case ast.Call(func=ast.Name(id="cast")):
            return field == "args" and position == 0
        case ast.Assign(targets=[ast.Name(id="__all__" | "__slots__"), *_]):
            return True
    return isinstance(child, ast.expr_context)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Constant():
            yield from _other_constants(node)
        case ast.expr() | ast.AugAssign():
            yield from _other_operators(node)
        case ast.Return(value=ast.expr() as value) if not _single(value):
            yield ast.copy_location(ast.Return(ast.Constant(None)), node)
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if _plain(test):
            yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=[test]) if _plain(test):
            yield _with(node, ifs=[ast.UnaryOp(ast.Not(), test)])
    if _removable(node):
        yield ast.copy_location(ast.Pass(), node)


def _other_operators(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=operators):
            for position, operator in enumerate(operators):
                for other in COMPARISONS[type(operator)]:
                    yield _with(node, ops=[*operators[:position], other(), *operators[position + 1 :]])
        case ast.BoolOp(op=joined, values=values):
            yield _with(node, op=ast.Or() if isinstance(joined, ast.And) else ast.And())
            for position in range(len(values)):
                rest = [*values[:position], *values[position + 1 :]]
                yield rest[0] if len(rest) == 1 else _with(node, values=rest)
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in ARITHMETIC:
            yield _with(node, op=ARITHMETIC[type(operator)]())
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Call(func=ast.Name(id=called)) if called in CALLED:
            yield _with(node, func=ast.Name(CALLED[called], ast.Load()))


def _plain(test: ast.expr) -> bool:
    """Return whether a condition has no operator that another mutant changes."""
    return not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp)


def _single(value: ast.expr) -> bool:
    """Return whether a value is None already, or True or False, which another mutant turns round."""
    return isinstance(value, ast.Constant) and (value.value is None or isinstance(value.value, bool))


def _removable(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            return True
        case ast.Continue() | ast.Break() | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
    return False


def _other_constants(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool(value):
            yield _with(node, value=not value)
        case int(number):
            yield from (_with(node, value=other) for other in (number + 1, number - 1))
        case float(number):
            others = [number * part for part in NEARBY] if number else OF_ZERO
            yield from (_with(node, value=other) for other in others)
        case str(text) if text:
            yield _with(node, value=f"{text}~")


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _shown(statement: ast.AST) -> str:
    """Return a statement on one line, without the statements below it."""
    blocks = [name for name in ("body", "orelse") if isinstance(getattr(statement, name, None), list)]
    text = ast.unparse(_with(statement, **{name: [] for name in blocks}))
    return " ".join(text.removesuffix(":").split())


def _line(node: ast.AST) -> int:
    return next(each.lineno for each in ast.walk(node) if isinstance(each, ast.expr | ast.stmt))


def _difference(before: str, after: str) -> str:
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    parts = (text[max(start - AROUND, 0) : len(text) - max(end - AROUND, 0)] for text in (before, after))
    return " → ".join(parts)


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length
