/* SPDX-License-Identifier: MIT */
/*
 * What an MQTT broker sends: answers to the connection, to subscriptions and messages, and messages
 * that it kept, of this source or of others. Nothing is taken for an answer that is none, and each
 * error can be shown. The first byte is the version. Of 3.1.1 the others are the broker's bytes. Of
 * MQTT 5 they make its packets, because libmosquitto 2.0.11 ends the process at a property that it
 * does not know. Each connection gets all of it, and then its end.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/metas.h"
#include "tests/fuzz/publish.h"
#include "tests/fuzz/server.h"

/* ---- packets of MQTT 5 ----------------------------------------------------------------------- */

static void
add_packet (GByteArray *packets, guint8 type, const void *body, guint n)
{
  const guint8 header[] = { type, (guint8)((n & 0x7f) | (n > 0x7f ? 0x80 : 0)), (guint8)(n >> 7) };

  g_byte_array_append (packets, header, n > 0x7f ? 3 : 2);
  g_byte_array_append (packets, body, n);
}

/* A message of up to 255 bytes, kept or not. */
static void
add_message (GByteArray *packets, FuzzInput *input)
{
  static const char *const topics[] = { "cowbehavior/barn/available", "cowbehavior/barn/frame",
                                        "cowbehavior/barn/track/",    "cowbehavior/barn/zone/",
                                        "cowbehavior/barn",           "" };
  static const char *const texts[] = { "online", "offline", "Lying", "" };
  const guint8 choice = fuzz_byte (input), retained = fuzz_byte (input) & 1;
  const char tail[2] = { (char)(fuzz_byte (input) & 0x7f), '\0' };
  g_autofree char *topic = g_strconcat (topics[choice % G_N_ELEMENTS (topics)], tail, NULL);
  const char *text = texts[fuzz_byte (input) % G_N_ELEMENTS (texts)];
  const gsize n_topic = strlen (topic);
  g_autoptr (GByteArray) body = g_byte_array_new ();

  g_byte_array_append (body, (const guint8[]){ 0, (guint8)n_topic }, 2);
  g_byte_array_append (body, (const guint8 *)topic, (guint)n_topic);
  g_byte_array_append (body, (const guint8[]){ 0 }, 1); /* no properties */
  g_byte_array_append (body, (const guint8 *)text, (guint)strlen (text));
  add_packet (packets, 0x30 | retained, body->data, body->len);
}

static GByteArray *
packets_of (FuzzInput *input)
{
  GByteArray *packets = g_byte_array_new ();

  while (input->left > 0) {
    const guint8 kind = fuzz_byte (input) % 6;

    if (kind == 0) {
      const guint8 flags = fuzz_byte (input) & 1, reason = fuzz_byte (input);
      add_packet (packets, 0x20, (const guint8[]){ flags, reason, 0 }, 3);
    } else if (kind == 1 || kind == 2) {
      const guint8 id = fuzz_byte (input), reason = fuzz_byte (input);
      add_packet (packets, kind == 1 ? 0x90 : 0x40,
                  kind == 1 ? (const guint8[]){ 0, id, 0, reason }
                            : (const guint8[]){ 0, id, reason, 0 },
                  4);
    } else if (kind == 3) {
      add_message (packets, input);
    } else {
      add_packet (packets, kind == 4 ? 0xe0 : 0xd0, (const guint8[]){ fuzz_byte (input), 0 },
                  kind == 4 ? 2 : 0);
    }
  }
  return packets;
}

/* ---- the target ------------------------------------------------------------------------------ */

static GstCowPublishTarget *
open_target (gboolean v5)
{
  const guint16 port = fuzz_server_start (TRUE, NULL);
  g_autofree char *url = g_strdup_printf ("mqtt://farm:" FUZZ_PASSWORD "@127.0.0.1:%u", port);
  const char *const settings[] = {
    "mqtt-url", url, "mqtt-client-id", "fuzz", "mqtt-version", v5 ? "5" : "3.1.1", NULL
  };

  return fuzz_publish_open (&gst_cow_publish_mqtt, settings);
}

/* With the frame and a cow to be seen. */
static void
use (GstCowPublishTarget *target)
{
  g_autoptr (GError) error = NULL;

  fuzz_publish_send (target);
  const gboolean works = target->class->idle (target, NULL, &error);
  g_assert_true (works == (error == NULL));
  fuzz_publish_check (&error);
  target->class->disconnect (target, works, NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  FuzzInput input = { data, size };
  const gboolean v5 = fuzz_byte (&input) % 2 == 0;
  g_autoptr (GByteArray) packets = v5 ? packets_of (&input) : NULL;
  g_autoptr (GError) error = NULL;

  fuzz_start_gstreamer ();
  GstCowPublishTarget *target = open_target (v5);
  fuzz_server_give (v5 ? (FuzzInput){ packets->data, packets->len } : input, TRUE);
  target->class->set_state (target, "frame", "Lying", NULL);
  target->class->set_state (target, "track/1", "Standing", NULL);
  const gboolean connected = target->class->connect (target, NULL, &error);
  g_assert_true (connected == (error == NULL));
  fuzz_publish_check (&error);
  if (connected)
    use (target);
  target->class->free (target);
  return 0;
}
