/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the answers of a hub: status, headers, ranges, redirects, bodies. The first byte
 * chooses what is known of the file, the second is its size, and a part with what an earlier
 * download left comes before the answers. A file that counts as downloaded has the size and content
 * that were announced, nothing grows beyond that, and the token goes to nobody but the hub.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/server.h"
#include "trainer/hub/hub-private.h"

#define TOKEN "hf_secret"
#define ETAG  "\"e\""

static char *home; /* of the hub: http://127.0.0.1:PORT/ */

static void
check_request (const char *request)
{
  g_autofree char *get = g_strconcat ("GET ", home, NULL);

  g_assert_true (!strstr (request, TOKEN) || g_str_has_prefix (request, "GET /") ||
                 g_str_has_prefix (request, get));
}

static Hub *
open_hub (void)
{
  const guint16 port = fuzz_server_start (FALSE, check_request);
  g_autoptr (GError) error = NULL;

  if (!home)
    home = g_strdup_printf ("http://127.0.0.1:%u/", port);
  Hub *hub = hub_new (home, "farm/model", "main", TOKEN, 5, &error);
  g_assert_no_error (error);
  /* Wherever a redirect leads, it is this server that is asked. */
  g_autofree char *proxy = g_strdup_printf ("http://127.0.0.1:%u", port);
  g_autoptr (GProxyResolver) resolver = g_simple_proxy_resolver_new (proxy, NULL);
  soup_session_set_proxy_resolver (hub->session, resolver);
  return hub;
}

/* What the file should hold. */
static char *
content (gsize n)
{
  char *text = g_malloc (n + 1);
  memset (text, 'a', n);
  text[n] = '\0';
  return text;
}

static void
put_part (FuzzInput part, const HubFile *file)
{
  const char *expected = file->sha256 ? file->sha256 : file->blob_id ? file->blob_id : "";
  g_autofree char *etag = g_strconcat (expected, "\n" ETAG "\n", NULL);

  fuzz_put ("file.part", part.next, part.left);
  fuzz_put ("file.part.etag", etag, strlen (etag));
}

static void
check_files (const HubFile *file, gboolean ok, const char *expected)
{
  g_autofree char *path = g_build_filename (fuzz_folder (), "file", NULL),
                  *part = g_strconcat (path, ".part", NULL), *text = NULL;
  GStatBuf status;
  gsize n = 0;

  g_assert_true (ok == g_file_get_contents (path, &text, &n, NULL));
  g_assert_true (!ok || n == file->size);
  g_assert_true (!ok || !(file->sha256 || file->blob_id) || memcmp (text, expected, n) == 0);
  g_assert_true (g_stat (part, &status) != 0 || (guint64)status.st_size <= MAX (file->size, 255));
  g_assert_true (hub_missing_bytes (file, fuzz_folder ()) <= file->size);
}

static void
download (FuzzInput *input)
{
  const guint8 choice = fuzz_byte (input);
  char name[] = "file";
  HubFile file = { .path = name, .size = fuzz_byte (input) };
  g_autofree char *expected = content (file.size);
  const HubObserver nobody = { 0 };
  g_autoptr (Hub) hub = open_hub ();
  g_autoptr (GError) error = NULL;
  gboolean fetched;

  file.sha256 = choice & 1 ? g_compute_checksum_for_string (G_CHECKSUM_SHA256, expected, -1) : NULL;
  file.blob_id = choice & 2 ? g_strdup ("0123456789012345678901234567890123456789") : NULL;
  const FuzzInput part = fuzz_part (input);
  if (choice & 4)
    put_part (part, &file);
  fuzz_server_give (*input, FALSE);
  const gboolean ok = hub_download (hub, &file, fuzz_folder (), &nobody, &fetched, &error);
  fuzz_check_outcome (ok, error);
  g_assert_true (ok || !strstr (error->message, TOKEN));
  check_files (&file, ok, expected);
  g_free (file.sha256);
  g_free (file.blob_id);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  static const char *const names[] = { "file", "file.part", "file.part.etag" };
  FuzzInput input = { data, size };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    fuzz_remove (names[i]);
  download (&input);
  return 0;
}
