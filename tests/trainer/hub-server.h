/* SPDX-License-Identifier: MIT */
/*
 * Servers on the loopback: one that serves the hub's paths, a second in the role of the content
 * network that large files are redirected to, and a third in that of a proxy. They run in a thread
 * of their own. The name of the repository chooses what they do:
 *
 *   farm/model       answers correctly
 *   farm/shards      weights in two files and an index; also useless files
 *   farm/useless     no weights
 *   farm/gated       401 without a token
 *   farm/forbidden   403, and the server repeats the token in its message
 *   farm/closed      401 without an error code
 *   farm/private     401, "not found"
 *   farm/missing     404
 *   farm/limited     429 with Retry-After
 *   farm/broken      500 for ever
 *   farm/busy        503 at first
 *   farm/garbage     a listing that is invalid
 *   farm/custom      the listing of hub_server_set_listing ()
 *
 * These concern the weights:
 *
 *   farm/wrong       other content
 *   farm/mislabelled the hub's header gives another hash than its listing
 *   farm/cut         the connection ends once
 *   farm/dead        the connection ends at once, for ever
 *   farm/silent      nothing more comes after a part
 *   farm/held        nothing more comes after a part until hub_server_release ()
 *   farm/long, short more or fewer bytes than announced
 *   farm/flood       more bytes than in the listing, without a length
 *   farm/changed     other content, by its ETag, at the second request
 *   farm/expired     the network answers 403 at first
 *   farm/spliced     ranges have other content
 *   farm/circle, file-scheme, bounce, relative
 *                    redirects in a circle, to file:, away and back, on the same server
 */
#ifndef COW_TEST_HUB_SERVER_H
#define COW_TEST_HUB_SERVER_H

#include <glib.h>

#define HUB_SERVER_TOKEN  "hf_secretOfTheTest"
#define HUB_SERVER_COMMIT "0123456789abcdef0123456789abcdef01234567"
#define HUB_SERVER_BYTES  3000000 /* of model.safetensors */
/* The user and password that the proxy demands. */
#define HUB_SERVER_PROXY_LOGIN "cow:grass"

typedef struct _HubServer HubServer;

HubServer *hub_server_new (void);
void hub_server_free (HubServer *self);
/* http://127.0.0.1:PORT */
const char *hub_server_address (HubServer *self);
/* 127.0.0.1:PORT; it stands for http://hub.test and http://cdn.test, and refuses CONNECT. */
const char *hub_server_proxy (HubServer *self);
/* The right content of a file of a repository, [*n_bytes]; NULL if there is no such file. */
const char *hub_server_content (HubServer *self, const char *path, gsize *n_bytes);
/* Lets farm/held continue; hub_server_take_count () holds it again. */
void hub_server_release (HubServer *self);
/* Sets the listing of farm/custom. */
void hub_server_set_listing (HubServer *self, const char *json);

/* Counts since the last call. */
typedef struct {
  int requests; /* to the content network */
  int ranges;   /* requests among them for a part of a file */
  int tokens;   /* requests with an Authorization header to anything but the hub's own address */
  int hub_requests;
  int hub_tokens; /* requests among them with the right token */
  int proxied;    /* requests that came through the proxy with its login */
  int connects;   /* tunnels that the proxy was asked for */
} HubServerCount;
HubServerCount hub_server_take_count (HubServer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HubServer, hub_server_free)

#endif
