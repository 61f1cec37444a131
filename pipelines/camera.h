/* SPDX-License-Identifier: MIT */
/* What cow-launch and cow-reconnect know about cameras: how to get in, and why it failed. */
#ifndef COW_PIPELINES_CAMERA_H
#define COW_PIPELINES_CAMERA_H

#include <gio/gio.h>
#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct {
  GHashTable *logins;  /* from an element's name to "USER:PASSWORD" as typed */
  char *ca;            /* file of certificates that are trusted; NULL: those of the system */
  char **fingerprints; /* of the only certificates that are trusted; NULL: none is named */
  gboolean insecure;   /* trust every certificate */
  char *codec;         /* "h264", "h265", "mjpeg"; NULL: any */
} CameraAccess;

/* Fills --ca, --fingerprint, --insecure and --codec of `access`, which has to live as long as the
 * context. */
void camera_add_options (GOptionContext *context, CameraAccess *access);
/* Takes every variable COWBEHAVIOR_LOGIN_NAME out of the environment, wiping it: the login of the
 * source of that name. To be called before other threads and processes are started. */
void camera_take_logins (CameraAccess *access);
void camera_access_clear (CameraAccess *access);
/* Decodes the %XX of a login. A % that no two hexadecimal digits follow, or that would end the
 * text, stays. Free with g_free (). */
char *camera_decode (const char *text);

/* Prepares the sources of cameras below `bin`, which must not be running. `access` has to outlive
 * them. */
gboolean camera_prepare (GstBin *bin, const CameraAccess *access, GError **error);
/* Whether the object is such a source, or a part of one. */
gboolean camera_is_source (GstObject *object);
/* Returns "HOST" or "HOST:PORT" of the camera below `bin`, or NULL; free with g_free (). */
char *camera_host (GstBin *bin);
/* Says in a sentence without address and login why a source failed; free with g_free (). It may
 * connect to the camera once, for 5 s at most after the name is looked up, or until the
 * cancellable, which may be NULL, is cancelled. Any thread may call it. */
char *camera_explain (GstMessage *failure, const CameraAccess *access, GCancellable *cancellable);
/* Whether the camera refused user or password. */
gboolean camera_refused_login (GstMessage *failure);

G_END_DECLS

#endif
