/* SPDX-License-Identifier: MIT */
#include "model/network/precision-choice.h"

#include <unistd.h>

#include "model/adapter/fingerprint.h"
#include "model/adapter/kept-pictures.h"
#include "model/files/file-writer.h"
#include "model/files/locate.h"
#include "model/network/backbones.h"
#include "model/network/precision-file.h"

/* ---- what is kept ---------------------------------------------------------------------------- */

char *
cow_precision_choice_path (const char *model, const char *adapter)
{
  const char *owner = adapter ? adapter : model;
  return cow_path_is_folder (owner) ? g_build_filename (owner, "precision.json", NULL)
                                    : g_strconcat (owner, ".precision.json", NULL);
}

gboolean
cow_precision_choice_check_writable (const char *model, const char *adapter, GError **error)
{
  g_autofree char *path = cow_precision_choice_path (model, adapter);
  if (cow_path_is_folder (path)) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: it is a folder", path);
    return FALSE;
  }
  /* Permissions alone do not tell: a file system may be read-only or full. */
  g_autoptr (CowFileWriter) trial = cow_file_writer_new (path, error);
  return trial != NULL;
}

gboolean
cow_precision_choice_write (const char *model, const char *adapter, const CkDevice *device,
                            const CowPrecisionFigures *figures, GError **error)
{
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (model, error);
  g_autoptr (CowCard) card = NULL;
  if (!checkpoint || (adapter && !(card = cow_card_read (adapter, NULL, error))))
    return FALSE;
  g_autofree char *fingerprint = cow_fingerprint (checkpoint, adapter, card, error),
                  *path = cow_precision_choice_path (model, adapter),
                  *level = cow_device_text (device);
  return fingerprint && cow_precision_file_write (path, fingerprint, level, figures, error);
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

static gboolean
keeps_pictures (const Subject *self)
{
  return self->adapter && cow_kept_pictures_present (self->adapter);
}

/* How a user gets a choice. */
static char *
advice (const Subject *self)
{
  const gboolean whole = g_strcmp0 (self->model, self->adapter) == 0;
  return g_strdup_printf ("`cow-trainer quantize %s%s%s%s --check%s` measures what is faster",
                          whole ? "" : self->model, whole ? "" : " ",
                          self->adapter ? "--adapter " : "", self->adapter ? self->adapter : "",
                          keeps_pictures (self) ? "" : " PICTURES");
}

/* Notes that the adapter's pictures can tell what nobody has measured. */
static void
note_unmeasured (const Subject *self, CowPrecisionChoice *choice)
{
  if (!keeps_pictures (self))
    return;
  const CowPreprocess *preprocess = &self->card->preprocess;
  g_autofree char *weights = cow_fingerprint (self->checkpoint, self->adapter, self->card, NULL);
  if (!weights)
    return;
  choice->on_gpu = !self->device->host_memory;
  choice->unmeasured = g_strjoin ("\n", self->level, self->adapter, weights, NULL);
  choice->operations =
      2.0 * (double)self->config.klass->n_parameters (&self->config) *
      (double)cow_backbone_n_tokens (&self->config, preprocess->height, preprocess->width);
}

/* The path of the file that decides: the adapter's before the model's. *of_adapter says which. NULL
 * where there is none. */
static char *
find_file (const Subject *self, gboolean *of_adapter)
{
  for (guint i = self->adapter ? 0 : 1; i < 2; i++) {
    g_autofree char *path = cow_precision_choice_path (self->model, i == 0 ? self->adapter : NULL);
    *of_adapter = i == 0;
    if (cow_path_exists (path))
      return g_steal_pointer (&path);
  }
  return NULL;
}

static gboolean
check_entry (const Subject *self, const CowPrecisionEntry *entry, GError **error)
{
  const char *const *raised = (const char *const *)entry->raised;
  if (!cow_precision_check (self->device, entry->precision, error))
    return FALSE;
  if (!raised)
    return TRUE;
  g_autofree gboolean *layers = cow_backbone_find_linear (&self->config, raised, error);
  if (!layers || entry->finer == cow_precision_finer (self->device, entry->precision))
    return layers != NULL;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s is not the next finer precision of %s on %s", cow_precision_name (entry->finer),
               cow_precision_name (entry->precision), self->level);
  return FALSE;
}

/* Takes what a file says of this device into *choice. */
static gboolean
take_entry (const Subject *self, const char *path, JsonObject *choices, gboolean of_adapter,
            CowPrecisionChoice *choice, GError **error)
{
  g_auto (CowPrecisionEntry) entry = { 0 };
  gboolean found;
  if (!cow_precision_file_entry (choices, path, self->level, &entry, &found, error))
    return FALSE;
  if (!found) {
    g_autofree char *how = advice (self);
    choice->why = g_strdup_printf ("%s knows other processors than %s; %s", path, self->level, how);
    note_unmeasured (self, choice);
    return TRUE;
  }
  if (!check_entry (self, &entry, error))
    return FALSE;
  choice->precision = entry.precision;
  choice->finer = entry.finer;
  choice->raised = g_steal_pointer (&entry.raised);
  choice->measured = TRUE;
  choice->why = g_strdup_printf (
      "as measured on %u picture%s%s (%s)", entry.n_pictures, entry.n_pictures == 1 ? "" : "s",
      self->adapter && !of_adapter ? ", without this adapter" : "", path);
  return TRUE;
}

static gboolean
read_file (const Subject *self, const char *path, gboolean of_adapter, CowPrecisionChoice *choice,
           GError **error)
{
  g_autofree char *fingerprint = cow_fingerprint (
      self->checkpoint, of_adapter ? self->adapter : NULL, of_adapter ? self->card : NULL, error);
  if (!fingerprint)
    return FALSE;
  g_autoptr (JsonObject) choices = cow_precision_file_read (path, fingerprint, error);
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
    note_unmeasured (self, choice);
    return;
  }
  if (read_file (self, path, of_adapter, choice, &error))
    return;
  /* What was measured of other weights is out of date; what breaks the format is somebody's. */
  if (g_error_matches (error, COW_ERROR, COW_ERROR_MISMATCH))
    note_unmeasured (self, choice);
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
  choice->n_linear = subject.config.klass ? cow_backbone_n_linear (&subject.config) : 0;
}

char *
cow_precision_choice_text (const CowPrecisionChoice *choice)
{
  return cow_precision_text (choice->precision, choice->finer, (const char *const *)choice->raised,
                             choice->n_linear);
}

void
cow_precision_choice_clear (CowPrecisionChoice *choice)
{
  g_strfreev (choice->raised);
  g_free (choice->why);
  g_free (choice->warning);
  g_free (choice->unmeasured);
  *choice = (CowPrecisionChoice){ 0 };
}
