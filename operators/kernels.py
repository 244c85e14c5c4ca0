"""How kernels are compiled: without reference counting, and hot parts into their callers."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import from_dtype, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LINE_BYTES: Final = 64
"""Of the cache."""

Compiled = Callable[..., Any]
"""Takes int and np.int64 alike: numba refuses to compile what does not fit."""


def kernel(function: Compiled) -> Compiled:
    """Compile a function over preallocated arrays.

    It must not allocate: numba's reference counting is off, because counting each access to an
    array held in a tuple is atomic and made the book five times slower.
    """
    compiled: Compiled = njit(cache=True, _nrt=False)(function)
    return compiled


def inlined(function: Compiled) -> Compiled:
    """As `kernel`, for what runs on every record: merged into its caller by the compiler.

    A tuple of arrays is handed over by value, some hundred words a call; inlining removes that.
    """
    compiled: Compiled = njit(cache=True, _nrt=False, forceinline=True)(function)
    return compiled


def entry(function: Compiled) -> Compiled:
    """Compile what Python calls: it turns addresses into arrays and hands them to kernels."""
    compiled: Compiled = njit(cache=True)(function)
    return compiled


@intrinsic
def pointer(_context: Any, _address: Any) -> Any:
    """An address, as an integer, as something `numba.carray` takes.

    Handing arrays over as addresses costs a kernel call 1 µs; unboxing twenty of them, 40 µs.
    """

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), codegen


def records(dtype: np.dtype[np.void]) -> Any:
    """A function (address, index) → record of a C array of `dtype` at that address.

    A record is a pointer, an array a struct of seven words: kernels that reach everything through
    records of addresses compile several times faster than those that are handed twenty arrays, and
    no index is checked for being negative.
    """
    record = from_dtype(dtype)
    item_bytes = ir.Constant(ir.IntType(64), dtype.itemsize)

    @intrinsic  # type: ignore[untyped-decorator]
    def at(_context: Any, _address: Any, _index: Any) -> Any:
        def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            place = builder.add(args[0], builder.mul(args[1], item_bytes))
            return builder.inttoptr(place, context.get_value_type(record))

        return record(types.int64, types.int64), codegen

    return at


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_context: Any, _address: Any) -> Any:
    """Ask for the cache line at an address, soon to be written; any address will do."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        at = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [at.type, flag, flag, flag])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        # For writing; into the nearest cache; data, not code.
        builder.call(ask, [at, flag(1), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def copy(_context: Any, to: Any, origin: Any) -> Any:
    """Copy a record's bytes over another of the same dtype."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        cgutils.raw_memcpy(builder, args[0], args[1], ir.Constant(ir.IntType(64), 1), to.size)
        return context.get_dummy_value()

    return types.void(to, origin), codegen


@intrinsic  # type: ignore[untyped-decorator]
def move(_context: Any, to: Any, origin: Any, _count: Any) -> Any:
    """Copy `count` records from `origin` on to `to` on; the two may overlap."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        cgutils.raw_memmove(builder, args[0], args[1], args[2], to.size)
        return context.get_dummy_value()

    return types.void(to, origin, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def clear(_context: Any, record: Any, _first: Any, _size: Any) -> Any:
    """Set `size` bytes of a record to zero, from its byte `first` on."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        to = builder.gep(
            builder.bitcast(args[0], ir.IntType(8).as_pointer()), [args[1]], inbounds=True
        )
        cgutils.memset(builder, to, args[2], 0)
        return context.get_dummy_value()

    return types.void(record, types.int64, types.int64), codegen
