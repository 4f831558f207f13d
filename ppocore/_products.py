"""Products of small matrices inside kernels: the BLAS that `np.dot` calls there, without what `np.dot` does around it.

That is compiled slowly, counts references in every call, and cannot add to what is there already.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.linalg import check_blas_return, ensure_blas, get_blas_kind

ensure_blas()


@intrinsic
def product(context, left, left_turned, right, right_turned, adds, result):  # type: ignore[no-untyped-def]
    """``result = left @ right``, or ``result += left @ right`` where it `adds`; what is `turned` is given transposed.

    All are matrices of one dtype, row by row without gaps, of shapes that fit: nothing is checked.
    """
    arrays = (left, right, result)
    if any(array.ndim != 2 or array.layout != "C" or array.dtype != result.dtype for array in arrays):
        return None
    return types.void(left, left_turned, right, right_turned, adds, result), _call


def _call(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """BLAS knows columns only: read as such every matrix is transposed, and result^T = right^T left^T."""
    kinds, (_, left_turned, _, right_turned, adds, _) = signature.args, given
    left, right, result = (context.make_array(kinds[i])(context, builder, given[i]) for i in (0, 2, 5))
    (high, low), (_, right_wide) = (cgutils.unpack_tuple(builder, matrix.shape) for matrix in (left, right))
    rows, columns = cgutils.unpack_tuple(builder, result.shape)
    number = context.get_value_type(kinds[5].dtype)
    one, zero = ir.Constant(number, 1.0), ir.Constant(number, 0.0)
    alpha, beta = cgutils.alloca_once_value(builder, one), cgutils.alloca_once(builder, number)
    builder.store(builder.select(adds, one, zero), beta)
    letter, index, pointer = ir.IntType(8), context.get_value_type(types.intp), ir.IntType(8).as_pointer()
    plain, turned = (ir.Constant(letter, ord(name)) for name in "nt")
    gemm = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), [
        letter, letter, letter, index, index, index, pointer, pointer, index, pointer, index, pointer, pointer, index,
    ]), "numba_xxgemm")  # fmt: skip

    def bare(address: Any) -> Any:
        return builder.bitcast(address, pointer)

    status = builder.call(gemm, [
        ir.Constant(letter, ord(get_blas_kind(kinds[5].dtype))),
        builder.select(right_turned, turned, plain), builder.select(left_turned, turned, plain),
        columns, rows, builder.select(left_turned, high, low),
        bare(alpha), bare(right.data), right_wide, bare(left.data), low, bare(beta), bare(result.data), columns,
    ])  # fmt: skip
    check_blas_return(context, builder, status)
    return context.get_dummy_value()
