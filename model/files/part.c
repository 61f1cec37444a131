/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_NOFOLLOW, flock */
#include "model/files/part.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK         ".cow-"
#define END          ".part"
#define RANDOM_CHARS 16 /* hexadecimal digits */
#define MARK_CHARS   (sizeof MARK - 1 + RANDOM_CHARS + sizeof END - 1)

/* A name that would be too long loses its end. */
char *
cow_part_name (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path), *name = g_path_get_basename (path);
  g_autofree char *part = g_strdup_printf ("%.*s" MARK "%08x%08x" END, (int)(NAME_MAX - MARK_CHARS),
                                           name, g_random_int (), g_random_int ());
  return g_build_filename (folder, part, NULL);
}

static gboolean
is_part (const char *name)
{
  const gsize n = strlen (name);
  if (n <= MARK_CHARS || !g_str_has_suffix (name, END))
    return FALSE;
  const char *mark = name + n - MARK_CHARS;
  if (!g_str_has_prefix (mark, MARK))
    return FALSE;
  for (guint i = 0; i < RANDOM_CHARS; i++)
    if (!g_ascii_isxdigit (mark[sizeof MARK - 1 + i]))
      return FALSE;
  return TRUE;
}

gboolean
cow_part_remove_tree (const char *path)
{
  struct stat info;
  if (lstat (path, &info) != 0)
    return errno == ENOENT;
  if (!S_ISDIR (info.st_mode))
    return unlink (path) == 0 || errno == ENOENT;
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    if (!cow_part_remove_tree (child))
      return FALSE;
  }
  return rmdir (path) == 0 || errno == ENOENT;
}

/* A file system without locks tells nothing, and keeps it. */
static void
remove_abandoned (const char *path)
{
  struct stat open_file, named;
  const gboolean folder =
      lstat (path, &named) == 0 && S_ISDIR (named.st_mode); /* which opens to read alone */
  const int fd = open (path, (folder ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return;
  if (fstat (fd, &open_file) == 0 && (S_ISREG (open_file.st_mode) || S_ISDIR (open_file.st_mode)) &&
      flock (fd, LOCK_EX | LOCK_NB) == 0 && lstat (path, &named) == 0 &&
      named.st_ino == open_file.st_ino && named.st_dev == open_file.st_dev)
    (void)cow_part_remove_tree (path);
  close (fd);
}

void
cow_part_clear (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *leftover = is_part (name) ? g_build_filename (folder, name, NULL) : NULL;
    if (leftover)
      remove_abandoned (leftover);
  }
}
