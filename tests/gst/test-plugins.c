/* SPDX-License-Identifier: MIT */
/* The three plugins as libraries: their dependencies, that they work together in any order of
 * loading, and what happens if a library is missing or another version of it is in the process.
 * Each case is a process of its own, because a loaded library stays. */
#include <dlfcn.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

#define SOUP_2 "libsoup-2.4.so.1"

static const char *const plugins[] = { "behavior", "overlay", "publish" };
static char *folder;

static char *
plugin_path (const char *name)
{
  return g_strdup_printf ("%s/libgstcow%s.so", g_getenv ("COW_TEST_PLUGINS"), name);
}

/* ---- what they depend on --------------------------------------------------------------------- */

static char *
ldd (const char *name)
{
  g_autofree char *path = plugin_path (name), *output = NULL;
  const char *argv[] = { "ldd", path, NULL };
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  /* This fails if the list is empty, in which nothing would be found either. */
  g_assert_nonnull (strstr (output, "libgstreamer-1.0.so.0"));
  return g_steal_pointer (&output);
}

static void
test_dependencies (void)
{
  static const struct {
    const char *plugin, *without[6], *with;
  } rows[] = {
    { "behavior", { "libsoup", "libmosquitto", "libpango", "libcairo" }, "libdnnl" },
    { "overlay", { "libsoup", "libmosquitto", "libdnnl", "libjson-glib" }, "libpangocairo" },
    { "publish", { "libsoup", "libmosquitto", "libpango", "libcairo", "libdnnl" }, "libgio" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *libraries = ldd (rows[i].plugin);

    g_assert_nonnull (strstr (libraries, rows[i].with));
    for (const char *const *name = rows[i].without; *name; name++)
      if (strstr (libraries, *name))
        g_error ("libgstcow%s.so depends on %s:\n%s", rows[i].plugin, *name, libraries);
  }
}

/* ---- children -------------------------------------------------------------------------------- */

static gboolean
is_loaded (const char *library)
{
  g_autofree char *maps = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  return strstr (maps, library) != NULL;
}

static GstHarness *
harness_new (const char *line)
{
  GstHarness *harness = gst_harness_new_parse (line);

  gst_harness_set_src_caps_str (harness,
                                "video/x-raw,format=GRAY8,width=320,height=240,framerate=25/1");
  return harness;
}

static GstBuffer *
black_new (void)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 320 * 240, NULL);

  gst_buffer_memset (buffer, 0, 0, 320 * 240);
  GST_BUFFER_PTS (buffer) = 0;
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  return buffer;
}

static gboolean
is_black (GstBuffer *buffer)
{
  g_autofree guint8 *zeros = g_malloc0 (320 * 240);

  return gst_buffer_memcmp (buffer, 0, zeros, 320 * 240) == 0;
}

static char *
event_file (void)
{
  return g_strdup_printf ("%s/events", g_getenv ("COW_TEST_FOLDER"));
}

static void
assert_one_event (const char *path)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  publish_assert_frames (lines, 0, 1);
  g_assert_nonnull (strstr (text, "\"label\":\""));
}

/* The other two elements read what cowbehavior wrote. */
static void
run_all (void)
{
  g_autofree char *model = support_model (), *path = event_file ();
  g_autofree char *line =
      g_strdup_printf ("cowbehavior model=%s adapter=%s mode=blocking ! cowoverlay ! "
                       "cowpublish file=%s",
                       model, g_getenv ("COW_TEST_ADAPTER"), path);
  GstHarness *harness = harness_new (line);
  GstBuffer *buffer = gst_harness_push_and_pull (harness, black_new ());

  g_assert_cmpuint (gst_cow_behavior_n_objects (gst_buffer_get_cow_behavior (buffer)), ==, 1);
  g_assert_false (is_black (buffer));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
  assert_one_event (path);
  g_unlink (path);
}

/* Runs one element alone; those that read results get one that was written by hand. */
static void
run_alone (const char *name)
{
  g_autofree char *model = support_model (), *path = event_file (), *line = NULL;
  GstBuffer *buffer = black_new ();
  GstHarness *harness;

  if (g_str_equal (name, "behavior"))
    line = g_strdup_printf ("cowbehavior model=%s adapter=%s mode=blocking", model,
                            g_getenv ("COW_TEST_ADAPTER"));
  else if (g_str_equal (name, "overlay"))
    line = g_strdup ("cowoverlay");
  else
    line = g_strdup_printf ("cowpublish file=%s", path);
  harness = harness_new (line);
  if (!g_str_equal (name, "behavior"))
    publish_attach (buffer, publish_object_new ("zone", "pen", 0, "Lying", 0), NULL);
  buffer = gst_harness_push_and_pull (harness, buffer);
  g_assert_cmpuint (gst_cow_behavior_n_objects (gst_buffer_get_cow_behavior (buffer)), ==, 1);
  g_assert_cmpint (is_black (buffer), ==, !g_str_equal (name, "overlay"));
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
  if (g_str_equal (name, "publish")) {
    assert_one_event (path);
    g_unlink (path);
  }
}

/* Loads these plugins in this order, and no others. */
static void
child_load (const char *names)
{
  g_auto (GStrv) order = g_strsplit (names, ",", -1);

  for (char **name = order; *name; name++) {
    g_autofree char *path = plugin_path (*name);
    g_autoptr (GError) error = NULL;
    GstPlugin *plugin = gst_plugin_load_file (path, &error);

    g_assert_no_error (error);
    gst_object_unref (plugin);
  }
  if (g_strv_length (order) == G_N_ELEMENTS (plugins))
    run_all ();
  else
    run_alone (order[0]);
}

static void
assert_refused (const char *properties, const char *property, const char *library)
{
  g_autofree char *refusal = publish_refusal_new (properties);

  g_test_message ("%s", refusal);
  g_assert_nonnull (strstr (refusal, property));
  g_assert_nonnull (strstr (refusal, library));
}

/* libsoup and libmosquitto are loaded with the property that needs them, and not before. */
static void
child_lazy (const char *argument)
{
  GstHarness *harness;

  run_all ();
  g_assert_false (is_loaded ("libsoup"));
  g_assert_false (is_loaded ("libmosquitto"));
  harness = publish_harness_new ("http-url=http://127.0.0.1:9/ drain-timeout=0");
  g_assert_true (is_loaded ("libsoup-3.0"));
  g_assert_false (is_loaded ("libmosquitto"));
  publish_harness_free (harness);
  harness = publish_harness_new ("mqtt-url=mqtt://127.0.0.1:9 drain-timeout=0");
  g_assert_true (is_loaded ("libmosquitto"));
  publish_harness_free (harness);
}

/* Both libraries are missing (the files with their names are empty). */
static void
child_missing (const char *argument)
{
  run_all ();
  assert_refused ("http-url=http://127.0.0.1:9/", "http-url", "libsoup-3.0.so.0");
  assert_refused ("mqtt-url=mqtt://127.0.0.1:9", "mqtt-url", "libmosquitto.so.1");
  run_all ();
}

/* The program has libsoup 2.4 and uses it. */
static void
child_soup_2 (const char *argument)
{
  run_all ();
  assert_refused ("http-url=http://127.0.0.1:9/", "http-url", "libsoup 2.4");
  run_all ();
  publish_harness_free (publish_harness_new ("mqtt-url=mqtt://127.0.0.1:9 drain-timeout=0"));
  g_assert_false (is_loaded ("libsoup-3.0"));
}

static const struct {
  const char *name;
  void (*run) (const char *argument);
} children[] = {
  { "load", child_load },
  { "lazy", child_lazy },
  { "missing", child_missing },
  { "soup-2", child_soup_2 },
};

static void
load_soup_2 (const char *scope)
{
  void *library =
      dlopen (SOUP_2, RTLD_NOW | (g_str_equal (scope, "global") ? RTLD_GLOBAL : RTLD_LOCAL));
  GObject *(*session_new) (void);

  g_assert_nonnull (library);
  *(void **)&session_new = dlsym (library, "soup_session_new");
  g_object_unref (session_new ());
}

static int
be_child (const char *name, int *argc, char ***argv)
{
  const char *argument = g_getenv ("COW_TEST_ARGUMENT");

  if (g_str_equal (name, "soup-2"))
    load_soup_2 (argument);
  gst_init (argc, argv);
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    if (g_str_equal (children[i].name, name)) {
      children[i].run (argument);
      return 0;
    }
  return 1;
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* Runs a child without any plugin of the system, and with ours if it does not load them itself.
 * Warnings of GLib end it: registering a type or metadata twice is one. */
static void
run_child (const char *name, const char *argument, const char *libraries)
{
  const char *argv[] = { "/proc/self/exe", NULL };
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL, *registry = g_build_filename (folder, "registry", NULL);
  const gboolean loads = g_str_equal (name, "load");

  g_unlink (registry);
  g_subprocess_launcher_setenv (launcher, "COW_TEST_CHILD", name, TRUE);
  g_subprocess_launcher_setenv (launcher, "COW_TEST_ARGUMENT", argument, TRUE);
  g_subprocess_launcher_setenv (launcher, "COW_TEST_FOLDER", folder, TRUE);
  g_subprocess_launcher_setenv (launcher, "GST_REGISTRY", registry, TRUE);
  g_subprocess_launcher_setenv (launcher, "GST_PLUGIN_SYSTEM_PATH", "", TRUE);
  g_subprocess_launcher_setenv (launcher, "GST_PLUGIN_SYSTEM_PATH_1_0", "", TRUE);
  g_subprocess_launcher_setenv (launcher, "GST_PLUGIN_PATH",
                                loads ? "" : g_getenv ("COW_TEST_PLUGINS"), TRUE);
  g_subprocess_launcher_setenv (launcher, "G_DEBUG", "fatal-warnings", TRUE);
  g_subprocess_launcher_unsetenv (launcher, "GST_TRACERS");
  if (libraries)
    g_subprocess_launcher_setenv (launcher, "LD_LIBRARY_PATH", libraries, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  if (!g_subprocess_get_successful (process))
    g_error ("%s %s ended with status %d:\n%s", name, argument, g_subprocess_get_status (process),
             output);
}

static void
test_orders (void)
{
  static const char *const orders[] = { "behavior,overlay,publish", "behavior,publish,overlay",
                                        "overlay,behavior,publish", "overlay,publish,behavior",
                                        "publish,behavior,overlay", "publish,overlay,behavior" };

  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    run_child ("load", orders[i], NULL);
}

static void
test_alone (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (plugins); i++)
    run_child ("load", plugins[i], NULL);
}

static void
test_lazy (void)
{
  run_child ("lazy", "", NULL);
}

static void
test_missing (void)
{
  g_autofree char *soup = g_build_filename (folder, "libsoup-3.0.so.0", NULL),
                  *mosquitto = g_build_filename (folder, "libmosquitto.so.1", NULL);

  g_assert_true (g_file_set_contents (soup, "", 0, NULL));
  g_assert_true (g_file_set_contents (mosquitto, "", 0, NULL));
  run_child ("missing", "", folder);
}

static void
test_soup_2 (gconstpointer scope)
{
  g_autofree char *output = NULL;
  /* This process must not load it, because it may come to have libsoup 3. */
  g_autoptr (GSubprocess) process =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL, "/sbin/ldconfig", "-p", NULL);
  if (process)
    g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, NULL);
  if (!output || !strstr (output, SOUP_2)) {
    g_test_skip ("libsoup 2.4 is not installed");
    return;
  }
  run_child ("soup-2", scope, NULL);
}

int
main (int argc, char **argv)
{
  const char *child = g_getenv ("COW_TEST_CHILD");
  char *adapter;
  int result;

  if (child)
    return be_child (child, &argc, &argv);
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("cowplugins-XXXXXX", NULL);
  adapter = support_adapter_new ();
  g_setenv ("COW_TEST_ADAPTER", adapter, TRUE);

  g_test_add_func ("/plugins/dependencies", test_dependencies);
  g_test_add_func ("/plugins/orders", test_orders);
  g_test_add_func ("/plugins/alone", test_alone);
  g_test_add_func ("/plugins/lazy", test_lazy);
  g_test_add_func ("/plugins/missing", test_missing);
  g_test_add_data_func ("/plugins/libsoup-2-global", "global", test_soup_2);
  g_test_add_data_func ("/plugins/libsoup-2-local", "local", test_soup_2);
  result = g_test_run ();

  support_remove (adapter);
  support_remove (folder);
  return support_no_leaks () ? result : 1;
}
