/*
 * A disk that is watched and can be made to fail: preloaded (LD_PRELOAD) into a program under test.
 *
 *   SHIM_DIR      only files below this folder are looked at; files ending in -shm are not, because
 *                 SQLite maps them into memory and makes them anew after a crash
 *   SHIM_LOG      where every change and every sync is recorded, in the order in which the kernel
 *                 got them; read by testkit's `disk::Recording`
 *   SHIM_FAULTS   a folder: while it holds `sync-fails`, fsync and fdatasync fail with EIO; while it
 *                 holds `full`, writes that would make a file longer fail with ENOSPC
 *   SHIM_SYNC_MS  how much longer fsync and fdatasync take than they do
 *
 * A record is complete in the log before the call returns. So whoever hears of something that a sync
 * made safe, and then asks for the length of the log, knows a length that covers that sync.
 *
 * Calls are recorded under one lock together with the call itself. A sync takes long and others may
 * write meanwhile, so it leaves two records: what lies before its begin is safe after its end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { OPEN = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, UNLINK, RENAME, LINK, MKDIR };
enum { CREATED = 1, TRUNCATED = 2, FDS_MAX = 65536 };

/* Little-endian, as every machine that runs this. */
struct record {
    uint32_t kind;
    uint32_t payload_bytes;
    uint64_t handle;
    uint64_t number; /* offset, length, flags or the number of the sync */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char dir[PATH_MAX];
static size_t dir_bytes;
static char faults[PATH_MAX];
static long sync_ms;
static uint64_t next_handle;
static uint64_t next_sync;
/* The handle of each open file that is looked at; 0: it is not. */
static uint64_t handles[FDS_MAX];

#define REAL(result, name, ...) \
    static result (*real_##name)(__VA_ARGS__); \
    static void find_##name(void) { \
        if (!real_##name) real_##name = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name); \
    }

REAL(int, openat64, int, const char *, int, ...)
REAL(int, close, int)
REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, writev, int, const struct iovec *, int)
REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)
REAL(int, ftruncate64, int, off64_t)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(int, unlink, const char *)
REAL(int, unlinkat, int, const char *, int)
REAL(int, rename, const char *, const char *)
REAL(int, linkat, int, const char *, int, const char *, int)
REAL(int, mkdir, const char *, mode_t)

__attribute__((constructor)) static void begin(void)
{
    find_openat64(); find_close(); find_write(); find_writev(); find_pwrite64();
    find_ftruncate64(); find_fsync(); find_fdatasync(); find_unlink(); find_unlinkat();
    find_rename(); find_linkat(); find_mkdir();
    const char *wanted = getenv("SHIM_DIR");
    if (!wanted || !*wanted || strlen(wanted) >= sizeof dir) return;
    const char *switches = getenv("SHIM_FAULTS");
    if (switches && strlen(switches) < sizeof faults - 32) strcpy(faults, switches);
    const char *delay = getenv("SHIM_SYNC_MS");
    if (delay) sync_ms = strtol(delay, NULL, 10);
    const char *path = getenv("SHIM_LOG");
    if (path) {
        log_fd = real_openat64(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log_fd < 0) abort();
    }
    /* The same number is never given twice, also not by the next process on the same data. */
    next_handle = (uint64_t)getpid() << 32;
    strcpy(dir, wanted);
    dir_bytes = strlen(dir);
}

/* The path below the folder, or NULL where it is not looked at. */
static const char *inside(const char *path)
{
    if (!dir_bytes || !path || strncmp(path, dir, dir_bytes) != 0) return NULL;
    size_t bytes = strlen(path);
    if (bytes > 4 && strcmp(path + bytes - 4, "-shm") == 0) return NULL;
    if (path[dir_bytes] == 0) return path + dir_bytes;
    return path[dir_bytes] == '/' ? path + dir_bytes + 1 : NULL;
}

static uint64_t handle_of(int fd)
{
    return fd >= 0 && fd < FDS_MAX ? handles[fd] : 0;
}

/* With the lock held. A recording with a hole would prove nothing: then the program ends. */
static void note(enum kind kind, uint64_t handle, uint64_t number, const void *payload, size_t bytes)
{
    if (log_fd < 0) return;
    struct record head = { kind, (uint32_t)bytes, handle, number };
    struct iovec parts[2] = { { &head, sizeof head }, { (void *)payload, bytes } };
    ssize_t wanted = (ssize_t)(sizeof head + bytes);
    if (real_writev(log_fd, parts, bytes ? 2 : 1) != wanted) abort();
}

static void note_pair(enum kind kind, const char *from, const char *to)
{
    char both[2 * PATH_MAX];
    size_t first = strlen(from) + 1, second = strlen(to);
    if (first + second > sizeof both) abort();
    memcpy(both, from, first);
    memcpy(both + first, to, second);
    note(kind, 0, 0, both, first + second);
}

static int switched(const char *fault)
{
    if (!*faults) return 0;
    char path[PATH_MAX + 32];
    int before = errno;
    snprintf(path, sizeof path, "%s/%s", faults, fault);
    int there = access(path, F_OK) == 0;
    errno = before;
    return there;
}

static int has_no_room(int fd, off64_t end)
{
    struct stat64 facts;
    return switched("full") && fstat64(fd, &facts) == 0 && end > facts.st_size;
}

static int open_file(int at, const char *path, int flags, mode_t mode)
{
    find_openat64();
    const char *name = inside(path);
    if (!name) return real_openat64(at, path, flags, mode);
    pthread_mutex_lock(&lock);
    int created = (flags & O_CREAT) && access(path, F_OK) != 0;
    errno = 0;
    int fd = real_openat64(at, path, flags, mode);
    if (fd >= 0 && fd < FDS_MAX) {
        handles[fd] = ++next_handle;
        uint64_t what = (created ? CREATED : 0) | (flags & O_TRUNC ? TRUNCATED : 0);
        note(OPEN, handles[fd], what, name, strlen(name));
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_file(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_file(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_file(at, path, flags, mode); }

int close(int fd)
{
    find_close();
    if (!handle_of(fd)) return real_close(fd);
    pthread_mutex_lock(&lock);
    handles[fd] = 0;
    int done = real_close(fd);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset)
{
    find_pwrite64();
    uint64_t handle = handle_of(fd);
    if (!handle) return real_pwrite64(fd, data, bytes, offset);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    if (has_no_room(fd, offset + (off64_t)bytes)) errno = ENOSPC;
    else done = real_pwrite64(fd, data, bytes, offset);
    if (done > 0) note(WRITE, handle, (uint64_t)offset, data, (size_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
    return pwrite64(fd, data, bytes, offset);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    find_write();
    uint64_t handle = handle_of(fd);
    if (!handle) return real_write(fd, data, bytes);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    off64_t end = lseek64(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    if (has_no_room(fd, end + (off64_t)bytes)) errno = ENOSPC;
    else done = real_write(fd, data, bytes);
    if (done > 0) note(WRITE, handle, (uint64_t)end, data, (size_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    find_writev();
    if (!handle_of(fd)) return real_writev(fd, parts, count);
    /* Part by part: a caller must expect that not all is written at once. */
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (done < 0) return sum ? sum : done;
        sum += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return sum;
}

int ftruncate64(int fd, off64_t length)
{
    find_ftruncate64();
    uint64_t handle = handle_of(fd);
    if (!handle) return real_ftruncate64(fd, length);
    pthread_mutex_lock(&lock);
    int done = real_ftruncate64(fd, length);
    if (done == 0) note(TRUNCATE, handle, (uint64_t)length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int sync_file(int fd, int (*real)(int))
{
    uint64_t handle = handle_of(fd);
    if (!handle) return real(fd);
    if (switched("sync-fails")) {
        errno = EIO;
        return -1;
    }
    pthread_mutex_lock(&lock);
    uint64_t number = ++next_sync;
    note(SYNC_BEGIN, handle, number, NULL, 0);
    pthread_mutex_unlock(&lock);
    struct timespec delay = { sync_ms / 1000, sync_ms % 1000 * 1000000 };
    while (nanosleep(&delay, &delay) != 0 && errno == EINTR) {}
    int done = real(fd);
    int cause = errno;
    pthread_mutex_lock(&lock);
    if (done == 0) note(SYNC_END, handle, number, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = cause;
    return done;
}

int fsync(int fd) { find_fsync(); return sync_file(fd, real_fsync); }
int fdatasync(int fd) { find_fdatasync(); return sync_file(fd, real_fdatasync); }

int unlink(const char *path)
{
    find_unlink();
    const char *name = inside(path);
    if (!name) return real_unlink(path);
    pthread_mutex_lock(&lock);
    int done = real_unlink(path);
    if (done == 0) note(UNLINK, 0, 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
    return done;
}

int unlinkat(int at, const char *path, int flags)
{
    find_unlinkat();
    const char *name = inside(path);
    if (!name) return real_unlinkat(at, path, flags);
    pthread_mutex_lock(&lock);
    int done = real_unlinkat(at, path, flags);
    if (done == 0) note(UNLINK, 0, 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to)
{
    find_rename();
    const char *before = inside(from), *after = inside(to);
    if (!before || !after) return real_rename(from, to);
    pthread_mutex_lock(&lock);
    int done = real_rename(from, to);
    if (done == 0) note_pair(RENAME, before, after);
    pthread_mutex_unlock(&lock);
    return done;
}

int linkat(int at, const char *from, int to_at, const char *to, int flags)
{
    find_linkat();
    const char *before = inside(from), *after = inside(to);
    if (!before || !after) return real_linkat(at, from, to_at, to, flags);
    pthread_mutex_lock(&lock);
    int done = real_linkat(at, from, to_at, to, flags);
    if (done == 0) note_pair(LINK, before, after);
    pthread_mutex_unlock(&lock);
    return done;
}

int mkdir(const char *path, mode_t mode)
{
    find_mkdir();
    const char *name = inside(path);
    if (!name) return real_mkdir(path, mode);
    pthread_mutex_lock(&lock);
    int done = real_mkdir(path, mode);
    if (done == 0) note(MKDIR, 0, 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
    return done;
}
