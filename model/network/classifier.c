/* SPDX-License-Identifier: MIT */
#include "model/network/classifier.h"

#include <math.h>
#include <string.h>

#include "model/adapter/base-check.h"
#include "model/adapter/preprocess-source.h"
#include "model/files/locate.h"
#include "model/network/backbones.h"
#include "model/network/buffer.h"
#include "model/network/head-classifier.h"
#include "model/network/memory.h"
#include "model/network/precision-choice.h"

#define USUAL_BATCH 8
#define READY       2 /* batches that the engine has prepared, about */

struct _CowClassifier {
  char *model_path, *adapter_path;
  char *device_text;
  char *warning, *note;
  CowPrecision precision; /* resolved */
  char **raised;          /* as in the options, or NULL */
  char *precision_text;
  char *memory_text; /* or NULL */
  char *device_name; /* as it was opened, and with how many threads */
  int threads;
  int batch; /* that memory was planned for */
  CkDevice *device;
  CkStream *stream;
  CowCheckpoint *checkpoint; /* open as long as the backbone computes from what was read of it */
  CowCard *card;
  gboolean card_found; /* it is the adapter's own */
  CowBackboneConfig config;
  CowBackbone *backbone;
  CowHead *head; /* NULL without one */

  /* Of the last run, with room for the largest */
  CowBuffer pixels;      /* device: [batch, 3, height, width] */
  const float *features; /* device, the backbone's: [batch, n_features] */
  CowBuffer tokens;      /* device: [batch, n_tokens, n_features] */
  /* Host, and for how many floats there is room */
  float *last_hidden_state, *pooler_output;
  gsize last_hidden_state_room, pooler_output_room;
};

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
  if (self->adapter_path &&
      (!check_kind (self, error) || !check_preprocess (self, error) ||
       !read_adapter (self, &adapter, error) || !open_head (self, adapter != NULL, error)))
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
  if (!self->card || !find_model (self, options->model, error) || !read_preprocess (self, error))
    return FALSE;
  if (options->like && options->like->checkpoint &&
      g_str_equal (options->like->model_path, self->model_path))
    self->checkpoint = cow_checkpoint_ref (options->like->checkpoint);
  if (!open_parts (self, error))
    return FALSE;
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

static void
clear_buffers (CowClassifier *self)
{
  cow_buffer_clear (&self->pixels, self->stream);
  cow_buffer_clear (&self->tokens, self->stream);
  g_clear_pointer (&self->last_hidden_state, g_free);
  g_clear_pointer (&self->pooler_output, g_free);
  self->last_hidden_state_room = self->pooler_output_room = 0;
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
  if (self->stream)
    clear_buffers (self);
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

gboolean
cow_classifier_reopen (CowClassifier *self, GError **error)
{
  close_device (self);
  if (open_device (self, self->device_name, error) && open_parts (self, error))
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

/* ---- running --------------------------------------------------------------------------------- */

/* What a run computes. */
typedef struct {
  int batch, height, width;
  gsize pixel_bytes;
  gint64 n_tokens; /* that are wanted, 0: none */
} Shape;

static gsize
count_features (const CowClassifier *self, const Shape *shape)
{
  return (gsize)shape->batch * (gsize)self->config.n_features;
}

static gboolean
reserve_floats (float **floats, gsize *room, gsize n)
{
  if (n <= *room)
    return TRUE;
  g_free (*floats);
  *floats = g_try_new (float, n);
  *room = *floats ? n : 0;
  return *floats != NULL;
}

static gboolean
ensure_buffers (CowClassifier *self, const Shape *shape)
{
  const gsize features = count_features (self, shape), tokens = features * (gsize)shape->n_tokens;
  if (cow_buffer_reserve (&self->pixels, self->stream, shape->pixel_bytes) &&
      cow_buffer_reserve (&self->tokens, self->stream, tokens * sizeof (float)) &&
      reserve_floats (&self->pooler_output, &self->pooler_output_room, features) &&
      reserve_floats (&self->last_hidden_state, &self->last_hidden_state_room, tokens))
    return TRUE;
  clear_buffers (self);
  return FALSE;
}

/* The features of self->pixels, device memory; with tokens where they are wanted. */
static const float *
enqueue_features (CowClassifier *self, const Shape *shape, GError **error)
{
  const CowBackboneClass *klass = self->config.klass;
  const int last = self->config.vit.n_layers - 1;
  float *tokens = self->tokens.data;
  if (shape->n_tokens == 0)
    return klass->features (self->backbone, self->pixels.data, shape->batch, shape->height,
                            shape->width, error);
  return klass->tokens (self->backbone, self->pixels.data, shape->batch, shape->height,
                        shape->width, &last, 1, &tokens, error);
}

/* The same work comes again with every batch of a size, so the device may replay it. */
static gboolean
compute_features (CowClassifier *self, const Shape *shape, GError **error)
{
  const guint64 key = ((guint64)shape->batch << 40) ^ ((guint64)shape->height << 20) ^
                      ((guint64)shape->width << 1) ^ (guint64)(shape->n_tokens > 0);
  GError *local = NULL;
  do {
    if (ck_replay_begin (self->stream, key))
      return TRUE;
    g_clear_error (&local);
    self->features = enqueue_features (self, shape, &local);
  } while (!ck_replay_end (self->stream));
  if (local)
    g_propagate_error (error, local);
  return self->features != NULL;
}

static gboolean
download (CowClassifier *self, const Shape *shape, const float *features, GError **error)
{
  CkStream *stream = self->stream;
  const gsize bytes = count_features (self, shape) * sizeof (float);
  CkStatus status = ck_download (stream, self->pooler_output, features, bytes);
  if (status == CK_OK && shape->n_tokens > 0)
    status = ck_download (stream, self->last_hidden_state, self->tokens.data,
                          bytes * (gsize)shape->n_tokens);
  return cow_check (status, error, "downloading features");
}

/* The head's result of that name, NULL without one. */
static const float *
result_of (const CowClassifier *self, const char *name)
{
  for (guint i = 0; self->head && i < self->head->n_results; i++)
    if (g_str_equal (self->head->results[i].name, name))
      return self->head->results[i].data;
  return NULL;
}

/* Where the pixels of a batch come from: one of these. */
typedef struct {
  const float *host;            /* [batch, 3, height, width] */
  const float *const *pictures; /* [batch], on the device */
} Pixels;

static CkStatus
take_pixels (CowClassifier *self, const Pixels *from, const Shape *shape)
{
  const gsize picture = shape->pixel_bytes / sizeof (float) / (gsize)shape->batch;
  float *pixels = self->pixels.data;
  CkStatus status = CK_OK;
  if (from->host)
    return ck_upload (self->stream, pixels, from->host, shape->pixel_bytes);
  for (int i = 0; i < shape->batch && status == CK_OK; i++)
    status = self->stream->operations->copy_rows (self->stream, 1, (gint64)picture,
                                                  from->pictures[i], (gint64)picture,
                                                  pixels + (gsize)i * picture, (gint64)picture);
  return status;
}

static gboolean
compute (CowClassifier *self, const Pixels *from, const Shape *shape, GError **error)
{
  if (!cow_check (take_pixels (self, from, shape), error, "uploading pixels"))
    return FALSE;
  return compute_features (self, shape, error) &&
         (!self->head ||
          self->head->klass->run (self->head, self->features, shape->batch, error)) &&
         download (self, shape, self->features, error);
}

static gboolean
run (CowClassifier *self, const Pixels *from, int batch, int height, int width, gboolean tokens,
     CowOutput *output, GError **error)
{
  gsize area, bytes;
  if (batch < 1 || height < 1 || width < 1 ||
      !g_size_checked_mul (&area, (gsize)height * 3 * sizeof (float), (gsize)width) ||
      !g_size_checked_mul (&bytes, area, (gsize)batch))
    return cow_check (CK_BAD_SHAPE, error, "%d pictures of %d x %d", batch, width, height);
  const gint64 n_tokens = cow_classifier_n_tokens (self, height, width);
  const Shape shape = { batch, height, width, bytes, tokens ? n_tokens : 0 };
  if (!ensure_buffers (self, &shape))
    return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures of %d x %d", batch, width,
                      height);
  if (!compute (self, from, &shape, error)) {
    /* What failed is this batch's; the next one begins anew. */
    ck_stream_reset (self->stream);
    cow_device_explain (self->device, error);
    return FALSE;
  }
  *output = (CowOutput){ n_tokens, shape.n_tokens > 0 ? self->last_hidden_state : NULL,
                         self->pooler_output, result_of (self, COW_RESULT_LOGITS),
                         result_of (self, COW_RESULT_PROBABILITIES) };
  return TRUE;
}

gboolean
cow_classifier_run (CowClassifier *self, const float *pixels, int batch, int height, int width,
                    CowOutput *output, GError **error)
{
  return run (self, &(Pixels){ .host = pixels }, batch, height, width, FALSE, output, error);
}

gboolean
cow_classifier_run_tokens (CowClassifier *self, const float *pixels, int batch, int height,
                           int width, CowOutput *output, GError **error)
{
  return run (self, &(Pixels){ .host = pixels }, batch, height, width, TRUE, output, error);
}

gboolean
cow_classifier_run_prepared (CowClassifier *self, const float *const *pictures, int batch,
                             int height, int width, CowOutput *output, GError **error)
{
  return run (self, &(Pixels){ .pictures = pictures }, batch, height, width, FALSE, output, error);
}

/* A NaN would otherwise become a label without a word. */
static gboolean
check_finite (const CowClassifier *self, const char *what, const char *name, const float *values,
              gsize n, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (!isfinite (values[i])) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: number %" G_GSIZE_FORMAT " of the %s of %s is %g, expected a finite "
                   "number: the weights are too large for this computation",
                   self->adapter_path ? self->adapter_path : self->model_path, i, name, what,
                   (double)values[i]);
      return FALSE;
    }
  return TRUE;
}

gboolean
cow_classifier_check_output (const CowClassifier *self, const CowOutput *output, int i,
                             const char *what, GError **error)
{
  const gsize n_features = (gsize)self->config.n_features;
  if (!check_finite (self, what, COW_RESULT_FEATURES, output->pooler_output + (gsize)i * n_features,
                     n_features, error))
    return FALSE;
  for (guint r = 0; self->head && r < self->head->n_results; r++) {
    const CowResult *result = &self->head->results[r];
    if (!check_finite (self, what, result->name, result->data + (gsize)i * result->n, result->n,
                       error))
      return FALSE;
  }
  return TRUE;
}

const CowResult *
cow_classifier_results (const CowClassifier *self, guint *n)
{
  *n = self->head ? self->head->n_results : 0;
  return self->head ? self->head->results : NULL;
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
  return self->head ? cow_card_n_classes (self->card) : 0;
}

gboolean
cow_classifier_has_head (const CowClassifier *self)
{
  return self->head != NULL;
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
