/* SPDX-License-Identifier: MIT */
#include "model/network/precision-choice.h"

#include <math.h>

#include "model/adapter/fingerprint.h"
#include "model/files/json-object.h"
#include "model/files/locate.h"
#include "model/network/backbones.h"

#define FORMAT 1
/* The share of fp32's time that a path may take at most: less is not worth other numbers, and may
 * be chance. */
#define MOST_TIME .95

/* ---- figures --------------------------------------------------------------------------------- */

double
cow_precision_gate (CowPrecision precision)
{
  switch (precision) {
  case COW_PRECISION_INT16:
    return .9999;
  case COW_PRECISION_INT8:
    return .999;
  case COW_PRECISION_AUTO:
  case COW_PRECISION_FP32:
    break;
  }
  return 1;
}

CowVerdict
cow_precision_judge (const CowPrecisionFigures *figures, const CowPrecisionPath *path)
{
  if (!isfinite (path->cosine))
    return COW_VERDICT_NOT_FINITE;
  if (path->cosine < cow_precision_gate (path->precision))
    return COW_VERDICT_INEXACT;
  if (figures->has_head && path->same_labels != figures->n_pictures)
    return COW_VERDICT_LABELS;
  return path->ms <= MOST_TIME * path->fp32_ms ? COW_VERDICT_PASSED : COW_VERDICT_SLOW;
}

CowPrecision
cow_precision_decide (const CowPrecisionFigures *figures)
{
  CowPrecision best = COW_PRECISION_FP32;
  double least = INFINITY;
  for (guint i = 0; i < figures->n_paths; i++) {
    const CowPrecisionPath *path = &figures->paths[i];
    if (cow_precision_judge (figures, path) == COW_VERDICT_PASSED &&
        path->ms / path->fp32_ms < least) {
      least = path->ms / path->fp32_ms;
      best = path->precision;
    }
  }
  return best;
}

const char *
cow_verdict_text (CowVerdict verdict)
{
  static const char *const texts[] = {
    [COW_VERDICT_PASSED] = "passes",         [COW_VERDICT_SLOW] = "no faster than fp32",
    [COW_VERDICT_LABELS] = "changes labels", [COW_VERDICT_INEXACT] = "not exact enough",
    [COW_VERDICT_NOT_FINITE] = "not finite",
  };
  return texts[verdict];
}

/* ---- what is kept ---------------------------------------------------------------------------- */

char *
cow_precision_choice_path (const char *model, const char *adapter)
{
  const char *owner = adapter ? adapter : model;
  return g_file_test (owner, G_FILE_TEST_IS_DIR) ? g_build_filename (owner, "precision.json", NULL)
                                                 : g_strconcat (owner, ".precision.json", NULL);
}

/* Reads what is the same in all of a file: its format, and whether it is of this arithmetic and
 * these weights. NULL with the reason why it cannot be believed; else free with
 * json_object_unref (). */
static JsonObject *
read_choices (const char *path, const char *fingerprint, GError **error)
{
  g_autoptr (JsonObject) root = cow_json_read_object (path, error);
  static const char *const needed[] = { "format", "arithmetic", "weights", "choices" };
  gint64 format = FORMAT, arithmetic = CK_ARITHMETIC;
  const char *weights = NULL;
  JsonObject *choices = NULL;
  for (guint i = 0; root && i < G_N_ELEMENTS (needed); i++)
    if (!cow_json_require (root, path, needed[i], error))
      return NULL;
  if (!root || !cow_json_get_int (root, path, "format", FORMAT, FORMAT, &format, error) ||
      !cow_json_get_int (root, path, "arithmetic", 0, G_MAXINT, &arithmetic, error) ||
      !cow_json_get_string (root, path, "weights", &weights, error) ||
      !cow_json_get_object (root, path, "choices", &choices, error))
    return NULL;
  if (!g_str_equal (weights, fingerprint)) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "%s: it was measured with other weights",
                 path);
    return NULL;
  }
  if (arithmetic != CK_ARITHMETIC) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: it was measured by arithmetic %" G_GINT64_FORMAT ", and this program has %d",
                 path, arithmetic, CK_ARITHMETIC);
    return NULL;
  }
  return json_object_ref (choices);
}

static JsonObject *
path_object (const CowPrecisionFigures *figures, const CowPrecisionPath *path)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "precision", cow_precision_name (path->precision));
  json_object_set_double_member (object, "ms_per_picture", path->ms);
  json_object_set_double_member (object, "fp32_ms_per_picture", path->fp32_ms);
  if (isfinite (path->cosine))
    json_object_set_double_member (object, "worst_cosine", path->cosine);
  else
    json_object_set_null_member (object, "worst_cosine");
  if (figures->has_head)
    json_object_set_int_member (object, "same_labels", path->same_labels);
  else
    json_object_set_null_member (object, "same_labels");
  json_object_set_string_member (object, "verdict",
                                 cow_verdict_text (cow_precision_judge (figures, path)));
  return object;
}

static JsonObject *
figures_object (const CowPrecisionFigures *figures)
{
  JsonObject *object = json_object_new ();
  JsonArray *paths = json_array_new ();
  for (guint i = 0; i < figures->n_paths; i++)
    json_array_add_object_element (paths, path_object (figures, &figures->paths[i]));
  json_object_set_string_member (object, "precision",
                                 cow_precision_name (cow_precision_decide (figures)));
  json_object_set_int_member (object, "pictures", figures->n_pictures);
  json_object_set_array_member (object, "paths", paths);
  return object;
}

gboolean
cow_precision_choice_write (const char *model, const char *adapter, const CkDevice *device,
                            const CowPrecisionFigures *figures, GError **error)
{
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (model, error);
  g_autoptr (CowCard) card = NULL;
  if (!checkpoint || (adapter && !(card = cow_card_read (adapter, NULL, error))))
    return FALSE;
  g_autofree char *fingerprint = cow_fingerprint (checkpoint, adapter, card),
                  *path = cow_precision_choice_path (model, adapter),
                  *level = cow_device_text (device);
  g_autoptr (JsonObject) root = json_object_new ();
  JsonObject *choices = read_choices (path, fingerprint, NULL);
  if (!choices)
    choices = json_object_new ();
  json_object_set_object_member (choices, level, figures_object (figures));
  json_object_set_int_member (root, "format", FORMAT);
  json_object_set_int_member (root, "arithmetic", CK_ARITHMETIC);
  json_object_set_string_member (root, "weights", fingerprint);
  json_object_set_object_member (root, "choices", choices);
  g_autofree char *text = cow_json_object_text (root);
  return cow_text_write (text, path, error);
}

/* ---- what auto stands for -------------------------------------------------------------------- */

/* What is to be resolved, opened as far as it takes. */
typedef struct {
  CkDevice *device;
  char *level;           /* "cpu (avx512)" */
  char *model, *adapter; /* located; the same for a whole network, adapter NULL without one */
  CowCard *card;         /* of the adapter */
  CowCheckpoint *checkpoint;
  CowBackboneConfig config;
} Subject;

static void
subject_clear (Subject *self)
{
  g_clear_pointer (&self->checkpoint, cow_checkpoint_close);
  g_clear_pointer (&self->card, cow_card_free);
  ck_device_close (self->device);
  g_free (self->level);
  g_free (self->model);
  g_free (self->adapter);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Subject, subject_clear)

/* FALSE where something is wrong that loading will say. */
static gboolean
subject_open (Subject *self, const char *model, const char *adapter, const char *device)
{
  self->device = cow_device_open (device, 1, NULL);
  if (!self->device || (adapter && !(self->adapter = cow_locate (adapter, NULL))) ||
      (self->adapter && !(self->card = cow_card_read (self->adapter, NULL, NULL))))
    return FALSE;
  self->level = cow_device_text (self->device);
  const gboolean whole = self->card && cow_card_holds_network (self->card);
  if (!whole && !(model && *model))
    return FALSE;
  self->model = whole ? g_strdup (self->adapter) : cow_locate (model, NULL);
  self->checkpoint = self->model ? cow_checkpoint_open (self->model, NULL) : NULL;
  return self->checkpoint &&
         cow_backbone_config_read (self->model, self->checkpoint,
                                   self->card ? cow_card_kind (self->card)->model_type : NULL,
                                   &self->config, NULL);
}

/* How a user gets a choice. */
static char *
advice (const Subject *self)
{
  const gboolean whole = g_strcmp0 (self->model, self->adapter) == 0;
  return g_strdup_printf (
      "`cow-trainer quantize %s%s%s%s --check PICTURES` measures what is faster",
      whole ? "" : self->model, whole ? "" : " ", self->adapter ? "--adapter " : "",
      self->adapter ? self->adapter : "");
}

/* The path of the file that decides: the adapter's before the model's. *of_adapter says which. NULL
 * where there is none. */
static char *
find_file (const Subject *self, gboolean *of_adapter)
{
  for (guint i = self->adapter ? 0 : 1; i < 2; i++) {
    g_autofree char *path = cow_precision_choice_path (self->model, i == 0 ? self->adapter : NULL);
    *of_adapter = i == 0;
    if (g_file_test (path, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&path);
  }
  return NULL;
}

/* Takes what a file says of this device into *choice. */
static gboolean
take_entry (const Subject *self, const char *path, JsonObject *choices, gboolean of_adapter,
            CowPrecisionChoice *choice, GError **error)
{
  JsonObject *entry = NULL;
  const char *name = NULL;
  gint64 n_pictures = 0;
  CowPrecision precision;
  g_autofree char *where = g_strdup_printf ("%s: %s", path, self->level);
  if (!cow_json_get_object (choices, path, self->level, &entry, error))
    return FALSE;
  if (!entry) {
    g_autofree char *how = advice (self);
    choice->why = g_strdup_printf ("%s knows other processors than %s; %s", path, self->level, how);
    return TRUE;
  }
  if (!cow_json_require (entry, where, "precision", error) ||
      !cow_json_require (entry, where, "pictures", error) ||
      !cow_json_get_string (entry, where, "precision", &name, error) ||
      !cow_json_get_int (entry, where, "pictures", 1, G_MAXUINT, &n_pictures, error) ||
      !cow_precision_parse (name, &precision, error) ||
      !cow_precision_check (self->device, precision, error))
    return FALSE;
  if (precision == COW_PRECISION_AUTO) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_FORMAT, "\"precision\" is \"auto\"");
    return FALSE;
  }
  choice->precision = precision;
  choice->measured = TRUE;
  choice->why =
      g_strdup_printf ("as measured on %" G_GINT64_FORMAT " picture%s%s (%s)", n_pictures,
                       n_pictures == 1 ? "" : "s",
                       self->adapter && !of_adapter ? ", without this adapter" : "", path);
  return TRUE;
}

static gboolean
read_file (const Subject *self, const char *path, gboolean of_adapter, CowPrecisionChoice *choice,
           GError **error)
{
  g_autofree char *fingerprint = cow_fingerprint (
      self->checkpoint, of_adapter ? self->adapter : NULL, of_adapter ? self->card : NULL);
  g_autoptr (JsonObject) choices = read_choices (path, fingerprint, error);
  return choices && take_entry (self, path, choices, of_adapter, choice, error);
}

static void
choose_auto (const Subject *self, CowPrecisionChoice *choice)
{
  g_autoptr (GError) error = NULL;
  gboolean of_adapter;
  if (self->config.klass->fp32_only) {
    choice->why = g_strdup_printf ("a %s computes in fp32 alone", self->config.title);
    return;
  }
  g_autofree char *path = find_file (self, &of_adapter), *how = advice (self);
  if (!path) {
    choice->why = g_strdup_printf ("nobody has measured a faster one; %s", how);
    return;
  }
  if (read_file (self, path, of_adapter, choice, &error))
    return;
  const gboolean named = g_str_has_prefix (error->message, path);
  choice->why = g_strdup_printf ("%s is not believed", path);
  choice->warning = g_strdup_printf ("%s%s%s; precision auto is fp32. %s", named ? "" : path,
                                     named ? "" : ": ", error->message, how);
}

void
cow_precision_choose (CowPrecision wanted, const char *model, const char *adapter,
                      const char *device, CowPrecisionChoice *choice)
{
  *choice = (CowPrecisionChoice){ .precision = wanted };
  if (wanted != COW_PRECISION_AUTO)
    return;
  g_auto (Subject) subject = { 0 };
  choice->precision = COW_PRECISION_FP32;
  if (subject_open (&subject, model, adapter, device))
    choose_auto (&subject, choice);
}

void
cow_precision_choice_clear (CowPrecisionChoice *choice)
{
  g_free (choice->why);
  g_free (choice->warning);
}
