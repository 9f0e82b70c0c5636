"""Registers for Numba kernels: a tuple of vectors that stays in the processor's registers while a loop runs.

Numba vectorises an inner loop over memory, but keeps no sums in registers across an outer one: it has no such type. Here is one, with the
few operations that micro-kernels need. How many vectors an operation takes is a literal in the code, so it is unrolled when compiled.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return,misc"
# Numba infers the types of what it compiles.

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_jitable, register_model

__all__ = ["aligned_empty", "keep_larger", "lanes", "leaky_relu", "load", "multiply_add", "store", "store_bytes", "zeros"]

#: Of a vector: a register of AVX2, and what two multiply-adders of Zen fill as well as one of AVX-512. LLVM cuts it up for less.
VECTOR_BYTES = 32
CACHE_LINE = 64


class Vector(types.Type):
    """`lanes` reals."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.lanes = 8 * VECTOR_BYTES // real.bitwidth
        super().__init__(name=f"Vector({real})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        real = manager.lookup(vector.real).get_value_type()
        super().__init__(manager, vector, ir.VectorType(real, vector.lanes))


def aligned_empty(shape, dtype) -> Any:
    """`np.empty`, but no vector of it lies in two lines of the cache, which costs a load twice."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + CACHE_LINE, np.uint8)
    begin = -room.ctypes.data % CACHE_LINE
    return room[begin : begin + size].view(dtype).reshape(shape)


@register_jitable
def lanes(array):
    """How many elements of the array make a vector."""
    return VECTOR_BYTES // array.itemsize


@intrinsic(prefer_literal=True)
def zeros(_, array, n):
    """n vectors of the array's reals, all zero."""
    registers = types.UniTuple(Vector(array.dtype), n.literal_value)

    def generate(context, builder, signature, arguments):
        return ir.Constant(context.get_value_type(registers), None)

    return registers(array, n), generate


@intrinsic(prefer_literal=True)
def load(_, registers, first, n, array, index):
    """`registers` with n of them, from `first` on, replaced by n vectors side by side in the flat array, from `index` on."""

    def generate(context, builder, signature, arguments):
        result = arguments[0]
        for register, place in _places(context, builder, signature, arguments):
            result = builder.insert_value(result, builder.load(place, align=_alignment(registers)), register)
        return result

    return registers(registers, first, n, array, types.intp), generate


@intrinsic(prefer_literal=True)
def store(_, registers, first, n, array, index):
    """The way back of `load`."""

    def generate(context, builder, signature, arguments):
        for register, place in _places(context, builder, signature, arguments):
            builder.store(builder.extract_value(arguments[0], register), place, align=_alignment(registers))
        return context.get_dummy_value()

    return types.none(registers, first, n, array, types.intp), generate


@intrinsic(prefer_literal=True)
def multiply_add(_, registers, first, n, array, index, factor):
    """`registers` with factor * (what `load` would put there) added to each of the n."""

    def generate(context, builder, signature, arguments):
        result = arguments[0]
        factors = _everywhere(builder, context.get_value_type(registers.dtype), arguments[-1])
        for register, place in _places(context, builder, signature, arguments):
            product = builder.fmul(factors, builder.load(place, align=_alignment(registers)), flags=["contract"])
            total = builder.fadd(builder.extract_value(result, register), product, flags=["contract"])
            result = builder.insert_value(result, total, register)
        return result

    return registers(registers, first, n, array, types.intp, registers.dtype.real), generate


@intrinsic(prefer_literal=True)
def keep_larger(_, registers, first, n, array, index, number):
    """Where what `load` would put there is larger, or the first NaN, it is taken, and `number` in the same lane n registers further on."""

    def generate(context, builder, signature, arguments):
        result = arguments[0]
        numbers = _everywhere(builder, context.get_value_type(registers.dtype), arguments[-1])
        for register, place in _places(context, builder, signature, arguments):
            value, best = builder.load(place, align=_alignment(registers)), builder.extract_value(result, register)
            larger = builder.and_(builder.fcmp_unordered(">", value, best), builder.fcmp_ordered("ord", best, best))
            result = builder.insert_value(result, builder.select(larger, value, best), register)
            number_of_best = builder.extract_value(result, register + n.literal_value)
            result = builder.insert_value(result, builder.select(larger, numbers, number_of_best), register + n.literal_value)
        return result

    return registers(registers, first, n, array, types.intp, registers.dtype.real), generate


@intrinsic(prefer_literal=True)
def leaky_relu(_, registers, first, n, slope):
    """x if x > 0 else slope * x of n registers; slope 0 makes 0 of -inf, too, and a NaN stays."""

    def generate(context, builder, signature, arguments):
        result = arguments[0]
        vector = context.get_value_type(registers.dtype)
        zero, slopes = ir.Constant(vector, None), _everywhere(builder, vector, arguments[-1])
        for register in range(first.literal_value, first.literal_value + n.literal_value):
            x = builder.extract_value(result, register)
            is_product = builder.or_(builder.fcmp_unordered("!=", slopes, zero), builder.fcmp_unordered("uno", x, x))
            below = builder.select(is_product, builder.fmul(slopes, x), zero)
            result = builder.insert_value(result, builder.select(builder.fcmp_ordered(">", x, zero), x, below), register)
        return result

    return registers(registers, first, n, registers.dtype.real), generate


@intrinsic(prefer_literal=True)
def store_bytes(_, registers, first, n, array, index):
    """`store` into an array of uint8, of whole numbers from 0 to 255."""

    def generate(context, builder, signature, arguments):
        byte_vector = ir.VectorType(ir.IntType(8), registers.dtype.lanes)
        for register, place in _places(context, builder, signature, arguments):
            number = builder.fptoui(builder.extract_value(arguments[0], register), byte_vector)
            builder.store(number, builder.bitcast(place, byte_vector.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.none(registers, first, n, array, types.intp), generate


def _everywhere(builder, vector, value):
    """The vector of that value in every lane."""
    nothing, word = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(nothing, value, ir.Constant(word, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(word, vector.count), None))


def _places(context, builder, signature, arguments):
    """(register, pointer to its vector in the array) of an operation (registers, first, n, array, index ...)."""
    registers, first, n, array = signature.args[:4]
    data = context.make_array(array)(context, builder, arguments[3]).data
    for i in range(n.literal_value):
        index = builder.add(arguments[4], ir.Constant(arguments[4].type, i * registers.dtype.lanes))
        place = builder.bitcast(builder.gep(data, [index]), context.get_value_type(registers.dtype).as_pointer())
        yield first.literal_value + i, place


def _alignment(registers) -> int:
    return registers.dtype.real.bitwidth // 8
