"""The small changes: each one node of a module's tree replaced by a likely mistake."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Mod: ast.Mult, ast.LShift: ast.RShift,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.Pow: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `place` and the two texts name it in the list of survivors; `node`, `choice` find it again."""

    path: Path
    place: str
    before: str
    after: str
    node: int
    choice: int

    @property
    def name(self) -> str:
        return f"{self.path.stem}.{self.place}: {self.before} → {self.after}"


def mutants(path: Path) -> list[Mutant]:
    """Every mutant of a module, in the order of its tree; of those that read the same, the first."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    above, silent = _parents(tree), set(_silent(tree))
    found: dict[str, Mutant] = {}
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in silent:
            continue
        for choice, changed in enumerate(_choices(node)):
            before, after = _texts(node, changed, above[id(node)])
            mutant = Mutant(path, _named(node, above), before, after, index, choice)
            if mutant.name in found:  # the same words twice in one function
                count = sum(one.startswith(mutant.name) for one in found)
                mutant = replace(mutant, after=f"{after} ({count + 1})")
            found[mutant.name] = mutant
    return list(found.values())


def compiled(mutant: Mutant) -> CodeType:
    """The whole module with this one change."""
    tree = ast.parse(mutant.path.read_text(encoding="utf-8"))
    node = list(ast.walk(tree))[mutant.node]
    changed = ast.copy_location(_choices(node)[mutant.choice], node)
    _put(_parents(tree)[id(node)], node, changed)
    return compile(ast.fix_missing_locations(tree), str(mutant.path), "exec")


def _put(parent: ast.AST, node: ast.AST, changed: ast.AST) -> None:
    """Have `changed` stand where `node` stood."""
    for name, value in ast.iter_fields(parent):
        if value is node:
            setattr(parent, name, changed)
        elif isinstance(value, list):
            value[:] = [changed if one is node else one for one in value]


def _texts(node: ast.AST, changed: ast.AST, parent: ast.AST) -> tuple[str, str]:
    """The change in words; a constant alone says too little, so what it stands in is shown."""
    if not isinstance(node, ast.Constant) or isinstance(parent, ast.JoinedStr | ast.stmt) or not _is_text(parent):
        return _line(node), _line(changed)
    before = _line(parent)
    _put(parent, node, changed)
    after = _line(parent)
    _put(parent, changed, node)
    return before, after


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.expr | ast.keyword) and len(_line(node)) < 100


def _parents(tree: ast.AST) -> dict[int, ast.AST]:
    return {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _silent(tree: ast.AST) -> Iterator[int]:
    """What no program reads: annotations and documentation; and decorators, whose every use is a test."""
    for node in ast.walk(tree):
        hidden: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            hidden += node.decorator_list
        if isinstance(node, ast.FunctionDef):
            hidden.append(node.returns)
        if isinstance(node, ast.arg | ast.AnnAssign):
            hidden.append(node.annotation)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            hidden.append(node)
        if isinstance(node, ast.Assign) and "Callable" in ast.unparse(node.value):
            hidden.append(node)
        for root in filter(None, hidden):
            yield from (id(inner) for inner in ast.walk(root))


def _named(node: ast.AST, above: dict[int, ast.AST]) -> str:
    names: list[str] = []
    while id(node) in above:
        node = above[id(node)]
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.insert(0, node.name)
    return ".".join(names) or "module"


def _line(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _choices(node: ast.AST) -> list[ast.AST]:
    """What this node is replaced by, one at a time."""
    match node:
        case ast.Compare(left, [op], comparators) if type(op) in COMPARISONS:
            return [ast.Compare(left, [COMPARISONS[type(op)]()], comparators)]
        case ast.Compare(left, [one, other], comparators):
            first, second = COMPARISONS[type(one)](), COMPARISONS[type(other)]()
            return [ast.Compare(left, [first, other], comparators), ast.Compare(left, [one, second], comparators)]
        case ast.BoolOp(op, values):
            swapped = ast.And() if isinstance(op, ast.Or) else ast.Or()
            shorter = [_without(op, values, index) for index in range(len(values))]
            return [ast.BoolOp(swapped, values), *shorter]
        case ast.UnaryOp(ast.Not(), operand):
            return [operand]
        case ast.BinOp(left, op, right) if type(op) in ARITHMETIC:
            return [ast.BinOp(left, ARITHMETIC[type(op)](), right)]
        case ast.If(test, body, orelse) if not _changes_itself(test):
            return [ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)]
        case ast.IfExp(test, body, orelse) if not _changes_itself(test):
            return [ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)]
        case ast.Return(value) if value is not None and not _is_none(value):
            return [ast.Return(ast.Constant(None))]
        case ast.AugAssign() | ast.Expr(ast.Call()) | ast.Continue():
            return [ast.Pass()]
        case ast.Constant():
            return _constants(node)
    return []


def _changes_itself(test: ast.expr) -> bool:
    """Say whether a condition is turned round by a mutant of its own."""
    return isinstance(test, ast.Compare | ast.UnaryOp)


def _without(op: ast.boolop, values: list[ast.expr], index: int) -> ast.expr:
    left = [value for place, value in enumerate(values) if place != index]
    return left[0] if len(left) == 1 else ast.BoolOp(op, left)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _constants(node: ast.Constant) -> list[ast.AST]:
    """Another value; texts in Chinese are for people, and their words are held by another test."""
    value = node.value
    if isinstance(value, bool):
        return [ast.Constant(not value)]
    if isinstance(value, int | float):
        return [ast.Constant(value + 1), ast.Constant(value - 1)]
    if isinstance(value, str) and value.isascii():
        return [ast.Constant(f"{value}X")]
    return []
