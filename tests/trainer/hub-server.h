/* SPDX-License-Identifier: MIT */
/*
 * A server on the loopback that speaks the hub's paths, and a second one in the role of the content network that large files are
 * redirected to. Both run in a thread of their own. What they do is chosen by the name of the repository; hub-server.c lists them.
 */
#ifndef COW_TEST_HUB_SERVER_H
#define COW_TEST_HUB_SERVER_H

#include <glib.h>

#define HUB_SERVER_TOKEN  "hf_secretOfTheTest"
#define HUB_SERVER_COMMIT "0123456789abcdef0123456789abcdef01234567"
#define HUB_SERVER_BYTES  3000000 /* of model.safetensors */

typedef struct _HubServer HubServer;

HubServer *hub_server_new (void);
void hub_server_free (HubServer *self);
/* http://127.0.0.1:PORT */
const char *hub_server_address (HubServer *self);
/* The right content of model.safetensors, [HUB_SERVER_BYTES]. */
const char *hub_server_weights (HubServer *self);

/* Since the last call: requests to the content network, those of them for a part of the file, and those that held a token. */
typedef struct {
  int requests, ranges, tokens;
  int hub_tokens; /* requests to the hub that held the right token */
} HubServerCount;
HubServerCount hub_server_take_count (HubServer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HubServer, hub_server_free)

#endif
