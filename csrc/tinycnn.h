// The C ABI of tinycnn: geometries, the table of kernels, instruction-set dispatch, threads and memory.
//
// Callers check every shape first (see tinycnn/kernels/checked.py): sizes are >= 0; kernels, windows, strides and dilations >= 1; products
// of sizes stay below 2^48; arrays are C-contiguous, aligned to their element and do not overlap. Kernels read and write nothing outside of
// them.
#ifndef TINYCNN_H
#define TINYCNN_H

#include <stddef.h>
#include <stdint.h>

// What a kernel or a task returns.
enum { TC_OK = 0, TC_NO_MEMORY = 1 };

typedef enum { TC_F32 = 4, TC_F64 = 8 } tc_dtype;  // the value is the size in bytes

typedef enum { TC_LINEAR, TC_RELU, TC_LEAKY_RELU, TC_ELU, TC_SIGMOID, TC_TANH } tc_activation;

// How a convolution may be done, where that way can do it: TC_AUTO takes what is fastest for the shape.
typedef enum { TC_AUTO, TC_DIRECT, TC_WINOGRAD2, TC_WINOGRAD4 } tc_algorithm;

// ---- geometries: the fields of tinycnn/geometry.py, in its order
typedef struct {
    int64_t batch, in_h, in_w, in_channels;
    int64_t out_h, out_w, out_channels;
    int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int64_t pad_top, pad_bottom, pad_left, pad_right;
    int64_t groups;
    tc_algorithm algorithm;
    const void *taps;  // NULL; or, for a forward pass, what conv2d_taps made of the kernel, on the same level
} tc_conv2d;

typedef struct {
    int64_t batch, in_h, in_w, channels;
    int64_t out_h, out_w;
    int64_t window_h, window_w, stride_h, stride_w;
    int64_t pad_top, pad_bottom, pad_left, pad_right;
} tc_pool2d;

// ---- one table of kernels per instruction set and real type, made from kernels.def
#define KERNEL(name, arguments, ...) int (*name)(__VA_ARGS__);
#define real float
typedef struct {
    const char *isa;
#include "kernels.def"
} tc_kernels_f32;
#undef real
#define real double
typedef struct {
    const char *isa;
#include "kernels.def"
} tc_kernels_f64;
#undef real
#undef KERNEL

// ---- the same kernels as functions tc_<name>(dtype, ...), which call the table in force; arrays are of `dtype`
#define KERNEL(name, arguments, ...) int tc_##name(tc_dtype dtype, __VA_ARGS__);
#define real void
#include "kernels.def"
#undef real
#undef KERNEL

// ---- instruction sets, best first
int tc_isa_count(void);
const char *tc_isa_name(int level);      // 0 <= level < tc_isa_count()
int tc_isa_supported(int level);         // may this processor, under this operating system, run it?
int tc_isa_select(int level);            // put it in force; -1 (and nothing changes) unless it is supported
const char *tc_isa_current(tc_dtype d);  // what the table in force says it was compiled for

// The whole feature set that the compiler may use for a level (cpu.c).
int tc_cpu_has_x86_v4(void);
int tc_cpu_has_x86_v3(void);
int tc_cpu_has_neon(void);
int tc_cpu_has_baseline(void);

// ---- which algorithm ran (dispatch.c): kernels that have a choice say what they chose
void tc_note_algorithm(const char *name);  // a constant
const char *tc_noted_algorithm(void);      // what the calling thread's last such kernel said; "" before

// ---- threads (threads.c)
// One chunk of a task: returns TC_OK or an error, which ends the task early.
typedef int tc_task(void *context, int64_t chunk);

// Runs chunks 0 .. n_chunks - 1, in any order, on the pool and the calling thread; returns TC_OK or an error that a chunk returned.
// Results are the same for any number of threads if the chunks write to different places and, as nearly everywhere here, follow from
// the shapes alone; where they do not (winograd.h), no sum may depend on the cut. A call from inside a chunk, or while another thread has
// the pool, runs on the calling thread only.
int tc_parallel_for(int64_t n_chunks, tc_task *task, void *context);

void tc_set_num_threads(int threads);  // the calling thread counts; values below 1 mean 1
int tc_num_threads(void);
int tc_worker(void);  // which thread of the pool this is; 0 for one that is not the pool's own

// ---- memory (alloc.c)
// A block of `bytes`, 64-byte aligned, not cleared; NULL if there is none to be had. tc_free wants the same size back. Thread safe.
void *tc_alloc(size_t bytes);
void tc_free(void *block, size_t bytes);
// The same for what one chunk of work needs until it ends; it mostly lies in the caches of the core that runs the chunk.
void *tc_scratch(size_t bytes);
void tc_free_scratch(void *block, size_t bytes);
// The same for what all chunks of a kernel use until it ends.
void *tc_shared_scratch(size_t bytes);
void tc_free_shared_scratch(void *block, size_t bytes);
void tc_trim(void);  // give all that is cached back to the system

typedef struct {
    int64_t bytes_in_use, bytes_cached;  // handed out; waiting to be handed out again
    int64_t requests, system_requests;   // calls of tc_alloc; those that no cached block could serve
} tc_memory;

tc_memory tc_memory_stats(void);

#endif
