/* SPDX-License-Identifier: MIT */
#include "pipelines/service.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The variable names the journal's stream, which a program may have replaced by another one. */
static gboolean
is_journal (void)
{
  const char *stream = g_getenv ("JOURNAL_STREAM");
  g_autofree char *own = NULL;
  struct stat file;

  if (!stream || fstat (STDERR_FILENO, &file) != 0)
    return FALSE;
  own = g_strdup_printf ("%ju:%ju", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino);
  return strcmp (stream, own) == 0;
}

void
service_say (SayLevel level, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list values;

  va_start (values, format);
  text = g_strdup_vprintf (format, values);
  va_end (values);
  if (is_journal ()) {
    g_autofree char *mark = g_strdup_printf ("\n<%d>", level);
    g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);
    g_autofree char *marked = g_strjoinv (mark, lines);

    g_printerr ("%s%s\n", mark + 1, marked);
    return;
  }
  g_printerr ("%s", text);
}

void
service_notify (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  const gsize length = path ? strlen (path) : 0;
  int fd;

  if (length < 2 || length >= sizeof address.sun_path)
    return;
  memcpy (address.sun_path, path, length);
  if (address.sun_path[0] == '@')
    address.sun_path[0] = '\0'; /* a name without a file */
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  /* A service manager that does not listen any more is no reason to stop. */
  (void)!sendto (fd, state, strlen (state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                 (socklen_t)(offsetof (struct sockaddr_un, sun_path) + length));
  close (fd);
}
