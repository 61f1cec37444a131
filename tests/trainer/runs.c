/* SPDX-License-Identifier: MIT */
#include "tests/trainer/runs.h"

#include <string.h>

#include "model/files/safetensors.h"
#include "trainer/data/csv.h"

void
runs_assert_ok (const Result *result)
{
  if (result->status != 0)
    g_error ("exit status %d, standard error:\n%s", result->status, result->err);
}

GArray *
runs_column (const char *run, const char *column)
{
  g_autofree char *path = g_build_filename (run, "results.csv", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Csv) csv = csv_open (path, NULL, &error);
  GArray *values = g_array_new (FALSE, FALSE, sizeof (double));
  gboolean more;
  guint index;

  g_assert_no_error (error);
  g_assert_true (csv_require (csv, column, "a test", &index, &error));
  while (csv_next (csv, &more, &error) && more) {
    const double value = g_ascii_strtod (csv->fields[index], NULL);
    g_array_append_val (values, value);
  }
  g_assert_no_error (error);
  return values;
}

double
runs_best (const char *run, const char *column)
{
  g_autoptr (GArray) values = runs_column (run, column);
  double best = 0;

  for (guint i = 0; i < values->len; i++)
    best = MAX (best, g_array_index (values, double, i));
  return best;
}

guint
runs_count_right (const char *model, const char *adapter, const char *folder)
{
  g_auto (Result) result =
      model ? cli_run ("predict", folder, "--adapter", adapter, "--format", "csv", "--model", model,
                       NULL)
            : cli_run ("predict", folder, "--adapter", adapter, "--format", "csv", NULL);
  runs_assert_ok (&result);
  g_auto (GStrv) lines = g_strsplit (result.out, "\n", -1);
  guint n = 0;

  for (char **line = lines + 1; *line && **line; line++) {
    g_auto (GStrv) fields = g_strsplit (*line, ",", 3);
    g_autofree char *place = g_path_get_dirname (fields[0]), *label = g_path_get_basename (place);
    n += g_str_equal (label, fields[1]);
  }
  return n;
}

GBytes *
runs_read (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;
  char *text;
  gsize n;

  g_file_get_contents (path, &text, &n, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (text, n);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void
assert_same_file (const char *a, const char *b, const char *name)
{
  g_autoptr (GBytes) left = runs_read (a, name), right = runs_read (b, name);
  if (!g_bytes_equal (left, right))
    g_error ("%s/%s and %s/%s differ", a, name, b, name);
}

/* Compares the trained values and the optimiser's; the counters hold times. */
static void
assert_same_state (const char *a, const char *b)
{
  static const char *const names[] = { "values", "first_moments", "second_moments" };
  g_autofree char *left_path = g_build_filename (a, "state.safetensors", NULL),
                  *right_path = g_build_filename (b, "state.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensors) left = cow_safetensors_open (left_path, &error),
                             right = cow_safetensors_open (right_path, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const CowTensor *l = cow_safetensors_get (left, names[i]),
                    *r = cow_safetensors_get (right, names[i]);
    g_assert_true (cow_tensor_read (l, &error) && cow_tensor_read (r, &error));
    g_assert_cmpmem (l->data, l->n_bytes, r->data, r->n_bytes);
  }
}

static void
assert_same_folder (const char *a, const char *b, const char *name)
{
  g_autofree char *left = g_build_filename (a, name, NULL),
                  *right = g_build_filename (b, name, NULL);
  g_autoptr (GDir) dir = g_dir_open (left, 0, NULL), other = g_dir_open (right, 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  g_assert_nonnull (other);
  for (const char *file; (file = g_dir_read_name (dir)); n++) {
    if (g_str_equal (file, "state.safetensors"))
      assert_same_state (left, right);
    else
      assert_same_file (left, right, file);
  }
  for (; g_dir_read_name (other); n--)
    ;
  g_assert_cmpuint (n, ==, 0);
}

void
runs_assert_same (const char *a, const char *b, CowHistoryOf of)
{
  const char *const columns[] = {
    "epoch",         "train_loss", cow_epoch_column (2, of), "val_loss", cow_epoch_column (4, of),
    "learning_rate", "grad_norm"
  };

  assert_same_folder (a, b, "best");
  assert_same_folder (a, b, "last");
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++) {
    g_autoptr (GArray) left = runs_column (a, columns[i]), right = runs_column (b, columns[i]);
    g_assert_cmpmem (left->data, left->len * sizeof (double), right->data,
                     right->len * sizeof (double));
  }
}
