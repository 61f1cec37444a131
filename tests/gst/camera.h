/* SPDX-License-Identifier: MIT */
/* An IP camera for tests: a real RTSP server on the loopback that sends 320 x 240 px, as fast as a
 * camera does. */
#ifndef TEST_CAMERA_H
#define TEST_CAMERA_H

#include <glib.h>

G_BEGIN_DECLS

/* What it does with each client. */
typedef struct {
  guint delay_ms;              /* before the first frame */
  guint n_frames;              /* then the stream ends; 0: never */
  guint change_at;             /* from this frame on half the size; 0: never */
  guint fps;                   /* 0: 25 */
  const char *codec;           /* "h264" (NULL, too), "h265", "mjpeg" */
  const char *user, *password; /* NULL: for everyone */
} CameraScenario;

typedef struct _Camera Camera;

/* Without the elements that it needs, the name of the first that is not installed; else NULL. Those
 * of who watches are among them. */
const char *camera_missing_element (void);
Camera *camera_new (const CameraScenario *scenario);
/* From here on it answers on /barn; before, there is no such stream. */
void camera_mount (Camera *camera);
Camera *camera_new_mounted (const CameraScenario *scenario);
/* Its address, with "user:password@" or "" before the host; free with g_free (). */
char *camera_url (Camera *camera, const char *credentials);
/* Hangs up on whoever still watches. */
void camera_hang_up (Camera *camera);
void camera_free (Camera *camera);

G_END_DECLS

#endif
