/* SPDX-License-Identifier: MIT */
/* The cameras of the soak, in a process of their own: `soak-cameras N FPS` prints N ports, a line
 * each, and then reads lines "CAMERA FAULT" (numbers; see camera.h) until there are no more. */
#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/gst/camera.h"

static void
print_port (Camera *camera)
{
  g_autofree char *url = camera_url (camera, "");
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);

  printf ("%d\n", g_uri_get_port (uri));
}

static void
obey (Camera **cameras, guint n)
{
  unsigned camera, fault;

  while (scanf ("%u %u", &camera, &fault) == 2) {
    g_assert_cmpuint (camera, <, n);
    g_assert_cmpuint (fault, <, CAMERA_N_FAULTS);
    camera_set_fault (cameras[camera], CAMERA_WELL);
    camera_set_fault (cameras[camera], (CameraFault)fault);
  }
}

int
main (int argc, char **argv)
{
  g_autofree Camera **cameras = NULL;
  guint n;

  gst_init (&argc, &argv);
  if (argc != 3)
    return EXIT_FAILURE;
  n = (guint)atoi (argv[1]);
  cameras = g_new0 (Camera *, n);
  for (guint i = 0; i < n; i++) {
    cameras[i] = camera_new_mounted (&(CameraScenario){ .fps = (guint)atoi (argv[2]) });
    print_port (cameras[i]);
  }
  fflush (stdout);
  obey (cameras, n);
  for (guint i = 0; i < n; i++)
    camera_set_fault (cameras[i], CAMERA_WELL);
  for (guint i = 0; i < n; i++)
    camera_free (cameras[i]);
  return EXIT_SUCCESS;
}
