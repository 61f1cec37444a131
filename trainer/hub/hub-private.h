/* SPDX-License-Identifier: MIT */
/* Types and functions that the files behind trainer/hub/hub.h share. */
#ifndef COW_TRAINER_HUB_PRIVATE_H
#define COW_TRAINER_HUB_PRIVATE_H

#include "model/files/error.h"
#include "trainer/hub/http.h"
#include "trainer/hub/hub.h"

#define HUB_TRIES       5 /* in a row without a byte */
#define HUB_MOST_WAIT_S 300

struct _Hub {
  SoupSession *session;
  GUri *endpoint;
  char *endpoint_text; /* without a slash at its end */
  char *repository, *revision;
  char *commit;        /* what the revision stood for when it was listed, or NULL */
  char *token;         /* or NULL */
  gboolean safe;       /* the token may be sent: https, or this machine */
  guint pause_ms;      /* after the first failure */
  guint retry_after_s; /* what the last answer asked for; 0: nothing */
};

/* An answer of 200, 206 or 416, after redirects. */
typedef struct {
  SoupMessage *message;
  GInputStream *body;
  char *linked_sha256; /* that the hub's own answer gave, before redirects; or NULL */
} HubAnswer;

/*
 * GET of a path below the endpoint (escaped, "/api/..."). offset > 0 asks for the rest from there,
 * of the content that `etag` names if it is not NULL. *transient tells whether another try may
 * help.
 */
gboolean hub_get (Hub *self, const char *path, guint64 offset, const char *etag, HubAnswer *answer,
                  gboolean *transient, GError **error);
void hub_answer_clear (HubAnswer *answer);

/* Where a redirect leads: http or https, and never from https back to http. COW_ERROR_IO. Free with
 * g_uri_unref. */
GUri *hub_redirect_target (GUri *from, const char *location, GError **error);

/* Says why there is another try and waits before it, longer each time, and as long as the server
 * asked for. */
void hub_pause (Hub *self, const HubObserver *observer, guint failures, const GError *why);

/* Lower-case hexadecimal. */
gboolean hub_is_hash (const char *text, gsize n_digits);
/* The listing of a repository as the hub writes it: its files, and the commit that they are of (or
 * NULL). */
GPtrArray *hub_read_listing (Hub *self, const char *text, gsize n_bytes, char **commit,
                             GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HubAnswer, hub_answer_clear)

#endif
