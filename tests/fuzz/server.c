/* SPDX-License-Identifier: MIT */
/* The server of fuzz targets that read from a network. */
#include "tests/fuzz/server.h"

#include "tests/fuzz/criticals.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_REQUEST 65536

static struct {
  int socket;
  gboolean speaks_first;
  FuzzRequest check;
  GMutex lock;
  GBytes *bytes;  /* all answers */
  FuzzInput left; /* those that are still to be given, in `bytes` */
  gboolean repeat;
} server;

/* The bytes of a request's body that its header announces. */
static gsize
body_length (const char *request)
{
  g_autofree char *small = g_ascii_strdown (request, -1);
  const char *header = strstr (small, "\ncontent-length:");

  return header ? (gsize)g_ascii_strtoull (header + strlen ("\ncontent-length:"), NULL, 10) : 0;
}

/* Reads a whole request: one that is closed upon with bytes unread makes the kernel take back what
 * was answered. */
static void
read_request (int connection)
{
  g_autofree char *request = g_malloc (MOST_REQUEST + 1);
  gsize n = 0;

  while (n < MOST_REQUEST) {
    const gssize got = read (connection, request + n, MOST_REQUEST - n);

    if (got <= 0)
      break;
    n += (gsize)got;
    request[n] = '\0';
    const char *end = strstr (request, "\r\n\r\n");
    if (end && n >= (gsize)(end + 4 - request) + body_length (request))
      break;
  }
  request[n] = '\0';
  if (server.check)
    server.check (request);
}

static FuzzInput
take_answer (GBytes **bytes)
{
  FuzzInput answer;

  g_mutex_lock (&server.lock);
  *bytes = server.bytes ? g_bytes_ref (server.bytes) : NULL;
  answer = server.repeat ? server.left : fuzz_part (&server.left);
  g_mutex_unlock (&server.lock);
  return answer;
}

static void
serve (int connection)
{
  const struct timeval patience = { 2, 0 };
  const int yes = 1;
  g_autoptr (GBytes) bytes = NULL;

  setsockopt (connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt (connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (!server.speaks_first)
    read_request (connection);
  FuzzInput answer = take_answer (&bytes);
  while (answer.left > 0) {
    const gssize n = send (connection, answer.next, answer.left, MSG_NOSIGNAL);

    if (n <= 0)
      break;
    answer.next += n;
    answer.left -= (gsize)n;
  }
  shutdown (connection, SHUT_WR);
  /* Until the other side has read it and goes away. */
  for (char unused[512]; server.speaks_first && read (connection, unused, sizeof unused) > 0;)
    ;
  close (connection);
}

static gpointer
run (gpointer unused)
{
  for (;;) {
    const int connection = accept (server.socket, NULL, NULL);

    if (connection >= 0)
      serve (connection);
  }
  return NULL;
}

guint16
fuzz_server_start (gboolean speaks_first, FuzzRequest check)
{
  static guint16 port;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  socklen_t size = sizeof address;

  if (port)
    return port;
  fuzz_abort_at_criticals ();
  server.speaks_first = speaks_first;
  server.check = check;
  server.socket = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_true (server.socket >= 0);
  g_assert_true (bind (server.socket, (struct sockaddr *)&address, size) == 0);
  g_assert_true (listen (server.socket, 64) == 0);
  g_assert_true (getsockname (server.socket, (struct sockaddr *)&address, &size) == 0);
  port = ntohs (address.sin_port);
  g_thread_unref (g_thread_new ("fuzz-server", run, NULL));
  return port;
}

void
fuzz_server_give (FuzzInput input, gboolean repeat)
{
  g_mutex_lock (&server.lock);
  g_clear_pointer (&server.bytes, g_bytes_unref);
  server.bytes = g_bytes_new (input.next, input.left);
  server.left = (FuzzInput){ g_bytes_get_data (server.bytes, NULL), input.left };
  server.repeat = repeat;
  g_mutex_unlock (&server.lock);
}
