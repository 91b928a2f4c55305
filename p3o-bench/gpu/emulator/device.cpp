// A device for ND4J's CUDA backend on a CPU: stands in for the CUDA runtime inside libnd4jcuda.so and for cuBLAS. It
// is libcublas.so.11; kernels.py makes libnd4jcuda.so call it, and the kernels that it runs.
//
// Memory of the device cannot be reached from the host, begins as 0xCB, and is checked at each access of a kernel.
// Threads of a block run one after the other from barrier to barrier, so that what races comes out wrong in one of the
// two orders. What it notices is in the file EMU_LOG, once for each kernel.
//   EMU_REVERSE=1     threads from the last to the first
//   EMU_DELAY=1       what is submitted to a stream happens when somebody waits for it, and no sooner
//   EMU_DRY=N         from the Nth launch on kernels of floating point are counted, and not run
//   EMU_NOPOISON=1    memory begins as 0, as a card's usually does
//   EMU_MB=N          of the device, 8192 if unset
//   EMU_TRACE=1, EMU_PROFILE=FILE   each launch into the log; launches and seconds of each kernel
//   EMU_BLAS=FILE     another OpenBLAS
//
// Apache-2.0, as the rest of this project.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <csetjmp>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>
#include "context.h"

#define X extern "C" __attribute__((visibility("default")))
typedef int E;
static const char* HOME = EMULATOR;  // with ptx/, kernels/, modules, runtime and kernels.py
static std::recursive_mutex mx;
#define LOCK std::lock_guard<std::recursive_mutex> lock_(mx)
static FILE* logf_;
static void say(const char* f, ...) {
  va_list a;
  va_start(a, f);
  if (!logf_) {
    const char* p = getenv("EMU_LOG");
    logf_ = fopen(p ? p : EMULATOR "/log", "a");
    setvbuf(logf_, 0, _IOLBF, 0);
  }
  fprintf(logf_, "[%d] ", getpid());
  vfprintf(logf_, f, a);
  fputc('\n', logf_);
  va_end(a);
}
static void once(const std::string& s) {
  static std::set<std::string> seen;
  if (seen.insert(s).second) say("%s", s.c_str());
}

// ---- memory
static uint64_t dlo, dsize, delta, plo, psize;
static uint8_t* live;
struct Arena {
  uint64_t used = 0;
  std::map<uint64_t, uint64_t> fr;
  std::unordered_map<uint64_t, uint64_t> al;
  uint64_t get(uint64_t n) {
    n = (n + 255) / 256 * 256 + 256;
    for (auto i = fr.begin(); i != fr.end(); ++i)
      if (i->second >= n) {
        uint64_t a = i->first, s = i->second;
        fr.erase(i);
        if (s > n) fr[a + n] = s - n;
        al[a] = n;
        used += n;
        return a;
      }
    return 0;
  }
  bool put(uint64_t a) {
    auto i = al.find(a);
    if (i == al.end()) return false;
    uint64_t n = i->second;
    al.erase(i);
    used -= n;
    auto j = fr.lower_bound(a);
    if (j != fr.end() && j->first == a + n) {
      n += j->second;
      j = fr.erase(j);
    }
    if (j != fr.begin()) {
      auto k = std::prev(j);
      if (k->first + k->second == a) {
        k->second += n;
        return true;
      }
    }
    fr[a] = n;
    return true;
  }
};
static Arena dev, pin;
static long nh2d, bh2d, nd2h, bd2h, nd2d, nsync, nlaunch, nmalloc, ngemm;
static bool isdev(const void* p) { return (uint64_t)p - dlo < dsize; }
static bool ispin(const void* p) { return (uint64_t)p - plo < psize; }
static char* host(const void* p) { return (char*)p + (isdev(p) ? delta : 0); }
static bool poison = true, delayed = false, rev = false;
static void init() {
  static bool done;
  if (done) return;
  done = true;
  const char* mb = getenv("EMU_MB");
  dsize = (mb ? atoll(mb) : 8192) * 1048576ull;
  psize = 16ull << 30;
  int fd = memfd_create("emu", 0);
  if (ftruncate(fd, dsize)) abort();
  char* e = (char*)mmap(0, dsize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  char* d = (char*)mmap(0, dsize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  char* p = (char*)mmap(0, psize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  live = (uint8_t*)mmap(0, dsize >> 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  dlo = (uint64_t)d;
  delta = e - d;
  plo = (uint64_t)p;
  dev.fr[dlo] = dsize;
  pin.fr[plo] = psize;
  poison = !(getenv("EMU_NOPOISON") && *getenv("EMU_NOPOISON"));
  delayed = getenv("EMU_DELAY") && *getenv("EMU_DELAY") == '1';
  rev = getenv("EMU_REVERSE") && *getenv("EMU_REVERSE") == '1';
}
static E dmalloc(void** p, size_t n) {
  uint64_t a = dev.get(n ? n : 1);
  if (!a) {
    *p = 0;
    return 2;
  }
  memset(live + ((a - dlo) >> 8), 1, (n + 255) / 256);
  if (poison) memset((char*)a + delta, 0xCB, n < (64u << 20) ? n : (64u << 20));
  *p = (void*)a;
  return 0;
}

// ---- kernels
struct Kernel {
  int mod;
  std::string name;
  void (*k)(Ctx*) = 0;
  void (*run)(Ctx*) = 0;
  int bar = 0;
  unsigned shared = 0, params = 0;
  unsigned* psizes = 0;
  bool failed = false;
  long calls = 0;
  double secs = 0;
};
static std::unordered_map<const void*, Kernel> kernels;
static Kernel* current;
static E sticky = 0;
static jmp_buf out;

// fibers
struct Fiber {
  void* sp;
  char* stack;
  void** top;
  int state;
  Ctx c;
  int pred;
  uint32_t mask, ballotr;
};
static const size_t STACK = 96 * 1024;
static std::vector<Fiber*> fibers;
static void* mainsp;
static Fiber* cur;
static bool killed;
asm(R"(
.text
.globl emu_switch
.hidden emu_switch
emu_switch:
 pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
 movq %rsp,(%rdi)
 movq %rsi,%rsp
 popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
 ret
)");
extern "C" void emu_switch(void**, void*);
static void fiber_main() {
  current->k(&cur->c);
  cur->state = 2;
  emu_switch(&cur->sp, mainsp);
  abort();
}
static void yield_(int st) {
  Fiber* f = cur;
  f->state = st;
  emu_switch(&f->sp, mainsp);
}
static void bar(Ctx*) { yield_(1); }
static uint32_t popres;
static uint32_t barpopc(Ctx* c, int p) {
  ((Fiber*)c->own)->pred = p;
  yield_(3);
  return popres;
}
static uint32_t ballot(Ctx* c, int p, uint32_t m) {
  Fiber* f = (Fiber*)c->own;
  f->pred = p;
  f->mask = m;
  yield_(4);
  return f->ballotr;
}
static void trap(Ctx* c) {
  once("TRAP in " + current->name);
  sticky = 719;
  if (current->bar) {
    killed = true;
    yield_(2);
    abort();
  }
  longjmp(out, 1);
}
static void bad(Ctx* c, uint64_t a) {
  char b[200];
  snprintf(b, 200, " block %u,%u thread %u of %ux%u", c->ctaid[0], c->ctaid[1], c->lin, c->nctaid[0], c->ntid[0]);
  std::string k = (a < 65536 ? "NULL " : "OUT OF BOUNDS ") + current->name;
  static std::set<std::string> s;
  if (s.insert(k).second) say("%s address %lx off %ld %s", k.c_str(), a, (long)(a - dlo), b);
  if (a < 65536) {
    sticky = 700;
    if (current->bar) {
      killed = true;
      yield_(2);
    }
    longjmp(out, 1);
  }
}
static bool mapped(uint64_t a) {
  unsigned char v;
  return mincore((void*)(a & ~4095ull), 1, &v) == 0;
}
static void badhost(Ctx* c, uint64_t a) {
  if (current->bar) {
    for (auto f : fibers)
      if (a - (uint64_t)f->stack < STACK) return;
  }
  char* sp = (char*)__builtin_frame_address(0);
  if (a - ((uint64_t)sp - 65536) < (8u << 20) && !current->bar) return;  // locals
  if (c->shared && a - (uint64_t)c->shared < 65536) return;
  if (a < 65536 || !mapped(a)) {
    std::string k = "WILD " + current->name;
    once(k);
    say("%s address %lx", k.c_str(), a);
    sticky = 700;
    if (current->bar) {
      killed = true;
      yield_(2);
    }
    longjmp(out, 1);
  }
  once("HOST MEMORY in " + current->name);
}
static int vprintf_(uint64_t f, uint64_t a) {
  const char* s = host((void*)f);
  const char* p = host((void*)a);
  std::string o;
  int off = 0;
  for (; *s; s++) {
    if (*s != '%') {
      o += *s;
      continue;
    }
    std::string sp = "%";
    s++;
    while (*s && !strchr("diouxXeEfgGaAcspn%", *s)) sp += *s++;
    sp += *s;
    char b[256] = "%";
    char t = *s;
    if (t == '%') {
      o += '%';
      continue;
    }
    bool l = sp.find("ll") != std::string::npos || sp.find('l') != std::string::npos || t == 'p' || t == 's' ||
             strchr("eEfgGaA", t);
    if (l) {
      off = (off + 7) / 8 * 8;
      uint64_t v;
      memcpy(&v, p + off, 8);
      off += 8;
      if (strchr("eEfgGaA", t)) {
        double d;
        memcpy(&d, &v, 8);
        snprintf(b, 256, sp.c_str(), d);
      } else if (t == 's')
        snprintf(b, 256, sp.c_str(), host((void*)v));
      else
        snprintf(b, 256, sp.c_str(), v);
    } else {
      int v;
      memcpy(&v, p + off, 4);
      off += 4;
      snprintf(b, 256, sp.c_str(), v);
    }
    o += b;
  }
  fputs(o.c_str(), stdout);
  fflush(stdout);
  once("PRINTF in " + current->name + ": " + o);
  return 1;
}
static void* kmalloc(uint64_t n) { return (void*)pin.get(n); }
static void kfree(uint64_t a) { pin.put(a); }

static std::map<std::pair<int, std::string>, std::pair<uint64_t, uint64_t>> globals;
static std::set<int> loaded;
static uint64_t global_(int mod, const char* n) {
  if (loaded.insert(mod).second) {
    char p[200];
    snprintf(p, 200, "%s/ptx/%03d.glob", HOME, mod);
    if (access(p, R_OK)) {
      char c[300];
      snprintf(c, 300, "unset LD_LIBRARY_PATH; python3 %s/kernels.py globals %s %d", HOME, HOME, mod);
      if (system(c)) say("globals of %d failed", mod);
    }
    FILE* f = fopen(p, "r");
    static char name[4096], hex[1 << 22];
    long sz, al;
    while (fscanf(f, "%4095s %ld %ld %4194303s", name, &sz, &al, hex) == 4) {
      void* d;
      dmalloc(&d, sz);
      char* h = host(d);
      memset(h, 0, sz);
      if (hex[0] != '-')
        for (long i = 0; i < sz && hex[2 * i]; i++) {
          unsigned v;
          sscanf(hex + 2 * i, "%2x", &v);
          h[i] = v;
        }
      globals[{mod, name}] = {(uint64_t)d, sz};
    }
    fclose(f);
  }
  auto i = globals.find({mod, n});
  if (i == globals.end()) {
    say("no global %s in %d", n, mod);
    return 0;
  }
  return i->second.first;
}

static bool ready(Kernel& k) {
  if (k.k) return true;
  if (k.failed) return false;
  uint64_t h = 1469598103934665603ull;
  for (char c : k.name) {
    h ^= (unsigned char)c;
    h *= 1099511628211ull;
  }
  char p[300];
  snprintf(p, 300, "%s/kernels/%03d_%016lx.so", HOME, k.mod, h);
  if (access(p, R_OK)) {
    std::string c = "unset LD_LIBRARY_PATH; python3 " + std::string(HOME) + "/kernels.py build " + HOME + " " +
                    std::to_string(k.mod) + " '" + k.name + "' " + p + " 2>>" + HOME + "/build.err";
    if (system(c.c_str())) {
      say("BUILD FAILED %d %s", k.mod, k.name.c_str());
      k.failed = true;
      return false;
    }
  }
  void* l = dlopen(p, RTLD_NOW | RTLD_LOCAL);
  if (!l) {
    say("dlopen %s", dlerror());
    k.failed = true;
    return false;
  }
  k.k = (void (*)(Ctx*))dlsym(l, "K");
  k.run = (void (*)(Ctx*))dlsym(l, "K_run");
  k.bar = *(int*)dlsym(l, "K_bar");
  k.shared = *(unsigned*)dlsym(l, "K_shared");
  k.params = *(unsigned*)dlsym(l, "K_params");
  k.psizes = (unsigned*)dlsym(l, "K_psizes");
  return true;
}

// Kernels whose later blocks have nothing to do once one has written nothing: they are left out.
static bool monotone(const std::string& n) {
  static const char* v[] = {"scalarSimpleShaped",  "pairwiseSimpleShaped",  "transformAnySimple",
                            "transformSameSimple", "transformStrictSimple", "transformFloatSimple",
                            "transformBoolSimple", "broadcastSimple",       "simpleReduce",
                            "broadcastBoolSimple"};
  for (auto x : v)
    if (n.find(x) != std::string::npos) return n.find("IndexReduce") == std::string::npos;
  return false;
}
static bool dry = false;
static void dump();
static E exec(Kernel& k, const uint32_t* g, const uint32_t* b, void** args, size_t dyn) {
  static char* sh = (char*)aligned_alloc(4096, 1 << 20);
  if (sticky) return sticky;
  if (dry && (k.name.find("If") != std::string::npos || k.name.find("Id") != std::string::npos ||
              k.name.find("float") != std::string::npos || k.name.find("double") != std::string::npos)) {
    k.calls++;
    return 0;
  }
  struct timespec t0, t1;
  clock_gettime(CLOCK_MONOTONIC, &t0);
  current = &k;
  k.calls++;
  Ctx c;
  memset(&c, 0, sizeof c);
  memcpy(c.ntid, b, 12);
  memcpy(c.nctaid, g, 12);
  c.shared = sh;
  c.args = args;
  c.bar = bar;
  c.barpopc = barpopc;
  c.ballot = ballot;
  c.trap = trap;
  c.vprintf_ = vprintf_;
  c.global = global_;
  c.dlo = dlo;
  c.dsize = dsize;
  c.ddelta = delta;
  c.malloc_ = kmalloc;
  c.free_ = kfree;
  c.bad = bad;
  c.live = live;
  c.plo = plo;
  c.psize = psize;
  c.badhost = badhost;
  static int wrote;
  c.wrote = &wrote;
  bool mono = monotone(k.name);
  uint32_t n = b[0] * b[1] * b[2];
  uint64_t blocks = (uint64_t)g[0] * g[1] * g[2];
  size_t ss = k.shared + dyn;
  killed = false;
  if (k.bar)
    while (fibers.size() < n) {
      Fiber* f = new Fiber;
      f->stack = (char*)mmap(0, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      fibers.push_back(f);
    }
  if (k.bar)
    for (uint32_t t = 0; t < n; t++) {
      Fiber* f = fibers[t];
      f->c = c;
      f->c.own = f;
      f->c.lin = t;
      f->c.tid[0] = t % b[0];
      f->c.tid[1] = t / b[0] % b[1];
      f->c.tid[2] = t / b[0] / b[1];
      f->top = (void**)(f->stack + STACK - 64 - (t * 448) % 8192) - 6;
    }
  if (setjmp(out) == 0)
    for (uint64_t q = 0; q < blocks; q++) {
      c.ctaid[0] = q % g[0];
      c.ctaid[1] = q / g[0] % g[1];
      c.ctaid[2] = q / g[0] / g[1];
      memset(sh, 0xCB, ss);
      if (mono && q > 0 && !wrote) break;
      wrote = 0;
      if (!k.bar) {
        k.run(&c);
        continue;
      }
      uint32_t left = n;
      bool first = true;
      while (left && !killed) {
        // one round: all that may run, from barrier to barrier
        uint32_t at1 = 0, other = 0, was = left;
        bool moved = false;
        for (uint32_t u = 0; u < n; u++) {
          Fiber* f = fibers[rev ? n - 1 - u : u];
          if (first) {
            memcpy(f->c.ctaid, c.ctaid, 12);
            void** s = f->top;
            s[6] = (void*)fiber_main;
            f->sp = s;
          } else if (f->state != 0 && f->state != 5)
            continue;
          cur = f;
          emu_switch(&mainsp, f->sp);
          moved = true;
          if (killed) break;
          if (f->state == 1) {
            f->state = 5;
            at1++;
          } else if (f->state == 2)
            left--;
          else
            other++;
        }
        if (killed || !left) break;
        if (at1 == left && !other) {
          first = false;
          if (left < was) once("BARRIER AFTER EXITS in " + k.name);
          continue;
        }  // all at the barrier: 5 runs in the next round
        first = false;
        // something else: those at the barrier wait
        for (uint32_t t = 0; t < n; t++)
          if (fibers[t]->state == 5) fibers[t]->state = 1;
        for (uint32_t w = 0; w < n; w += 32) {
          for (uint32_t a = w; a < w + 32 && a < n; a++)
            if (fibers[a]->state == 4) {
              uint32_t m = fibers[a]->mask, r = 0;
              bool all = true;
              for (uint32_t l = 0; l < 32 && w + l < n; l++)
                if (m >> l & 1) {
                  Fiber* f = fibers[w + l];
                  if (f->state != 4 && f->state != 2)
                    all = false;
                  else if (f->state == 4 && f->pred)
                    r |= 1u << l;
                }
              if (all)
                for (uint32_t l = 0; l < 32 && w + l < n; l++)
                  if (m >> l & 1 && fibers[w + l]->state == 4) {
                    fibers[w + l]->ballotr = r;
                    fibers[w + l]->state = 0;
                    moved = true;
                  }
            }
        }
        bool allbar = true;
        uint32_t pc = 0;
        for (uint32_t t = 0; t < n; t++) {
          int st = fibers[t]->state;
          if (st == 0 || st == 4) allbar = false;
          if (st == 3) pc += !!fibers[t]->pred;
        }
        if (allbar) {
          popres = pc;
          for (uint32_t t = 0; t < n; t++)
            if (fibers[t]->state == 1 || fibers[t]->state == 3) fibers[t]->state = 0;
          moved = true;
        }
        if (!moved) {
          say("DEADLOCK in %s", k.name.c_str());
          sticky = 719;
          killed = true;
        }
      }
      if (killed) break;
    }
  clock_gettime(CLOCK_MONOTONIC, &t1);
  k.secs += t1.tv_sec - t0.tv_sec + (t1.tv_nsec - t0.tv_nsec) * 1e-9;
  static time_t last;
  if (getenv("EMU_PROFILE") && t1.tv_sec - last > 15) {
    last = t1.tv_sec;
    dump();
  }
  return sticky;
}

// ---- streams
struct Stream {
  std::deque<std::function<void()>> q;
};
static Stream null_;
static std::set<Stream*> streams;
static void drain(Stream* s) {
  while (!s->q.empty()) {
    auto f = s->q.front();
    s->q.pop_front();
    f();
  }
}
static void drainAll() {
  for (auto s : streams) drain(s);
  drain(&null_);
}
static Stream* str(void* s) { return s && s != (void*)1 && s != (void*)2 ? (Stream*)s : &null_; }
static void submit(Stream* s, std::function<void()> f) {
  if (!delayed)
    f();
  else
    s->q.push_back(f);
}

struct dim3 {
  unsigned x, y, z;
};
static thread_local struct {
  dim3 g, b;
  size_t sh;
  void* st;
} cfg;
X unsigned emu___cudaPushCallConfiguration(dim3 g, dim3 b, size_t sh, void* st) {
  cfg = {g, b, sh, st};
  return 0;
}
X E emu___cudaPopCallConfiguration(dim3* g, dim3* b, size_t* sh, void** st) {
  *g = cfg.g;
  *b = cfg.b;
  *sh = cfg.sh;
  *st = cfg.st;
  return 0;
}
static std::unordered_map<std::string, int> regs;  // kernel -> registers
X E emu_cudaLaunchKernel(const void* f, dim3 g, dim3 b, void** args, size_t dyn, void* st) {
  LOCK;
  auto i = kernels.find(f);
  if (i == kernels.end()) {
    say("unknown kernel %p", f);
    return 98;
  }
  Kernel& k = i->second;
  uint64_t n = (uint64_t)b.x * b.y * b.z;
  if (!g.x || !g.y || !g.z || !n || n > 1024 || g.y > 65535 || g.z > 65535) {
    once("CONFIGURATION " + std::to_string(g.x) + "x" + std::to_string(g.y) + " " + std::to_string(n) + " in " +
         k.name);
    return 9;
  }
  static long d1 = getenv("EMU_DRY") ? atol(getenv("EMU_DRY")) : 1L << 60;
  dry = nlaunch >= d1;
  if (!ready(k)) return 98;
  if (k.shared + dyn > 49152) {
    once("SHARED MEMORY " + std::to_string(k.shared) + "+" + std::to_string(dyn) + " in " + k.name);
    return 1;
  }
  nlaunch++;
  static bool trace = getenv("EMU_TRACE");
  if (trace) say("launch %s %ux%ux%u %lu %zu", k.name.c_str(), g.x, g.y, g.z, n, dyn);
  if (!delayed) {
    uint32_t gg[3] = {g.x, g.y, g.z}, bb[3] = {b.x, b.y, b.z};
    return exec(k, gg, bb, args, dyn);
  }
  std::vector<std::vector<char>> copy;
  for (unsigned p = 0; p < k.params; p++) copy.emplace_back((char*)args[p], (char*)args[p] + k.psizes[p]);
  Kernel* kp = &k;
  submit(str(st), [=]() mutable {
    std::vector<void*> a;
    for (auto& v : copy) a.push_back(v.data());
    uint32_t gg[3] = {g.x, g.y, g.z}, bb[3] = {b.x, b.y, b.z};
    exec(*kp, gg, bb, a.data(), dyn);
  });
  return sticky;
}
struct Wrapper {
  int magic, version;
  const char* data;
  void* file;
};
static uint64_t base;
static std::map<uint64_t, int> moduleOf;
static std::unordered_map<void*, int> handles;
static void find();
X void** emu___cudaRegisterFatBinary(void* w) {
  LOCK;
  find();
  uint64_t off = (uint64_t)((Wrapper*)w)->data - base;
  auto i = moduleOf.find(off);
  if (i == moduleOf.end()) {
    say("fatbin at %lx unknown", off);
    abort();
  }
  void* h = malloc(16);
  handles[h] = i->second;
  return (void**)h;
}
X void emu___cudaRegisterFatBinaryEnd(void** h) {}
X void emu___cudaUnregisterFatBinary(void** h) {}
X void emu___cudaRegisterFunction(void** h, const char* hf, char* df, const char* dn, int, void*, void*, void*, void*,
                                  int*) {
  LOCK;
  Kernel& k = kernels[hf];
  k.mod = handles[h];
  k.name = dn;
}
static std::unordered_map<const void*, std::pair<int, std::string>> vars;
X void emu___cudaRegisterVar(void** h, char* hv, char* da, const char* dn, int, size_t, int, int) {
  LOCK;
  vars[hv] = {handles[h], dn};
}
X E emu_cudaGetSymbolAddress(void** p, const void* s) {
  LOCK;
  auto i = vars.find(s);
  if (i == vars.end()) return 13;
  *p = (void*)global_(i->second.first, i->second.second.c_str());
  return *p ? 0 : 13;
}

X E emu_cudaMalloc(void** p, size_t n) {
  LOCK;
  nmalloc++;
  if (sticky) return sticky;
  E e = dmalloc(p, n);
  if (e) say("OUT OF MEMORY %zu of %lu used", n, dev.used);
  return e;
}
X E emu_cudaFree(void* p) {
  LOCK;
  drainAll();
  if (!p) return sticky;
  auto i = dev.al.find((uint64_t)p);
  if (i == dev.al.end()) {
    say("FREE of unknown %p", p);
    return 1;
  }
  memset(live + (((uint64_t)p - dlo) >> 8), 0, i->second >> 8);
  dev.put((uint64_t)p);
  return sticky;
}
X E emu_cudaHostAlloc(void** p, size_t n, unsigned) {
  LOCK;
  uint64_t a = pin.get(n ? n : 1);
  *p = (void*)a;
  if (poison && a) memset((void*)a, 0xCB, n < (64u << 20) ? n : (64u << 20));
  return a ? 0 : 2;
}
X E emu_cudaFreeHost(void* p) {
  LOCK;
  drainAll();
  if (p && !pin.put((uint64_t)p)) {
    say("FREEHOST of unknown %p", p);
    return 1;
  }
  return sticky;
}
static bool check(const void* p, size_t n, const char* w) {
  if (!isdev(p)) {
    return true;
  }
  uint64_t o = (uint64_t)p - dlo;
  for (uint64_t q = o >> 8; q <= (o + (n ? n : 1) - 1) >> 8; q++)
    if (!live[q]) {
      once(std::string("COPY OUT OF BOUNDS ") + w);
      return false;
    }
  return true;
}
static void kinds(void* d, const void* s, int kind) {
  bool D = isdev(d), S = isdev(s);
  bool ok = kind == 4 || (kind == 1 && D && !S) || (kind == 2 && !D && S) || (kind == 3 && D && S) ||
            (kind == 0 && !D && !S) || (kind == 3 && (D || ispin(d)) && (S || ispin(s)));
  if (!ok)
    once("COPY KIND " + std::to_string(kind) + " to " +
         (D          ? "device"
          : ispin(d) ? "pinned"
                     : "host") +
         " from " +
         (S          ? "device"
          : ispin(s) ? "pinned"
                     : "host"));
}
static void copy_(void* d, const void* s, size_t n) {
  if (isdev(d) && !isdev(s)) {
    nh2d++;
    bh2d += n;
  } else if (!isdev(d) && isdev(s)) {
    nd2h++;
    bd2h += n;
  } else
    nd2d++;
  check(d, n, "write");
  check(s, n, "read");
  memmove(host(d), host(s), n);
}
X E emu_cudaMemcpy(void* d, const void* s, size_t n, int kind) {
  LOCK;
  if (sticky) return sticky;
  drainAll();
  kinds(d, s, kind);
  copy_(d, s, n);
  return sticky;
}
X E emu_cudaMemcpyAsync(void* d, const void* s, size_t n, int kind, void* st) {
  LOCK;
  if (sticky) return sticky;
  kinds(d, s, kind);
  if (delayed && !isdev(s) && !ispin(s)) {
    std::vector<char> c((char*)s, (char*)s + n);
    submit(str(st), [=] {
      check(d, n, "write");
      memcpy(host(d), c.data(), n);
    });
    return sticky;
  }
  submit(str(st), [=] { copy_(d, s, n); });
  if (!isdev(d) && !ispin(d)) drain(str(st));
  return sticky;
}
X E emu_cudaMemset(void* d, int v, size_t n) {
  LOCK;
  drainAll();
  check(d, n, "set");
  memset(host(d), v, n);
  return sticky;
}
X E emu_cudaMemsetAsync(void* d, int v, size_t n, void* st) {
  LOCK;
  submit(str(st), [=] {
    check(d, n, "set");
    memset(host(d), v, n);
  });
  return sticky;
}
X E emu_cudaMemcpyToSymbol(const void* sym, const void* s, size_t n, size_t off, int) {
  LOCK;
  drainAll();
  void* p;
  if (E e = emu_cudaGetSymbolAddress(&p, sym)) return e;
  copy_((char*)p + off, s, n);
  return sticky;
}
X E emu_cudaMemcpyToSymbolAsync(const void* sym, const void* s, size_t n, size_t off, int kind, void* st) {
  void* p;
  if (E e = emu_cudaGetSymbolAddress(&p, sym)) return e;
  return emu_cudaMemcpyAsync((char*)p + off, s, n, kind, st);
}
X E emu_cudaStreamCreate(void** s) {
  LOCK;
  Stream* t = new Stream;
  streams.insert(t);
  *s = t;
  return sticky;
}
X E emu_cudaStreamDestroy(void* s) {
  LOCK;
  if (!streams.count((Stream*)s)) return 400;
  drain((Stream*)s);
  streams.erase((Stream*)s);
  return sticky;
}
X E emu_cudaStreamSynchronize(void* s) {
  LOCK;
  nsync++;
  if (str(s) == &null_)
    drainAll();
  else
    drain(str(s));
  return sticky;
}
X E emu_cudaStreamQuery(void* s) { return emu_cudaStreamSynchronize(s); }
X E emu_cudaDeviceSynchronize() {
  LOCK;
  drainAll();
  return sticky;
}
struct Event {
  Stream* s = 0;
};
X E emu_cudaEventCreateWithFlags(void** e, unsigned) {
  *e = new Event;
  return 0;
}
X E emu_cudaEventDestroy(void* e) {
  delete (Event*)e;
  return 0;
}
X E emu_cudaEventRecord(void* e, void* s) {
  LOCK;
  ((Event*)e)->s = str(s);
  return sticky;
}
X E emu_cudaEventSynchronize(void* e) {
  LOCK;
  if (((Event*)e)->s) drain(((Event*)e)->s);
  return sticky;
}
X E emu_cudaSetDevice(int d) { return d ? 101 : 0; }
X E emu_cudaGetDevice(int* d) {
  *d = 0;
  return 0;
}
X E emu_cudaGetDeviceCount(int* n) {
  *n = 1;
  return 0;
}
X E emu_cudaMemGetInfo(size_t* f, size_t* t) {
  LOCK;
  *t = dsize;
  *f = dsize - dev.used;
  return sticky;
}
X E emu_cudaDeviceCanAccessPeer(int* c, int, int) {
  *c = 0;
  return 0;
}
X E emu_cudaDeviceEnablePeerAccess(int, unsigned) { return 0; }
X E emu_cudaDeviceDisablePeerAccess(int) { return 0; }
X E emu_cudaDeviceSetLimit(int, size_t) { return 0; }
X E emu_cudaGetDeviceProperties(char* p, int d) {
  memset(p, 0, 640);
  strcpy(p, "emulated H100");
  *(size_t*)(p + 288) = dsize;
  *(size_t*)(p + 296) = 49152;
  *(int*)(p + 304) = 65536;
  *(int*)(p + 308) = 32;
  *(size_t*)(p + 312) = 2147483647;
  *(int*)(p + 320) = 1024;
  int td[3] = {1024, 1024, 64}, gs[3] = {2147483647, 65535, 65535};
  memcpy(p + 324, td, 12);
  memcpy(p + 336, gs, 12);
  *(int*)(p + 348) = 1980000;
  *(size_t*)(p + 352) = 65536;
  *(int*)(p + 360) = 9;
  *(int*)(p + 364) = 0;
  *(size_t*)(p + 368) = 512;
  *(int*)(p + 384) = 1;
  *(int*)(p + 388) = 132;
  *(int*)(p + 400) = 1;
  return 0;
}

// ---- patches libnd4jcuda.so before its initialisers run
static void missing(const char* n) {
  say("MISSING %s", n);
  fprintf(stderr, "emulator: %s\n", n);
  abort();
}
static std::string libpath;
static int phdr(struct dl_phdr_info* i, size_t, void*) {
  if (strstr(i->dlpi_name, "libnd4jcuda.so") && !strstr(i->dlpi_name, "libjnind4jcuda")) {
    base = i->dlpi_addr;
    libpath = i->dlpi_name;
  }
  return 0;
}
static void counts() {
  say("launches %ld gemms %ld syncs %ld h2d %ld (%ld B) d2h %ld (%ld B) d2d %ld mallocs %ld", nlaunch, ngemm, nsync,
      nh2d, bh2d, nd2h, bd2h, nd2d, nmalloc);
}
X void emu_counts() { counts(); }
static void dump() {
  if (!getenv("EMU_PROFILE")) return;
  std::vector<Kernel*> v;
  for (auto& k : kernels)
    if (k.second.calls) v.push_back(&k.second);
  counts();
  FILE* f = fopen(getenv("EMU_PROFILE"), "w");
  for (auto k : v) fprintf(f, "%8.2f s %8ld %s\n", k->secs, k->calls, k->name.c_str());
  fclose(f);
}

extern "C" {
__attribute__((visibility("hidden"))) void* emu_table[1024];
__attribute__((visibility("hidden"))) void emu_missing_c(unsigned);
}
static std::vector<std::string> symnames;
void emu_missing_c(unsigned i) { missing(symnames[i].c_str()); }
asm(R"(
.globl cublasHgemmBatched
cublasHgemmBatched:
 leaq emu_table(%rip),%r11
 jmp *(%r11,%rax,8)
.hidden emu_missing
.globl emu_missing
emu_missing:
 movl %eax,%edi
 call emu_missing_c
)");
extern "C" void emu_missing();
static void find() {
  if (base) return;
  dl_iterate_phdr(phdr, 0);
}
static void start() {
  init();
  char p[200];
  snprintf(p, 200, "%s/modules", HOME);
  FILE* f = fopen(p, "r");
  int i;
  uint64_t at;
  while (fscanf(f, "%d %lu", &i, &at) == 2) moduleOf[at] = i;
  fclose(f);
  snprintf(p, 200, "%s/runtime", HOME);
  f = fopen(p, "r");
  char name[300];
  uint64_t a;
  Dl_info di;
  dladdr((void*)&init, &di);
  void* self = dlopen(di.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  int n1 = 0;
  while (fscanf(f, "%299s %lx", name, &a) == 2) {
    std::string m = std::string("emu_") + name;
    void* t = dlsym(self, m.c_str());
    emu_table[symnames.size()] = t ? t : (void*)emu_missing;
    symnames.push_back(name);
    n1 += !!t;
  }
  fclose(f);
  say("start: %d functions, delayed %d reverse %d", n1, delayed, rev);
  atexit(dump);
}
static struct Start {
  Start() { start(); }
} start_;

// ---- cuBLAS
struct Blas {
  Stream* s;
};
typedef void (*gemm_t)(const char*, const char*, const int*, const int*, const int*, const void*, const void*,
                       const int*, const void*, const int*, const void*, void*, const int*);
static gemm_t sg, dg;
typedef void (*gemv_t)(const char*, const int*, const int*, const void*, const void*, const int*, const void*,
                       const int*, const void*, void*, const int*);
static gemv_t sv, dv;
static void blas() {
  if (sg) return;
  const char* p = getenv("EMU_BLAS");
  void* l = dlopen(p ? p : OPENBLAS, RTLD_NOW | RTLD_LOCAL);
  if (!l) missing(dlerror());
  sg = (gemm_t)dlsym(l, "sgemm_");
  dg = (gemm_t)dlsym(l, "dgemm_");
  sv = (gemv_t)dlsym(l, "sgemv_");
  dv = (gemv_t)dlsym(l, "dgemv_");
}
static char T(int t) { return t == 0 ? 'N' : t == 1 ? 'T' : 'C'; }
static double half(uint16_t u) {
  _Float16 h;
  memcpy(&h, &u, 2);
  return (double)h;
}
static uint16_t tohalf(double d) {
  _Float16 h = (_Float16)d;
  uint16_t u;
  memcpy(&u, &h, 2);
  return u;
}
static double rd(const char* p, int ty, size_t i) {
  switch (ty) {
    case 0:
      return ((float*)p)[i];
    case 1:
      return ((double*)p)[i];
    case 2:
      return half(((uint16_t*)p)[i]);
    case 3:
      return ((int8_t*)p)[i];
    default:
      missing("type");
      return 0;
  }
}
static void wr(char* p, int ty, size_t i, double v) {
  switch (ty) {
    case 0:
      ((float*)p)[i] = v;
      break;
    case 1:
      ((double*)p)[i] = v;
      break;
    case 2:
      ((uint16_t*)p)[i] = tohalf(v);
      break;
    default:
      missing("type");
  }
}
static void region(const void* p, size_t n, const char* w) {
  if (!isdev(p) && !ispin(p)) once(std::string("cuBLAS ") + w + " in host memory");
  check(p, n, w);
}
static int el(int t) { return t == 0 ? 4 : t == 1 ? 8 : t == 2 ? 2 : 1; }
static void gemm0(int ta, int tb, int m, int n, int k, double al, const void* A, int at, int lda, const void* B, int bt,
                  int ldb, double be, void* C, int ct, int ldc) {
  if (m <= 0 || n <= 0) return;
  blas();
  int ar = ta ? k : m, ac = ta ? m : k, br = tb ? n : k, bc = tb ? k : n;
  if (lda < (ar > 1 ? ar : 1) || ldb < (br > 1 ? br : 1) || ldc < (m > 1 ? m : 1)) {
    once("cuBLAS leading dimension");
    return;
  }
  if (k > 0) {
    region(A, ((size_t)(ac - 1) * lda + ar) * el(at), "gemm A");
    region(B, ((size_t)(bc - 1) * ldb + br) * el(bt), "gemm B");
  }
  region(C, ((size_t)(n - 1) * ldc + m) * el(ct), "gemm C");
  char x = T(ta), y = T(tb);
  const char *a = host(A), *b = host(B);
  char* c = host(C);
  if (at == bt && bt == ct && at == 0) {
    float p = al, q = be;
    sg(&x, &y, &m, &n, &k, &p, a, &lda, b, &ldb, &q, c, &ldc);
    return;
  }
  if (at == bt && bt == ct && at == 1) {
    dg(&x, &y, &m, &n, &k, &al, a, &lda, b, &ldb, &be, c, &ldc);
    return;
  }
  for (int j = 0; j < n; j++)
    for (int i = 0; i < m; i++) {
      double s = 0;
      for (int l = 0; l < k; l++)
        s += rd(a, at, ta ? (size_t)i * lda + l : (size_t)l * lda + i) *
             rd(b, bt, tb ? (size_t)l * ldb + j : (size_t)j * ldb + l);
      size_t q = (size_t)j * ldc + i;
      wr(c, ct, q, al * s + (be ? be * rd(c, ct, q) : 0));
    }
}
static void gemm(int ta, int tb, int m, int n, int k, double al, const void* A, int at, int lda, const void* B, int bt,
                 int ldb, double be, void* C, int ct, int ldc) {
  ngemm++;
  if (dry) return;
  gemm0(ta, tb, m, n, k, al, A, at, lda, B, bt, ldb, be, C, ct, ldc);
}
X E cublasCreate_v2(void** h) {
  *h = new Blas{&null_};
  return 0;
}
X E cublasDestroy_v2(void* h) {
  delete (Blas*)h;
  return 0;
}
X E cublasSetStream_v2(void* h, void* s) {
  ((Blas*)h)->s = str(s);
  return 0;
}
X E cublasGetMathMode(void* h, int* m) {
  *m = 0;
  return 0;
}
#define SUB(body)               \
  {                             \
    LOCK;                       \
    if (sticky) return 14;      \
    Stream* s_ = ((Blas*)h)->s; \
    submit(s_, [=] { body; });  \
    return 0;                   \
  }
X E cublasSgemm_v2(void* h, int ta, int tb, int m, int n, int k, const float* al, const float* A, int lda,
                   const float* B, int ldb, const float* be, float* C, int ldc) {
  float a = *(float*)host(al), b = *(float*)host(be);
  SUB(gemm(ta, tb, m, n, k, a, A, 0, lda, B, 0, ldb, b, C, 0, ldc))
}
X E cublasDgemm_v2(void* h, int ta, int tb, int m, int n, int k, const double* al, const double* A, int lda,
                   const double* B, int ldb, const double* be, double* C, int ldc) {
  double a = *(double*)host(al), b = *(double*)host(be);
  SUB(gemm(ta, tb, m, n, k, a, A, 1, lda, B, 1, ldb, b, C, 1, ldc))
}
X E cublasHgemm(void* h, int ta, int tb, int m, int n, int k, const uint16_t* al, const void* A, int lda, const void* B,
                int ldb, const uint16_t* be, void* C, int ldc) {
  double a = half(*al), b = half(*be);
  SUB(gemm(ta, tb, m, n, k, a, A, 2, lda, B, 2, ldb, b, C, 2, ldc))
}
X E cublasSgemmEx(void* h, int ta, int tb, int m, int n, int k, const float* al, const void* A, int at, int lda,
                  const void* B, int bt, int ldb, const float* be, void* C, int ct, int ldc) {
  double a = *al, b = *be;
  SUB(gemm(ta, tb, m, n, k, a, A, at, lda, B, bt, ldb, b, C, ct, ldc))
}
static void batch(int ta, int tb, int m, int n, int k, double al, const void* const* A, int at, int lda,
                  const void* const* B, int bt, int ldb, double be, void* const* C, int ct, int ldc, int N) {
  region(A, 8 * N, "batch A");
  region(B, 8 * N, "batch B");
  region(C, 8 * N, "batch C");
  const void **a = (const void**)host(A), **b = (const void**)host(B);
  void** c = (void**)host(C);
  for (int i = 0; i < N; i++) gemm(ta, tb, m, n, k, al, a[i], at, lda, b[i], bt, ldb, be, c[i], ct, ldc);
}
X E cublasSgemmBatched(void* h, int ta, int tb, int m, int n, int k, const float* al, const void* const* A, int lda,
                       const void* const* B, int ldb, const float* be, void* const* C, int ldc, int N) {
  double a = *al, b = *be;
  SUB(batch(ta, tb, m, n, k, a, A, 0, lda, B, 0, ldb, b, C, 0, ldc, N))
}
X E cublasDgemmBatched(void* h, int ta, int tb, int m, int n, int k, const double* al, const void* const* A, int lda,
                       const void* const* B, int ldb, const double* be, void* const* C, int ldc, int N) {
  double a = *al, b = *be;
  SUB(batch(ta, tb, m, n, k, a, A, 1, lda, B, 1, ldb, b, C, 1, ldc, N))
}
X E cublasHgemmBatched_(void* h, int ta, int tb, int m, int n, int k, const uint16_t* al, const void* const* A, int lda,
                        const void* const* B, int ldb, const uint16_t* be, void* const* C, int ldc, int N) {
  double a = half(*al), b = half(*be);
  SUB(batch(ta, tb, m, n, k, a, A, 2, lda, B, 2, ldb, b, C, 2, ldc, N))
}
static double sc(const void* p, int ct) {
  p = host(p);
  return ct == 1 || ct == 70 || ct == 71   ? *(double*)p
         : ct == 2 || ct == 64 || ct == 65 ? half(*(uint16_t*)p)
                                           : *(float*)p;
}
X E cublasGemmBatchedEx(void* h, int ta, int tb, int m, int n, int k, const void* al, const void* const* A, int at,
                        int lda, const void* const* B, int bt, int ldb, const void* be, void* const* C, int ct, int ldc,
                        int N, int comp, int algo) {
  double a = sc(al, comp), b = sc(be, comp);
  once("GemmBatchedEx " + std::to_string(at) + " " + std::to_string(bt) + " " + std::to_string(ct) + " compute " +
       std::to_string(comp));
  SUB(batch(ta, tb, m, n, k, a, A, at, lda, B, bt, ldb, b, C, ct, ldc, N))
}
#define GEMV(N, TT, F, SZ)                                                                                          \
  X E N(void* h, int t, int m, int n, const TT* al, const TT* A, int lda, const TT* x, int ix, const TT* be, TT* y, \
        int iy) {                                                                                                   \
    TT a = *(TT*)host(al), b = *(TT*)host(be);                                                                      \
    SUB(blas(); region(A, ((size_t)(n - 1) * lda + m) * SZ, "gemv A"); region(x, SZ, "gemv x");                     \
        region(y, SZ, "gemv y"); char c = T(t); F(&c, &m, &n, &a, host(A), &lda, host(x), &ix, &b, host(y), &iy))   \
  }
GEMV(cublasSgemv_v2, float, sv, 4) GEMV(cublasDgemv_v2, double, dv, 8)
