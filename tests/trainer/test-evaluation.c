/* SPDX-License-Identifier: MIT */
/*
 * The output of an evaluation: report.txt compared with scikit-learn's classification_report,
 * tables and JSON that are read back, figures that decode for any number of classes, and a page
 * that loads nothing and runs nothing, whatever its names contain.
 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "model/files/json-object.h"
#include "tests/trainer/cli.h"
#include "tests/trainer/golden-json.h"
#include "trainer/data/csv.h"
#include "trainer/eval/plots.h"
#include "trainer/eval/report.h"

static const char hostile[] =
    "<script>alert('x')</script> \"&amp;\" , \xc3\xa9\nhttp://evil.example/";

/* An evaluation of n made-up results with logits that make `predicted` the most likely class.
 * `samples` [n] must outlive it. */
static CowEvaluation *
make (const char *const *classes, const guint *truth, const guint *predicted, guint n,
      CowSample *samples)
{
  g_autoptr (GError) error = NULL;
  CowEvaluation *self = cow_evaluation_new (classes, FALSE, n, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++) {
    self->samples[i] = &samples[i];
    self->truth[i] = truth[i];
    for (guint c = 0; c < self->n_classes; c++)
      self->logits[i * self->n_classes + c] =
          (c == predicted[i] ? 2 : 0) + (float)((i * 7 + c * 3) % 10) / 10;
  }
  self->n = n;
  cow_evaluation_compute (self, 1, NULL);
  return self;
}

/* An evaluation with all numbers, for n_classes classes with hostile names and n pictures with
 * hostile paths and sources. */
static CowEvaluation *
make_hostile (guint n_classes, guint n, CowSample *samples)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autofree guint *truth = g_new (guint, n), *predicted = g_new (guint, n);
  g_autofree float *thresholds = g_new (float, n_classes);
  for (guint c = 0; c < n_classes; c++) {
    g_ptr_array_add (names, g_strdup_printf ("%s%u", hostile, c));
    thresholds[c] = .3f;
  }
  g_ptr_array_add (names, NULL);
  for (guint i = 0; i < n; i++) {
    samples[i].path = "barn/\xff<img src=x onerror=alert(1)>.jpg";
    samples[i].source = i % 2 ? hostile : "";
    truth[i] = i % MAX (n_classes - 1, 1);
    predicted[i] = i % 3 ? truth[i] : (truth[i] + 1) % n_classes;
  }
  CowEvaluation *self = make ((const char *const *)names->pdata, truth, predicted, n, samples);
  self->adapter = g_strdup ("runs/</title><script>/best");
  self->model = g_strdup (hostile);
  self->data = g_strdup (hostile);
  self->split = g_strdup ("test");
  self->seconds = self->network_seconds = 1;
  self->thresholds = g_new (CowThreshold, n_classes);
  cow_thresholds_apply (self->probabilities, self->truth, n, n_classes, thresholds,
                        self->thresholds);
  g_ptr_array_add (self->warnings, g_strdup (hostile));
  g_ptr_array_add (self->unreadable, g_strdup ("\xff<script>"));
  return self;
}

static char *
read_file (const char *folder, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text;
  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* ---- report.txt ------------------------------------------------------------------------------ */

static void
check_report (JsonObject *expected)
{
  if (json_object_get_null_member (expected, "report"))
    return;
  guint n, n_predicted;
  g_autofree guint *truth = golden_uints (expected, "truth", &n),
                   *predicted = golden_uints (expected, "predicted", &n_predicted);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree CowSample *samples = g_new0 (CowSample, n);
  JsonArray *list = json_object_get_array_member (expected, "names");
  for (guint c = 0; c < json_array_get_length (list); c++)
    g_ptr_array_add (names, (gpointer)json_array_get_string_element (list, c));
  g_ptr_array_add (names, NULL);
  g_autoptr (CowEvaluation) self =
      make ((const char *const *)names->pdata, truth, predicted, n, samples);
  g_autofree char *text = cow_evaluation_report_text (self);
  const char *report = json_object_get_string_member (expected, "report");
  g_assert_cmpuint (strlen (text), >, strlen (report));
  text[strlen (report)] = '\0';
  g_assert_cmpstr (text, ==, report);
}

static void
test_report_text (void)
{
  g_autoptr (JsonObject) cases = golden_json ("metrics.json");
  g_autoptr (GList) names = json_object_get_members (cases);
  for (GList *name = names; name; name = name->next)
    check_report (json_object_get_object_member (cases, name->data));
}

/* ---- tables and JSON ------------------------------------------------------------------------- */

static void
check_predictions (const CowEvaluation *self, const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, "predictions.csv", NULL);
  g_autoptr (Csv) csv = csv_open (path, NULL, &error);
  gboolean more = TRUE;
  g_assert_no_error (error);
  g_assert_cmpuint (csv->n_columns, ==, 5 + self->n_classes);
  for (guint c = 0; c < self->n_classes; c++)
    g_assert_cmpstr (csv->columns[5 + c], ==, self->classes[c]);
  for (guint i = 0; i < self->n; i++) {
    g_assert_true (csv_next (csv, &more, &error) && more);
    g_assert_cmpstr (csv->fields[0], ==, self->samples[i]->path);
    g_assert_cmpstr (csv->fields[1], ==, self->classes[self->truth[i]]);
    g_assert_cmpstr (csv->fields[2], ==, self->classes[self->predicted[i]]);
    g_assert_cmpstr (csv->fields[3], ==, self->truth[i] == self->predicted[i] ? "1" : "0");
    g_assert_cmpstr (csv->fields[4], ==, self->samples[i]->source);
    for (guint c = 0; c < self->n_classes; c++)
      g_assert_cmpfloat_with_epsilon (g_ascii_strtod (csv->fields[5 + c], NULL),
                                      self->probabilities[i * self->n_classes + c], 1e-5);
  }
  g_assert_true (csv_next (csv, &more, &error) && !more);
}

static void
check_json (const CowEvaluation *self, const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, "results.json", NULL);
  g_autoptr (JsonObject) object = cow_json_read_object (path, &error);
  g_assert_no_error (error);
  JsonArray *classes = json_object_get_array_member (object, "classes"),
            *rows = json_object_get_array_member (object, "confusion");
  g_assert_cmpint (json_object_get_int_member (object, "pictures"), ==, self->n);
  g_assert_cmpfloat_with_epsilon (golden_double (object, "accuracy", NULL), self->metrics->accuracy,
                                  1e-12);
  g_assert_cmpfloat_with_epsilon (golden_double (object, "macro", "f1"), self->metrics->macro.f1,
                                  1e-12);
  g_assert_cmpuint (json_array_get_length (classes), ==, self->n_classes);
  for (guint c = 0; c < self->n_classes; c++) {
    JsonObject *class = json_array_get_object_element (classes, c);
    g_assert_cmpstr (json_object_get_string_member (class, "name"), ==, self->classes[c]);
    g_assert_cmpint (json_object_get_int_member (class, "support"), ==,
                     (gint64)self->metrics->support[c]);
    for (guint p = 0; p < self->n_classes; p++)
      g_assert_cmpint (json_array_get_int_element (json_array_get_array_element (rows, c), p), ==,
                       (gint64)cow_confusion_get (self->confusion, c, p));
  }
}

static void
test_files (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree CowSample *samples = g_new0 (CowSample, 60);
  char *folder = cli_folder ();
  g_autoptr (CowEvaluation) self = make_hostile (4, 60, samples);
  /* The CSV reader accepts UTF-8 only; file names may be any bytes, and are written as they are. */
  for (guint i = 0; i < 60; i++)
    samples[i].path = "barn/a, \"b\"\nc.jpg";
  cow_evaluation_write (self, folder, &error);
  g_assert_no_error (error);
  check_predictions (self, folder);
  check_json (self, folder);
  g_autofree char *report = read_file (folder, "report.txt"),
                  *per_class = read_file (folder, "per_class.csv");
  g_assert_true (g_utf8_validate (report, -1, NULL) && strstr (report, "macro avg") &&
                 strstr (report, "accuracy by source"));
  g_assert_true (g_str_has_prefix (per_class, "class,precision,recall,f1,support\n"));
  cli_remove (folder);
}

/* If the folder is missing or cannot be written, the error names the file. */
static void
test_unwritable (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree CowSample *samples = g_new0 (CowSample, 10);
  g_autoptr (CowEvaluation) self = make_hostile (2, 10, samples);
  g_autoptr (GPtrArray) figures = plots_of_evaluation (self);
  g_assert_false (cow_evaluation_write (self, "/nowhere/at/all", &error));
  g_assert_true (g_error_matches (error, COW_ERROR, COW_ERROR_IO) &&
                 strstr (error->message, "/nowhere/at/all/results.json"));
  g_clear_error (&error);
  g_assert_false (plot_figures_write (figures, "/nowhere/at/all", &error));
  g_assert_true (g_error_matches (error, COW_ERROR, COW_ERROR_IO) &&
                 strstr (error->message, "/nowhere/at/all/confusion.svg"));
}

/* ---- figures --------------------------------------------------------------------------------- */

/* The PNG decodes, has twice the figure's size, and shows something; the SVG is XML with an svg
 * root. */
static void
check_figure (const PlotFigure *figure, const char *folder)
{
  g_autofree char *png_name = g_strconcat (figure->name, ".png", NULL),
                  *svg_name = g_strconcat (figure->name, ".svg", NULL);
  g_autofree char *png = g_build_filename (folder, png_name, NULL),
                  *svg = read_file (folder, svg_name);
  g_autoptr (GError) error = NULL;
  const GMarkupParser parser = { 0 };
  double deviation = 0;
  VipsImage *image = vips_image_new_from_file (png, "fail_on", VIPS_FAIL_ON_WARNING, NULL);

  g_assert_nonnull (image);
  g_assert_cmpint (vips_image_get_width (image), ==, (int)ceil (2 * figure->width));
  g_assert_cmpint (vips_image_get_height (image), ==, (int)ceil (2 * figure->height));
  g_assert_cmpint (vips_deviate (image, &deviation, NULL), ==, 0);
  g_assert_cmpfloat (deviation, >, 5);
  g_object_unref (image);

  g_autoptr (GMarkupParseContext) context =
      g_markup_parse_context_new (&parser, (GMarkupParseFlags)0, NULL, NULL);
  g_assert_true (g_markup_parse_context_parse (context, svg, -1, &error) &&
                 g_markup_parse_context_end_parse (context, &error));
  g_assert_nonnull (strstr (svg, "<svg "));
  g_assert_null (strstr (svg, "script"));
}

static void
check_figures (const GPtrArray *figures, guint n)
{
  g_autoptr (GError) error = NULL;
  char *folder = cli_folder ();
  g_assert_cmpuint (figures->len, ==, n);
  plot_figures_write (figures, folder, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < figures->len; i++)
    check_figure (figures->pdata[i], folder);
  cli_remove (folder);
}

static void
test_figures (gconstpointer data)
{
  const guint n_classes = GPOINTER_TO_UINT (data), n = 20 * n_classes;
  g_autofree CowSample *samples = g_new0 (CowSample, n);
  g_autoptr (CowEvaluation) self = make_hostile (n_classes, n, samples);
  g_autoptr (GPtrArray) figures = plots_of_evaluation (self);
  check_figures (figures, 6);
}

/* Everything is right and there are no sources: there are no pairs to show and no source to
 * name. */
static void
test_figures_left_out (void)
{
  static const char *const classes[] = { "a", "b", NULL };
  const guint truth[] = { 0, 1, 1, 0 };
  g_autofree CowSample *samples = g_new0 (CowSample, G_N_ELEMENTS (truth));
  g_autoptr (CowEvaluation) self = make (classes, truth, truth, G_N_ELEMENTS (truth), samples);
  g_autoptr (GPtrArray) figures = plots_of_evaluation (self);
  check_figures (figures, 4);
}

/* ---- history --------------------------------------------------------------------------------- */

static GArray *
make_history (guint epochs)
{
  GArray *history = g_array_new (FALSE, FALSE, sizeof (CowEpoch));
  for (guint e = 1; e <= epochs; e++) {
    const CowEpoch epoch = {
      e, 2.0 / e, 1 - 1.0 / (e + 1), 2.2 / e, 1 - 1.2 / (e + 1), 1e-4 / e, 1, 10, 60, 1e9
    };
    g_array_append_val (history, epoch);
  }
  return history;
}

/* The trainer's own file is read again, and values that no axis can hold are left out. */
static void
test_history (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) history = make_history (30), one = make_history (1), none = make_history (0);
  g_autofree char *text = cow_history_to_csv (history, FALSE);
  char *folder = cli_folder ();
  g_autofree char *path = g_build_filename (folder, "results.csv", NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_autoptr (GArray) again = cow_history_read (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (again->len, ==, history->len);
  for (gsize i = 0; i < history->len * COW_EPOCH_COLUMNS; i++)
    g_assert_cmpfloat_with_epsilon (((double *)(void *)again->data)[i],
                                    ((double *)(void *)history->data)[i], 1e-8);
  g_array_index (again, CowEpoch, 3).train_loss = INFINITY;
  g_array_index (again, CowEpoch, 4).val_loss = NAN;
  g_array_index (again, CowEpoch, 5).val_loss = -1e300;
  g_array_index (again, CowEpoch, 6).learning_rate = 0;
  g_array_index (again, CowEpoch, 7).learning_rate = 1e-300;
  g_autoptr (GPtrArray) figures = plots_of_history (again, FALSE),
                        single = plots_of_history (one, FALSE),
                        empty = plots_of_history (none, FALSE);
  check_figures (figures, 3);
  check_figures (single, 3);
  g_assert_cmpuint (empty->len, ==, 0);
  cli_remove (folder);
}

static void
test_history_refused (void)
{
  static const struct {
    const char *text, *message;
  } cases[] = { { "a,b\n1,2\n", "epoch" },
                { "epoch,train_loss\n1,x\n", "\"x\" in column train_loss" },
                { "epoch,train_loss\n1,\n", "\"\" in column train_loss" },
                { "epoch,train_loss\n2,1\n2,1\n", "line 3: epoch 2 after epoch 2" },
                { "epoch\nnan\n", "line 2: epoch nan" },
                { "epoch\n1e300\n", "line 2: epoch 1e+300" } };
  char *folder = cli_folder ();
  g_autofree char *path = g_build_filename (folder, "results.csv", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_true (g_file_set_contents (path, cases[i].text, -1, NULL));
    g_assert_null (cow_history_read (path, &error));
    g_assert_nonnull (error);
    if (!strstr (error->message, cases[i].message) || !strstr (error->message, "results.csv"))
      g_error ("\"%s\" does not say \"%s\"", error->message, cases[i].message);
  }
  cli_remove (folder);
}

/* ---- two adapters ---------------------------------------------------------------------------- */

/* scipy.stats.binomtest (gained, gained + lost).pvalue */
static void
test_mcnemar (void)
{
  static const struct {
    guint gained, lost;
    double p;
  } cases[] = { { 0, 0, 1 },    { 1, 0, 1 },          { 5, 5, 1 },
                { 1, 3, .625 }, { 2, 10, .03857422 }, { 26, 4, 5.947612e-5 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const double p = cow_mcnemar (cases[i].gained, cases[i].lost);
    g_assert_cmpfloat_with_epsilon (p / cases[i].p, 1, 1e-4);
    g_assert_cmpfloat (p, ==, cow_mcnemar (cases[i].lost, cases[i].gained));
  }
  g_assert_cmpfloat_with_epsilon (cow_mcnemar (100500, 99500), .02549389, 1e-6);
}

/* ---- the page -------------------------------------------------------------------------------- */

/* Elements that the report may have; none of them runs, embeds or loads anything. */
static const char *const allowed[] = {
  "!DOCTYPE", "html",    "head",  "meta",   "title",      "style",   "body",    "main",
  "h1",       "h2",      "p",     "ul",     "li",         "div",     "b",       "span",
  "table",    "thead",   "tbody", "tfoot",  "tr",         "th",      "td",      "i",
  "figure",   "picture", "img",   "source", "footer",     "details", "summary", "code",
  "a",        "em",      "br",    "small",  "figcaption", NULL
};

/* Checks the inside of a start tag: its attributes refer to nothing outside and to no code. */
static void
check_tag (const char *tag)
{
  const gsize n = strcspn (tag, " \t\n/");
  g_autofree char *name = g_strndup (tag, n);
  if (!g_strv_contains (allowed, name))
    g_error ("<%s> is in the report", name);
  static const char *const urls[] = { " src=\"", " srcset=\"", " href=\"", " action=\"" };
  for (guint i = 0; i < G_N_ELEMENTS (urls); i++) {
    const char *url = strstr (tag, urls[i]);
    if (url && !g_str_has_prefix (url + strlen (urls[i]), "data:image/svg+xml;base64,") &&
        !g_str_has_prefix (url + strlen (urls[i]), "data:image/jpeg;base64,") &&
        !g_str_has_prefix (url + strlen (urls[i]), "#"))
      g_error ("a reference to something outside: %.100s", tag);
  }
  g_assert_null (strstr (tag, " on"));
}

static void
check_page (const char *html)
{
  const char *content = html;
  g_assert_true (g_utf8_validate (html, -1, NULL));
  for (const char *open; (open = strchr (content, '<')); content = strchr (open, '>') + 1) {
    g_assert_nonnull (strchr (open, '>'));
    g_autofree char *tag = g_strndup (open + 1, (gsize)(strchr (open, '>') - open - 1));
    g_assert_null (strchr (tag, '<'));
    if (tag[0] != '/')
      check_tag (tag);
  }
  g_assert_null (strstr (html, "url("));
  g_assert_null (strstr (html, "@import"));
}

static void
test_page (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree CowSample *samples = g_new0 (CowSample, 60);
  g_autoptr (CowEvaluation) self = make_hostile (3, 60, samples);
  g_autoptr (GArray) history = make_history (5);
  g_autofree char *html = cow_report_html (self, NULL, history, NULL, &error);
  g_assert_no_error (error);
  check_page (html);
  g_assert_nonnull (
      strstr (html, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &quot;&amp;amp;&quot;"));
  g_assert_nonnull (strstr (html, "\\xFF&lt;img src=x onerror=alert(1)&gt;.jpg"));
  g_assert_nonnull (strstr (html, "default-src 'none'"));
  g_assert_nonnull (strstr (html, "prefers-color-scheme:dark"));
  g_assert_nonnull (strstr (html, "width=device-width"));
  g_assert_nonnull (strstr (html, "<h2>Training</h2>"));
  g_autofree char *without = cow_report_html (self, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (strstr (without, "<h2>Training</h2>"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (VIPS_INIT (argv[0]), ==, 0);
  g_test_add_func ("/evaluation/report-text", test_report_text);
  g_test_add_func ("/evaluation/files", test_files);
  g_test_add_func ("/evaluation/unwritable", test_unwritable);
  g_test_add_data_func ("/evaluation/figures/2", GUINT_TO_POINTER (2), test_figures);
  g_test_add_data_func ("/evaluation/figures/9", GUINT_TO_POINTER (9), test_figures);
  g_test_add_data_func ("/evaluation/figures/30", GUINT_TO_POINTER (30), test_figures);
  g_test_add_func ("/evaluation/figures/left-out", test_figures_left_out);
  g_test_add_func ("/evaluation/history/read", test_history);
  g_test_add_func ("/evaluation/history/refused", test_history_refused);
  g_test_add_func ("/evaluation/mcnemar", test_mcnemar);
  g_test_add_func ("/evaluation/page", test_page);
  return g_test_run ();
}
