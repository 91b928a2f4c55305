/* What a thread of a kernel knows: shared by device.cpp and the kernels that kernels.py makes. Apache-2.0. */
#include <stdint.h>

typedef struct Ctx Ctx;
struct Ctx {
  uint32_t tid[3], ntid[3], ctaid[3], nctaid[3];
  uint32_t lin;
  char* shared;
  void** args;
  void (*bar)(Ctx*);
  uint32_t (*barpopc)(Ctx*, int);
  uint32_t (*ballot)(Ctx*, int, uint32_t);
  void (*trap)(Ctx*);
  int (*vprintf_)(uint64_t, uint64_t);
  uint64_t (*global)(int, const char*);
  uint64_t dlo, dsize, ddelta;
  void* own;
  void* (*malloc_)(uint64_t);
  void (*free_)(uint64_t);
  void (*bad)(Ctx*, uint64_t);
  const uint8_t* live;
  uint64_t plo, psize;
  void (*badhost)(Ctx*, uint64_t);
  int* wrote;
};
