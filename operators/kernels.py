"""How kernels are compiled: without reference counting, and hot parts into their callers."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

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
