// Counts a program's steps towards the outside: what it writes to files and makes durable, which names it makes, links and
// removes, what it sends and receives. At
// one of them the program is killed, or from one of them on a kind of step fails. Preloaded (ld.so(8), LD_PRELOAD), so that
// the program that is tried is the one that users get, and any place between two steps can be the last.
//
//   LIBRETTO_TEST_AT=N         the step, counted from 1; 0 or absent: none
//   LIBRETTO_TEST_FAULT=WORD   kill-before (the step is not done), kill-after (it is done, and its result is never seen),
//                              full, read-only (files), reset (network): from that step on; silent (network): from that
//                              step on what is sent gets nowhere and nothing arrives, as where packets are dropped
//   LIBRETTO_TEST_STEPS=FILE   at the program's orderly end the number of steps is written there
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum fault { NONE, KILL_BEFORE, KILL_AFTER, FULL, READ_ONLY, RESET, SILENT };

static atomic_long steps;
static long at;
static enum fault fault;

__attribute__((constructor)) static void read_orders(void) {
    const char *number = getenv("LIBRETTO_TEST_AT"), *word = getenv("LIBRETTO_TEST_FAULT");
    at = number ? atol(number) : 0;
    if (!word) return;
    fault = !strcmp(word, "kill-before") ? KILL_BEFORE
          : !strcmp(word, "kill-after")  ? KILL_AFTER
          : !strcmp(word, "full")        ? FULL
          : !strcmp(word, "read-only")   ? READ_ONLY
          : !strcmp(word, "reset")       ? RESET
          : !strcmp(word, "silent")      ? SILENT
                                         : NONE;
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("LIBRETTO_TEST_STEPS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld\n", atomic_load(&steps));
    fclose(file);
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

// The mode of a file or socket of the outside; 0 for the program's own pipes, events and terminal.
static mode_t outside(int fd) {
    struct stat what;
    if (fd <= 2 || fstat(fd, &what) != 0) return 0;
    return S_ISREG(what.st_mode) || S_ISSOCK(what.st_mode) || S_ISDIR(what.st_mode) ? what.st_mode : 0;
}

enum course { GOES_ON, FAILS, VANISHES };

// Counts the step. Whether it is to fail, with errno set, or to vanish; and whether the program ends once it is done.
static enum course course(int fd, int writes, int *last) {
    *last = 0;
    mode_t mode = outside(fd);
    if (!mode) return GOES_ON;
    long step = atomic_fetch_add(&steps, 1) + 1;
    if (!at || step < at) return GOES_ON;
    if (fault == KILL_BEFORE && step == at) end();
    if (fault == KILL_AFTER && step == at) *last = 1;
    if (S_ISSOCK(mode) && fault == RESET) return errno = ECONNRESET, FAILS;
    if (!S_ISSOCK(mode) && writes && fault == FULL) return errno = ENOSPC, FAILS;
    if (!S_ISSOCK(mode) && writes && fault == READ_ONLY) return errno = EROFS, FAILS;
    if (S_ISSOCK(mode) && fault == SILENT) return errno = EAGAIN, VANISHES;
    return GOES_ON;
}

// Counts a step on a name: only kills are met there. Whether the program ends once it is done.
static int ends_on_name(void) {
    long step = atomic_fetch_add(&steps, 1) + 1;
    if (fault == KILL_BEFORE && step == at) end();
    return fault == KILL_AFTER && step == at;
}

#define NAME(name, parameters, arguments)                               \
    int name parameters {                                               \
        static int(*real) parameters;                                   \
        if (!real) real = (int(*) parameters)dlsym(RTLD_NEXT, #name);   \
        int last = ends_on_name(), answer = real arguments;             \
        if (last) end();                                                \
        return answer;                                                  \
    }

NAME(link, (const char *from, const char *to), (from, to))
NAME(linkat, (int dir, const char *from, int other, const char *to, int flags), (dir, from, other, to, flags))
NAME(rename, (const char *from, const char *to), (from, to))
NAME(unlink, (const char *name), (name))
NAME(unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
NAME(mkdir, (const char *name, mode_t mode), (name, mode))

// Opening is a step where it may make the file.
#define OPEN(name)                                                                        \
    int name(const char *path, int flags, ...) {                                          \
        static int (*real)(const char *, int, ...);                                       \
        if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);       \
        va_list more;                                                                     \
        va_start(more, flags);                                                            \
        int makes = flags & O_CREAT, mode = makes ? va_arg(more, int) : 0;                \
        va_end(more);                                                                     \
        int last = makes && ends_on_name(), answer = real(path, flags, mode);             \
        if (last) end();                                                                  \
        return answer;                                                                    \
    }

OPEN(open)
OPEN(open64)

// What the parts of a message add up to.
static ssize_t total(const struct iovec *parts, size_t count) {
    ssize_t sum = 0;
    for (size_t part = 0; part < count; part++) sum += parts[part].iov_len;
    return sum;
}

// `vanished` is what it answers when nothing comes of it: what was sent counts as sent, and a receiver waits.
#define STEP(writes, vanished, fd, result, name, parameters, arguments)       \
    result name parameters {                                                  \
        static result(*real) parameters;                                      \
        if (!real) real = (result(*) parameters)dlsym(RTLD_NEXT, #name);      \
        int last;                                                             \
        switch (course(fd, writes, &last)) {                                  \
            case FAILS: return -1;                                            \
            case VANISHES: return vanished;                                   \
            default: break;                                                   \
        }                                                                     \
        result answer = real arguments;                                       \
        if (last) end();                                                      \
        return answer;                                                        \
    }

STEP(1, (ssize_t)size, fd, ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
STEP(1, total(parts, count), fd, ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
STEP(1, -1, fd, ssize_t, pwrite, (int fd, const void *data, size_t size, off_t place), (fd, data, size, place))
STEP(1, -1, fd, ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t place), (fd, data, size, place))
STEP(1, -1, fd, int, ftruncate, (int fd, off_t size), (fd, size))
STEP(1, -1, fd, int, ftruncate64, (int fd, off64_t size), (fd, size))
STEP(1, -1, fd, int, fsync, (int fd), (fd))
STEP(1, -1, fd, int, fdatasync, (int fd), (fd))
STEP(1, (ssize_t)size, fd, ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
STEP(1, (ssize_t)size, fd, ssize_t, sendto, (int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length),
     (fd, data, size, flags, to, length))
STEP(1, total(message->msg_iov, message->msg_iovlen), fd, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
STEP(0, real(fd, to, length), fd, int, connect, (int fd, const struct sockaddr *to, socklen_t length), (fd, to, length))
STEP(0, -1, fd, ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
