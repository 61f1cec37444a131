/* SPDX-License-Identifier: MIT */
/* `cow-trainer eval` from end to end: agreement with `predict`, classes by name, calibration that
 * is stored and used, runs, refusals. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "model/adapter/card.h"
#include "model/adapter/head-weights.h"
#include "model/files/csv-field.h"
#include "model/files/json-object.h"
#include "tests/trainer/cli.h"
#include "tests/trainer/golden-json.h"
#include "trainer/data/csv.h"

/* Indices of the default classes; the pictures show no others. */
static const guint shown[] = { 0, 3, 7 };

typedef struct {
  char *folder, *data, *adapter, *model, *out;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->folder = cli_folder ();
  self->data = g_build_filename (self->folder, "data", NULL);
  self->out = g_build_filename (self->folder, "out", NULL);
  self->adapter = cli_make_adapter (self->folder, "plain", "lora_all_r16");
  self->model = cli_golden ("plain", "nf4");
  for (guint s = 0; s < 2; s++)
    for (guint c = 0; c < G_N_ELEMENTS (shown); c++) {
      g_autofree char *folder =
          g_build_filename (self->data, s ? "val" : "test", cow_default_classes[shown[c]], NULL);
      g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
      for (guint i = 0; i < 4 + c; i++) {
        g_autofree char *name = g_strdup_printf ("<img src=x onerror=alert(%u)>, \"%u\".png", i, i);
        cli_make_picture (folder, name, 40, 30, 100 * s + 10 * c + i);
      }
    }
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  cli_remove (self->folder);
  g_free (self->data);
  g_free (self->adapter);
  g_free (self->model);
  g_free (self->out);
}

static JsonObject *
read_json (const char *folder, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, name, NULL);
  JsonObject *object = cow_json_read_object (path, &error);
  g_assert_no_error (error);
  return object;
}

static void
assert_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    g_error ("%s is missing", path);
}

/* ---- agreement with predict ------------------------------------------------------------------ */

/* Column `first` and the ones after it in a picture's row of a table with a column image_path. */
static void
find_row (const char *table, const char *path, const char *first, guint n, double *values)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Csv) csv = csv_open (table, NULL, &error);
  gboolean more;
  guint column;
  g_assert_no_error (error);
  g_assert_true (csv_require (csv, first, "a class", &column, &error));
  while (csv_next (csv, &more, &error) && more)
    if (g_str_equal (csv->fields[0], path)) {
      for (guint i = 0; i < n; i++)
        values[i] = g_ascii_strtod (csv->fields[column + i], NULL);
      return;
    }
  g_error ("%s is not in %s", path, table);
}

/* Compares every row of predictions.csv with predict's; returns the number of right ones. */
static guint
compare_predictions (const char *predictions, const char *predicted, guint *n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Csv) csv = csv_open (predictions, NULL, &error);
  gboolean more;
  guint correct = 0;
  g_assert_no_error (error);
  for (*n = 0; csv_next (csv, &more, &error) && more; (*n)++) {
    double expected[9];
    guint best = 0;
    find_row (predicted, csv->fields[0], cow_default_classes[0], 9, expected);
    for (guint c = 0; c < 9; c++) {
      g_assert_cmpfloat_with_epsilon (g_ascii_strtod (csv->fields[5 + c], NULL), expected[c], 1e-5);
      best = expected[c] > expected[best] ? c : best;
    }
    g_assert_cmpstr (csv->fields[2], ==, cow_default_classes[best]);
    g_assert_true (g_str_equal (csv->fields[1], csv->fields[2]) ==
                   g_str_equal (csv->fields[3], "1"));
    correct += g_str_equal (csv->fields[3], "1");
  }
  g_assert_no_error (error);
  return correct;
}

/* A class without pictures keeps its place: rows and columns are the adapter's classes, whatever
 * folders there are. */
static void
check_confusion (JsonObject *results)
{
  JsonArray *rows = json_object_get_array_member (results, "confusion");
  g_assert_cmpuint (json_array_get_length (rows), ==, 9);
  for (guint t = 0; t < 9; t++) {
    gint64 sum = 0, expected = 0;
    for (guint p = 0; p < 9; p++)
      sum += json_array_get_int_element (json_array_get_array_element (rows, t), p);
    for (guint c = 0; c < G_N_ELEMENTS (shown); c++)
      expected += shown[c] == t ? 4 + c : 0;
    g_assert_cmpint (sum, ==, expected);
    g_assert_cmpstr (
        json_object_get_string_member (
            json_array_get_object_element (json_object_get_array_member (results, "classes"), t),
            "name"),
        ==, cow_default_classes[t]);
  }
}

static void
test_agrees (Fixture *self, gconstpointer data)
{
  static const char *const files[] = { "results.json",
                                       "report.txt",
                                       "per_class.csv",
                                       "report.html",
                                       "confusion.png",
                                       "confusion.svg",
                                       "confusion-normalised.png",
                                       "confusion-normalised.svg",
                                       "classes.png",
                                       "classes.svg",
                                       "reliability.png",
                                       "reliability.svg",
                                       "predictions.csv" };
  g_autofree char *pictures = g_build_filename (self->data, "test", NULL),
                  *predicted = g_build_filename (self->folder, "p.csv", NULL);
  g_autofree char *predictions = g_build_filename (self->out, "predictions.csv", NULL);
  g_autofree char *card = g_build_filename (self->adapter, "cowbehavior.json", NULL),
                  *before = NULL, *after = NULL;
  guint n;
  g_assert_true (g_file_get_contents (card, &before, NULL, NULL));
  g_auto (Result) predict =
      cli_run ("predict", pictures, "-m", self->model, "-a", self->adapter, "-o", predicted, NULL);
  g_auto (Result) eval = cli_run ("eval", "-d", self->data, "-m", self->model, "-a", self->adapter,
                                  "-o", self->out, NULL);

  cli_assert_ok (&predict);
  g_assert_cmpint (eval.status, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    assert_file (self->out, files[i]);
  const guint correct = compare_predictions (predictions, predicted, &n);
  g_assert_cmpuint (n, ==, 4 + 5 + 6);
  g_autoptr (JsonObject) results = read_json (self->out, "results.json");
  g_assert_cmpint (json_object_get_int_member (results, "pictures"), ==, n);
  g_assert_cmpint (json_object_get_int_member (results, "correct"), ==, correct);
  g_assert_cmpfloat_with_epsilon (golden_double (results, "accuracy", NULL), (double)correct / n,
                                  1e-12);
  g_assert_cmpstr (json_object_get_string_member (results, "split"), ==, "test");
  check_confusion (results);
  g_assert_cmpstr (json_object_get_string_member (results, "prepared"), ==,
                   "64x64, bilinear, unit, from the adapter's cowbehavior.json");
  cli_assert_says (eval.out, "macro avg");
  /* Numbers that were not measured are reported once, and nothing is stored unless asked for. */
  g_assert_nonnull (strstr (
      eval.err,
      "warning: no picture shows \"Feeding head down\", \"Feeding head up\", \"Standing\""));
  g_assert_true (g_file_get_contents (card, &after, NULL, NULL));
  g_assert_cmpstr (before, ==, after);
}

static void
test_page (Fixture *self, gconstpointer data)
{
  g_autofree char *page = g_build_filename (self->out, "report.html", NULL), *html = NULL;
  g_auto (Result) eval = cli_run ("eval", "-d", self->data, "-m", self->model, "-a", self->adapter,
                                  "-o", self->out, NULL);
  g_assert_cmpint (eval.status, ==, 0);
  g_assert_true (g_file_get_contents (page, &html, NULL, NULL));
  g_assert_null (strstr (html, "<img src=x"));
  g_assert_nonnull (strstr (html, "&lt;img src=x onerror=alert("));
  g_assert_null (strstr (html, "://"));
}

/* The pictures of the page are JPEGs that decode. */
static void
test_thumbnails (Fixture *self, gconstpointer data)
{
  static const char start[] = "data:image/jpeg;base64,";
  g_autofree char *page = g_build_filename (self->out, "report.html", NULL), *html = NULL;
  g_auto (Result) eval = cli_run ("eval", "-d", self->data, "-m", self->model, "-a", self->adapter,
                                  "-o", self->out, NULL);
  guint n = 0;

  g_assert_cmpint (eval.status, ==, 0);
  g_assert_true (g_file_get_contents (page, &html, NULL, NULL));
  for (const char *at = html; (at = strstr (at, start)); n++) {
    at += strlen (start);
    g_autofree char *base64 = g_strndup (at, strcspn (at, "\""));
    gsize size;
    g_autofree guchar *jpeg = g_base64_decode (base64, &size);
    VipsImage *image = vips_image_new_from_buffer (jpeg, size, "", NULL);
    double mean;

    g_assert_nonnull (image);
    g_assert_cmpint (vips_image_get_width (image), ==, 64);
    g_assert_cmpint (vips_image_get_height (image), ==, 64);
    g_assert_cmpint (vips_avg (image, &mean, NULL), ==, 0);
    g_assert_cmpfloat (mean, >, 64);
    g_object_unref (image);
  }
  g_assert_cmpuint (n, >, 15); /* all pictures, and those that are mistakes once more */
}

/* ---- another adapter ------------------------------------------------------------------------- */

/* The same network without its adapter, and with the names of its classes moved by one,
 * the first of which becomes `class`, or NULL. */
static char *
make_other (const Fixture *self, const char *class)
{
  g_autofree char *folder = g_build_filename (self->folder, "moved", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir (folder, 0755), ==, 0);
  char *path = cli_make_adapter (folder, "plain", NULL);
  g_autoptr (CowCard) card = cow_card_read (path, NULL, &error);
  g_assert_no_error (error);
  const guint last = g_strv_length (card->classes) - 1;
  g_autofree char *name = card->classes[last];
  memmove (&card->classes[1], &card->classes[0], last * sizeof (char *));
  card->classes[0] = class ? g_strdup (class) : g_steal_pointer (&name);
  cow_card_write (card, path, &error);
  g_assert_no_error (error);
  return path;
}

/* What was said of each picture: from path to label. */
static GHashTable *
read_labels (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "predictions.csv", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Csv) csv = csv_open (path, NULL, &error);
  GHashTable *labels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  gboolean more;

  g_assert_no_error (error);
  while (csv_next (csv, &more, &error) && more)
    g_hash_table_insert (labels, g_strdup (csv->fields[0]), g_strdup (csv->fields[2]));
  g_assert_no_error (error);
  return labels;
}

/* Pictures of `name` in against.json, each of which says what both said. */
static guint
check_changed (JsonObject *against, const char *name, GHashTable *here, GHashTable *there)
{
  JsonArray *pictures = json_object_get_array_member (against, name);

  for (guint i = 0; i < json_array_get_length (pictures); i++) {
    JsonObject *picture = json_array_get_object_element (pictures, i);
    const char *path = json_object_get_string_member (picture, "path"),
               *true_label = json_object_get_string_member (picture, "true");
    const char *labels[] = { g_hash_table_lookup (here, path), g_hash_table_lookup (there, path) };

    g_assert_cmpstr (json_object_get_string_member (picture, "here"), ==, labels[0]);
    g_assert_cmpstr (json_object_get_string_member (picture, "there"), ==, labels[1]);
    g_assert_cmpstr (labels[g_str_equal (name, "lost")], ==, true_label);
    g_assert_cmpstr (labels[g_str_equal (name, "gained")], !=, true_label);
  }
  return json_array_get_length (pictures);
}

static double
accuracy_of (JsonObject *object)
{
  return json_object_get_double_member (object, "accuracy");
}

/* Each adapter gets what it gets alone, whatever the order of its classes. */
static void
test_against (Fixture *self, gconstpointer data)
{
  g_autofree char *other = make_other (self, NULL),
                  *alone = g_build_filename (self->folder, "alone", NULL);
  g_auto (Result) both = cli_run ("eval", "-d", self->data, "-m", self->model, "-a", self->adapter,
                                  "--against", other, "-o", self->out, NULL);
  g_auto (Result) one =
      cli_run ("eval", "-d", self->data, "-m", self->model, "-a", other, "-o", alone, NULL);

  g_assert_cmpint (both.status, ==, 0);
  g_assert_cmpint (one.status, ==, 0);
  g_assert_nonnull (strstr (both.out, "McNemar"));
  g_autoptr (JsonObject) against = read_json (self->out, "against.json"),
                         results = read_json (self->out, "results.json"),
                         others = read_json (alone, "results.json");
  g_autoptr (GHashTable) here = read_labels (self->out), there = read_labels (alone);
  JsonObject *sides[] = { json_object_get_object_member (against, "here"),
                          json_object_get_object_member (against, "there") };

  g_assert_cmpfloat (accuracy_of (sides[0]), ==, accuracy_of (results));
  g_assert_cmpfloat (accuracy_of (sides[1]), ==, accuracy_of (others));
  const gint gained = (gint)check_changed (against, "gained", here, there),
             lost = (gint)check_changed (against, "lost", here, there);
  g_assert_cmpint (gained + lost, >, 0);
  g_assert_cmpfloat_with_epsilon (accuracy_of (sides[0]) - accuracy_of (sides[1]),
                                  (double)(gained - lost) / g_hash_table_size (here), 1e-9);
}

/* ---- tables and sources ---------------------------------------------------------------------- */

static char *
picture_path (const Fixture *self, const char *split, guint c, guint i)
{
  g_autofree char *name = g_strdup_printf ("<img src=x onerror=alert(%u)>, \"%u\".png", i, i);
  return g_build_filename (self->data, split, cow_default_classes[shown[c]], name, NULL);
}

/* Writes a table of all pictures; `label` gives each its label, "" leaves it out. */
static char *
write_table (const Fixture *self,
             const char *(*label) (const char *path, guint number, gpointer data), gpointer data)
{
  g_autoptr (GString) text = g_string_new ("label,split,source,image_path\n");
  guint number = 0;
  for (guint s = 0; s < 2; s++)
    for (guint c = 0; c < G_N_ELEMENTS (shown); c++)
      for (guint i = 0; i < 4 + c; i++, number++) {
        g_autofree char *path = picture_path (self, s ? "val" : "test", c, i);
        g_string_append_printf (text, "%s,%s,camera %u,", label (path, number, data),
                                s ? "val" : "test", c);
        cow_csv_append_field (text, path);
        g_string_append_c (text, '\n');
      }
  char *table = g_build_filename (self->folder, "table.csv", NULL);
  g_assert_true (g_file_set_contents (table, text->str, -1, NULL));
  return table;
}

static const char *
label_lying (const char *path, guint number, gpointer data)
{
  return "Lying";
}

static void
test_sources (Fixture *self, gconstpointer data)
{
  g_autofree char *table = write_table (self, label_lying, NULL);
  g_auto (Result) eval = cli_run ("eval", "-d", table, "--split=all", "-m", self->model, "-a",
                                  self->adapter, "-o", self->out, "--batch=4", NULL);
  g_assert_cmpint (eval.status, ==, 0);
  g_autoptr (JsonObject) results = read_json (self->out, "results.json");
  JsonArray *sources = json_object_get_array_member (results, "by_source");
  g_assert_cmpint (json_object_get_int_member (results, "pictures"), ==, 30);
  g_assert_cmpuint (json_array_get_length (sources), ==, 3);
  for (guint s = 0; s < 3; s++) {
    g_autofree char *name = g_strdup_printf ("camera %u", s);
    JsonObject *source = json_array_get_object_element (sources, s);
    g_assert_cmpstr (json_object_get_string_member (source, "source"), ==, name);
    g_assert_cmpint (json_object_get_int_member (source, "pictures"), ==, 2 * (4 + s));
  }
  assert_file (self->out, "sources.png");
}

/* ---- calibration ----------------------------------------------------------------------------- */

/* Makes the head's last layer 20 times as large: the labels stay, and all become certain. */
static void
make_overconfident (const Fixture *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowHeadWeights) head = cow_head_weights_read (self->adapter, 128, 9, &error);
  g_assert_no_error (error);
  CowHeadLayer *last = &head->layers[head->n_layers - 1];
  for (gint64 i = 0; i < last->in * last->out; i++)
    last->weight[i] *= 20;
  for (gint64 i = 0; i < last->out; i++)
    last->bias[i] *= 20;
  cow_head_weights_write (head, self->adapter, &error);
  g_assert_no_error (error);
}

/* Two of three pictures have the network's label, the others the class after it. */
static const char *
label_mostly_predicted (const char *path, guint number, gpointer data)
{
  double values[9];
  guint best = 0;
  find_row (data, path, cow_default_classes[0], 9, values);
  for (guint c = 1; c < 9; c++)
    best = values[c] > values[best] ? c : best;
  return cow_default_classes[number % 3 ? best : (best + 1) % 9];
}

static void
add_member (const Fixture *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_read (self->adapter, NULL, &error);
  g_assert_no_error (error);
  cow_card_set_member (card, "invented",
                       json_from_string ("{\"kept\": [1, null, \"\\u00e9\"]}", NULL));
  cow_card_write (card, self->adapter, &error);
  g_assert_no_error (error);
}

static void
check_card (const Fixture *self, double temperature)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_read (self->adapter, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat_with_epsilon (card->temperature, temperature, 1e-9);
  g_assert_nonnull (card->thresholds);
  g_autofree char *kept = json_to_string (cow_card_get_member (card, "invented"), FALSE);
  g_assert_cmpstr (kept, ==, "{\"kept\":[1,null,\"é\"]}");
  JsonObject *metrics = json_node_get_object (cow_card_get_member (card, "metrics"));
  g_assert_cmpint (json_object_get_int_member (metrics, "n"), ==, 15);
  g_assert_cmpuint (
      json_array_get_length (json_node_get_array (cow_card_get_member (card, "confusion"))), ==, 9);
}

/* Counts the files of the adapter's folder: no temporary file may stay there. */
static guint
count_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;
  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
test_calibrate (Fixture *self, gconstpointer data)
{
  g_autofree char *predicted = g_build_filename (self->folder, "p.csv", NULL),
                  *again = g_build_filename (self->folder, "q.csv", NULL);
  make_overconfident (self);
  add_member (self);
  const guint n_files = count_files (self->adapter);
  g_auto (Result) predict = cli_run ("predict", self->data, "-m", self->model, "-a", self->adapter,
                                     "-o", predicted, NULL);
  cli_assert_ok (&predict);
  g_autofree char *table = write_table (self, label_mostly_predicted, predicted);
  g_auto (Result) eval = cli_run ("eval", "-d", table, "-m", self->model, "-a", self->adapter, "-o",
                                  self->out, "--calibrate", "--save", NULL);
  g_assert_cmpint (eval.status, ==, 0);
  g_autoptr (JsonObject) results = read_json (self->out, "results.json");
  JsonObject *calibration = json_object_get_object_member (results, "calibration");
  const double temperature = golden_double (calibration, "temperature", NULL);
  g_assert_cmpfloat (temperature, >, 1.2);
  g_assert_cmpstr (json_object_get_string_member (results, "split"), ==, "test");
  g_assert_cmpstr (json_object_get_string_member (calibration, "fitted_on"), ==, "val");
  /* Calibration is fitted on val and measured on test. */
  g_assert_cmpfloat (golden_double (calibration, "log_loss", "after"), <,
                     golden_double (calibration, "log_loss", "before"));
  g_assert_cmpfloat (golden_double (calibration, "ece", "after"), <,
                     golden_double (calibration, "ece", "before"));
  check_card (self, temperature);
  g_assert_cmpuint (count_files (self->adapter), ==, n_files);

  /* predict uses it: the labels stay, with less confidence; the logarithm of the ratio of two
   * classes is divided by the temperature. */
  g_auto (Result) cooler =
      cli_run ("predict", self->data, "-m", self->model, "-a", self->adapter, "-o", again, NULL);
  cli_assert_ok (&cooler);
  g_autofree char *path = picture_path (self, "test", 1, 2);
  double hot[9], cool[9];
  find_row (predicted, path, cow_default_classes[0], 9, hot);
  find_row (again, path, cow_default_classes[0], 9, cool);
  for (guint c = 1; c < 9; c++)
    if (hot[c] > 1e-20 && hot[0] > 1e-20)
      g_assert_cmpfloat_with_epsilon (log (cool[c] / cool[0]) * temperature, log (hot[c] / hot[0]),
                                      1e-2);

  /* An evaluation without --calibrate applies the card's calibration. */
  g_auto (Result) later =
      cli_run ("eval", "-d", table, "-m", self->model, "-a", self->adapter, "-o", self->out, NULL);
  g_assert_cmpint (later.status, ==, 0);
  g_autoptr (JsonObject) second = read_json (self->out, "results.json");
  JsonObject *kept = json_object_get_object_member (second, "calibration");
  g_assert_cmpfloat_with_epsilon (golden_double (kept, "temperature", NULL), temperature, 1e-9);
  g_assert_true (json_object_get_null_member (kept, "fitted_on"));
  g_assert_cmpfloat_with_epsilon (golden_double (kept, "ece", "after"),
                                  golden_double (calibration, "ece", "after"), 1e-9);
  g_assert_true (json_node_equal (json_object_get_member (kept, "thresholds"),
                                  json_object_get_member (calibration, "thresholds")));
}

/* A published adapter has no card: it gets one with the preprocessing that it was used with before,
 * and works as before. */
static void
test_calibrate_without_card (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (self->adapter, "cowbehavior.json", NULL);
  g_assert_cmpint (g_remove (path), ==, 0);
  g_auto (Result) eval = cli_run ("eval", "-d", self->data, "-m", self->model, "-a", self->adapter,
                                  "-o", self->out, "--calibrate", NULL);
  g_assert_cmpint (eval.status, ==, 0);
  gboolean found;
  g_autoptr (CowCard) card = cow_card_read (self->adapter, &found, &error),
                      standard = cow_card_new_default ();
  g_assert_no_error (error);
  g_assert_true (found && g_strv_equal ((const char *const *)card->classes, cow_default_classes));
  g_assert_cmpstr (card->kind, ==, "lora");
  g_assert_cmpmem (&card->preprocess, sizeof card->preprocess, &standard->preprocess,
                   sizeof standard->preprocess);
  g_assert_nonnull (cow_card_get_member (card, "calibration"));
}

/* ---- the adapter's run ----------------------------------------------------------------------- */

static void
test_run (Fixture *self, gconstpointer data)
{
  g_autofree char *run = g_build_filename (self->folder, "run", NULL),
                  *best = g_build_filename (run, "best", NULL);
  g_autofree char *recipe = g_build_filename (run, "recipe.ini", NULL),
                  *results = g_build_filename (run, "results.csv", NULL);
  g_autofree char *text =
      g_strdup_printf ("[model]\nkind=lora\nmodel=%s\n[data]\ndata=%s\n", self->model, self->data);
  g_assert_cmpint (g_mkdir (run, 0755), ==, 0);
  g_assert_cmpint (g_rename (self->adapter, best), ==, 0);
  g_assert_true (g_file_set_contents (recipe, text, -1, NULL));
  g_assert_true (g_file_set_contents (results,
                                      "epoch,train_loss,val_loss,train_acc,val_acc,learning_"
                                      "rate\n1,2,2.1,.1,.2,1e-4\n2,1,1.1,.5,.4,5e-5\n",
                                      -1, NULL));
  g_auto (Result) eval = cli_run ("eval", "-a", best, "-o", self->out, NULL);
  g_assert_cmpint (eval.status, ==, 0);
  assert_file (self->out, "loss.png");
  assert_file (self->out, "accuracy.svg");
  assert_file (self->out, "learning-rate.png");
  g_autoptr (JsonObject) object = read_json (self->out, "results.json");
  g_assert_cmpint (json_object_get_int_member (object, "pictures"), ==, 15);

  /* predict also finds the run's model. */
  g_auto (Result) predict = cli_run ("predict", self->data, "-a", best, NULL),
                  same = cli_run ("predict", self->data, "-m", self->model, "-a", best, NULL);
  cli_assert_ok (&predict);
  g_assert_cmpstr (predict.out, ==, same.out);

  /* A broken history is reported and left out; the evaluation succeeds. */
  g_assert_true (g_file_set_contents (results, "epoch\nx\n", -1, NULL));
  g_auto (Result) broken = cli_run ("eval", "-a", best, "-o", self->out, NULL);
  g_assert_cmpint (broken.status, ==, 0);
  cli_assert_says (broken.err, "no training history");
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void
test_unreadable (Fixture *self, gconstpointer data)
{
  g_autofree char *broken = g_build_filename (self->data, "test", "Lying", "broken.jpg", NULL);
  g_assert_true (g_file_set_contents (broken, "none", -1, NULL));
  g_auto (Result) eval = cli_run ("eval", "-d", self->data, "-m", self->model, "-a", self->adapter,
                                  "-o", self->out, "--batch=4", NULL);
  g_assert_cmpint (eval.status, ==, 1);
  cli_assert_says (eval.err, broken);
  cli_assert_says (eval.err, "1 of 16 pictures could not be read");
  g_autoptr (JsonObject) results = read_json (self->out, "results.json");
  g_assert_cmpint (json_object_get_int_member (results, "pictures"), ==, 15);
  g_assert_cmpstr (
      json_array_get_string_element (json_object_get_array_member (results, "unreadable"), 0), ==,
      broken);
}

static void
check_refused (const Fixture *self, const char *adapter, const char *folder, const char *option,
               int status, const char *text)
{
  g_auto (Result) eval = cli_run ("eval", "-d", folder, "-m", self->model, "-a", adapter, "-o",
                                  self->out, option, NULL);
  cli_assert_error (&eval, status, text);
  g_autofree char *results = g_build_filename (self->out, "results.json", NULL);
  g_assert_false (g_file_test (results, G_FILE_TEST_EXISTS));
}

/* The card knows another base than the model, which is said once. */
static void
test_other_base (Fixture *self, gconstpointer data)
{
  static const char words[] = "was made on another base, another-barn";
  cli_change_base (self->adapter);
  g_auto (Result) eval = cli_run ("eval", "-d", self->data, "-m", self->model, "-a", self->adapter,
                                  "-o", self->out, NULL);
  g_assert_cmpint (eval.status, ==, 0);
  cli_assert_says (eval.err, words);
  g_assert_null (strstr (strstr (eval.err, words) + 1, words));
}

static void
test_refused (Fixture *self, gconstpointer data)
{
  g_autofree char *test = g_build_filename (self->data, "test", NULL),
                  *other = g_build_filename (self->folder, "other", NULL);
  g_autofree char *flying = g_build_filename (other, "Flying", NULL),
                  *lying = g_build_filename (other, "Lying", NULL),
                  *headless = cli_golden ("plain", "lora_q_r8"),
                  *below = g_build_filename (self->adapter, "cowbehavior.json", "x", NULL),
                  *grazing = make_other (self, "Grazing"),
                  *against = g_strconcat ("--against=", grazing, NULL);
  g_auto (Result) no_adapter =
      cli_run ("eval", "-d", self->data, "-m", self->model, "-o", self->out, NULL);
  g_auto (Result) no_out =
      cli_run ("eval", "-d", self->data, "-m", self->model, "-a", self->adapter, NULL);
  g_auto (Result) no_data =
      cli_run ("eval", "-m", self->model, "-a", self->adapter, "-o", self->out, NULL);
  g_auto (Result) no_model =
      cli_run ("eval", "-d", self->data, "-a", self->adapter, "-o", self->out, NULL);
  g_auto (Result) no_folder =
      cli_run ("eval", "-d", self->data, "-m", self->model, "-a", self->adapter, "-o", below, NULL);

  cli_assert_error (&no_adapter, 2, "--adapter is missing");
  cli_assert_error (&no_out, 2, "--out is missing");
  cli_assert_error (&no_data, 2, "--data is missing");
  cli_assert_error (&no_model, 1, "--model is missing");
  cli_assert_error (&no_folder, 1, below);
  g_assert_cmpint (g_mkdir_with_parents (flying, 0755) + g_mkdir_with_parents (lying, 0755), ==, 0);
  cli_make_picture (flying, "a.png", 20, 20, 1);
  cli_make_picture (lying, "b.png", 20, 20, 2);
  check_refused (self, self->adapter, other, NULL, 1, "\"Flying\" is none of the classes");
  check_refused (self, self->adapter, self->data, "--split=some", 2, "--split some");
  check_refused (self, self->adapter, self->data, "--split=train", 1,
                 "--split train has no pictures: there are 0 in train, 15 in val");
  check_refused (self, self->adapter, test, "--calibrate", 1,
                 "--calibrate needs validation pictures");
  check_refused (self, self->adapter, self->data, "--min-precision=0.9", 2, "--calibrate");
  check_refused (self, self->adapter, self->data, "--min-precision=1", 2, "--min-precision 1");
  check_refused (self, self->adapter, self->data, "--classes=a,b", 2, "--classes");
  check_refused (self, self->adapter, self->data, "more", 2, "\"more\"");
  check_refused (self, self->adapter, self->data, "--against=/nowhere", 1, "/nowhere");
  check_refused (self, self->adapter, self->data, against, 1,
                 "\"Grazing\" is a class of only one of both");
  check_refused (self, headless, self->data, NULL, 1, "has no head");
  check_refused (self, "/nowhere", self->data, NULL, 1, "/nowhere");
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run) (Fixture *, gconstpointer);
  } tests[] = { { "/eval/agrees", test_agrees },
                { "/eval/page", test_page },
                { "/eval/thumbnails", test_thumbnails },
                { "/eval/against", test_against },
                { "/eval/sources", test_sources },
                { "/eval/calibrate", test_calibrate },
                { "/eval/calibrate-without-card", test_calibrate_without_card },
                { "/eval/run", test_run },
                { "/eval/unreadable", test_unreadable },
                { "/eval/other-base", test_other_base },
                { "/eval/refused", test_refused } };
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (VIPS_INIT (argv[0]), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
  return g_test_run ();
}
