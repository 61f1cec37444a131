/* SPDX-License-Identifier: MIT */
/* `cow-trainer fetch` as a user runs it, with a hub of the test's own: downloads, refusals,
 * messages, and that no token leaks. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/trainer/cli.h"
#include "tests/trainer/hub-server.h"

#define WEIGHTS "model.safetensors"

static HubServer *server;
static char *home; /* folder of the token, and the data folder */

/* ---- Running --------------------------------------------------------------------------------- */

static void
assert_silent_about_token (const Result *result)
{
  g_assert_null (strstr (result->out, HUB_SERVER_TOKEN));
  g_assert_null (strstr (result->err, HUB_SERVER_TOKEN));
  g_assert_null (strstr (result->err, HUB_SERVER_PROXY_LOGIN));
}

/* Fetches a repository into a folder. */
static Result
fetch (const char *repository, const char *folder)
{
  hub_server_take_count (server);
  Result result = cli_run ("fetch", repository, "--out", folder, NULL);
  assert_silent_about_token (&result);
  g_assert_cmpint (hub_server_take_count (server).tokens, ==, 0);
  return result;
}

static gboolean
exists (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static guint
count_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;
  while (dir && g_dir_read_name (dir))
    n++;
  return n;
}

static void
assert_content (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize n = 0, expected_n = 0;
  const char *expected = hub_server_content (server, name, &expected_n);

  g_file_get_contents (path, &text, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (text, n, expected, expected_n);
}

/* ---- Downloads ------------------------------------------------------------------------------- */

static void
test_whole (void)
{
  char *folder = cli_folder ();
  g_auto (Result) first = fetch ("farm/model", folder), again = fetch ("farm/model", folder);

  cli_assert_ok (&first);
  cli_assert_ok (&again);
  cli_assert_says (first.out, "farm/model: 3 files, 3.0\u00a0MB, in ");
  cli_assert_says (first.out, "(3 downloaded now)");
  cli_assert_says (again.out, "(0 downloaded now)");
  assert_content (folder, WEIGHTS);
  assert_content (folder, "config.json");
  assert_content (folder, "adapters/r8 x/config.json");
  /* The folder has no useless and no unfinished file. */
  g_assert_cmpuint (count_files (folder), ==, 3);

  /* This file has the right size and wrong content. */
  g_autofree char *path = g_build_filename (folder, "config.json", NULL);
  g_assert_true (g_file_set_contents (path, "{\"model_type\": \"dinov2_vit\"}\n", -1, NULL));
  g_auto (Result) mended = fetch ("farm/model", folder);
  cli_assert_ok (&mended);
  cli_assert_says (mended.out, "(1 downloaded now)");
  assert_content (folder, "config.json");
  cli_remove (folder);
}

/* Shards and their index, texts, an empty file; weights of another model are already there. */
static void
test_shards (void)
{
  static const char *const names[] = { "README.md",
                                       "LICENSE",
                                       "config.json",
                                       "model.safetensors.index.json",
                                       "model-00001-of-00002.safetensors",
                                       "model-00002-of-00002.safetensors" };
  char *folder = cli_folder ();
  g_auto (Result) result = fetch ("farm/shards", folder);

  cli_assert_ok (&result);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    assert_content (folder, names[i]);
  g_assert_cmpuint (count_files (folder), ==, G_N_ELEMENTS (names));

  g_auto (Result) mixed = fetch ("farm/model", folder);
  g_assert_cmpint (mixed.status, ==, 0);
  g_assert_nonnull (
      strstr (mixed.err, "model-00002-of-00002.safetensors, which is not of farm/model"));
  cli_remove (folder);
}

/* A repository that only has PyTorch's format: that is what the program reads then. */
static void
test_pickled (void)
{
  char *folder = cli_folder ();
  g_auto (Result) result = fetch ("farm/pickled", folder);

  cli_assert_ok (&result);
  cli_assert_says (result.out, "farm/pickled: 3 files, ");
  assert_content (folder, "pytorch_model.bin");
  assert_content (folder, "config.json");
  assert_content (folder, "README.md");
  g_assert_cmpuint (count_files (folder), ==, 3);
  cli_remove (folder);
}

/* Without --out it goes below the user's data folder, where --model finds it. */
static void
test_default_folder (void)
{
  g_autofree char *folder = g_build_filename (home, "cowbehavior", "model", NULL);
  g_auto (Result) result = cli_run ("fetch", "farm/model", "--revision", "pr/1", NULL);

  cli_assert_ok (&result);
  assert_content (folder, WEIGHTS);
  g_auto (Result) elsewhere =
      cli_run ("fetch", "farm/model", "--endpoint", "http://127.0.0.1", "--out", folder,
               "--dry-run", "--endpoint", hub_server_address (server), NULL);
  cli_assert_ok (&elsewhere);
  cli_assert_says (elsewhere.out, "(there)");
}

static void
test_dry_run (void)
{
  char *folder = cli_folder ();
  g_auto (Result) result = cli_run ("fetch", "farm/shards", "--dry-run", "--out", folder, NULL);

  cli_assert_ok (&result);
  cli_assert_says (result.out, "200.0\u00a0kB  model-00002-of-00002.safetensors\n");
  cli_assert_says (result.out, "300.1\u00a0kB  6 files, to ");
  g_assert_cmpuint (count_files (folder), ==, 0);
  cli_remove (folder);
}

/* ---- Interruptions --------------------------------------------------------------------------- */

typedef struct {
  GPid pid;
  int err; /* the reading end of its standard error */
} Process;

static Process
start (const char *repository, const char *folder, GSpawnChildSetupFunc setup)
{
  const char *arguments[] = {
    g_getenv ("COW_TRAINER"), "fetch", repository, "--out", folder, NULL
  };
  g_autoptr (GError) error = NULL;
  Process process = { 0 };

  g_spawn_async_with_pipes (NULL, (char **)arguments, NULL,
                            G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, setup, NULL,
                            &process.pid, NULL, NULL, &process.err, &error);
  g_assert_no_error (error);
  return process;
}

/* Returns the process's wait status, and in *err its standard error. */
static int
finish (Process *process, char **err)
{
  g_autoptr (GIOChannel) channel = g_io_channel_unix_new (process->err);
  int status = 0;

  g_io_channel_set_close_on_unref (channel, TRUE);
  g_assert_cmpint (g_io_channel_read_to_end (channel, err, NULL, NULL), ==, G_IO_STATUS_NORMAL);
  g_assert_cmpint (waitpid (process->pid, &status, 0), ==, process->pid);
  g_assert_null (strstr (*err, HUB_SERVER_TOKEN));
  return status;
}

static gsize
part_bytes (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, WEIGHTS ".part", NULL);
  GStatBuf status;
  return g_stat (path, &status) == 0 ? (gsize)status.st_size : 0;
}

/* Waits until this many bytes of the weights are there. */
static void
wait_for_part (const char *folder, gsize n_bytes)
{
  for (int i = 0; i < 6000 && part_bytes (folder) < n_bytes; i++)
    g_usleep (10000);
  g_assert_cmpuint (part_bytes (folder), >=, n_bytes);
}

static void
test_killed (void)
{
  char *folder = cli_folder ();
  g_autofree char *err = NULL;
  Process process = start ("farm/held", folder, NULL);

  wait_for_part (folder, 1000000);
  kill (process.pid, SIGKILL);
  g_assert_true (WIFSIGNALED (finish (&process, &err)));
  g_assert_false (exists (folder, WEIGHTS));

  hub_server_take_count (server);
  g_auto (Result) rest = cli_run ("fetch", "farm/held", "--out", folder, NULL);
  cli_assert_ok (&rest);
  assert_content (folder, WEIGHTS);
  const HubServerCount count = hub_server_take_count (server);
  g_assert_cmpint (count.requests, ==, 1);
  g_assert_cmpint (count.ranges, ==, 1);
  g_assert_cmpint (count.tokens, ==, 0);
  cli_remove (folder);
}

/* The second of two at the same time is refused and does no harm. */
static void
test_two_at_once (void)
{
  char *folder = cli_folder ();
  g_autofree char *err = NULL;
  Process process = start ("farm/held", folder, NULL);

  wait_for_part (folder, 1);
  g_auto (Result) second = cli_run ("fetch", "farm/held", "--out", folder, NULL);
  cli_assert_error (&second, 1, "another cow-trainer is downloading this");
  hub_server_release (server);
  g_assert_cmpint (finish (&process, &err), ==, 0);
  assert_content (folder, WEIGHTS);
  cli_remove (folder);
}

/* Writing fails as on a full disk; the next run uses what was written. */
static void
limit_file_size (gpointer user_data)
{
  const struct rlimit limit = { 1000000, 1000000 };
  signal (SIGXFSZ, SIG_IGN);
  setrlimit (RLIMIT_FSIZE, &limit);
}

static void
test_disk_full (void)
{
  char *folder = cli_folder ();
  g_autofree char *err = NULL;
  Process process = start ("farm/model", folder, limit_file_size);
  const int status = finish (&process, &err);

  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 1);
  g_assert_nonnull (strstr (err, WEIGHTS ".part: writing failed: "));
  g_assert_false (exists (folder, WEIGHTS));
  g_assert_cmpuint (part_bytes (folder), ==, 1000000);

  hub_server_take_count (server);
  g_auto (Result) rest = cli_run ("fetch", "farm/model", "--out", folder, NULL);
  cli_assert_ok (&rest);
  assert_content (folder, WEIGHTS);
  g_assert_cmpint (hub_server_take_count (server).ranges, ==, 1);
  cli_remove (folder);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static void
test_statuses (void)
{
  static const struct {
    const char *repository, *texts[4];
  } cases[] = {
    { "farm/gated",
      { "farm/gated is gated or private: the hub answered 401", "no token was sent",
        "accept the licence", "HF_TOKEN=" } },
    { "farm/closed", { "gated, private or not there", "401" } },
    { "farm/private", { "has no repository farm/private", "or it is private" } },
    { "farm/missing", { "has no repository farm/missing" } },
    { "farm/limited", { "answered 429: You have been rate limited", "a token raises the limit" } },
    { "farm/wrong", { WEIGHTS ": the content is not what the hub announced" } },
    { "farm/garbage", { "the listing of farm/garbage" } },
    { "farm/useless", { "farm/useless at \"main\" holds no .safetensors" } },
  };
  char *folder = cli_folder ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (Result) result = fetch (cases[i].repository, folder);
    for (guint k = 0; k < G_N_ELEMENTS (cases[i].texts) && cases[i].texts[k]; k++)
      cli_assert_error (&result, 1, cases[i].texts[k]);
    g_assert_false (exists (folder, WEIGHTS));
  }
  g_auto (Result) revision = cli_run ("fetch", "farm/model", "--revision", "v7", NULL);
  cli_assert_error (&revision, 1, "farm/model has no revision \"v7\"");
  g_auto (Result) file = cli_run ("fetch", "farm/model", "--out", g_getenv ("COW_TRAINER"), NULL);
  cli_assert_error (&file, 1, "no such folder can be made: Not a directory");
  cli_remove (folder);
}

/* With the token the gated repository opens, or the advice differs. The token is sent to the hub
 * only, whatever the server says. */
static void
test_token (void)
{
  char *folder = cli_folder (), *other = cli_folder ();
  g_setenv ("HF_TOKEN", HUB_SERVER_TOKEN, TRUE);
  g_auto (Result) gated = fetch ("farm/gated", folder), bounced = fetch ("farm/bounce", folder),
                  forbidden = fetch ("farm/forbidden", other);
  hub_server_take_count (server);
  g_auto (Result) model = cli_run ("fetch", "farm/model", "--dry-run", NULL);
  const HubServerCount count = hub_server_take_count (server);
  g_unsetenv ("HF_TOKEN");

  cli_assert_ok (&gated);
  cli_assert_ok (&bounced);
  assert_content (folder, WEIGHTS);
  cli_assert_error (&forbidden, 1, "403, You are not in the authorized list; ***");
  cli_assert_error (&forbidden, 1, "a token was sent");
  cli_assert_ok (&model);
  g_assert_cmpint (count.hub_requests, ==, 1);
  g_assert_cmpint (count.hub_tokens, ==, 1);

  g_setenv ("HF_TOKEN", "two words", TRUE);
  g_auto (Result) words = cli_run ("fetch", "farm/model", NULL);
  g_unsetenv ("HF_TOKEN");
  cli_assert_error (&words, 1, "HF_TOKEN");
  g_assert_null (strstr (words.err, "two words"));
  cli_remove (folder);
  cli_remove (other);
}

/* Names that leave the folder, or are invalid. */
static void
test_names (void)
{
  g_autofree char *long_name = g_strnfill (260, 'x'),
                  *long_part = g_strconcat (long_name, "/config.json", NULL);
  const struct {
    const char *name, *text;
  } cases[] = {
    { "../config.json", NULL },
    { "a/../../config.json", NULL },
    { "..", NULL },
    { ".", NULL },
    { ".git/config.json", NULL },
    { "/tmp/cow-hub-test/config.json", "not one that is written" },
    { "//config.json", "not one that is written" },
    { "a//config.json", "not one that is written" },
    { "a\\\\..\\\\x.safetensors", "not one that is written" },
    { "C:x.safetensors", "not one that is written" },
    { "a /config.json", "not one that is written" },
    { "a\\nb/config.json", "not one that is written" },
    { "\\u001b[31m/config.json", "not one that is written" },
    { "\\u202egnp/config.json", "not one that is written" },
    { "a/b/c/d/e/f/g/h/config.json", "not one that is written" },
    { "README.part", "not one that is written" },
    { "a\\u0000/config.json", "a NUL character" },
    { "\\ud800/config.json", "surrogate" },
    { "model.safetensors", "names model.safetensors twice" },
    { long_part, "not one that is written" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *outside = cli_folder ();
    g_autofree char *folder = g_build_filename (outside, "a", "b", NULL);
    g_autofree char *listing =
        g_strdup_printf ("{\"siblings\": [{\"rfilename\": \"%s\", \"size\": 29}, {\"rfilename\": "
                         "\"model.safetensors\", \"size\": 0}]}",
                         cases[i].name);
    hub_server_set_listing (server, listing);
    g_auto (Result) result = fetch ("farm/custom", folder);
    if (cases[i].text) {
      cli_assert_error (&result, 1, cases[i].text);
      g_assert_cmpuint (count_files (outside), ==, 0);
    } else {
      /* Hidden files and those above the folder are ignored. */
      g_assert_cmpint (result.status, ==, 0);
      g_assert_cmpuint (count_files (outside), ==, 1);
      g_assert_cmpuint (count_files (folder), ==, 1);
    }
    g_assert_false (g_file_test ("/tmp/cow-hub-test", G_FILE_TEST_EXISTS));
    cli_remove (outside);
  }
}

static void
test_sizes (void)
{
  static const struct {
    const char *size, *text;
  } cases[] = {
    { "9223372036854775807", "the sizes of its files are impossible" },
    { "9223372036854775000", "are to be downloaded, but its disk has" },
    { "9223372036854775808", "an integer of more than 64 bits" },
    { "18446744073709551617", "an integer of more than 64 bits" },
    { "-1", "\"size\" is -1" },
    { "1e3", "\"size\"" },
    { "\"29\"", "\"size\" is \"29\"" },
    { "null", "\"size\" is null" },
    { "[]", "\"size\" is []" },
  };
  char *folder = cli_folder ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    /* Three of the largest numbers do not fit 64 bits. */
    g_autofree char *listing = g_strdup_printf (
        "{\"siblings\": [{\"rfilename\": \"a.safetensors\", \"size\": %s},"
        "{\"rfilename\": \"b.safetensors\", \"size\": %s}, "
        "{\"rfilename\": \"c.safetensors\", \"size\": 2, \"lfs\": {\"size\": %s}}]}",
        cases[i].size, i == 0 ? cases[i].size : "1", i == 0 ? cases[i].size : "2");
    hub_server_set_listing (server, listing);
    g_auto (Result) result = fetch ("farm/custom", folder);
    cli_assert_error (&result, 1, cases[i].text);
    g_assert_cmpuint (count_files (folder), ==, 0);
  }
  hub_server_set_listing (server, "{\"siblings\": [{\"rfilename\": \"a.safetensors\"}]}");
  g_auto (Result) none = fetch ("farm/custom", folder);
  cli_assert_error (&none, 1, "a.safetensors has no size");
  cli_remove (folder);
}

/* ---- Proxies --------------------------------------------------------------------------------- */

/* All requests go through a proxy with a login; without TLS the token is not sent. */
static void
test_proxy (void)
{
  char *folder = cli_folder (), *other = cli_folder ();
  g_autofree char *proxy =
      g_strdup_printf ("http://" HUB_SERVER_PROXY_LOGIN "@%s", hub_server_proxy (server));
  g_autofree char *bare = g_strdup_printf ("http://%s", hub_server_proxy (server));

  g_setenv ("HF_ENDPOINT", "http://hub.test", TRUE);
  g_setenv ("HF_TOKEN", HUB_SERVER_TOKEN, TRUE);
  g_setenv ("http_proxy", proxy, TRUE);
  hub_server_take_count (server);
  g_auto (Result) model = cli_run ("fetch", "farm/model", "--out", folder, NULL);
  const HubServerCount count = hub_server_take_count (server);
  g_auto (Result) gated = cli_run ("fetch", "farm/gated", "--out", other, NULL);
  g_setenv ("http_proxy", bare, TRUE);
  g_auto (Result) refused = cli_run ("fetch", "farm/model", "--out", folder, NULL);
  g_unsetenv ("http_proxy");
  g_unsetenv ("HF_TOKEN");
  g_setenv ("HF_ENDPOINT", hub_server_address (server), TRUE);

  assert_silent_about_token (&model);
  cli_assert_ok (&model);
  assert_content (folder, WEIGHTS);
  /* These are a listing, three files, and the weights again at the content network. */
  g_assert_cmpint (count.proxied, ==, 5);
  g_assert_cmpint (count.requests, ==, 1);
  g_assert_cmpint (count.hub_tokens + count.tokens, ==, 0);
  assert_silent_about_token (&gated);
  cli_assert_error (&gated, 1, "the token was not sent, because the address is not https");
  assert_silent_about_token (&refused);
  cli_assert_error (&refused, 1, "the proxy answered 407");
  cli_remove (folder);
  cli_remove (other);
}

int
main (int argc, char **argv)
{
  static const char *const variables[] = { "http_proxy", "https_proxy",  "all_proxy", "no_proxy",
                                           "HTTP_PROXY", "HTTPS_PROXY",  "ALL_PROXY", "NO_PROXY",
                                           "HF_TOKEN",   "HF_TOKEN_PATH" };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    g_unsetenv (variables[i]);
  server = hub_server_new ();
  home = cli_folder ();
  g_setenv ("HF_HOME", home, TRUE);
  g_setenv ("XDG_DATA_HOME", home, TRUE);
  g_setenv ("HF_ENDPOINT", hub_server_address (server), TRUE);
  g_test_add_func ("/fetch/whole", test_whole);
  g_test_add_func ("/fetch/shards", test_shards);
  g_test_add_func ("/fetch/pickled", test_pickled);
  g_test_add_func ("/fetch/default-folder", test_default_folder);
  g_test_add_func ("/fetch/dry-run", test_dry_run);
  g_test_add_func ("/fetch/killed", test_killed);
  g_test_add_func ("/fetch/two-at-once", test_two_at_once);
  g_test_add_func ("/fetch/disk-full", test_disk_full);
  g_test_add_func ("/fetch/statuses", test_statuses);
  g_test_add_func ("/fetch/token", test_token);
  g_test_add_func ("/fetch/names", test_names);
  g_test_add_func ("/fetch/sizes", test_sizes);
  g_test_add_func ("/fetch/proxy", test_proxy);
  const int status = g_test_run ();
  cli_remove (home);
  hub_server_free (server);
  return status;
}
