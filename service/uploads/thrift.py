"""Thrift's compact protocol, in which Parquet describes itself: structs are read under a budget, so
that a description can be looked at before a library makes objects of it.

The format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from typing import Any

_BOOLEANS = (1, 2)
_BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT, _UUID = 3, 7, 8, 9, 10, 11, 12, 13
_INT16, _INT32, _INT64 = 4, 5, 6
_WIDTHS = {_BYTE: 1, _DOUBLE: 8, _UUID: 16}

_DEEPEST = 32
_OBJECT_COST = 16
"""A struct, or an element of a list, may be a byte here and hundreds of them as an object."""


class Malformed(ValueError):
    """The bytes are no struct."""


class TooLong(ValueError):
    """The structs hold more than the budget allows."""


class Budget:
    """How much may be read, over all structs of a file."""

    def __init__(self, most: int) -> None:
        self._left = most

    def spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise TooLong


class Reader:
    """Reads structs one after the other, beginning `at` a place; `at` is then where the next
    begins. Raises Malformed and TooLong."""

    def __init__(self, raw: bytes, at: int, budget: Budget) -> None:
        self._raw, self._budget = raw, budget
        self.at = at

    def read_struct(self, depth: int = 0) -> dict[int, Any]:
        """Its integers, structs and lists of structs by the ids of their fields; whatever else it
        holds is passed over."""
        if depth > _DEEPEST:
            raise Malformed
        self._budget.spend(_OBJECT_COST)
        fields: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            # An id has 16 bits: a larger one is another one to whoever reads the file.
            field = (field + step if step else self._integer()) & 0xFFFF
            # A field that is a boolean has its value in its kind.
            if kind not in _BOOLEANS:
                value = self._value(kind, depth)
                if value is not None:
                    fields[field] = value
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        self._budget.spend(1)
        if kind in (_INT16, _INT32, _INT64):
            return self._integer()
        if kind == _STRUCT:
            return self.read_struct(depth + 1)
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _BINARY:
            self._skip(self._varint())
        elif kind == _MAP:
            self._pass_map(depth)
        elif kind in _BOOLEANS:  # in a list they are bytes
            self._skip(1)
        elif kind in _WIDTHS:
            self._skip(_WIDTHS[kind])
        else:
            raise Malformed
        return None

    def _list(self, depth: int) -> list[dict[int, Any]] | None:
        head = self._byte()
        size = self._varint() if head >> 4 == 15 else head >> 4
        self._budget.spend(_OBJECT_COST * size)
        found = [self._value(head & 15, depth + 1) for _ in range(size)]
        return found if head & 15 == _STRUCT else None

    def _pass_map(self, depth: int) -> None:
        size = self._varint()
        self._budget.spend(_OBJECT_COST * size)
        kinds = self._byte() if size else 0
        for _ in range(size):
            self._value(kinds >> 4, depth + 1)
            self._value(kinds & 15, depth + 1)

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise Malformed

    def _byte(self) -> int:
        if self.at >= len(self._raw):
            raise Malformed
        self.at += 1
        return self._raw[self.at - 1]

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self._raw):
            raise Malformed
