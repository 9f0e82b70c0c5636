// The thread pool. One job at a time; each thread, the calling one included, has a share of its chunks, as even as can be, and helps with
// the others' shares when its own is done. Kernels cut their work by images in order, so the same thread meets the same images in one
// kernel after the other, and finds what it wrote before in its own cache. A chunk of another's share is far away from there, both now and
// for the other one the next time: so nobody helps where little is left.
//
// `state` is the whole protocol: generation << 32 | open << 31 | workers inside. A worker joins an open job it has not seen by adding 1
// (compare-and-swap), works until the counter runs out and subtracts 1. The caller closes the job when it finds no more chunks and
// waits until nobody is inside; a worker that was asleep and comes late finds the job closed, so nobody ever waits for it.
// The job's fields are written only while it is closed with nobody inside.
//
// Workers are started when first needed, spin for some 500 microseconds after a job (the next kernel is usually near), then sleep.
// A second caller does not wait for the pool but works alone. After a fork the child has no workers and starts its own.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // sched_getaffinity
#endif
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "tinycnn.h"

static int run_alone(int64_t n_chunks, tc_task *task, void *context) {
    for (int64_t chunk = 0; chunk < n_chunks; chunk++) {
        int status = task(context, chunk);
        if (status != TC_OK) return status;
    }
    return TC_OK;
}

#ifdef _WIN32  // no pthreads to rely on: everything runs on the calling thread, with the same results

int tc_parallel_for(int64_t n_chunks, tc_task *task, void *context) { return run_alone(n_chunks, task, context); }
void tc_set_num_threads(int threads) { (void)threads; }
int tc_num_threads(void) { return 1; }
int tc_worker(void) { return 0; }

#else

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

enum { SPINS = 24000, LITTLE = 8000 };  // LITTLE: nanoseconds of work

#define OPEN ((uint64_t)1 << 31)
#define INSIDE (OPEN - 1)
#define GENERATION(state) ((state) >> 32)

typedef struct {
    _Alignas(64) _Atomic int64_t next;  // on a cache line of its own
    int64_t begin, end;
    _Atomic bool begun;  // by its own thread
} share;

static struct {
    pthread_mutex_t owner;  // held by the one caller that has the pool, and while it is resized
    pthread_t *workers;
    int n_workers, spins;

    _Alignas(64) _Atomic uint64_t state;  // each on a cache line of its own: workers spin on the first and fight for the second
    _Alignas(64) _Atomic int status;

    share *shares;  // the job: of the caller, then of the workers
    tc_task *task;
    void *context;

    pthread_mutex_t sleep;  // guards the condition
    pthread_cond_t wake;
    _Atomic int sleepers;
    _Atomic bool stopping;
} pool = {.owner = PTHREAD_MUTEX_INITIALIZER, .sleep = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static _Atomic int num_threads = 1;
static _Thread_local bool inside_task = false;
static _Thread_local int worker = 0;

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");  // a longer rest than "yield", which most cores ignore
#endif
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Runs the chunks of a share while more than `leave` of them are left.
static void run_share(share *from, int64_t leave) {
    while (atomic_load_explicit(&pool.status, memory_order_relaxed) == TC_OK) {
        if (leave > 0 && from->end - atomic_load_explicit(&from->next, memory_order_relaxed) <= leave) return;
        int64_t chunk = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed);
        if (chunk >= from->end) return;
        int status = pool.task(pool.context, chunk);
        if (status != TC_OK) atomic_store_explicit(&pool.status, status, memory_order_relaxed);
    }
}

// Runs the chunks of share number `own`, then what is left of the others. Those that have begun theirs are left what takes little time.
static void run_chunks(int own) {
    const int n_shares = pool.n_workers + 1;
    share *first = pool.shares + own;
    inside_task = true;
    const int64_t start = nanoseconds();
    atomic_store_explicit(&first->begun, true, memory_order_relaxed);
    run_share(first, 0);
    const int64_t mine = first->end - first->begin, leave = mine * LITTLE / (nanoseconds() - start + 1);
    for (int i = 1; i < n_shares; i++) {
        share *other = pool.shares + (own + i) % n_shares;
        run_share(other, atomic_load_explicit(&other->begun, memory_order_relaxed) ? leave : 0);
    }
    inside_task = false;
}

static bool is_news(uint64_t state, uint64_t seen) { return (state & OPEN) && GENERATION(state) != seen; }

static void sleep_until_news(uint64_t seen) {
    pthread_mutex_lock(&pool.sleep);
    atomic_fetch_add(&pool.sleepers, 1);  // before the look at `state`, as the caller opens the job before it looks at `sleepers`
    while (!is_news(atomic_load(&pool.state), seen) && !atomic_load(&pool.stopping)) pthread_cond_wait(&pool.wake, &pool.sleep);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.sleep);
}

static void *work(void *own) {
    worker = (int)(intptr_t)own;
    uint64_t seen = 0;
    for (int spins = 0; !atomic_load_explicit(&pool.stopping, memory_order_acquire);) {
        uint64_t state = atomic_load_explicit(&pool.state, memory_order_acquire);
        if (is_news(state, seen)) {
            if (!atomic_compare_exchange_weak_explicit(&pool.state, &state, state + 1, memory_order_acq_rel, memory_order_relaxed))
                continue;
            seen = GENERATION(state);
            run_chunks(worker);
            atomic_fetch_sub_explicit(&pool.state, 1, memory_order_release);
            spins = 0;
        } else if (spins++ < pool.spins) {
            pause_briefly();
        } else {
            sleep_until_news(seen);
            spins = 0;
        }
    }
    return NULL;
}

static void wake_sleepers(void) {
    if (atomic_load(&pool.sleepers) == 0) return;
    pthread_mutex_lock(&pool.sleep);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.sleep);
}

// ---- making and ending the workers; all with `owner` held
static void forget_workers(void) {
    free(pool.workers);
    free(pool.shares);
    pool.workers = NULL;
    pool.shares = NULL;
    pool.n_workers = 0;
}

static void forget_workers_in_child(void) {  // fork copies the calling thread only
    forget_workers();
    pthread_mutex_init(&pool.owner, NULL);
    pthread_mutex_init(&pool.sleep, NULL);
    pthread_cond_init(&pool.wake, NULL);
    atomic_store(&pool.state, 0);
    atomic_store(&pool.sleepers, 0);
    atomic_store(&pool.stopping, false);
    inside_task = false;
}

static void register_fork_handler(void) { pthread_atfork(NULL, NULL, forget_workers_in_child); }

static void stop_workers(void) {
    atomic_store(&pool.stopping, true);
    wake_sleepers();
    for (int i = 0; i < pool.n_workers; i++) pthread_join(pool.workers[i], NULL);
    atomic_store(&pool.stopping, false);
    forget_workers();
}

static int usable_cores(void) {
#ifdef __linux__
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

// As many workers as asked for, or as many as the system grants: with none at all the caller does the work alone.
static void start_workers(int wanted) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_fork_handler);
    pool.workers = malloc((size_t)wanted * sizeof *pool.workers);
    pool.shares = aligned_alloc(sizeof *pool.shares, (size_t)(wanted + 1) * sizeof *pool.shares);
    if (!pool.workers || !pool.shares) {
        forget_workers();
        return;
    }
    pool.spins = wanted < usable_cores() ? SPINS : 0;  // one that spins must not hold a core that another needs
    sigset_t all, before;                              // signals are for the threads of the user
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool.n_workers < wanted &&
           pthread_create(&pool.workers[pool.n_workers], NULL, work, (void *)(intptr_t)(pool.n_workers + 1)) == 0)
        pool.n_workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void tc_set_num_threads(int threads) {
    pthread_mutex_lock(&pool.owner);
    stop_workers();
    atomic_store(&num_threads, threads < 1 ? 1 : threads);
    pthread_mutex_unlock(&pool.owner);
}

int tc_num_threads(void) { return atomic_load(&num_threads); }
int tc_worker(void) { return worker; }

int tc_parallel_for(int64_t n_chunks, tc_task *task, void *context) {
    if (n_chunks <= 1 || inside_task || tc_num_threads() == 1 || pthread_mutex_trylock(&pool.owner) != 0) {
        return run_alone(n_chunks, task, context);
    }
    if (!pool.workers) start_workers(tc_num_threads() - 1);
    if (!pool.shares) {  // no memory
        pthread_mutex_unlock(&pool.owner);
        return run_alone(n_chunks, task, context);
    }

    pool.task = task;
    pool.context = context;
    const int n_shares = pool.n_workers + 1;
    for (int i = 0; i < n_shares; i++) {
        share *s = pool.shares + i;
        s->begin = i * n_chunks / n_shares;
        s->end = (i + 1) * n_chunks / n_shares;
        atomic_store_explicit(&s->next, s->begin, memory_order_relaxed);
        atomic_store_explicit(&s->begun, false, memory_order_relaxed);
    }
    atomic_store_explicit(&pool.status, TC_OK, memory_order_relaxed);
    uint64_t generation = GENERATION(atomic_load(&pool.state)) + 1;
    atomic_store(&pool.state, (generation & UINT32_MAX) << 32 | OPEN);
    wake_sleepers();

    run_chunks(0);

    atomic_fetch_and(&pool.state, ~OPEN);
    for (int spins = 0; atomic_load_explicit(&pool.state, memory_order_acquire) & INSIDE; spins++) {
        if (spins < pool.spins) pause_briefly();
        else sched_yield();
    }
    int status = atomic_load_explicit(&pool.status, memory_order_relaxed);
    pthread_mutex_unlock(&pool.owner);
    return status;
}

#endif
