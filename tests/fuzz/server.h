/* SPDX-License-Identifier: MIT */
/* A server on the loopback whose answers are the bytes of an input, whatever is asked: for readers
 * that get theirs off a network. A thread of its own serves one connection after the other. */
#ifndef COW_TEST_FUZZ_SERVER_H
#define COW_TEST_FUZZ_SERVER_H

#include "tests/fuzz/input.h"

/* Looks at a request for what it must not have; called in the server's thread. */
typedef void (*FuzzRequest) (const char *request);

/* Starts it, once; the port. From then on a critical message, by which libsoup says that it was
 * called with nonsense, ends the program. `speaks_first`: it answers without being asked, as no
 * HTTP server does. `check` may be NULL. */
guint16 fuzz_server_start (gboolean speaks_first, FuzzRequest check);
/* From now on each connection gets the next part of `input`, and after the last an end without a
 * byte; with `repeat` each gets all of it. The bytes are copied. */
void fuzz_server_give (FuzzInput input, gboolean repeat);

#endif
