// All kernels for one instruction set (TC_ISA) and one real type (TC_DOUBLE or not): setup.py compiles this file once for each pair.
//
// Every function in here is static and the one exported symbol is the table: were an inline function shared between variants,
// the linker might keep the copy of the wrong instruction set (https://github.com/numpy/numpy/issues/25274).
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tinycnn.h"

#ifdef TC_DOUBLE
#define real double
#define TC_SUFFIX f64
#else
#define real float
#define TC_SUFFIX f32
#endif

#define TC_STRING_(x) #x
#define TC_STRING(x) TC_STRING_(x)
#define TC_JOIN_(isa, suffix) tc_kernels_##isa##_##suffix
#define TC_JOIN(isa, suffix) TC_JOIN_(isa, suffix)
#define TC_TYPE_(suffix) tc_kernels_##suffix
#define TC_TYPE(suffix) TC_TYPE_(suffix)

#include TC_STRING(TC_ISA.h)  // csrc/simd/<isa>.h

#include "kernels/chunks.h"
#include "kernels/vmath.h"

#include "kernels/activation.h"
#include "kernels/column_sums.h"
#include "kernels/batch_norm.h"
#include "kernels/dropout.h"
#include "kernels/optimizer.h"
#include "kernels/pool.h"
#include "kernels/softmax.h"

#include "simd/transpose.h"
#include "ukr/peak.h"
#include "ukr/tile.h"
#include "ukr/depthwise.h"
#include "ukr/window.h"
#include "ukr/winograd.h"
#include "ukr/sparse_gather.h"
#include "ukr/sparse_scatter.h"
#include "kernels/multiply.h"
#include "kernels/gemm.h"
#include "kernels/affine.h"
#include "kernels/conv_axis.h"
#include "kernels/conv_window.h"
#include "kernels/conv_direct_plan.h"
#include "kernels/conv_direct.h"
#include "kernels/conv_direct_gradient.h"
#include "kernels/unpool.h"
#include "kernels/winograd_choice.h"
#include "kernels/winograd_tiles.h"
#include "kernels/winograd.h"
#include "kernels/winograd_gradient.h"
#include "kernels/winograd_pool.h"
#include "kernels/conv.h"
#include "kernels/conv_pool_sparse.h"
#include "kernels/conv_pool_narrow.h"
#include "kernels/conv_pool.h"

extern const TC_TYPE(TC_SUFFIX) TC_JOIN(TC_ISA, TC_SUFFIX);

#define KERNEL(name, arguments, ...) .name = name,
const TC_TYPE(TC_SUFFIX) TC_JOIN(TC_ISA, TC_SUFFIX) = {
    .isa = TC_STRING(TC_ISA),
#include "kernels.def"
};
