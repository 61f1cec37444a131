/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program (LD_PRELOAD): its operations on files are counted by kind, one of them
 * fails if that is asked for, and those that change the disk are logged with their bytes.
 *
 *   COW_FAULTS_FOLDER  operations below it count; empty: all
 *   COW_FAULTS_COUNTS  a file of `Counts`, mapped, so that a program that crashed has told too
 *   COW_FAULTS         KIND:N:CAUSE:MODE, or unset. The N-th operation of the kind, from 1, fails
 *                      with CAUSE: a number of errno, or 0 for fewer bytes than were asked for.
 *                      MODE: once; always, from then on; often, every second one from then on;
 *                      disk, from then on all operations; readonly, from then on all that change
 *                      something
 *   COW_FAULTS_LOG     a file that gets what is written, see log_operation ()
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS /* which would turn open () into open64 () here */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

typedef enum {
  OPEN, /* to read */
  CREATE,
  READ,
  WRITE,
  SYNC,
  RENAME,
  CLOSE,
  TRUNCATE,
  UNLINK,
  MKDIR,
  STAT,
  LIST,
  MAP,
  ALLOCATE,
  LOCK,
  N_KINDS
} Kind;

static const char *const names[N_KINDS] = { "open",   "create", "read",     "write",    "sync",
                                            "rename", "close",  "truncate", "unlink",   "mkdir",
                                            "stat",   "list",   "map",      "allocate", "lock" };

typedef enum { ONCE, ALWAYS, OFTEN, DISK, READONLY } Mode;

static const char *const modes[] = { "once", "always", "often", "disk", "readonly" };

/* faults.py reads it. */
typedef struct {
  _Atomic uint64_t seen[N_KINDS];
  _Atomic uint64_t failed;
  char first[1024]; /* the path of the first one that failed */
} Counts;

static Counts own, *counts = &own;
static char folder[PATH_MAX];
static int fault_kind = -1, cause, mode, log_fd = -1;
static uint64_t fault_at;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(function)                                                                             \
  ({                                                                                               \
    static __typeof__ (&function) real;                                                            \
    if (!real)                                                                                     \
      *(void **)&real = dlsym (RTLD_NEXT, #function);                                              \
    real;                                                                                          \
  })

static int
index_of (const char *name, const char *const *list, int n)
{
  for (int i = 0; i < n; i++)
    if (strcmp (name, list[i]) == 0)
      return i;
  fprintf (stderr, "COW_FAULTS: %s is unknown\n", name);
  abort ();
}

__attribute__ ((constructor)) static void
begin (void)
{
  const char *below = getenv ("COW_FAULTS_FOLDER"), *file = getenv ("COW_FAULTS_COUNTS"),
             *fault = getenv ("COW_FAULTS"), *log = getenv ("COW_FAULTS_LOG");
  char kind[16], how[16];
  snprintf (folder, sizeof folder, "%s", below ? below : "");
  if (file) {
    const int fd = (int)syscall (SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC);
    void *map =
        (void *)syscall (SYS_mmap, NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || map == MAP_FAILED)
      abort ();
    counts = map;
    syscall (SYS_close, fd);
  }
  if (log)
    log_fd = (int)syscall (SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fault && sscanf (fault, "%15[^:]:%" SCNu64 ":%d:%15s", kind, &fault_at, &cause, how) == 4) {
    mode = index_of (how, modes, sizeof modes / sizeof *modes);
    fault_kind = index_of (kind, names, N_KINDS);
  }
}

/* ---- whose operations count ------------------------------------------------------------------ */

static int
is_below (const char *path)
{
  const size_t n = strlen (folder);
  return n == 0 || (strncmp (path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

/* The path of an open file, as it is called now; FALSE if it has none. */
static int
path_of (int fd, char path[PATH_MAX])
{
  char link[64];
  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  const long n = syscall (SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
  path[n < 0 ? 0 : n] = '\0';
  return n > 0 && path[0] == '/';
}

/* Makes a path absolute; links in it are not followed. */
static void
absolute (int at, const char *path, char full[PATH_MAX])
{
  char base[PATH_MAX] = "";
  while (path[0] == '.' && path[1] == '/')
    path += 2;
  if (path[0] == '/')
    snprintf (full, PATH_MAX, "%s", path);
  else {
    if (at == AT_FDCWD ? syscall (SYS_getcwd, base, sizeof base) <= 0 : !path_of (at, base))
      base[0] = '\0';
    const size_t n = strlen (base), n_path = strcmp (path, ".") == 0 ? 0 : strlen (path);
    if (n + 1 + n_path >= PATH_MAX)
      abort ();
    memcpy (full, base, n + 1);
    if (n_path > 0) {
      full[n] = '/';
      memcpy (full + n + 1, path, n_path + 1);
    }
  }
}

/* ---- failing --------------------------------------------------------------------------------- */

static int
changes (Kind kind)
{
  return kind == CREATE || kind == WRITE || kind == SYNC || kind == RENAME || kind == TRUNCATE ||
         kind == UNLINK || kind == MKDIR || kind == ALLOCATE;
}

/* Counts an operation; 1 if it is to fail. */
static int
fails (Kind kind, const char *path)
{
  static atomic_int begun;
  int now = 0;
  if (!is_below (path))
    return 0;
  const uint64_t n = atomic_fetch_add (&counts->seen[kind], 1) + 1;
  if (kind == (Kind)fault_kind && n >= fault_at) {
    now = mode == ONCE ? n == fault_at : mode == OFTEN ? (n - fault_at) % 2 == 0 : 1;
    begun |= now;
  }
  now |= begun && (mode == DISK || (mode == READONLY && changes (kind)));
  if (now && atomic_fetch_add (&counts->failed, 1) == 0)
    snprintf (counts->first, sizeof counts->first, "%s", path);
  if (now && cause != 0)
    errno = cause;
  return now;
}

static int
path_fails (Kind kind, int at, const char *path)
{
  char full[PATH_MAX];
  absolute (at, path, full);
  return fails (kind, full);
}

static int
fd_fails (Kind kind, int fd)
{
  char path[PATH_MAX];
  return path_of (fd, path) && fails (kind, path);
}

/* How many bytes may pass: n, fewer, or -1 with errno. */
static ssize_t
allowance (Kind kind, int fd, size_t n)
{
  if (!fd_fails (kind, fd))
    return (ssize_t)n;
  if (cause != 0)
    return -1;
  return (ssize_t)(mode == ONCE ? (n + 1) / 2 : n < 4093 ? n : 4093);
}

/* ---- logging --------------------------------------------------------------------------------- */

/* A line "OPERATION OFFSET N_BYTES N_PATH N_OTHER", the path, the other one, the bytes. */
static void
log_operation (const char *operation, const char *path, const char *other, off_t offset,
               const void *bytes, size_t n_bytes)
{
  char line[128];
  if (!is_below (path))
    return;
  const int n = snprintf (line, sizeof line, "%s %ld %zu %zu %zu\n", operation, (long)offset,
                          n_bytes, strlen (path), strlen (other));
  const struct iovec parts[] = { { line, (size_t)n },
                                 { (void *)path, strlen (path) },
                                 { (void *)other, strlen (other) },
                                 { (void *)bytes, n_bytes } };
  if (syscall (SYS_writev, log_fd, parts, 4) < 0)
    abort ();
}

/* The order of the log is that of the operations: nobody else is in the middle of one. */
static void
log_begin (void)
{
  if (log_fd >= 0)
    pthread_mutex_lock (&log_lock);
}

static void
log_end (void)
{
  const int code = errno;
  if (log_fd >= 0)
    pthread_mutex_unlock (&log_lock);
  errno = code;
}

static void
log_path (const char *operation, int at, const char *path, int at_other, const char *other)
{
  char full[PATH_MAX], full_other[PATH_MAX] = "";
  absolute (at, path, full);
  if (other)
    absolute (at_other, other, full_other);
  log_operation (operation, full, full_other, 0, NULL, 0);
}

static void
log_fd_operation (const char *operation, int fd, off_t offset, const void *bytes, size_t n)
{
  char path[PATH_MAX];
  if (path_of (fd, path))
    log_operation (operation, path, "", offset, bytes, n);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static int
open_file (int at, const char *path, int flags, mode_t permissions)
{
  struct stat info;
  const int writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;
  if (path_fails (writes ? CREATE : OPEN, at, path) && cause != 0)
    return -1;
  log_begin ();
  const int known = syscall (SYS_newfstatat, at, path, &info, 0) == 0;
  const int fd = (int)syscall (SYS_openat, at, path, flags, permissions);
  if (fd >= 0 && log_fd >= 0 && (!known || flags & O_TRUNC) && writes)
    log_path (known ? "empty" : "create", at, path, 0, NULL);
  log_end ();
  return fd;
}

#define OPENS(name, at, ...)                                                                       \
  int name (__VA_ARGS__, const char *path, int flags, ...)                                         \
  {                                                                                                \
    va_list list;                                                                                  \
    va_start (list, flags);                                                                        \
    const mode_t permissions = flags & (O_CREAT | __O_TMPFILE) ? va_arg (list, mode_t) : 0;        \
    va_end (list);                                                                                 \
    return open_file (at, path, flags, permissions);                                               \
  }

OPENS (openat, at, int at)
OPENS (openat64, at, int at)

int
open (const char *path, int flags, ...)
{
  va_list list;
  va_start (list, flags);
  const mode_t permissions = flags & (O_CREAT | __O_TMPFILE) ? va_arg (list, mode_t) : 0;
  va_end (list);
  return open_file (AT_FDCWD, path, flags, permissions);
}

int open64 (const char *path, int flags, ...) __attribute__ ((alias ("open")));

int __open_2 (const char *path, int flags);
int __open64_2 (const char *path, int flags);
int __openat_2 (int at, const char *path, int flags);
int __openat64_2 (int at, const char *path, int flags);

int
__open_2 (const char *path, int flags)
{
  return open_file (AT_FDCWD, path, flags, 0);
}

int
__open64_2 (const char *path, int flags)
{
  return open_file (AT_FDCWD, path, flags, 0);
}

int
__openat_2 (int at, const char *path, int flags)
{
  return open_file (at, path, flags, 0);
}

int
__openat64_2 (int at, const char *path, int flags)
{
  return open_file (at, path, flags, 0);
}

int
creat (const char *path, mode_t permissions)
{
  return open_file (AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, permissions);
}

int creat64 (const char *path, mode_t permissions) __attribute__ ((alias ("creat")));

/* A stream is opened through here; what it then does by itself is seen at fread () alone. */
FILE *
fopen (const char *path, const char *how)
{
  const int writes = strpbrk (how, "wa+") != NULL;
  struct stat info;
  if (path_fails (writes ? CREATE : OPEN, AT_FDCWD, path) && cause != 0)
    return NULL;
  log_begin ();
  const int known = syscall (SYS_newfstatat, AT_FDCWD, path, &info, 0) == 0;
  FILE *file = REAL (fopen) (path, how);
  if (file && log_fd >= 0 && (!known || *how == 'w') && writes)
    log_path (known ? "empty" : "create", AT_FDCWD, path, 0, NULL);
  log_end ();
  return file;
}

FILE *fopen64 (const char *path, const char *how) __attribute__ ((alias ("fopen")));

/* A closed file is closed, whatever is said of it. */
int
close (int fd)
{
  const int bad = fd_fails (CLOSE, fd) && cause != 0, code = errno;
  const int status = (int)syscall (SYS_close, fd);
  if (!bad)
    return status;
  errno = code;
  return -1;
}

int
fclose (FILE *file)
{
  const int bad = fd_fails (CLOSE, fileno (file)) && cause != 0, code = errno;
  const int status = REAL (fclose) (file);
  if (!bad)
    return status;
  errno = code;
  return EOF;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

ssize_t
read (int fd, void *bytes, size_t n)
{
  const ssize_t some = allowance (READ, fd, n);
  return some < 0 ? -1 : syscall (SYS_read, fd, bytes, some);
}

ssize_t
pread (int fd, void *bytes, size_t n, off_t offset)
{
  const ssize_t some = allowance (READ, fd, n);
  return some < 0 ? -1 : syscall (SYS_pread64, fd, bytes, some, offset);
}

ssize_t pread64 (int fd, void *bytes, size_t n, off_t offset) __attribute__ ((alias ("pread")));

ssize_t __read_chk (int fd, void *bytes, size_t n, size_t room);
ssize_t __pread_chk (int fd, void *bytes, size_t n, off_t offset, size_t room);
ssize_t __pread64_chk (int fd, void *bytes, size_t n, off_t offset, size_t room);

ssize_t
__read_chk (int fd, void *bytes, size_t n, size_t room)
{
  return n <= room ? read (fd, bytes, n) : (abort (), 0);
}

ssize_t
__pread_chk (int fd, void *bytes, size_t n, off_t offset, size_t room)
{
  return n <= room ? pread (fd, bytes, n, offset) : (abort (), 0);
}

ssize_t
__pread64_chk (int fd, void *bytes, size_t n, off_t offset, size_t room)
{
  return __pread_chk (fd, bytes, n, offset, room);
}

/* glibc's streams take fewer bytes for nothing but a reason to read again, so that only errors are
 * made here; the mark is what ferror () asks for. */
size_t
fread (void *bytes, size_t size, size_t n, FILE *file)
{
  const int bad = fd_fails (READ, fileno (file)) && cause != 0, code = errno;
  if (!bad)
    return REAL (fread) (bytes, size, n, file);
  file->_flags |= 0x20; /* _IO_ERR_SEEN */
  errno = code;
  return 0;
}

ssize_t
write (int fd, const void *bytes, size_t n)
{
  const ssize_t some = allowance (WRITE, fd, n);
  if (some < 0)
    return -1;
  log_begin ();
  const ssize_t written = syscall (SYS_write, fd, bytes, some);
  const int code = errno;
  if (written > 0 && log_fd >= 0)
    log_fd_operation ("write", fd, syscall (SYS_lseek, fd, 0, SEEK_CUR) - written, bytes,
                      (size_t)written);
  errno = code;
  log_end ();
  return written;
}

ssize_t
pwrite (int fd, const void *bytes, size_t n, off_t offset)
{
  const ssize_t some = allowance (WRITE, fd, n);
  if (some < 0)
    return -1;
  log_begin ();
  const ssize_t written = syscall (SYS_pwrite64, fd, bytes, some, offset);
  if (written > 0 && log_fd >= 0)
    log_fd_operation ("write", fd, offset, bytes, (size_t)written);
  log_end ();
  return written;
}

ssize_t pwrite64 (int fd, const void *bytes, size_t n, off_t offset)
    __attribute__ ((alias ("pwrite")));

/* As write () of all parts together. */
ssize_t
writev (int fd, const struct iovec *parts, int n_parts)
{
  char path[PATH_MAX];
  size_t n = 0;
  if (!path_of (fd, path) || !is_below (path))
    return syscall (SYS_writev, fd, parts, n_parts);
  for (int i = 0; i < n_parts; i++)
    n += parts[i].iov_len;
  char *bytes = malloc (n + 1);
  if (!bytes)
    abort ();
  n = 0;
  for (int i = 0; i < n_parts; n += parts[i++].iov_len)
    memcpy (bytes + n, parts[i].iov_base, parts[i].iov_len);
  const ssize_t written = write (fd, bytes, n);
  const int code = errno;
  free (bytes);
  errno = code;
  return written;
}

int
ftruncate (int fd, off_t size)
{
  if (fd_fails (TRUNCATE, fd) && cause != 0)
    return -1;
  log_begin ();
  const int status = (int)syscall (SYS_ftruncate, fd, size);
  if (status == 0 && log_fd >= 0)
    log_fd_operation ("truncate", fd, size, NULL, 0);
  log_end ();
  return status;
}

int ftruncate64 (int fd, off_t size) __attribute__ ((alias ("ftruncate")));

int
fallocate (int fd, int flags, off_t offset, off_t n)
{
  return fd_fails (ALLOCATE, fd) && cause != 0 ? -1
                                               : (int)syscall (SYS_fallocate, fd, flags, offset, n);
}

int fallocate64 (int fd, int flags, off_t offset, off_t n) __attribute__ ((alias ("fallocate")));

void *
mmap (void *address, size_t n, int protection, int flags, int fd, off_t offset)
{
  if (fd >= 0 && fd_fails (MAP, fd) && cause != 0)
    return MAP_FAILED;
  return (void *)syscall (SYS_mmap, address, n, protection, flags, fd, offset);
}

void *mmap64 (void *address, size_t n, int protection, int flags, int fd, off_t offset)
    __attribute__ ((alias ("mmap")));

/* ---- syncing --------------------------------------------------------------------------------- */

static int
sync_file (int fd, const char *operation, long number)
{
  if (fd_fails (SYNC, fd) && cause != 0)
    return -1;
  log_begin ();
  const int status = (int)syscall (number, fd);
  if (status == 0 && log_fd >= 0)
    log_fd_operation (operation, fd, 0, NULL, 0);
  log_end ();
  return status;
}

int
fsync (int fd)
{
  return sync_file (fd, "sync", SYS_fsync);
}

int
fdatasync (int fd)
{
  return sync_file (fd, "sync", SYS_fdatasync);
}

int
syncfs (int fd)
{
  return sync_file (fd, "syncfs", SYS_syncfs);
}

/* ---- names ----------------------------------------------------------------------------------- */

int
renameat2 (int at, const char *from, int at_to, const char *to, unsigned flags)
{
  if (path_fails (RENAME, at_to, to) && cause != 0)
    return -1;
  log_begin ();
  const int status = (int)syscall (SYS_renameat2, at, from, at_to, to, flags);
  if (status == 0 && log_fd >= 0)
    log_path (flags & RENAME_EXCHANGE ? "exchange" : "rename", at, from, at_to, to);
  log_end ();
  return status;
}

int
rename (const char *from, const char *to)
{
  return renameat2 (AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
renameat (int at, const char *from, int at_to, const char *to)
{
  return renameat2 (at, from, at_to, to, 0);
}

int
unlinkat (int at, const char *path, int flags)
{
  if (path_fails (UNLINK, at, path) && cause != 0)
    return -1;
  log_begin ();
  const int status = (int)syscall (SYS_unlinkat, at, path, flags);
  if (status == 0 && log_fd >= 0)
    log_path ("unlink", at, path, 0, NULL);
  log_end ();
  return status;
}

int
unlink (const char *path)
{
  return unlinkat (AT_FDCWD, path, 0);
}

int
rmdir (const char *path)
{
  return unlinkat (AT_FDCWD, path, AT_REMOVEDIR);
}

int
remove (const char *path)
{
  const int status = unlinkat (AT_FDCWD, path, 0);
  return status != 0 && errno == EISDIR ? unlinkat (AT_FDCWD, path, AT_REMOVEDIR) : status;
}

int
mkdirat (int at, const char *path, mode_t permissions)
{
  if (path_fails (MKDIR, at, path) && cause != 0)
    return -1;
  log_begin ();
  const int status = (int)syscall (SYS_mkdirat, at, path, permissions);
  if (status == 0 && log_fd >= 0)
    log_path ("mkdir", at, path, 0, NULL);
  log_end ();
  return status;
}

int
mkdir (const char *path, mode_t permissions)
{
  return mkdirat (AT_FDCWD, path, permissions);
}

/* ---- looking --------------------------------------------------------------------------------- */

#define FAILS_FIRST(type, failure, name, condition, parameters, arguments)                         \
  type name parameters                                                                             \
  {                                                                                                \
    return (condition) && cause != 0 ? failure : REAL (name) arguments;                            \
  }

#define ANY_PATH(kind) path_fails (kind, AT_FDCWD, path)

FAILS_FIRST (int, -1, stat, ANY_PATH (STAT), (const char *path, struct stat *info), (path, info))
FAILS_FIRST (int, -1, stat64, ANY_PATH (STAT), (const char *path, struct stat64 *info),
             (path, info))
FAILS_FIRST (int, -1, lstat, ANY_PATH (STAT), (const char *path, struct stat *info), (path, info))
FAILS_FIRST (int, -1, lstat64, ANY_PATH (STAT), (const char *path, struct stat64 *info),
             (path, info))
FAILS_FIRST (int, -1, fstat, fd_fails (STAT, fd), (int fd, struct stat *info), (fd, info))
FAILS_FIRST (int, -1, fstat64, fd_fails (STAT, fd), (int fd, struct stat64 *info), (fd, info))
FAILS_FIRST (int, -1, fstatat, path_fails (STAT, at, path),
             (int at, const char *path, struct stat *info, int flags), (at, path, info, flags))
FAILS_FIRST (int, -1, fstatat64, path_fails (STAT, at, path),
             (int at, const char *path, struct stat64 *info, int flags), (at, path, info, flags))
FAILS_FIRST (int, -1, statx, path_fails (STAT, at, path),
             (int at, const char *path, int flags, unsigned mask, struct statx *info),
             (at, path, flags, mask, info))
FAILS_FIRST (int, -1, access, ANY_PATH (STAT), (const char *path, int what), (path, what))
FAILS_FIRST (int, -1, statvfs, ANY_PATH (STAT), (const char *path, struct statvfs *info),
             (path, info))
FAILS_FIRST (char *, NULL, realpath, ANY_PATH (STAT), (const char *path, char *full), (path, full))
FAILS_FIRST (int, -1, flock, fd_fails (LOCK, fd), (int fd, int what), (fd, what))
FAILS_FIRST (DIR *, NULL, opendir, ANY_PATH (LIST), (const char *path), (path))
FAILS_FIRST (struct dirent *, NULL, readdir, fd_fails (LIST, dirfd (dir)), (DIR * dir), (dir))
FAILS_FIRST (struct dirent64 *, NULL, readdir64, fd_fails (LIST, dirfd (dir)), (DIR * dir), (dir))
