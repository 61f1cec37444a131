/* SPDX-License-Identifier: MIT */
/* Puts a run together. It begins with the steps that are cheap and likely to fail. */
#include <stdio.h>
#include <sys/statvfs.h>

#include "model/adapter/fingerprint.h"
#include "model/files/file-writer.h"
#include "model/files/locate.h"
#include "model/network/device.h"
#include "trainer/data/contact-sheet.h"
#include "trainer/data/frames-dataset.h"
#include "trainer/data/frames-open.h"
#include "trainer/host/words.h"
#include "trainer/train/hashes.h"
#include "trainer/train/idle-settings.h"
#include "trainer/train/run-private.h"
#include "trainer/data/dataset-open.h"

/* On the contact sheet: pictures of each class, and augmented copies of each of them, at most. */
#define SHEET_PICTURES 2
#define SHEET_COPIES   2
#define SHEET_FRAMES   12 /* of whole frames, and so many beside each other */
#define SHEET_COLUMNS  2

/* ---- what the run stands on ------------------------------------------------------------------ */

/* Classes in the order of the adapter that the run starts from, unless told otherwise: those of
 * pictures, or what it tells of a cow that it finds. */
static gboolean
take_classes (const CowRecipe *recipe, CowDatasetOptions *options, GError **error)
{
  gboolean found;

  if (!*recipe->start || *recipe->classes)
    return TRUE;
  g_autoptr (CowCard) card = cow_card_read (recipe->start, &found, error);
  if (card && found && card->detects == recipe->detect)
    options->classes = g_strdupv ((char **)cow_card_told (card));
  return card != NULL;
}

static CowDataset *
open_frames (CowRun *self, GError **error)
{
  g_auto (CowFramesOptions) options = COW_FRAMES_OPTIONS_DEFAULT;

  cow_recipe_frames_options (self->recipe, &options);
  if (!take_classes (self->recipe, &options.set, error))
    return NULL;
  self->frames = cow_frames_open (&options, error);
  if (!self->frames)
    return NULL;
  cow_frames_say_warnings (self->frames);
  return cow_dataset_of_frames (self->frames);
}

static CowDataset *
open_pictures (const CowRun *self, GError **error)
{
  g_auto (CowDatasetOptions) options = COW_DATASET_OPTIONS_DEFAULT;

  cow_recipe_dataset_options (self->recipe, &options);
  return take_classes (self->recipe, &options, error) ? cow_dataset_open (&options, error) : NULL;
}

static gboolean
open_dataset (CowRun *self, GError **error)
{
  self->dataset = self->recipe->detect ? open_frames (self, error) : open_pictures (self, error);
  if (!self->dataset)
    return FALSE;
  for (CowSplit split = COW_TRAIN; split <= COW_VAL; split++)
    if (self->dataset->splits[split]->len == 0) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "there are no pictures to %s%s",
                   split == COW_TRAIN ? "train on" : "validate on",
                   split == COW_TRAIN ? " (--data, --train)"
                                      : " (--val PATH, or --val-fraction of those in --data)");
      return FALSE;
    }
  cow_dataset_say_warnings (self->dataset);
  if (self->dataset->sets)
    self->thresholds = g_new (float, self->dataset->n_classes);
  for (guint c = 0; self->thresholds && c < self->dataset->n_classes; c++)
    self->thresholds[c] = COW_CARD_THRESHOLD;
  return TRUE;
}

/* Finds an adapter or a model, and puts its absolute path into the recipe. */
static gboolean
locate (char **name, GError **error)
{
  g_autofree char *path = **name ? cow_locate (*name, error) : NULL;

  if (!**name)
    return TRUE;
  if (!path)
    return FALSE;
  g_free (*name);
  *name = g_canonicalize_filename (path, NULL);
  return TRUE;
}

/* A resumed run prepares its pictures as its recipe.ini says, whatever the base says by now. */
static gboolean
open_base (CowRun *self, gboolean resume, GError **error)
{
  CowRecipe *recipe = self->recipe;

  if (!locate (&recipe->model, error) || !locate (&recipe->start, error) ||
      (!resume && !cow_preprocessing_resolve (&self->preprocessing, recipe, error)))
    return FALSE;
  self->model = *recipe->model ? g_strdup (recipe->model) : NULL;
  return self->model ? cow_plan_input_from_model (&self->input, self->model, error)
                     : cow_plan_input_from_scratch (&self->input, recipe, error);
}

/* ---- enough of everything -------------------------------------------------------------------- */

/* What the host is short of. */
static char *
host_text (const CowPlan *plan, guint64 available)
{
  g_autofree char *all = cow_memory_bytes_text (plan->memory),
                  *there = cow_memory_bytes_text (available);
  g_autofree char *base = cow_memory_bytes_text (plan->base),
                  *parameters = cow_memory_bytes_text (plan->parameters);
  g_autofree char *activations = cow_memory_bytes_text (plan->activations);

  return g_strdup_printf ("this run needs about %s of memory (base %s, parameters with gradients "
                          "and moments %s, activations %s), %s are available",
                          all, base, parameters, activations, there);
}

static gboolean
check_memory (const CowRun *self, guint64 available, gboolean force, GError **error)
{
  const CowPlan *plan = &self->plan;
  g_autofree char *why = NULL;

  if (cow_plan_fits (plan, self->device, available, &why) || force)
    return TRUE;
  g_autofree char *text = why ? g_strdup (why) : host_text (plan, available);
  g_set_error (error, COW_ERROR, COW_ERROR_MEMORY,
               "%s: "
               "a smaller --batch (with a larger --gradient-accumulation), --size or --rank needs "
               "less, so do --checkpointing on and a base in NF4 "
               "(cow-trainer quantize); --force tries it all the same",
               text);
  return FALSE;
}

/* The features' folder may not exist yet: the file system is that of the nearest folder that does.
 */
static gboolean
check_features_space (const CowRun *self, GError **error)
{
  g_autofree char *folder =
      *self->recipe->cache
          ? g_strdup (self->recipe->cache)
          : g_build_filename (g_get_user_cache_dir (), "cowbehavior", "features", NULL);
  struct statvfs status;

  while (!cow_path_exists (folder) && !g_str_equal (folder, "/") && !g_str_equal (folder, ".")) {
    char *parent = g_path_get_dirname (folder);
    g_free (folder);
    folder = parent;
  }
  if (self->plan.features == 0 || statvfs (folder, &status) != 0 ||
      (guint64)status.f_bavail * status.f_frsize >= self->plan.features)
    return TRUE;
  g_autofree char *wanted = cow_memory_bytes_text (self->plan.features);
  g_autofree char *there = cow_memory_bytes_text ((guint64)status.f_bavail * status.f_frsize);
  g_set_error (
      error, COW_ERROR, COW_ERROR_IO,
      "%s: %s are free there, the features need %s; --cache names another folder, fewer --copies "
      "need less",
      folder, there, wanted);
  return FALSE;
}

/* "6491 cows in all of them, 6120 with one of 9 behaviours, 6491 with one of 50 names" */
static void
say_cows (const CowFrames *frames)
{
  guint n_told = 0, n_named = 0;

  for (guint i = 0; i < frames->boxes->len; i++) {
    const CowFrameBox *box = &g_array_index (frames->boxes, CowFrameBox, i);
    n_told += box->behaviour >= 0;
    n_named += box->identity >= 0;
  }
  g_print ("%u cows in all of them", frames->boxes->len);
  if (cow_frames_n_told (frames) > 0)
    g_print (", %u with one of %u behaviours", n_told, frames->n_classes);
  if (cow_frames_n_individuals (frames) > 0)
    g_print (", %u with one of %u names", n_named, frames->n_identities);
  g_print ("\n");
}

/* Of a device with memory of its own. */
static void
say_device (const CowPlan *plan, CkDevice *device, guint64 available, const char *disk)
{
  g_autofree char *memory = cow_memory_bytes_text (plan->device.device),
                  *there = cow_memory_bytes_text (available),
                  *host = cow_memory_bytes_text (plan->memory),
                  *pinned = cow_memory_bytes_text (plan->pinned),
                  *streamed = cow_memory_text (&plan->device, device);

  g_print (
      "Estimated: %s of the memory of %s%s (%s available), %s of the host's (%s of it pinned), "
      "%s on disk\n",
      memory, device->name, plan->checkpointing ? " with checkpointing" : "", there, host, pinned,
      disk);
  if (streamed)
    g_print ("%s\n", streamed);
}

static void
say_sizes (const CowRun *self, guint64 available)
{
  const CowDataset *dataset = self->dataset;
  const CowRecipe *recipe = self->recipe;
  const CowPlan *plan = &self->plan;
  const guint n_train = dataset->splits[COW_TRAIN]->len,
              n_shown = n_train * cow_recipe_copies (recipe);
  const gboolean grouped = dataset->divided && dataset->grouped_by;
  const char *how = plan->checkpointing ? " with checkpointing" : "";
  g_autofree char *memory = cow_memory_bytes_text (plan->memory),
                  *there = cow_memory_bytes_text (available);
  g_autofree char *disk = cow_memory_bytes_text (plan->folder + plan->features);
  g_autofree char *base = self->model ? g_path_get_basename (self->model) : NULL;

  g_print ("%s%s%s: %" G_GINT64_FORMAT " parameters train, %" G_GINT64_FORMAT
           " of them in the head\n",
           *recipe->name ? recipe->name : cow_recipe_kind_name (recipe), base ? " on " : "",
           base ? base : "", plan->trained, plan->head);
  g_autofree char *what = self->frames ? g_strdup_printf ("%u frame%s", n_train, words_s (n_train))
                                       : g_strdup_printf ("%u picture%s of %u classes", n_train,
                                                          words_s (n_train), dataset->n_classes);
  g_print ("%s train (%u an epoch with augmented copies), %u validate, %u test%s%s\n", what,
           n_shown, dataset->splits[COW_VAL]->len, dataset->splits[COW_TEST]->len,
           grouped ? "; kept together by " : "", grouped ? dataset->grouped_by : "");
  if (self->frames)
    say_cows (self->frames);
  if (dataset->sets)
    g_print ("Several labels a picture: %u combinations; %u of those that train show no class\n",
             dataset->sets->n, cow_dataset_count_none (dataset, COW_TRAIN));
  g_print ("Computed by %s (%s) in %d thread%s\n", self->device->name, self->device->features,
           self->device->threads, words_s ((guint64)self->device->threads));
  if (self->device->host_memory)
    g_print ("Estimated: %s of memory%s (%s available), %s on disk\n", memory, how, there, disk);
  else
    say_device (plan, self->device, available, disk);
  fflush (stdout);
}

static gboolean
say_time (const CowRun *self, GError **error)
{
  CowSpeed speed;
  CowPlanTime time;

  if (!cow_speed_measure (&speed, self->stream, self->recipe, &self->input, error))
    return FALSE;
  cow_plan_time (&time, self->recipe, &self->input, &self->plan, &speed);
  g_autofree char *features = words_time (time.features), *epoch = words_time (time.epoch);
  g_autofree char *run = words_time (time.run);
  g_print (
      "Estimated: %s%s%s an epoch, %d epoch%s in %s, where nothing else runs on this machine\n",
      time.features > 0 ? features : "", time.features > 0 ? " for the features, then " : "", epoch,
      self->recipe->epochs, words_s ((guint64)self->recipe->epochs), run);
  fflush (stdout);
  return TRUE;
}

/* Settings that somebody gave and that decide nothing would leave them to believe otherwise. */
static gboolean
say_idle (const CowRun *self, gboolean resume, GError **error)
{
  const CowRecipe *recipe = self->recipe;
  const char *server = g_getenv ("MLFLOW_TRACKING_URI");
  g_autoptr (CowCard) start = *recipe->start ? cow_card_read (recipe->start, NULL, error) : NULL;
  const CowIdleCase idle = {
    .recipe = recipe,
    .start_has_layers = start && !cow_card_kind (start)->cached,
    .checkpoints = cow_network_checkpoints ((CowNetworkKind)recipe->kind, &self->input.backbone),
    .divided = self->dataset->divided,
    .tracked = *recipe->tracking_uri || (server && *server),
  };

  if (*recipe->start && !start)
    return FALSE;
  if (resume)
    return TRUE; /* what its recipe.ini says was said when it began */
  g_autoptr (GPtrArray) sentences = cow_idle_settings (&idle);
  for (guint i = 0; i < sentences->len; i++)
    g_printerr ("cow-trainer: warning: %s\n", (const char *)sentences->pdata[i]);
  return TRUE;
}

/* A run that goes on has results.csv to tell its times from. */
static gboolean
plan (CowRun *self, const CowRunOptions *options, GError **error)
{
  guint64 available;

  if (!cow_plan_available (self->device, &available, error))
    return FALSE;
  if (self->recipe->detect &&
      !cow_recipe_detector (self->recipe, &self->input.backbone, &self->detector, error))
    return FALSE;
  self->input.detector = self->recipe->detect ? &self->detector : NULL;
  self->input.n_classes =
      self->frames ? cow_frames_n_told (self->frames) : self->dataset->n_classes;
  self->input.n_identities = self->frames ? cow_frames_n_individuals (self->frames) : 0;
  self->input.n_train = self->dataset->splits[COW_TRAIN]->len;
  self->input.n_val = self->dataset->splits[COW_VAL]->len;
  if (!cow_plan_input_check_batches (&self->input, self->recipe, error))
    return FALSE;
  cow_plan_sizes (&self->plan, self->recipe, &self->input, self->device, available);
  if (!check_memory (self, available, options->force, error) || !check_features_space (self, error))
    return FALSE;
  say_sizes (self, available);
  return options->resume || say_time (self, error);
}

/* ---- the folder ------------------------------------------------------------------------------ */

static gboolean
open_folder (CowRun *self, const CowRunOptions *options, GError **error)
{
  self->folder = cow_run_folder_open (options->folder, self->plan.folder, error);
  if (!self->folder)
    return FALSE;
  if (!options->resume && cow_run_folder_has_run (options->folder)) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO,
                 "%s holds a run: --resume %s continues it; a new one needs another --out",
                 options->folder, options->folder);
    return FALSE;
  }
  if (self->preprocessing.text)
    cow_preprocessing_say (&self->preprocessing);
  g_autofree char *text = cow_recipe_to_text (self->recipe);
  return cow_run_folder_write (self->folder, "recipe.ini", text, error);
}

static gboolean
write_sheet (const CowRun *self, GError **error)
{
  g_autofree char *path =
      g_build_filename (cow_run_folder_path (self->folder), "contact-sheet.png", NULL);
  const CowContactSheet sheet = {
    .dataset = self->dataset,
    .split = COW_TRAIN,
    .device = self->device,
    .preprocess = self->recipe->preprocess,
    .augment = (CowAugment)self->recipe->augment,
    .per_class = self->frames ? SHEET_FRAMES : SHEET_PICTURES,
    .columns = self->frames ? SHEET_COLUMNS : 0,
    .copies = MIN (cow_recipe_copies (self->recipe) - 1, SHEET_COPIES),
    .seed = (guint64)self->recipe->seed,
    .frames = self->frames,
  };

  if (cow_path_exists (path))
    return TRUE;
  if (self->dataset->n_classes > COW_CONTACT_SHEET_MOST_CLASSES)
    g_print ("contact-sheet.png shows the first %d of %u classes\n", COW_CONTACT_SHEET_MOST_CLASSES,
             self->dataset->n_classes);
  return cow_contact_sheet_write (&sheet, path, error);
}

/* Pictures by which precision auto is measured; a network that has one precision needs none. */
static gboolean
keep (CowRun *self, GError **error)
{
  const guint n = (guint)self->recipe->keep_pictures;

  if (n == 0 || self->input.backbone.klass->fp32_only)
    return TRUE;
  if (!keep_pictures (self->dataset, COW_VAL, n, &self->recipe->preprocess, self->device,
                      &self->kept, error))
    return FALSE;
  g_print ("%u validation pictures of %d x %d stay with the adapter, for precision auto "
           "(--keep-pictures 0: none)\n",
           self->kept.n, self->kept.width, self->kept.height);
  fflush (stdout);
  return TRUE;
}

/* ---- the network ----------------------------------------------------------------------------- */

static CowFeaturesCache *
open_features (const CowRun *self, CowSplit split, GError **error)
{
  const CowRecipe *recipe = self->recipe;
  const CowFeaturesOptions options = {
    .precision = cow_recipe_precision (self->recipe),
    .folder = *recipe->cache ? recipe->cache : NULL,
    .model = self->model,
    .device = self->device->name,
    .dataset = self->dataset,
    .split = split,
    .copies = split == COW_TRAIN ? cow_recipe_copies (recipe) : 1,
    .seed = (guint64)recipe->seed,
    .preprocess = recipe->preprocess,
    .augment = (CowAugment)recipe->augment,
    .batch = recipe->batch,
    .workers = recipe->workers,
  };

  return cow_features_cache_open (&options, error);
}

static gboolean
open_feed (CowRun *self, GError **error)
{
  if (!cow_recipe_kind (self->recipe)->cached) {
    self->feed = cow_feed_new_pictures (self->recipe, self->dataset, self->frames, self->device);
    return TRUE;
  }
  g_autoptr (CowFeaturesCache) train = open_features (self, COW_TRAIN, error);
  CowFeaturesCache *val = train ? open_features (self, COW_VAL, error) : NULL;
  if (!val)
    return FALSE;
  self->feed = cow_feed_new_features (self->recipe, self->dataset, g_steal_pointer (&train), val);
  return TRUE;
}

/* An adapter to start from gives its layers and its head; one that is a head alone gives that,
 * below which layers of the recipe start. */
static gboolean
choose_start (const CowRecipe *recipe, CowNetworkOptions *options, GError **error)
{
  if (!*recipe->start)
    return TRUE;
  g_autoptr (CowCard) card = cow_card_read (recipe->start, NULL, error);
  if (!card)
    return FALSE;
  if (card->multiple != recipe->multi_label)
    g_printerr ("cow-trainer: warning: %s was trained with %s a picture, this run is with %s: what "
                "its head answers means something else from now on\n",
                recipe->start, card->multiple ? "several labels" : "one label",
                recipe->multi_label ? "several" : "one");
  if (cow_card_kind (card)->cached)
    options->start_head = recipe->start;
  else
    options->start = recipe->start;
  return TRUE;
}

/* Decomposing takes minutes on large bases, and the adapter's rank is another afterwards. */
static void
say_init (const CowRecipe *recipe)
{
  if (recipe->init == COW_INIT_DEFAULT)
    return;
  g_print ("Adapters of rank %d start as a part of the base's weights, which is computed now; they "
           "are saved as LoRA of rank %d, for the base as it is\n",
           recipe->rank, cow_recipe_whole_rank (recipe));
  fflush (stdout);
}

static gboolean
open_network (CowRun *self, GError **error)
{
  const CowRecipe *recipe = self->recipe;
  g_auto (GStrv) targets = g_strsplit (recipe->targets, ",", -1);
  CowNetworkOptions options = {
    .kind = (CowNetworkKind)recipe->kind,
    .n_classes = self->frames ? cow_frames_n_told (self->frames) : self->dataset->n_classes,
    .n_identities = self->frames ? cow_frames_n_individuals (self->frames) : 0,
    .detector = self->frames ? &self->detector : NULL,
    .seed = (guint64)recipe->seed,
    .head_dropout = (float)recipe->head_dropout,
    .model = self->model,
    .rank = recipe->rank,
    .alpha = (float)cow_recipe_alpha (recipe),
    .rslora = recipe->rslora,
    .init = (CowLoraInit)recipe->init,
    .adapter_dropout = (float)recipe->adapter_dropout,
    .targets = (const char *const *)targets,
    .checkpointing = self->plan.checkpointing ? COW_CHECKPOINTING_ON : COW_CHECKPOINTING_OFF,
    .precision = cow_recipe_precision (recipe),
    .streamed = self->plan.streamed,
    .config = self->input.backbone.vit,
    .image_size = recipe->preprocess.width,
    .batch = recipe->batch,
  };

  for (char **target = targets; *target; target++)
    g_strstrip (*target);
  if (!choose_start (recipe, &options, error))
    return FALSE;
  say_init (recipe);
  self->network = cow_network_new (self->stream, &options, error);
  if (self->network && recipe->ema > 0 &&
      !cow_parameters_keep_mean (cow_network_parameters (self->network), recipe->ema, error))
    return FALSE;
  if (self->network && recipe->balance == COW_BALANCE_WEIGHTS)
    self->class_weights = self->dataset->sets ? cow_dataset_positive_weights (self->dataset)
                                              : cow_dataset_class_weights (self->dataset);
  return self->network != NULL;
}

static void
open_task (CowRun *self)
{
  const CowDataset *dataset = self->dataset;

  if (self->frames)
    self->task = cow_task_boxes_new (self->recipe, self->network, self->frames);
  else
    self->task = dataset->sets ? cow_task_labels_new (self->recipe, self->network, dataset->sets,
                                                      self->class_weights, self->thresholds)
                               : cow_task_classes_new (self->recipe, self->network,
                                                       dataset->n_classes, self->class_weights);
}

/* ---- where it stands ------------------------------------------------------------------------- */

/* A run that was killed before it saved anything starts again, as it would have then. */
static gboolean
open_state (CowRun *self, const CowRunOptions *options, GError **error)
{
  g_autofree char *data = hash_dataset (self->dataset, self->frames, TRUE, error),
                  *pictures =
                      data ? hash_dataset (self->dataset, self->frames, FALSE, error) : NULL,
                  *last = g_build_filename (options->folder, "last", NULL);
  const gboolean resume = options->resume && cow_run_folder_has_run (options->folder);
  gboolean changed = FALSE;

  if (!pictures)
    return FALSE;
  self->state = resume ? cow_run_state_load (last, self->network, data, pictures, &changed, error)
                       : cow_run_state_new (data, pictures);
  if (!self->state)
    return FALSE;
  if (changed)
    g_printerr ("cow-trainer: warning: pictures have been replaced by others of the same names "
                "since the run was last saved: it goes on with those that are there now\n");
  if (!resume)
    self->state->at.started = (double)(g_get_real_time () / G_USEC_PER_SEC);
  /* The schedule ends with the epochs that are asked for now. */
  self->state->at.total_steps =
      (double)(cow_loop_steps (self->recipe, self->feed) * self->recipe->epochs);
  return TRUE;
}

/* Other instruction sets round differently, and so did versions with another arithmetic, of which
 * the first left no number. */
static void
warn_of_rounding (const CowCard *card, const char *device)
{
  JsonNode *node = cow_card_get_member (card, "provenance");
  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    return;
  JsonObject *provenance = json_node_get_object (node);
  const char *began = json_object_get_string_member_with_default (provenance, "device", device);

  if (g_strcmp0 (began, device) != 0)
    g_printerr ("cow-trainer: warning: the run began on %s and is resumed on %s: its numbers will "
                "differ from an uninterrupted run's by rounding\n",
                began, device);
  if (json_object_get_int_member_with_default (provenance, "arithmetic", 1) != CK_ARITHMETIC)
    g_printerr ("cow-trainer: warning: the run began with another version of this program, which "
                "rounded differently: its numbers will differ from an uninterrupted run's by "
                "rounding\n");
}

/* The base must be the one that the run began with: its own card remembers. So it does thresholds,
 * which hold until the next validation. */
static gboolean
check_last (CowRun *self, const CowRunOptions *options, const char *hash, const char *device,
            GError **error)
{
  g_autofree char *last = g_build_filename (options->folder, "last", NULL);
  gboolean found;

  if (!options->resume || !cow_run_folder_has_run (options->folder))
    return TRUE;
  g_autoptr (CowCard) card = cow_card_read (last, &found, error);
  if (!card)
    return FALSE;
  warn_of_rounding (card, device);
  for (guint c = 0; card->multiple && self->thresholds && c < self->dataset->n_classes; c++)
    self->thresholds[c] = card->thresholds[c];
  if (!found || !hash || g_strcmp0 (card->base_hash, hash) == 0)
    return TRUE;
  g_set_error (
      error, COW_ERROR, COW_ERROR_MISMATCH,
      "%s: its weights are not those that the run in %s began with; it cannot be resumed exactly",
      self->model, options->folder);
  return FALSE;
}

static gboolean
open_card (CowRun *self, const CowRunOptions *options, GError **error)
{
  g_autofree char *hash = self->model ? hash_model (self->model, error) : NULL;
  g_autofree char *device = cow_device_text (self->device), *fingerprint = NULL;
  g_autoptr (CowCheckpoint) checkpoint = hash ? cow_checkpoint_open (self->model, error) : NULL;

  if ((self->model && (!hash || !checkpoint)) || !check_last (self, options, hash, device, error))
    return FALSE;
  if (checkpoint && !(fingerprint = cow_fingerprint (checkpoint, NULL, NULL, error)))
    return FALSE;
  self->card = run_card_new (self->recipe, self->dataset, self->model, hash, fingerprint, device);
  if (self->frames && cow_frames_n_told (self->frames) > 0)
    self->card->behaviours = g_strdupv (self->frames->classes);
  return TRUE;
}

static void
open_tracking (CowRun *self)
{
  const CowRecipe *recipe = self->recipe;
  const gboolean fresh = self->state->at.step == 0;

  self->tracking = cow_run_tracking_new (*recipe->tracking_uri ? recipe->tracking_uri : NULL,
                                         *recipe->experiment ? recipe->experiment : NULL,
                                         *recipe->run_name ? recipe->run_name : NULL,
                                         cow_run_folder_path (self->folder), !fresh);
  if (!fresh)
    return; /* a parameter has one value a run */
  for (guint i = 0; i < cow_recipe_n_settings (); i++) {
    g_autofree char *value = cow_recipe_get (recipe, i);
    if (*value && !g_str_equal (cow_recipe_group (i), "tracking"))
      cow_run_tracking_log_param (self->tracking, cow_recipe_key (i), value);
  }
}

static gboolean
open_device (CowRun *self, const CowRunOptions *options, GError **error)
{
  self->device = cow_device_open (options->device, options->threads, error);
  if (!self->device || !(self->stream = cow_stream_new (self->device, 0, error)))
    return FALSE;
  if (self->stream->training)
    return cow_precision_check (self->device, cow_recipe_precision (self->recipe), error);
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s cannot train", self->device->name);
  return FALSE;
}

CowRun *
cow_run_open (const CowRunOptions *options, GError **error)
{
  g_autoptr (CowRun) self = g_new0 (CowRun, 1);

  self->recipe = options->recipe;
  cow_recipe_make_absolute (self->recipe);
  if (!open_base (self, options->resume, error) ||
      !cow_plan_input_check_size (&self->input, self->recipe, error) ||
      !open_dataset (self, error) || !say_idle (self, options->resume, error) ||
      !open_device (self, options, error) || !plan (self, options, error) ||
      !open_folder (self, options, error) || !write_sheet (self, error) || !keep (self, error) ||
      !open_card (self, options, error) || !open_feed (self, error) ||
      !open_network (self, error) || !open_state (self, options, error))
    return NULL;
  open_task (self);
  open_tracking (self);
  return g_steal_pointer (&self);
}

void
cow_run_free (CowRun *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->tracking, cow_run_tracking_free);
  g_clear_pointer (&self->card, cow_card_free);
  g_clear_pointer (&self->state, cow_run_state_free);
  g_clear_pointer (&self->feed, cow_feed_free);
  g_clear_pointer (&self->task, cow_task_free);
  g_clear_pointer (&self->network, cow_network_free);
  g_clear_pointer (&self->folder, cow_run_folder_free);
  g_clear_pointer (&self->stream, ck_stream_free);
  g_clear_pointer (&self->device, ck_device_close);
  g_clear_pointer (&self->dataset, cow_dataset_free);
  g_clear_pointer (&self->frames, cow_frames_free);
  cow_preprocessing_clear (&self->preprocessing);
  cow_kept_pictures_clear (&self->kept);
  g_free (self->class_weights);
  g_free (self->thresholds);
  g_free (self->model);
  g_free (self);
}
