"""What an operation may ask at all, before any merging: known fields, right kinds, the author's right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sync.engine.kinds import IDENTIFIER, Fault, text
from sync.engine.values import Author, Field, MergeClass, Operation, Problem, RecordType

REASON = text(500)


def permitted(roles: frozenset[str] | None, author: Author) -> bool:
    """Say whether an author holds one of `roles` (None: anybody may)."""
    return author.server or roles is None or bool(roles & author.roles)


def is_locked(record_type: RecordType, body: Mapping[str, Any]) -> bool:
    """Say whether review has begun."""
    if record_type.lock is None:
        return False
    name, open_value = record_type.lock
    return body.get(name) not in (None, open_value)


def check_create(record_type: RecordType, operation: Operation) -> Problem | None:
    """Check that the author may create this and that nothing required is missing."""
    if not permitted(record_type.creators, operation.author):
        return Problem("not_permitted")
    missing = [
        _error(f"/set/{name}", Fault("required", "必须填写 · required"))
        for name, declared in record_type.fields.items()
        if declared.required and operation.set.get(name) is None
    ]
    return Problem("invalid_field", tuple(missing)) if missing else None


def check_set(record_type: RecordType, operation: Operation, body: Mapping[str, Any]) -> Problem | None:
    """Check every field that `set` names; body: what stands."""
    errors: list[dict[str, str]] = []
    author = operation.author
    for name, value in operation.set.items():
        declared = record_type.fields.get(name)
        if declared is None:
            errors.append(_error(f"/set/{name}", Fault("unknown_field", "没有这一项 · unknown field")))
            continue
        if declared.merge is MergeClass.SERVER_OWNED and not author.server:
            continue
        if not permitted(declared.writable_by, author) or (author.masked and _withheld(record_type, operation, name)):
            return Problem("not_permitted", (_error(f"/set/{name}", Fault("not_permitted", "无权填写 · not yours")),))
        if declared.merge is MergeClass.STATE and not author.server:
            errors.append(_error(f"/set/{name}", Fault("state", "状态只能由事件改变 · changes by events only")))
            continue
        fault = _check_parent(operation, name, body) if name == record_type.parent else None
        fault = fault or _check_value(declared, value)
        if fault:
            errors.append(_error(f"/set/{name}", fault))
    return Problem("invalid_field", tuple(errors[:50])) if errors else None


def _check_parent(operation: Operation, name: str, body: Mapping[str, Any]) -> Fault | None:
    """A record is born into its family, and what shares its audience was told so then; it never moves."""
    if operation.action != "create" and body.get(name) is None and operation.set[name] is not None:
        return Fault("at_creation_only", "只能在新建时填写 · set at creation only")
    return None


def _withheld(record_type: RecordType, operation: Operation, name: str) -> bool:
    """Say whether an author would set what is masked to him: a part at creation, its whole field later."""
    parts = {path.partition(".")[2] for path in record_type.masked if path.partition(".")[0] == name}
    value = operation.set[name]
    if operation.action == "create" and isinstance(value, Mapping):
        return bool(parts & value.keys())
    return bool(parts)


def check_item(record_type: RecordType, operation: Operation) -> Problem | None:
    """Check an element of a list: its id, its parts, and that it is known as a list at all."""
    parts = record_type.lists.get(operation.list or "")
    if parts is None:
        return Problem("invalid_field", (_error("/list", Fault("unknown_field", "没有这一清单 · unknown list")),))
    errors = list(_item_errors(parts, operation.item))
    return Problem("invalid_field", tuple(errors[:50])) if errors else None


def check_void(record_type: RecordType, operation: Operation) -> Problem | None:
    """Check that a void says why, and of which list it names an element, if it does."""
    errors = []
    blank = not (operation.reason or "").strip()
    fault = Fault("required", "必须填写 · required") if blank else REASON.check(operation.reason)
    if fault:
        errors.append(_error("/reason", fault))
    if operation.list is not None and operation.list not in record_type.lists:
        errors.append(_error("/list", Fault("unknown_field", "没有这一清单 · unknown list")))
    if (operation.list is None) != (operation.element is None):
        errors.append(_error("/item", Fault("required", "清单与元素须同时指明 · a list and an element go together")))
    return Problem("invalid_field", tuple(errors)) if errors else None


def _item_errors(parts: Mapping[str, Field], element: Mapping[str, Any]) -> Iterable[dict[str, str]]:
    fault = IDENTIFIER.check(element.get("id"))
    if fault:
        yield _error("/item/id", fault)
    for name in element.keys() - parts.keys() - {"id"}:
        yield _error(f"/item/{name}", Fault("unknown_field", "没有这一项 · unknown field"))
    for name, declared in parts.items():
        fault = _check_value(declared, element.get(name))
        if fault:
            yield _error(f"/item/{name}", fault)


def _check_value(declared: Field, value: Any) -> Fault | None:
    if value is None:
        return Fault("required", "必须填写 · required") if declared.required else None
    return declared.kind.check(value)


def _error(pointer: str, fault: Fault) -> dict[str, str]:
    return {"pointer": pointer + fault.pointer, "code": fault.code, "message": fault.message}
