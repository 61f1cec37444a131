/* SPDX-License-Identifier: MIT */
/* The hub's client (trainer/hub/hub.h) with servers that fail, lie and mislead; retries do not
 * pause. */
#include <glib/gstdio.h>
#include <string.h>

#include "tests/trainer/cli.h"
#include "tests/trainer/hub-server.h"
#include "trainer/hub/hub-private.h"

#define WEIGHTS "model.safetensors"

static HubServer *server;

typedef struct {
  char *folder;
  guint timeout_s;
  guint64 bytes; /* reported by progress () */
  guint n_notices, n_fetched;
  GString *notices;
} Run;

static void
count_bytes (guint64 n_bytes, gpointer user_data)
{
  ((Run *)user_data)->bytes += n_bytes;
}

static void
note (const char *sentence, gpointer user_data)
{
  Run *run = user_data;
  run->n_notices++;
  g_string_append_printf (run->notices, "%s\n", sentence);
}

static Run
run_begin (void)
{
  hub_server_take_count (server);
  return (Run){ .folder = cli_folder (), .timeout_s = 60, .notices = g_string_new (NULL) };
}

static void
run_clear (Run *run)
{
  g_assert_null (strstr (run->notices->str, HUB_SERVER_TOKEN));
  g_string_free (run->notices, TRUE);
  cli_remove (run->folder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static char *
path_in (const Run *run, const char *name)
{
  return g_build_filename (run->folder, name, NULL);
}

/* Lists and downloads a repository of the server. */
static gboolean
fetch_from (Run *run, const char *endpoint, const char *repository, GError **error)
{
  const HubObserver observer = { count_bytes, note, run };
  g_autoptr (GError) local = NULL;
  g_autoptr (Hub) hub =
      hub_new (endpoint, repository, "main", HUB_SERVER_TOKEN, run->timeout_s, &local);
  g_assert_no_error (local);
  hub->pause_ms = 1;
  g_autoptr (GPtrArray) files = hub_list (hub, &observer, error);
  for (guint i = 0; files && i < files->len; i++) {
    gboolean fetched = FALSE;
    if (!hub_download (hub, files->pdata[i], run->folder, &observer, &fetched, error))
      return FALSE;
    run->n_fetched += fetched;
  }
  return files != NULL;
}

static gboolean
fetch (Run *run, const char *repository, GError **error)
{
  return fetch_from (run, hub_server_address (server), repository, error);
}

static gboolean
is_there (const Run *run, const char *name)
{
  g_autofree char *path = path_in (run, name);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
assert_no_parts (const Run *run)
{
  g_assert_false (is_there (run, WEIGHTS ".part"));
  g_assert_false (is_there (run, WEIGHTS ".part.etag"));
}

static void
assert_content (const Run *run, const char *name)
{
  g_autofree char *path = path_in (run, name), *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize n = 0, expected_n = 0;
  const char *expected = hub_server_content (server, name, &expected_n);

  g_file_get_contents (path, &text, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (text, n, expected, expected_n);
}

static void
assert_ok (Run *run, const char *repository)
{
  g_autoptr (GError) error = NULL;
  fetch (run, repository, &error);
  g_assert_no_error (error);
  assert_content (run, WEIGHTS);
  assert_content (run, "adapters/r8 x/config.json");
  assert_content (run, "config.json");
  assert_no_parts (run);
}

/* ---- Temporary failures ---------------------------------------------------------------------- */

/* Failures at first that pass, and whether the rest, or all, is requested again. */
static void
test_recovers (void)
{
  static const struct {
    const char *repository, *notice;
    int requests, ranges;
  } cases[] = {
    { "farm/cut", "ended after 1000000 of 3000000", 2, 1 },
    { "farm/changed", "ended after 1000000 of 3000000", 2, 1 },
    /* The rest does not fit, so all of it is requested again. */
    { "farm/spliced", "ended after 1000000 of 3000000", 3, 1 },
    { "farm/expired", "answered 403", 2, 0 },
    { "farm/busy", "answered 503", 1, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (Run) run = run_begin ();
    assert_ok (&run, cases[i].repository);
    const HubServerCount count = hub_server_take_count (server);
    g_assert_nonnull (strstr (run.notices->str, cases[i].notice));
    g_assert_cmpuint (run.n_notices, ==, 1);
    g_assert_cmpint (count.requests, ==, cases[i].requests);
    g_assert_cmpint (count.ranges, ==, cases[i].ranges);
    g_assert_cmpint (count.tokens, ==, 0);
  }
}

/* A server that is silent for too long counts as gone (on a busy machine, more than once). */
static void
test_silence (void)
{
  g_auto (Run) run = run_begin ();

  run.timeout_s = 1;
  assert_ok (&run, "farm/silent");
  g_assert_nonnull (strstr (run.notices->str, "ended after 1000000 of 3000000 bytes: "));
  g_assert_cmpint (hub_server_take_count (server).ranges, >=, 1);
}

static void
test_gives_up (void)
{
  static const struct {
    const char *repository, *text;
  } cases[] = {
    { "farm/dead", "127.0.0.1 cannot be reached: " },
    { "farm/broken", "answered 500: Internal [31merror" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (Run) run = run_begin ();
    g_autoptr (GError) error = NULL;
    g_assert_false (fetch (&run, cases[i].repository, &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_IO);
    if (!strstr (error->message, cases[i].text))
      g_error ("%s: %s", cases[i].repository, error->message);
    g_assert_cmpuint (run.n_notices, ==, HUB_TRIES - 1);
  }
}

static void
test_nobody_there (void)
{
  g_auto (Run) run = run_begin ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  const guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, &error);
  g_assert_no_error (error);
  g_socket_listener_close (listener);
  g_autofree char *endpoint = g_strdup_printf ("http://127.0.0.1:%u", port);

  g_assert_false (fetch_from (&run, endpoint, "farm/model", &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "127.0.0.1 cannot be reached"));
  g_assert_cmpuint (run.n_notices, ==, HUB_TRIES - 1);
}

/* ---- Lies ------------------------------------------------------------------------------------ */

static void
test_lies (void)
{
  static const struct {
    const char *repository;
    CowError code;
    const char *text;
  } cases[] = {
    { "farm/wrong", COW_ERROR_FORMAT, "its SHA-256 is" },
    { "farm/mislabelled", COW_ERROR_FORMAT, "its listing said" },
    { "farm/long", COW_ERROR_FORMAT, "sends 3000001 bytes" },
    { "farm/short", COW_ERROR_FORMAT, "sends 2999999 bytes" },
    { "farm/flood", COW_ERROR_FORMAT, "more than the 3000000 bytes" },
    { "farm/garbage", COW_ERROR_FORMAT, "the listing of farm/garbage: broken JSON" },
    { "farm/useless", COW_ERROR_NOT_FOUND, "no .safetensors" },
    { "farm/circle", COW_ERROR_IO, "redirects more than" },
    { "farm/file-scheme", COW_ERROR_IO, "not followed (file)" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (Run) run = run_begin ();
    g_autoptr (GError) error = NULL;
    g_assert_false (fetch (&run, cases[i].repository, &error));
    g_assert_error (error, COW_ERROR, (int)cases[i].code);
    if (!strstr (error->message, cases[i].text))
      g_error ("%s: %s", cases[i].repository, error->message);
    g_assert_cmpuint (run.n_notices, ==, 0);
    g_assert_false (is_there (&run, WEIGHTS));
    g_assert_cmpint (hub_server_take_count (server).tokens, ==, 0);
  }
}

/* A file with a wrong hash is not kept for the next run to resume. */
static void
test_wrong_content_is_removed (void)
{
  g_auto (Run) run = run_begin ();
  g_autoptr (GError) error = NULL;

  g_assert_false (fetch (&run, "farm/wrong", &error));
  assert_no_parts (&run);
  assert_ok (&run, "farm/model");
}

/* Without any hash only the size is checked, and that is reported. */
static void
test_no_hash (void)
{
  g_auto (Run) run = run_begin ();
  g_autoptr (GError) error = NULL;

  hub_server_set_listing (server,
                          "{\"sha\": \"" HUB_SERVER_COMMIT
                          "\", \"siblings\": [{\"rfilename\": \"classifier.pth\", \"size\": 0},"
                          "{\"rfilename\": \"config.json\", \"size\": 29}]}");
  g_assert_true (fetch (&run, "farm/custom", &error));
  g_assert_no_error (error);
  assert_content (&run, "config.json");
  g_assert_nonnull (strstr (run.notices->str, "config.json: the hub gives no hash"));
}

/* ---- Redirects ------------------------------------------------------------------------------- */

static void
test_redirects (void)
{
  g_auto (Run) away = run_begin ();
  assert_ok (&away, "farm/bounce");
  HubServerCount count = hub_server_take_count (server);
  g_assert_cmpint (count.tokens, ==, 0);
  /* A listing, three files, and the way back, which has no token. */
  g_assert_cmpint (count.hub_requests, ==, 5);
  g_assert_cmpint (count.hub_tokens, ==, 4);

  g_auto (Run) near = run_begin ();
  assert_ok (&near, "farm/relative");
  count = hub_server_take_count (server);
  g_assert_cmpint (count.hub_requests, ==, 7);
  g_assert_cmpint (count.hub_tokens, ==, 7);
}

static void
test_redirect_targets (void)
{
  static const struct {
    const char *from, *location, *to; /* to NULL: not followed */
  } cases[] = {
    { "https://hub.test/a/b", "https://cdn.test/c?d=e%20f", "https://cdn.test/c?d=e%20f" },
    { "https://hub.test/a/b", "/c", "https://hub.test/c" },
    { "https://hub.test/a/b", "//cdn.test/c", "https://cdn.test/c" },
    { "http://hub.test/a/b", "https://cdn.test/c", "https://cdn.test/c" },
    { "http://hub.test/a/b", "http://cdn.test/c", "http://cdn.test/c" },
    { "https://hub.test/a/b", "http://hub.test/a/b", NULL },
    { "https://hub.test/a/b", "ftp://cdn.test/c", NULL },
    { "http://hub.test/a/b", "ftp://cdn.test/c", NULL },
    { "https://hub.test/a/b", "file:///etc/passwd", NULL },
    { "https://hub.test/a/b", "data:text/plain,x", NULL },
    { "https://hub.test/a/b", "https://", NULL },
    { "https://hub.test/a/b", "https://[::1", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GUri) from = http_parse_uri (cases[i].from, "a test", NULL);
    g_autoptr (GUri) to = hub_redirect_target (from, cases[i].location, &error);
    g_autofree char *text = to ? g_uri_to_string (to) : NULL;
    g_assert_cmpstr (text, ==, cases[i].to);
    if (!cases[i].to)
      g_assert_error (error, COW_ERROR, COW_ERROR_IO);
  }
}

/* A hub's address may have a path, with a slash at its end. */
static void
test_endpoint_with_path (void)
{
  g_auto (Run) run = run_begin ();
  g_autofree char *endpoint = g_strconcat (hub_server_address (server), "/mirror//", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (fetch_from (&run, endpoint, "farm/model", &error));
  g_assert_no_error (error);
  assert_content (&run, WEIGHTS);
}

/* ---- Remains of an earlier download ---------------------------------------------------------- */

/* Writes a part of n bytes of the right content, with `damage` added to its first byte, and the
 * note beside it. */
static void
make_part (const Run *run, gsize n, char damage, const char *note_text)
{
  g_autofree char *part = path_in (run, WEIGHTS ".part"),
                  *etag = path_in (run, WEIGHTS ".part.etag");
  gsize all = 0;
  g_autofree char *bytes = g_malloc0 (n + 1);

  const char *content = hub_server_content (server, WEIGHTS, &all);
  memcpy (bytes, content, MIN (n, all));
  bytes[0] += damage;
  g_assert_true (g_file_set_contents (part, bytes, (gssize)n, NULL));
  if (note_text)
    g_assert_true (g_file_set_contents (etag, note_text, -1, NULL));
}

static void
test_parts (void)
{
  gsize all = 0;
  const char *weights = hub_server_content (server, WEIGHTS, &all);
  g_autofree char *sha256 =
      g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)weights, all);
  g_autofree char *right = g_strconcat (sha256, "\n\"of-the-network\"\n", NULL),
                  *no_etag = g_strconcat (sha256, "\n\n", NULL);
  g_autofree char *other_etag = g_strconcat (sha256, "\n\"other\"\n", NULL),
                  *bad_etag = g_strconcat (sha256, "\n\"a\r b\"\n", NULL);
  g_autofree char *long_etag = g_strnfill (100000, 'x'),
                  *other_hash = g_strconcat ("0", sha256, "\n\n", NULL);
  const struct {
    gsize n;
    char damage;
    const char *note;
    guint64 bytes; /* of the weights that are downloaded */
    int requests, ranges;
  } cases[] = {
    { 1234567, 0, right, all - 1234567, 1, 1 },
    { 1234567, 0, no_etag, all - 1234567, 1, 1 },
    { 1234567, 0, bad_etag, all - 1234567, 1, 1 },
    { 1234567, 0, other_etag, all, 1, 1 },
    { 1234567, 0, other_hash, all, 1, 0 },
    { 1234567, 0, long_etag, all, 1, 0 },
    { 1234567, 0, "", all, 1, 0 },
    { 1234567, 0, NULL, all, 1, 0 },
    { 3000000, 0, right, 0, 0, 0 },
    { 3000001, 0, right, all, 1, 0 },
    { 0, 0, right, all, 1, 0 },
    /* The hash detects damage at the end, and the file is downloaded again. */
    { 1234567, 1, right, 2 * all - 1234567, 2, 1 },
    { 3000000, 1, right, all, 1, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (Run) run = run_begin ();
    make_part (&run, cases[i].n, cases[i].damage, cases[i].note);
    assert_ok (&run, "farm/model");
    const HubServerCount count = hub_server_take_count (server);
    g_assert_cmpuint (run.bytes, ==, cases[i].bytes + 2 * 29);
    g_assert_cmpint (count.requests, ==, cases[i].requests);
    g_assert_cmpint (count.ranges, ==, cases[i].ranges);
    g_assert_cmpuint (run.n_notices, ==, 0);
  }
}

/* The part is a link, and the file's place is a folder. */
static void
test_names_taken (void)
{
  g_auto (Run) linked = run_begin (), taken = run_begin ();
  g_autofree char *part = path_in (&linked, WEIGHTS ".part"), *target = path_in (&linked, "target"),
                  *file = path_in (&taken, WEIGHTS);
  g_autoptr (GError) link_error = NULL, folder_error = NULL;
  g_autofree char *text = NULL;

  g_assert_true (g_file_set_contents (target, "mine", -1, NULL));
  g_autoptr (GFile) link = g_file_new_for_path (part);
  g_assert_true (g_file_make_symbolic_link (link, target, NULL, NULL));
  g_assert_false (fetch (&linked, "farm/model", &link_error));
  g_assert_error (link_error, COW_ERROR, COW_ERROR_IO);
  g_assert_true (g_file_get_contents (target, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "mine");

  g_assert_cmpint (g_mkdir (file, 0777), ==, 0);
  g_assert_false (fetch (&taken, "farm/model", &folder_error));
  g_assert_error (folder_error, COW_ERROR, COW_ERROR_IO);
}

/* ---- Arguments and tokens -------------------------------------------------------------------- */

static void
test_arguments (void)
{
  g_autofree char *long_text = g_strnfill (5000, 'x');
  const struct {
    const char *endpoint, *repository, *revision, *token;
  } cases[] = {
    { "huggingface.co", "a/b", "main", NULL },
    { "ftp://huggingface.co", "a/b", "main", NULL },
    { "https://", "a/b", "main", NULL },
    { "https://user:secret@huggingface.co", "a/b", "main", NULL },
    { "https://h\x1b[31m", "a/b", "main", NULL },
    { "https://h/%zz \n", "a/b", "main", NULL },
    { "https://h", "", "main", NULL },
    { "https://h", "/", "main", NULL },
    { "https://h", "a/b/c", "main", NULL },
    { "https://h", "a/..", "main", NULL },
    { "https://h", "../b", "main", NULL },
    { "https://h", "a/b?x", "main", NULL },
    { "https://h", "a/b c", "main", NULL },
    { "https://h", ".hidden", "main", NULL },
    { "https://h", long_text, "main", NULL },
    { "https://h", "a/b", "", NULL },
    { "https://h", "a/b", "../main", NULL },
    { "https://h", "a/b", long_text, NULL },
    { "https://h", "a/b", "main", "" },
    { "https://h", "a/b", "main", "hf_x\r\nHost: elsewhere" },
    { "https://h", "a/b", "main", "hf x" },
    { "https://h", "a/b", "main", long_text },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (Hub) hub = hub_new (cases[i].endpoint, cases[i].repository, cases[i].revision,
                                   cases[i].token, 1, &error);
    g_assert_null (hub);
    g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
    g_assert_null (strstr (error->message, "secret"));
    g_assert_null (strstr (error->message, "hf_x"));
  }
}

static void
test_token_places (void)
{
  char *folder = cli_folder ();
  g_autofree char *path = g_build_filename (folder, "token", NULL),
                  *none = g_build_filename (folder, "none", NULL);
  g_autofree char *from_variable = NULL, *from_path = NULL, *from_home = NULL, *missing = NULL;

  g_assert_true (g_file_set_contents (path, " hf_file\n", -1, NULL));
  g_setenv ("HF_TOKEN", "hf_variable\n", TRUE);
  g_setenv ("HF_TOKEN_PATH", path, TRUE);
  g_setenv ("HF_HOME", none, TRUE);
  from_variable = hub_user_token ();
  g_setenv ("HF_TOKEN", "", TRUE);
  from_path = hub_user_token ();
  g_unsetenv ("HF_TOKEN_PATH");
  missing = hub_user_token ();
  g_setenv ("HF_HOME", folder, TRUE);
  from_home = hub_user_token ();
  g_assert_cmpstr (from_variable, ==, "hf_variable");
  g_assert_cmpstr (from_path, ==, "hf_file");
  g_assert_cmpstr (missing, ==, NULL);
  g_assert_cmpstr (from_home, ==, "hf_file");
  g_unsetenv ("HF_TOKEN");
  g_unsetenv ("HF_HOME");
  cli_remove (folder);
}

/* The proxy that the environment chooses for an address; NULL: none. */
static void
test_proxies (void)
{
  static const struct {
    const char *http, *https, *all, *none, *uri, *proxy;
  } cases[] = {
    { "http://p:1", NULL, NULL, NULL, "http://hub.test", "http://p:1" },
    { "p:1", "q:2", NULL, NULL, "http://hub.test", "http://p:1" },
    { "p:1", "q:2", NULL, NULL, "https://hub.test", "http://q:2" },
    { "p:1", NULL, NULL, NULL, "https://hub.test", NULL },
    { "http://u:w@p:1", NULL, NULL, NULL, "http://hub.test", "http://p:1" },
    { NULL, NULL, "socks5://u:w@s:3", NULL, "https://hub.test", "socks5://u:w@s:3" },
    { "p:1", NULL, "r:3", NULL, "https://hub.test", "http://r:3" },
    { "p:1", NULL, NULL, "example.org, .test", "http://hub.test", NULL },
    { "p:1", NULL, NULL, "hub.test", "http://hub.test", NULL },
    { "p:1", NULL, NULL, "*", "http://hub.test", NULL },
    { "p:1", NULL, NULL, "b.test,10.0.0.0/8", "http://hub.test", "http://p:1" },
    { "p:1", NULL, NULL, NULL, "http://localhost:5000", NULL },
    { "p:1", NULL, NULL, NULL, "http://127.0.0.1:5000", NULL },
    { "p:1", NULL, NULL, NULL, "http://[::1]:5000", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const char *const names[] = { "http_proxy", "https_proxy", "all_proxy", "no_proxy" };
    const char *const values[] = { cases[i].http, cases[i].https, cases[i].all, cases[i].none };
    for (guint k = 0; k < G_N_ELEMENTS (names); k++)
      if (values[k])
        g_setenv (names[k], values[k], TRUE);
    g_autoptr (GError) error = NULL;
    g_autoptr (SoupSession) session = http_session_new (1);
    g_auto (GStrv) found = g_proxy_resolver_lookup (soup_session_get_proxy_resolver (session),
                                                    cases[i].uri, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (found[0], ==, cases[i].proxy ? cases[i].proxy : "direct://");
    for (guint k = 0; k < G_N_ELEMENTS (names); k++)
      g_unsetenv (names[k]);
  }
}

/* An https hub behind a proxy is reached through a tunnel, so the proxy sees no token. If the proxy
 * refuses the tunnel, its message is not reported as the hub's. */
static void
test_tunnel (void)
{
  static const struct {
    const char *login, *hub, *text;
    int connects, proxied;
  } cases[] = {
    { HUB_SERVER_PROXY_LOGIN "@", "https://hub.test",
      "hub.test cannot be reached: the proxy answered 403", 1, 1 },
    { "", "https://hub.test", "hub.test cannot be reached: the proxy answered 407", 1, 0 },
    { "cow:straw@", "https://hub.test", "hub.test cannot be reached: the proxy answered 407", 1,
      0 },
    { "", "https://localhost:1", "localhost cannot be reached: ", 0, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (Run) run = run_begin ();
    g_autoptr (GError) error = NULL;
    g_autofree char *proxy = g_strconcat (cases[i].login, hub_server_proxy (server), NULL);
    g_setenv ("https_proxy", proxy, TRUE);
    g_assert_false (fetch_from (&run, cases[i].hub, "farm/model", &error));
    g_unsetenv ("https_proxy");
    g_assert_error (error, COW_ERROR, COW_ERROR_IO);
    g_assert_nonnull (strstr (error->message, cases[i].text));
    g_assert_null (strstr (error->message, "cow:"));
    const HubServerCount count = hub_server_take_count (server);
    g_assert_cmpint (count.connects, ==, cases[i].connects);
    g_assert_cmpint (count.proxied, ==, cases[i].proxied);
    g_assert_cmpint (count.tokens, ==, 0);
  }
}

/* Requests to this machine bypass the proxy, and do not contain its login. */
static void
test_direct (void)
{
  g_auto (Run) run = run_begin ();
  g_autofree char *proxy =
      g_strconcat (HUB_SERVER_PROXY_LOGIN "@", hub_server_proxy (server), NULL);

  g_setenv ("http_proxy", proxy, TRUE);
  assert_ok (&run, "farm/model");
  g_unsetenv ("http_proxy");
  const HubServerCount count = hub_server_take_count (server);
  g_assert_cmpint (count.proxied, ==, 0);
  g_assert_cmpint (count.requests, ==, 1);
  g_assert_cmpint (count.tokens, ==, 0);
}

int
main (int argc, char **argv)
{
  static const char *const variables[] = { "http_proxy", "https_proxy",   "all_proxy",  "no_proxy",
                                           "HTTP_PROXY", "HTTPS_PROXY",   "ALL_PROXY",  "NO_PROXY",
                                           "HF_TOKEN",   "HF_TOKEN_PATH", "HF_ENDPOINT" };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    g_unsetenv (variables[i]);
  server = hub_server_new ();
  g_test_add_func ("/hub/recovers", test_recovers);
  g_test_add_func ("/hub/silence", test_silence);
  g_test_add_func ("/hub/gives-up", test_gives_up);
  g_test_add_func ("/hub/nobody-there", test_nobody_there);
  g_test_add_func ("/hub/lies", test_lies);
  g_test_add_func ("/hub/wrong-content-is-removed", test_wrong_content_is_removed);
  g_test_add_func ("/hub/no-hash", test_no_hash);
  g_test_add_func ("/hub/redirects", test_redirects);
  g_test_add_func ("/hub/redirect-targets", test_redirect_targets);
  g_test_add_func ("/hub/endpoint-with-path", test_endpoint_with_path);
  g_test_add_func ("/hub/parts", test_parts);
  g_test_add_func ("/hub/names-taken", test_names_taken);
  g_test_add_func ("/hub/arguments", test_arguments);
  g_test_add_func ("/hub/token-places", test_token_places);
  g_test_add_func ("/hub/proxies", test_proxies);
  g_test_add_func ("/hub/tunnel", test_tunnel);
  g_test_add_func ("/hub/direct", test_direct);
  const int status = g_test_run ();
  hub_server_free (server);
  return status;
}
