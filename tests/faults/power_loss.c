/* Keeps, beside a folder, what a power loss would leave of it: preloaded into every process that writes there.
 *
 * A write is durable when fsync or fdatasync of its file has returned; a name is durable when fsync of its folder has.
 * OO_POWER_FOLDER is watched. OO_POWER_SHADOW, on the same file system, receives
 *   keep/<inode>     a hard link, so that no inode number is used twice
 *   data/<inode>     the bytes of the file at its last fsync
 *   dirty/<inode>    ranges (offset, length as two int64) written since, in any process
 *   names/<inode>    the entries of a folder at its last fsync: "<type> <inode> <name>" each ended by a NUL
 * All own work is done by system calls, so nothing here is caught by itself. The original is never opened where a
 * descriptor is at hand: closing another one would drop SQLite's POSIX locks. Stores through mmap are not seen; the
 * only such file is SQLite's -shm, which is made anew.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int shadow = -1, lock = -1;
static dev_t device;
static char watched[PATH_MAX];

#define raw_open(at, path, flags) ((int)syscall(SYS_openat, at, path, (flags) | O_CLOEXEC, 0600))
#define raw_close(fd) syscall(SYS_close, fd)

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("OO_POWER_FOLDER"), *where = getenv("OO_POWER_SHADOW");
  struct stat st;
  if (!folder || !where || !realpath(folder, watched) || stat(folder, &st)) return;
  device = st.st_dev;
  shadow = raw_open(AT_FDCWD, where, O_RDONLY | O_DIRECTORY);
  lock = raw_open(shadow, "lock", O_RDWR | O_CREAT);
}

static void enter(void) {
  pthread_mutex_lock(&turn);
  while (syscall(SYS_flock, lock, LOCK_EX) && errno == EINTR) {}
}

static void leave(void) {
  int kept = errno;
  syscall(SYS_flock, lock, LOCK_UN);
  pthread_mutex_unlock(&turn);
  errno = kept;
}

static int inside(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, PATH_MAX - 1);
  size_t root = strlen(watched);
  if (size < 0) return 0;
  path[size] = 0;
  return !strncmp(path, watched, root) && (path[root] == '/' || !path[root]);
}

static void mark(ino_t inode, int64_t from, int64_t length);

/* Return whether a descriptor is a file or a folder of the watched tree; a file is kept from its first sight on. */
static int ours(int fd, struct stat *st) {
  char name[64], path[PATH_MAX];
  struct stat kept;
  if (lock < 0 || fstat(fd, st) || st->st_dev != device) return 0;
  if (S_ISDIR(st->st_mode)) return inside(fd, path);
  if (!S_ISREG(st->st_mode)) return 0;
  snprintf(name, sizeof name, "keep/%ju", (uintmax_t)st->st_ino);
  if (!fstatat(shadow, name, &kept, 0)) return 1;
  if (!inside(fd, path) || syscall(SYS_linkat, AT_FDCWD, path, shadow, name, 0)) return 0;
  if (st->st_size) mark(st->st_ino, 0, st->st_size);
  return 1;
}

static void mark(ino_t inode, int64_t from, int64_t length) {
  char name[64];
  int64_t range[2] = {from, length};
  snprintf(name, sizeof name, "dirty/%ju", (uintmax_t)inode);
  int dirty = raw_open(shadow, name, O_WRONLY | O_CREAT | O_APPEND);
  if (dirty < 0 || syscall(SYS_write, dirty, range, sizeof range) != sizeof range) abort();
  raw_close(dirty);
}

static void copy(int from, int to, int64_t at, int64_t length) {
  static char page[1 << 16];
  while (length > 0) {
    int64_t step = length < (int64_t)sizeof page ? length : (int64_t)sizeof page;
    int64_t got = syscall(SYS_pread64, from, page, step, at);
    if (got <= 0) return; /* the file has become shorter since */
    if (syscall(SYS_pwrite64, to, page, got, at) != got) abort();
    at += got, length -= got;
  }
}

static void keep_bytes(int fd, const struct stat *st) {
  char name[64];
  int64_t range[2];
  int own = -1;
  snprintf(name, sizeof name, "dirty/%ju", (uintmax_t)st->st_ino);
  int dirty = raw_open(shadow, name, O_RDWR);
  snprintf(name, sizeof name, "data/%ju", (uintmax_t)st->st_ino);
  int data = raw_open(shadow, name, O_WRONLY | O_CREAT);
  if (data < 0) abort();
  if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) { /* never SQLite: it opens its files for both */
    snprintf(name, sizeof name, "keep/%ju", (uintmax_t)st->st_ino);
    fd = own = raw_open(shadow, name, O_RDONLY);
  }
  while (dirty >= 0 && syscall(SYS_read, dirty, range, sizeof range) == sizeof range) copy(fd, data, range[0], range[1]);
  if (syscall(SYS_ftruncate, data, st->st_size)) abort();
  if (dirty >= 0) syscall(SYS_ftruncate, dirty, 0), raw_close(dirty);
  if (own >= 0) raw_close(own);
  raw_close(data);
}

static void keep_names(int fd, const struct stat *st) {
  char name[64], path[PATH_MAX], line[PATH_MAX], fresh[64];
  struct dirent *entry;
  struct stat child;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int again = raw_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  DIR *folder = fdopendir(again);
  snprintf(fresh, sizeof fresh, "names/.%ju", (uintmax_t)st->st_ino);
  snprintf(name, sizeof name, "names/%ju", (uintmax_t)st->st_ino);
  int names = raw_open(shadow, fresh, O_WRONLY | O_CREAT | O_TRUNC);
  if (!folder || names < 0) abort();
  while ((entry = readdir(folder))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (fstatat(again, entry->d_name, &child, AT_SYMLINK_NOFOLLOW)) continue;
    char type = S_ISDIR(child.st_mode) ? 'd' : S_ISREG(child.st_mode) ? 'f' : 0;
    if (!type) continue;
    int size = snprintf(line, sizeof line, "%c %ju %s", type, (uintmax_t)child.st_ino, entry->d_name) + 1;
    if (syscall(SYS_write, names, line, size) != size) abort();
  }
  raw_close(names);
  closedir(folder);
  syscall(SYS_renameat2, shadow, fresh, shadow, name, 0);
}

static int64_t written(int fd, long number, void *what, size_t size, int64_t at) {
  struct stat st;
  if (lock < 0) return syscall(number, fd, what, size, at, 0);
  enter();
  int mine = ours(fd, &st);
  if (!mine) leave();
  int64_t done = syscall(number, fd, what, size, at, 0);
  if (mine) {
    if (done > 0) { /* without an offset the descriptor stands behind what it wrote, appended or not */
      int plain = number == SYS_write || number == SYS_writev;
      mark(st.st_ino, plain ? lseek(fd, 0, SEEK_CUR) - done : at, done);
    }
    leave();
  }
  return done;
}

ssize_t write(int fd, const void *what, size_t size) { return written(fd, SYS_write, (void *)what, size, 0); }
ssize_t writev(int fd, const struct iovec *what, int n) { return written(fd, SYS_writev, (void *)what, n, 0); }
ssize_t pwrite(int fd, const void *what, size_t size, off_t at) { return written(fd, SYS_pwrite64, (void *)what, size, at); }
ssize_t pwrite64(int fd, const void *what, size_t size, off64_t at) { return written(fd, SYS_pwrite64, (void *)what, size, at); }
ssize_t pwritev(int fd, const struct iovec *what, int n, off_t at) { return written(fd, SYS_pwritev, (void *)what, n, at); }
ssize_t pwritev64(int fd, const struct iovec *what, int n, off64_t at) { return written(fd, SYS_pwritev, (void *)what, n, at); }

static ssize_t moved(int to, int64_t done) { /* what the kernel copied by itself to the place of the descriptor */
  struct stat st;
  if (done > 0 && lock >= 0) {
    enter();
    if (ours(to, &st)) mark(st.st_ino, lseek(to, 0, SEEK_CUR) - done, done);
    leave();
  }
  return done;
}

ssize_t sendfile(int to, int from, off_t *at, size_t size) { return moved(to, syscall(SYS_sendfile, to, from, at, size)); }
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) { return moved(to, syscall(SYS_sendfile, to, from, at, size)); }

ssize_t copy_file_range(int from, off64_t *in, int to, off64_t *out, size_t size, unsigned flags) {
  (void)from, (void)in, (void)to, (void)out, (void)size, (void)flags;
  errno = ENOSYS; /* the caller copies by hand, which is seen */
  return -1;
}

static int resized(int fd, int64_t size) {
  struct stat st;
  int64_t done;
  if (lock < 0) return syscall(SYS_ftruncate, fd, size);
  enter();
  int mine = ours(fd, &st);
  if (!(done = syscall(SYS_ftruncate, fd, size)) && mine) { /* what was cut and grows again is zeros until written */
    int64_t least = st.st_size < size ? st.st_size : size, most = st.st_size < size ? size : st.st_size;
    if (most > least) mark(st.st_ino, least, most - least);
  }
  leave();
  return (int)done;
}

int ftruncate(int fd, off_t size) { return resized(fd, size); }
int ftruncate64(int fd, off64_t size) { return resized(fd, size); }

static int synced(int fd, long number) {
  struct stat st;
  if (lock < 0) return syscall(number, fd);
  enter();
  int mine = ours(fd, &st), done = (int)syscall(number, fd);
  if (mine && !done) S_ISDIR(st.st_mode) ? keep_names(fd, &st) : keep_bytes(fd, &st);
  leave();
  return done;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int opened(int at, const char *path, int flags, mode_t mode) {
  struct stat st;
  int fd = (int)syscall(SYS_openat, at, path, flags, mode);
  if (fd < 0 || lock < 0 || !(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE) return fd;
  int kept = errno;
  enter();
  if (ours(fd, &st) && flags & O_TRUNC) mark(st.st_ino, 0, INT32_MAX);
  leave();
  errno = kept;
  return fd;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
