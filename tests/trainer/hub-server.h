/* SPDX-License-Identifier: MIT */
/*
 * Servers on the loopback: one that speaks the hub's paths, a second in the role of the content
 * network that large files are redirected to, and a third in that of a proxy. They run in a thread
 * of their own. The name of the repository chooses what they do:
 *
 *   farm/model      all is well
 *   farm/shards     weights in two files and an index; also files of no use
 *   farm/useless    no weights
 *   farm/gated      401 without a token
 *   farm/forbidden  403, and the server repeats the token in its words
 *   farm/closed     401 without a code
 *   farm/private    401, "not found"
 *   farm/missing    404
 *   farm/limited    429 with Retry-After
 *   farm/broken     500 for ever
 *   farm/busy       503 at first
 *   farm/garbage    a listing that is not one
 *   farm/custom     the listing of hub_server_set_listing ()
 * and, of the weights:
 *   farm/wrong       other content
 *   farm/mislabelled the hub's header gives another hash than its listing
 *   farm/cut         the connection ends once
 *   farm/dead        the connection ends at once, for ever
 *   farm/silent      nothing more comes after a part
 *   farm/held        they stop there until hub_server_release ()
 *   farm/long, short more or fewer bytes than announced
 *   farm/flood       more bytes than announced, without a length
 *   farm/changed     other content, by its ETag, at the second request
 *   farm/expired     the network answers 403 at first
 *   farm/spliced     ranges are of other content
 *   farm/circle, file-scheme, bounce, relative
 *                    redirects in a circle, to file:, away and back, on the same server
 */
#ifndef COW_TEST_HUB_SERVER_H
#define COW_TEST_HUB_SERVER_H

#include <glib.h>

#define HUB_SERVER_TOKEN  "hf_secretOfTheTest"
#define HUB_SERVER_COMMIT "0123456789abcdef0123456789abcdef01234567"
#define HUB_SERVER_BYTES  3000000 /* of model.safetensors */
/* What the proxy asks for: a user and a password. */
#define HUB_SERVER_PROXY_LOGIN "cow:grass"

typedef struct _HubServer HubServer;

HubServer *hub_server_new (void);
void hub_server_free (HubServer *self);
/* http://127.0.0.1:PORT */
const char *hub_server_address (HubServer *self);
/* 127.0.0.1:PORT; it stands for http://hub.test and http://cdn.test, and refuses CONNECT. */
const char *hub_server_proxy (HubServer *self);
/* The right content of a file of a repository, [*n_bytes]; NULL when there is no such file. */
const char *hub_server_content (HubServer *self, const char *path, gsize *n_bytes);
/* Lets farm/held go on; hub_server_take_count () holds it again. */
void hub_server_release (HubServer *self);
/* The listing of farm/custom. */
void hub_server_set_listing (HubServer *self, const char *json);

/* Since the last call. */
typedef struct {
  int requests; /* to the content network */
  int ranges;   /* those of them for a part of a file */
  int tokens;   /* requests with an Authorization header to anything but the hub's own address */
  int hub_requests;
  int hub_tokens; /* those of them that held the right token */
  int proxied;    /* requests that came by way of the proxy and its login */
  int connects;   /* tunnels that the proxy was asked for */
} HubServerCount;
HubServerCount hub_server_take_count (HubServer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HubServer, hub_server_free)

#endif
