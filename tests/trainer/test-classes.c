/* SPDX-License-Identifier: MIT */
/* Class sets of one's own, the smallest and a large one: training, evaluation, predictions, the
 * exported graph and the elements keep each class. */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

#include "tests/trainer/drawn.h"
#include "tests/trainer/runs.h"

#define PICTURES 5 /* of each class; one of them validates */

typedef struct {
  guint n;
  const char *said[2]; /* by `train` */
} Case;

static const Case cases[] = {
  { 2, { "8 pictures of 2 classes train", "2 validate" } },
  { 200, { "800 pictures of 200 classes train", "shows the first 64 of 200 classes" } },
};

static char *
class_name (guint i)
{
  return g_strdup_printf ("sort %03u", i);
}

/* A folder of pictures that nobody can tell apart. */
static char *
make_data (const char *folder, guint n)
{
  char *data = g_build_filename (folder, "data", NULL);
  for (guint i = 0; i < n; i++) {
    g_autofree char *name = class_name (i), *place = g_build_filename (data, name, NULL);
    g_assert_cmpint (g_mkdir_with_parents (place, 0755), ==, 0);
    for (guint k = 0; k < PICTURES; k++) {
      g_autofree char *picture = g_strdup_printf ("%u.bmp", k);
      cli_make_picture (place, picture, 32, 32, i * PICTURES + k);
    }
  }
  return data;
}

/* The n classes in a file of the evaluation, one line each behind the header. */
static void
check_table (const char *folder, const char *name, guint n)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, n + 2);
  for (guint i = 0; i < n; i++) {
    g_autofree char *class = class_name (i);
    g_assert_true (g_str_has_prefix (lines[i + 1], class));
  }
}

static void
check_evaluation (const char *adapter, const char *data, const char *out, guint n)
{
  g_auto (Result) result =
      cli_run ("eval", "--adapter", adapter, "--data", data, "--out", out, NULL);
  g_autofree char *last = class_name (n - 1);
  g_autoptr (GBytes) page = runs_read (out, "report.html");
  runs_assert_ok (&result);
  check_table (out, "per_class.csv", n);
  g_assert_nonnull (
      g_strstr_len (g_bytes_get_data (page, NULL), (gssize)g_bytes_get_size (page), last));
  g_auto (Result) predicted = cli_run ("predict", "--adapter", adapter, data, "--format=csv", NULL);
  runs_assert_ok (&predicted);
  g_auto (GStrv) lines = g_strsplit (predicted.out, "\n", -1);
  g_auto (GStrv) columns = g_strsplit (lines[0], ",", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, n * PICTURES + 2);
  g_assert_cmpuint (g_strv_length (columns), >=, n);
  g_assert_cmpstr (columns[g_strv_length (columns) - 1], ==, last);
}

static void
check_export (const char *adapter, const char *out, guint n)
{
  g_auto (Result) result = cli_run ("export", "--adapter", adapter, "--out", out, NULL);
  g_autofree char *says = g_strdup_printf ("probabilities [batch, %u]", n);
  cli_assert_ok (&result);
  cli_assert_says (result.out, says);
}

/* Two zones of a test picture through the elements: each event has a class of the set, and the
 * overlay a colour for it. */
static void
check_elements (const char *base, const char *adapter, guint n)
{
  g_autofree char *command = g_strdup_printf (
      "gst-launch-1.0 -q videotestsrc num-buffers=6 ! "
      "video/x-raw,width=320,height=240,framerate=5/1 ! cowbehavior model=\"%s\" adapter=\"%s\" "
      "zones=\"a=0,0,0.5,1;b=0.5,0,0.5,1\" ! cowoverlay show-budget=true ! "
      "cowpublish file=- ! fakesink",
      base, adapter);
  g_autofree char *out = NULL;
  int status;
  g_assert_true (g_spawn_command_line_sync (command, &out, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
  guint n_labels = 0;
  for (const char *at = out; (at = strstr (at, "\"label\":\"")); n_labels++) {
    at += strlen ("\"label\":\"");
    g_assert_true (g_str_has_prefix (at, "sort "));
    g_assert_cmpuint (g_ascii_strtoull (at + strlen ("sort "), NULL, 10), <, n);
  }
  g_assert_cmpuint (n_labels, >=, 2);
}

static void
test_classes (gconstpointer data)
{
  const Case *c = data;
  char *folder = cli_folder ();
  g_autofree char *pictures = make_data (folder, c->n), *base = drawn_base (folder),
                  *out = g_build_filename (folder, "run", NULL),
                  *cache = g_build_filename (folder, "cache", NULL),
                  *adapter = g_build_filename (out, "best", NULL),
                  *page = g_build_filename (folder, "eval", NULL),
                  *graph = g_build_filename (folder, "cows.onnx", NULL);
  g_auto (Result) run = cli_run ("train", "--recipe", "frozen", "--model", base, "--data", pictures,
                                 "--size", "32", "--augment", "none", "--epochs", "2",
                                 "--learning-rate", "1e-9", "--cache", cache, "--out", out, NULL);
  runs_assert_ok (&run);
  for (guint i = 0; i < G_N_ELEMENTS (c->said); i++)
    cli_assert_says (run.out, c->said[i]);
  /* Of as many of each class one share is right by guessing. */
  if (c->n == 2)
    cli_assert_says (run.err, "would be right in 50.0 %");
  check_evaluation (adapter, pictures, page, c->n);
  check_export (adapter, graph, c->n);
  check_elements (base, adapter, c->n);
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/classes/%u", cases[i].n);
    g_test_add_data_func (path, &cases[i], test_classes);
  }
  return g_test_run ();
}
