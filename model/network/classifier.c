/* SPDX-License-Identifier: MIT */
/* How a model, an adapter and a device become a classifier, and what it says of itself. */
#include "model/network/classifier.h"

#include "model/adapter/base-check.h"
#include "model/adapter/preprocess-source.h"
#include "model/files/locate.h"
#include "model/network/backbones.h"
#include "model/network/classifier-private.h"
#include "model/network/head-classifier.h"
#include "model/network/memory.h"
#include "model/network/precision-choice.h"

#define USUAL_BATCH 8
#define READY       2 /* batches that the engine has prepared, about */

/* ---- loading --------------------------------------------------------------------------------- */

void
cow_classifier_options_resolve (CowClassifierOptions *options, CowPrecisionChoice *choice)
{
  cow_precision_choose (options->precision, options->model, options->adapter, options->device,
                        choice);
  if (options->precision == COW_PRECISION_AUTO)
    options->raised = (const char *const *)choice->raised;
  options->precision = choice->precision;
}

static gboolean
open_device (CowClassifier *self, const char *name, GError **error)
{
  self->device = cow_device_open (name, self->threads, error);
  if (!self->device || !cow_precision_check (self->device, self->precision, error))
    return FALSE;
  self->stream = cow_stream_new (self->device, 0, error);
  return self->stream != NULL;
}

static gboolean
choose_device (CowClassifier *self, const CowClassifierOptions *options, GError **error)
{
  g_auto (CowPrecisionChoice) choice = { 0 };
  CowClassifierOptions resolved = *options;
  cow_classifier_options_resolve (&resolved, &choice);
  self->precision = resolved.precision;
  self->raised = g_strdupv ((char **)resolved.raised);
  self->threads = options->threads;
  self->batch = options->batch > 0 ? options->batch : USUAL_BATCH;
  if (!open_device (self, options->device, error))
    return FALSE;
  self->device_name = g_strdup (self->device->name);
  self->device_text = cow_device_text (self->device);
  return TRUE;
}

/* Without an adapter pictures are prepared as the model says. */
static gboolean
read_preprocess (CowClassifier *self, GError **error)
{
  g_auto (CowPreprocessSource) source = { 0 };
  if (self->adapter_path)
    return TRUE;
  if (!cow_preprocess_source_read_model (&source, self->model_path, error))
    return FALSE;
  self->card->preprocess = source.preprocess;
  return TRUE;
}

/* The path of the network: the adapter folder itself where it holds a whole one, which then stands
 * alone. */
static gboolean
find_model (CowClassifier *self, const char *name, GError **error)
{
  const char *model = name && *name ? name : NULL;
  const gboolean whole = self->adapter_path && cow_card_holds_network (self->card);
  if (whole && model) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s holds a whole network (\"%s\"), so that no model goes with it; %s was given",
                 self->adapter_path, self->card->kind, model);
    return FALSE;
  }
  if (!whole && self->adapter_path && !model) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s is an adapter (\"%s\") and needs the model that it was made for%s%s",
                 self->adapter_path, self->card->kind, self->card->base_name ? ": " : "",
                 self->card->base_name ? self->card->base_name : "");
    return FALSE;
  }
  self->model_path = whole ? g_strdup (self->adapter_path) : cow_locate (model, error);
  return self->model_path != NULL;
}

/* One that finds cows has no answer for a crop, nor the other for a frame. */
static gboolean
check_task (const CowClassifier *self, gboolean detects, GError **error)
{
  if (self->card->detects == detects)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s %s is expected here",
               self->adapter_path ? self->adapter_path : self->model_path,
               detects ? "tells the class of a picture: an adapter that finds cows in whole frames "
                         "(cow-trainer train --recipe detect-frozen)"
                       : "finds cows in whole frames and tells no behaviour (the element cowdetect "
                         "takes it): an adapter that classifies");
  return FALSE;
}

/* A folder that says what it holds must hold that. */
static gboolean
check_kind (const CowClassifier *self, GError **error)
{
  const CowKind *kind = cow_card_kind (self->card);
  if (cow_kind_needs_base (kind) || g_str_equal (kind->model_type, self->config.model_type))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: cowbehavior.json says \"%s\", but config.json describes a %s", self->model_path,
               kind->name, self->config.title);
  return FALSE;
}

/* The card's pictures must suit the network. */
static gboolean
check_preprocess (const CowClassifier *self, GError **error)
{
  const CowPreprocess *preprocess = &self->card->preprocess;
  g_autoptr (GError) local = NULL;
  if (cow_classifier_check_size (self, self->adapter_path, preprocess->width, preprocess->height,
                                 &local))
    return TRUE;
  g_set_error_literal (error, COW_ERROR, COW_ERROR_MISMATCH, local->message);
  return FALSE;
}

/* The adapter, which is absent in a folder that holds a head alone or a whole network. NULL without
 * error when absent. */
static gboolean
read_adapter (CowClassifier *self, CowAdapter **adapter, GError **error)
{
  const CowKind *kind = cow_card_kind (self->card);
  *adapter = NULL;
  const gboolean present = cow_adapter_present (self->adapter_path);
  if (present && !cow_kind_needs_base (kind)) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_FORMAT,
        "%s: cowbehavior.json says \"%s\", a whole network, but adapter_config.json lies beside it",
        self->adapter_path, kind->name);
    return FALSE;
  }
  if (!present && !kind->adapted)
    return TRUE;
  if (!cow_backbone_takes_adapters (&self->config)) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: the adapter in %s is not for a %s",
                 self->model_path, self->adapter_path, self->config.title);
    return FALSE;
  }
  *adapter = cow_adapter_read (self->adapter_path, &self->config.vit, error);
  return *adapter != NULL;
}

/* The head: an adapter without one gives features only; a folder with neither is an error. */
static gboolean
open_head (CowClassifier *self, gboolean has_adapter, GError **error)
{
  GError *local = NULL;
  self->head = cow_head_classifier_class.open (self->stream, self->adapter_path,
                                               self->config.n_features, self->card, &local);
  if (self->head)
    return TRUE;
  if (has_adapter && !self->card_found && g_error_matches (local, COW_ERROR, COW_ERROR_NOT_FOUND)) {
    g_clear_error (&local);
    return TRUE;
  }
  g_propagate_error (error, local);
  return FALSE;
}

static gboolean
check_precision (CowClassifier *self, GError **error)
{
  if (self->config.klass->fp32_only && self->precision != COW_PRECISION_FP32) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: a %s computes in fp32 alone; precision %s was asked for", self->model_path,
                 self->config.title, cow_precision_name (self->precision));
    return FALSE;
  }
  self->config.precision = self->precision;
  return TRUE;
}

/* Puts the layers that are named into the next finer precision. */
static gboolean
raise_layers (CowClassifier *self, const gboolean *raised, GError **error)
{
  const CowPrecision finer = cow_precision_finer (self->device, self->precision);
  for (guint i = 0; raised && i < cow_classifier_n_linear (self); i++)
    if (raised[i] && !cow_classifier_set_linear (self, i, finer, error))
      return FALSE;
  return TRUE;
}

static CowAdapterShape
shape_of (const CowAdapter *adapter)
{
  CowAdapterShape shape = { 0 };
  if (!adapter)
    return shape;
  shape = (CowAdapterShape){ .rank = adapter->rank, .dora = adapter->dora };
  for (int i = 0; i < adapter->n_layers * COW_N_MODULES; i++)
    if (adapter->loras[i])
      shape.modules |= 1u << i % COW_N_MODULES;
  return shape;
}

/* Whether the device has memory for the network, and which share of the weights the host keeps. A
 * batch is smaller where it is the batch that does not fit. */
static gboolean
plan_memory (CowClassifier *self, const CowAdapter *adapter, GError **error)
{
  CowMemory memory;
  const CowPreprocess *preprocess = &self->card->preprocess;
  CowMemoryUse use = { .backbone = &self->config,
                       .storage = cow_memory_storage (self->checkpoint),
                       .adapter = shape_of (adapter),
                       .height = preprocess->height,
                       .width = preprocess->width };
  g_autoptr (GError) local = NULL;
  gboolean fits = FALSE;
  g_clear_pointer (&self->memory_text, g_free);
  for (int batch = self->batch; batch > 0 && !fits; batch /= 2) {
    g_clear_error (&local);
    use.batch = batch;
    use.ready = READY * batch;
    use.activations =
        self->config.klass->workspace_bytes (&self->config, batch, use.height, use.width);
    fits = cow_memory_prepare (&memory, self->device, &use, self->model_path,
                               &self->config.streamed, &local);
  }
  if (fits)
    self->memory_text = cow_memory_text (&memory, self->device);
  else
    g_propagate_error (error, g_steal_pointer (&local));
  return fits;
}

static gboolean
open_backbone (CowClassifier *self, const CowAdapter *adapter, GError **error)
{
  g_autofree gboolean *raised = NULL;
  if (!plan_memory (self, adapter, error))
    return FALSE;
  if (self->raised && !(raised = cow_backbone_find_linear (
                            &self->config, (const char *const *)self->raised, error)))
    return FALSE;
  if (!self->precision_text)
    self->precision_text = cow_precision_text (
        self->precision, cow_precision_finer (self->device, self->precision),
        (const char *const *)self->raised, cow_backbone_n_linear (&self->config));
  self->backbone =
      self->config.klass->open (self->stream, &self->config, self->checkpoint, adapter, error);
  return self->backbone && raise_layers (self, raised, error);
}

/* The weights of the backbone come last: they are large, and all else may be wrong. */
static gboolean
open_parts (CowClassifier *self, GError **error)
{
  g_autoptr (CowAdapter) adapter = NULL;
  if (!self->checkpoint)
    self->checkpoint = cow_checkpoint_open (self->model_path, error);
  if (!self->checkpoint ||
      !cow_backbone_config_read (self->model_path, self->checkpoint,
                                 cow_card_kind (self->card)->model_type, &self->config, error) ||
      !check_precision (self, error))
    return FALSE;
  if (self->adapter_path && (!check_kind (self, error) || !check_preprocess (self, error) ||
                             !read_adapter (self, &adapter, error) ||
                             !(self->card->detects ? cow_classifier_open_finder (self, error)
                                                   : open_head (self, adapter != NULL, error))))
    return FALSE;
  if (!open_backbone (self, adapter, error) || !cow_checkpoint_check (self->checkpoint, error))
    return FALSE;
  if (self->config.klass->copies_weights)
    g_clear_pointer (&self->checkpoint, cow_checkpoint_close);
  return TRUE;
}

/* Where an adapter has pictures normalised otherwise than its base's own file says; NULL where not,
 * or where the base says nothing. */
static char *
normalisation_note (const CowClassifier *self)
{
  g_auto (CowPreprocessSource) source = { 0 };
  const CowNormalisation ours = self->card->preprocess.normalisation;
  if (!cow_preprocess_source_read_model (&source, self->model_path, NULL) || !source.path ||
      !(source.given & COW_PREPROCESS_NORMALISATION) || source.preprocess.normalisation == ours)
    return NULL;
  return g_strdup_printf (
      "%s says normalisation %s, the adapter in %s was made with %s, which is used", source.path,
      cow_normalisation_name (source.preprocess.normalisation), self->adapter_path,
      cow_normalisation_name (ours));
}

/* What the user should know of the files that were opened. */
static void
find_notes (CowClassifier *self)
{
  const gboolean based = self->adapter_path && !cow_card_holds_network (self->card);
  g_autofree char *normalisation = based ? normalisation_note (self) : NULL,
                  *names = cow_checkpoint_selection (self->checkpoint);
  self->warning =
      based ? cow_base_warning (self->card, self->adapter_path, self->checkpoint) : NULL;
  self->note = names && normalisation ? g_strjoin ("; ", names, normalisation, NULL)
               : names                ? g_steal_pointer (&names)
                                      : g_steal_pointer (&normalisation);
}

static gboolean
load (CowClassifier *self, const CowClassifierOptions *options, GError **error)
{
  if (!choose_device (self, options, error))
    return FALSE;
  if (options->adapter && !(self->adapter_path = cow_locate (options->adapter, error)))
    return FALSE;
  self->card = self->adapter_path ? cow_card_read (self->adapter_path, &self->card_found, error)
                                  : cow_card_new_default ();
  if (!self->card || !check_task (self, options->detects, error) ||
      !find_model (self, options->model, error) || !read_preprocess (self, error))
    return FALSE;
  if (options->like && options->like->checkpoint &&
      g_str_equal (options->like->model_path, self->model_path))
    self->checkpoint = cow_checkpoint_ref (options->like->checkpoint);
  if (!open_parts (self, error))
    return FALSE;
  self->has_head = self->head != NULL;
  if (self->checkpoint)
    find_notes (self);
  return TRUE;
}

CowClassifier *
cow_classifier_new (const CowClassifierOptions *options, GError **error)
{
  g_autoptr (CowClassifier) self = g_new0 (CowClassifier, 1);
  if (load (self, options, error))
    return g_steal_pointer (&self);
  cow_device_explain (self->device, error);
  return NULL;
}

CowClassifier *
cow_classifier_new_like (const CowClassifier *self, CowPrecision precision,
                         const char *const *raised, GError **error)
{
  const CowClassifierOptions options = {
    .model = self->adapter_path && cow_card_holds_network (self->card) ? NULL : self->model_path,
    .adapter = self->adapter_path,
    .device = self->device->name,
    .precision = precision,
    .raised = raised,
    .threads = self->device->threads,
    .detects = self->card->detects,
    .like = self,
  };
  return cow_classifier_new (&options, error);
}

gboolean
cow_classifier_needs_model (const char *adapter)
{
  g_autofree char *path = cow_locate (adapter, NULL);
  g_autoptr (CowCard) card = path ? cow_card_read (path, NULL, NULL) : NULL;
  return !card || !cow_card_holds_network (card);
}

gboolean
cow_classifier_adapter_detects (const char *adapter)
{
  g_autofree char *path = adapter ? cow_locate (adapter, NULL) : NULL;
  g_autoptr (CowCard) card = path ? cow_card_read (path, NULL, NULL) : NULL;
  return card && card->detects;
}

static void
free_head (CowHead *head)
{
  head->klass->free (head);
}

/* Frees what belongs to the device, and closes it. */
static void
close_device (CowClassifier *self)
{
  if (self->stream) {
    cow_classifier_clear_buffers (self);
    cow_classifier_close_finder (self);
  }
  g_clear_pointer (&self->head, free_head);
  g_clear_pointer (&self->backbone, cow_backbone_free);
  g_clear_pointer (&self->checkpoint, cow_checkpoint_close);
  g_clear_pointer (&self->stream, ck_stream_free);
  g_clear_pointer (&self->device, ck_device_close);
}

gboolean
cow_classifier_is_lost (const CowClassifier *self)
{
  CkDeviceState state;
  return !self->device || (ck_device_state (self->device, &state) && state.is_lost);
}

/* The adapter may be another one by now. */
static gboolean
head_is_back (const CowClassifier *self, GError **error)
{
  if ((self->head != NULL) == self->has_head)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "%s has changed since it was opened",
               self->adapter_path);
  return FALSE;
}

gboolean
cow_classifier_reopen (CowClassifier *self, GError **error)
{
  close_device (self);
  if (open_device (self, self->device_name, error) && open_parts (self, error) &&
      head_is_back (self, error))
    return TRUE;
  cow_device_explain (self->device, error);
  close_device (self);
  return FALSE;
}

void
cow_classifier_free (CowClassifier *self)
{
  if (!self)
    return;
  close_device (self);
  g_clear_pointer (&self->card, cow_card_free);
  g_free (self->device_name);
  g_free (self->model_path);
  g_free (self->adapter_path);
  g_free (self->device_text);
  g_free (self->warning);
  g_free (self->note);
  g_free (self->precision_text);
  g_free (self->memory_text);
  g_strfreev (self->raised);
  g_free (self);
}

/* ---- what it is ------------------------------------------------------------------------------ */

CkDevice *
cow_classifier_device (const CowClassifier *self)
{
  return self->device;
}

CkStream *
cow_classifier_stream (const CowClassifier *self)
{
  return self->stream;
}

gint64
cow_classifier_n_features (const CowClassifier *self)
{
  return self->config.n_features;
}

gint64
cow_classifier_n_tokens (const CowClassifier *self, int height, int width)
{
  return cow_backbone_n_tokens (&self->config, height, width);
}

gboolean
cow_classifier_check_size (const CowClassifier *self, const char *where, int width, int height,
                           GError **error)
{
  g_autoptr (GError) local = NULL;
  if (self->config.klass->check_size (&self->config, width, height, &local))
    return TRUE;
  g_set_error (error, COW_ERROR, local->code, "%s: %s (%s)", where, local->message,
               self->model_path);
  return FALSE;
}

const CowPreprocess *
cow_classifier_preprocess (const CowClassifier *self)
{
  return &self->card->preprocess;
}

const CowCard *
cow_classifier_card (const CowClassifier *self)
{
  return self->card;
}

const char *const *
cow_classifier_classes (const CowClassifier *self)
{
  return (const char *const *)self->card->classes;
}

guint
cow_classifier_n_classes (const CowClassifier *self)
{
  return self->has_head || cow_classifier_detects (self) ? cow_card_n_classes (self->card) : 0;
}

gboolean
cow_classifier_has_head (const CowClassifier *self)
{
  return self->has_head;
}

const char *
cow_classifier_model_path (const CowClassifier *self)
{
  return self->model_path;
}

const char *
cow_classifier_adapter_path (const CowClassifier *self)
{
  return self->adapter_path;
}

const char *
cow_classifier_device_text (const CowClassifier *self)
{
  return self->device_text;
}

const char *
cow_classifier_warning (const CowClassifier *self)
{
  return self->warning;
}

const char *
cow_classifier_note (const CowClassifier *self)
{
  return self->note;
}

CowPrecision
cow_classifier_precision (const CowClassifier *self)
{
  return self->precision;
}

const char *
cow_classifier_precision_text (const CowClassifier *self)
{
  return self->precision_text;
}

const char *
cow_classifier_memory_text (const CowClassifier *self)
{
  return self->memory_text;
}

const char *
cow_classifier_precision_label (const CowClassifier *self)
{
  return cow_precision_label (self->precision, cow_precision_finer (self->device, self->precision),
                              self->raised != NULL);
}

guint
cow_classifier_n_linear (const CowClassifier *self)
{
  return cow_backbone_n_linear (&self->config);
}

char *
cow_classifier_linear_name (const CowClassifier *self, guint i)
{
  return self->config.klass->linear_name (&self->config, i);
}

gboolean
cow_classifier_set_linear (CowClassifier *self, guint i, CowPrecision precision, GError **error)
{
  return self->config.klass->set_precision (self->backbone, i, precision, error);
}

gboolean
cow_classifier_offers (const CowClassifier *self, CowPrecision precision)
{
  return precision == COW_PRECISION_FP32 ||
         (!self->config.klass->fp32_only && cow_precision_check (self->device, precision, NULL));
}
