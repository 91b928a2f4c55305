/* Counts a process's calls of CUDA's driver, and the time that the host spends in them, by CUPTI, for DeviceCalls.java.
 * CUPTI is looked for when it runs; what is declared here is the part of its interface that is used.
 *   gcc -shared -fPIC -O1 -o libcountcalls.so count-calls.c -ldl
 * Apache-2.0, as the rest of this project. */
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

enum { DRIVER_API = 1, ENTER = 0, KINDS = 4096 };

typedef struct {
  int site; /* ENTER, or 1 at the end of the call */
  const char *function;
} Data; /* the beginning of CUpti_CallbackData */

static const char *names[KINDS];
static unsigned long counts[KINDS];
static unsigned long nanos[KINDS];
static __thread unsigned long entered;

static unsigned long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1000000000ul * t.tv_sec + t.tv_nsec;
}

static void called(void *user, int domain, unsigned kind, const Data *data) {
  (void)user;
  if (domain != DRIVER_API || kind >= KINDS) return;
  if (data->site == ENTER) {
    names[kind] = data->function;
    __atomic_add_fetch(&counts[kind], 1, __ATOMIC_RELAXED);
    entered = now();
  } else {
    __atomic_add_fetch(&nanos[kind], now() - entered, __ATOMIC_RELAXED);
  }
}

/* DeviceCalls.begin: 0, an error of CUPTI, or -1 without CUPTI */
int Java_io_github_p3o_bench_DeviceCalls_begin(void *env, void *type) {
  (void)env, (void)type;
  static void *subscriber;
  const char *files[] = {"libcupti.so.13", "libcupti.so.12", "libcupti.so"};
  void *cupti = NULL;
  for (unsigned i = 0; !cupti && i < sizeof files / sizeof *files; i++) cupti = dlopen(files[i], RTLD_NOW);
  if (!cupti) return -1;
  int (*subscribe)(void **, void (*)(void *, int, unsigned, const Data *), void *) = dlsym(cupti, "cuptiSubscribe");
  int (*enable)(unsigned, void *, int) = dlsym(cupti, "cuptiEnableDomain");
  if (!subscribe || !enable) return -1;
  int error = subscriber ? 0 : subscribe(&subscriber, called, NULL);
  return error ? error : enable(1, subscriber, DRIVER_API);
}

/* DeviceCalls.print: what one of so many runs called since the last time */
void Java_io_github_p3o_bench_DeviceCalls_print(void *env, void *type, int runs) {
  (void)env, (void)type;
  for (int i = 0; i < KINDS; i++) {
    if (counts[i] && runs)
      printf("calls %-32s %10.1f a run, %10.3f ms\n", names[i], (double)counts[i] / runs, nanos[i] / 1e6 / runs);
    counts[i] = nanos[i] = 0;
  }
  fflush(stdout);
}
