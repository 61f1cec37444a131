/* SPDX-License-Identifier: MIT */
/* Any bytes as the answers of an endpoint that events are posted to: each post ends with a result
 * that agrees with its error, asks for a pause that can be
 * counted in milliseconds, and shows no login. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/metas.h"
#include "tests/fuzz/publish.h"
#include "tests/fuzz/server.h"

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  const guint16 port = fuzz_server_start (FALSE, NULL);
  g_autofree char *url =
      g_strdup_printf ("http://farm:" FUZZ_PASSWORD "@127.0.0.1:%u/events", port);
  const char *const settings[] = { "http-url", url, NULL };

  fuzz_start_gstreamer ();
  GstCowPublishTarget *target = fuzz_publish_open (&gst_cow_publish_http, settings);
  fuzz_server_give ((FuzzInput){ data, size }, FALSE);
  for (guint i = 0; i < 3; i++) {
    fuzz_publish_send (target);
    g_assert_true (target->retry_after_s <= G_MAXUINT / 1000); /* the queue takes milliseconds */
  }
  target->class->disconnect (target, TRUE, NULL);
  target->class->free (target);
  return 0;
}
