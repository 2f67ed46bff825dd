/* The libc shim: loaded with LD_PRELOAD into every program of a recorded run, it writes down which files the
 * program opens, which programs it starts and how they end, in the format of provenance/journal/events.py.
 *
 * One translation unit, told in parts, lowest first:
 *   plain.h     texts, without the C library
 *   state.h     what is known about this process: ids, lock, fork detection
 *   secrets.h   credentials in command lines and paths, which are not written
 *   json.h      an event as one JSON line
 *   log.h       the journal file of this process: mapped windows, safe after kill -9
 *   paths.h     absolute paths at the moment of the call; files that are not data
 *   descriptors.h  what is open for writing: its state when it is closed
 *   files.h     open; content from before the run
 *   names.h     rename, delete, link
 *   libraries.h shared objects in use
 *   programs.h  exec, spawn, wait, exit
 *   tasks.h     which task a thread is in; the interface for provenance/recording/tasks.py
 *
 * Rules that keep it harmless: the real function always runs and its result and errno are what the program sees;
 * no descriptor is kept open; no memory of the program is touched; room on disk is reserved before it is written,
 * so that a full disk is no SIGBUS; a call that comes in while we write (a signal handler) passes through.
 */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#if __SIZEOF_POINTER__ != 8 || !defined(__GLIBC__)
#error "written for 64-bit Linux with the GNU C library; elsewhere recording falls back to strace"
#endif

/* A newer version of a symbol than the program's C library has would keep the program from starting: inside of an
 * older container, for instance. */
#if defined(__x86_64__)
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver dlsym,dlsym@GLIBC_2.17");
#endif

#define EXPORT __attribute__((visibility("default")))
#define REAL(name) \
    static __typeof__(&name) real_##name; \
    if (!real_##name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#include "shim/plain.h"
#include "shim/state.h"
#include "shim/secrets.h"
#include "shim/json.h"
#include "shim/log.h"
#include "shim/paths.h"
#include "shim/descriptors.h"
#include "shim/files.h"
#include "shim/names.h"
#include "shim/libraries.h"
#include "shim/programs.h"
#include "shim/tasks.h"
