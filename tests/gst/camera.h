/* SPDX-License-Identifier: MIT */
/* An IP camera for tests: a real RTSP server on the loopback that sends 320 x 240 px at the pace of
 * a camera. */
#ifndef TEST_CAMERA_H
#define TEST_CAMERA_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* The camera's behaviour towards each client. */
typedef struct {
  guint delay_ms;              /* before the first frame */
  guint n_frames;              /* then the stream ends; 0: never */
  guint change_at;             /* from this frame on half the size; 0: never */
  guint fps;                   /* 0: 25 */
  guint port;                  /* 0: a free one */
  const char *codec;           /* "h264" (NULL, too), "h265", "mjpeg"; "two": a small H.264, too */
  const char *user, *password; /* NULL: no login */
  gboolean udp_only;           /* refuses TCP */
  GTlsCertificate *tls;        /* the address is rtsps://; NULL: without TLS */
  /* An MP4 with H.264, which is played instead. As recorders do, the server announces its length.
   * NULL: none. */
  const char *recording;
} CameraScenario;

typedef struct _Camera Camera;

/* What is wrong with a camera, towards all its viewers. */
typedef enum {
  CAMERA_WELL,
  CAMERA_MUTE,        /* no picture comes, and connections stay open */
  CAMERA_FROZEN,      /* the same, and no request is answered either */
  CAMERA_GARBAGE,     /* bytes of the stream are not what they were */
  CAMERA_SMALL,       /* half the size, in the middle of the stream */
  CAMERA_OTHER_CODEC, /* it closes connections and offers MJPEG, or H.264 where that was it */
  CAMERA_REBOOT,      /* it closes connections, and nothing listens on its port */
} CameraFault;
#define CAMERA_N_FAULTS 7

/* Returns the name of the first missing element of those that camera and viewer need; NULL if none
 * is missing. */
const char *camera_missing_element (void);
Camera *camera_new (const CameraScenario *scenario);
/* Offers the stream on /barn; before this call it does not exist. */
void camera_mount (Camera *camera);
Camera *camera_new_mounted (const CameraScenario *scenario);
/* The camera's address, with "user:password@" or "" before the host; free with g_free (). */
char *camera_url (Camera *camera, const char *credentials);
/* Closes the connections of all viewers. */
void camera_hang_up (Camera *camera);
/* The camera has to be mounted. From one fault to another it has to be well in between. */
void camera_set_fault (Camera *camera, CameraFault fault);
void camera_free (Camera *camera);

G_END_DECLS

#endif
