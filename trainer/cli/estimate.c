/* SPDX-License-Identifier: MIT */
/* `cow-trainer estimate`: what recipes will take in memory, disk and time on this machine. */
#include <string.h>
#include <unistd.h>

#include "model/files/json-object.h"
#include "model/files/locate.h"
#include "model/network/device.h"
#include "trainer/host/terminal.h"
#include "trainer/host/text-table.h"
#include "trainer/host/words.h"
#include "trainer/train/plan.h"
#include "trainer/train/preprocessing.h"
#include "trainer/cli/recipe-flags.h"
#include "trainer/cli/verb.h"
#include "trainer/data/dataset-open.h"
#include "trainer/data/frames-open.h"

static const VerbHelp help = {
  "",
  "Estimates memory, disk and time of recipes on this machine.",
  "Examples:\n"
  "  cow-trainer estimate\n"
  "  cow-trainer estimate --base vits16,vitb16,vitl16 --pictures 2160 --class-count 9\n"
  "  cow-trainer estimate --recipe dora-all-r16 --model dinov3-vit7b16-nf4 --data cows/ --batch 8\n"
  "\n"
  "Without --recipe or --config: every recipe. The base is --model, or of the sizes that --base\n"
  "names, as NF4 (--storage); the pictures are those of --data, or as many as --pictures and\n"
  "--val-pictures say (the paper's 2160 and 540, of 9 classes).\n"
  "\n"
  "Memory and disk are computed from the shapes: weights as stored, 16 bytes a trained\n"
  "parameter, activations, what kernels need on top. Of a GPU its memory and the host's are told\n"
  "apart, and how much of the weights goes over the bus in every pass because it does not fit.\n"
  "Time is the number of operations over the rates that one linear layer and one attention of\n"
  "that shape reach on this machine (ResNet: a pass of the network itself), measured now, and\n"
  "holds where nothing else runs. Reading pictures is taken to keep up.",
};

typedef struct {
  char *bases, *storage;
  int n_train, n_val, n_classes;
  gboolean json;
  RecipeFlags flags;
} Options;

static void
options_clear (Options *self)
{
  g_free (self->bases);
  g_free (self->storage);
  recipe_flags_clear (&self->flags);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

typedef struct {
  char *recipe, *base;
  CowPlan plan;
  CowPlanTime time;
} Row;

static void
row_free (gpointer data)
{
  Row *self = data;
  g_free (self->recipe);
  g_free (self->base);
  g_free (self);
}

typedef struct {
  const Options *options;
  CkType storage;
  CkDevice *device;
  CkStream *stream;
  guint64 available; /* of the memory that activations lie in; G_MAXUINT64: nothing tells */
  guint64 n_train, n_val;
  guint n_classes, n_identities;
  GPtrArray *rows;
  char *said;     /* how pictures are prepared, as it was said last */
  char *measured; /* what the speed below is of */
  CowSpeed speed;
} Job;

/* ---- rows ------------------------------------------------------------------------------------ */

static gboolean
choose_storage (const Options *options, CkType *storage, GError **error)
{
  static const struct {
    const char *name;
    CkType type;
  } names[] = { { "nf4", CK_NF4 }, { "fp32", CK_F32 }, { "fp16", CK_F16 }, { "bf16", CK_BF16 } };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (options->storage ? options->storage : "nf4", names[i].name)) {
      *storage = names[i].type;
      return TRUE;
    }
  return verb_usage (error, "--storage %s: nf4, fp32, fp16 or bf16 is expected", options->storage);
}

static gboolean
count_frames (Job *self, const CowRecipe *recipe, GError **error)
{
  g_auto (CowFramesOptions) options = COW_FRAMES_OPTIONS_DEFAULT;

  cow_recipe_frames_options (recipe, &options);
  g_autoptr (CowFrames) frames = cow_frames_open (&options, error);
  if (!frames)
    return FALSE;
  self->n_train = frames->splits[COW_TRAIN]->len;
  self->n_val = frames->splits[COW_VAL]->len;
  self->n_classes = cow_frames_n_told (frames);
  self->n_identities = cow_frames_n_individuals (frames);
  cow_frames_say_warnings (frames);
  return TRUE;
}

/* The pictures that --data names, in the place of the numbers. */
static gboolean
count_pictures (Job *self, const CowRecipe *recipe, GError **error)
{
  g_auto (CowDatasetOptions) options = COW_DATASET_OPTIONS_DEFAULT;

  if (!*recipe->data && !*recipe->train)
    return TRUE;
  if (recipe->detect)
    return count_frames (self, recipe, error);
  cow_recipe_dataset_options (recipe, &options);
  g_autoptr (CowDataset) dataset = cow_dataset_open (&options, error);
  if (!dataset)
    return FALSE;
  self->n_train = dataset->splits[COW_TRAIN]->len;
  self->n_val = dataset->splits[COW_VAL]->len;
  self->n_classes = dataset->n_classes;
  cow_dataset_say_warnings (dataset);
  return TRUE;
}

/* Measures this machine, unless that was done for the same shapes just before: recipes on one base
 * differ in their adapters alone. */
static gboolean
measure (Job *self, const CowRecipe *recipe, const char *base, const CowPlanInput *input,
         GError **error)
{
  g_autofree char *what = g_strdup_printf (
      "%s %s %d %d x %d x %d",
      cow_recipe_has_base (recipe) ? "base" : cow_recipe_kind_name (recipe), base,
      (int)input->storage, recipe->batch, recipe->preprocess.width, recipe->preprocess.height);

  if (g_strcmp0 (what, self->measured) == 0)
    return TRUE;
  g_free (self->measured);
  self->measured = g_steal_pointer (&what);
  return cow_speed_measure (&self->speed, self->stream, recipe, input, error);
}

static gboolean
add_row (Job *self, const CowRecipe *recipe, const char *base, CowPlanInput *input, GError **error)
{
  CowDetectorConfig detector;
  Row *row;

  if (!cow_plan_input_check_size (input, recipe, error) ||
      (recipe->detect && !cow_recipe_detector (recipe, &input->backbone, &detector, error)))
    return FALSE;
  input->detector = recipe->detect ? &detector : NULL;
  input->n_train = self->n_train;
  input->n_val = self->n_val;
  input->n_classes = self->n_classes;
  input->n_identities = self->n_identities;
  if (!measure (self, recipe, base, input, error))
    return FALSE;
  row = g_new0 (Row, 1);
  row->recipe = g_strdup (*recipe->name ? recipe->name : cow_recipe_kind_name (recipe));
  row->base = g_strdup (base);
  cow_plan_sizes (&row->plan, recipe, input, self->device, self->available);
  cow_plan_time (&row->time, recipe, input, &row->plan, &self->speed);
  g_ptr_array_add (self->rows, row);
  return TRUE;
}

/* Puts a located path in the place of what was typed, and takes it. */
static void
set_path (char **name, char **path)
{
  if (!*path)
    return;
  g_free (*name);
  *name = g_steal_pointer (path);
}

/* A recipe on the base that --model names, which may say how large its pictures are. */
static gboolean
add_on_model (Job *self, CowRecipe *recipe, GError **error)
{
  g_auto (CowPreprocessing) preprocessing = { 0 };
  g_autofree char *model = cow_locate (recipe->model, error), *name = NULL;
  g_autofree char *start = model && *recipe->start ? cow_locate (recipe->start, error) : NULL;
  CowPlanInput input = { 0 };

  if (!model || (*recipe->start && !start))
    return FALSE;
  name = g_path_get_basename (model);
  set_path (&recipe->model, &model);
  set_path (&recipe->start, &start);
  if (!cow_preprocessing_resolve (&preprocessing, recipe, error))
    return FALSE;
  if (g_strcmp0 (preprocessing.text, self->said) != 0) {
    cow_preprocessing_say (&preprocessing);
    g_free (self->said);
    self->said = g_steal_pointer (&preprocessing.text);
  }
  return cow_plan_input_from_model (&input, recipe->model, error) &&
         add_row (self, recipe, name, &input, error);
}

/* A recipe on each base that is asked for. */
static gboolean
add_recipe (Job *self, CowRecipe *recipe, GError **error)
{
  CowPlanInput input = { 0 };

  if (!cow_recipe_has_base (recipe))
    return cow_plan_input_from_scratch (&input, recipe, error) &&
           add_row (self, recipe, cow_recipe_kind (recipe)->named ? recipe->network : "", &input,
                    error);
  if (*recipe->model)
    return add_on_model (self, recipe, error);
  g_auto (GStrv) sizes =
      g_strsplit (self->options->bases ? self->options->bases : "vit7b16", ",", -1);
  for (char **size = sizes; *size; size++)
    if (!cow_plan_input_from_size (&input, g_strstrip (*size), self->storage, error) ||
        !add_row (self, recipe, *size, &input, error))
      return FALSE;
  return TRUE;
}

static gboolean
add_preset (Job *self, const char *preset, GError **error)
{
  g_autoptr (CowRecipe) recipe = recipe_flags_fill (&self->options->flags, preset, error);
  return recipe && (self->rows->len > 0 || count_pictures (self, recipe, error)) &&
         add_recipe (self, recipe, error);
}

static gboolean
add_all (Job *self, GError **error)
{
  const RecipeFlags *flags = &self->options->flags;
  guint n;
  const CowRecipePreset *presets = cow_recipe_presets (&n);

  if (recipe_flags_preset (flags) || flags->config)
    return add_preset (self, recipe_flags_preset (flags), error);
  for (guint i = 0; i < n; i++)
    if (!add_preset (self, presets[i].name, error))
      return FALSE;
  return TRUE;
}

/* ---- telling --------------------------------------------------------------------------------- */

/* "1.15 GiB", or on a device with memory of its own "3.17 GiB + 1.15 GiB": its memory and the
 * host's. */
static char *
memory_text (const Job *self, const CowPlan *plan)
{
  g_autofree char *host = cow_memory_bytes_text (plan->memory),
                  *device = cow_memory_bytes_text (plan->device.device);

  return self->device->host_memory ? g_steal_pointer (&host)
                                   : g_strdup_printf ("%s + %s", device, host);
}

/* What is special about a row's memory, or NULL. */
static char *
remark (const Job *self, const CowPlan *plan)
{
  g_autofree char *why = NULL;
  g_autofree char *streamed = cow_memory_bytes_text (plan->device.streamed);

  if (!cow_plan_fits (plan, self->device, self->available, &why))
    return g_strdup ("TOO LARGE");
  if (!plan->checkpointing && plan->device.streamed == 0)
    return NULL;
  return g_strdup_printf ("%s%s%s%s", plan->checkpointing ? "checkpointing" : "",
                          plan->checkpointing && plan->device.streamed > 0 ? "  " : "",
                          plan->device.streamed > 0 ? streamed : "",
                          plan->device.streamed > 0 ? " of weights over the bus every pass" : "");
}

static void
print_rows (const Job *self)
{
  const TextColumn columns[] = {
    { "RECIPE", TRUE, 0 },
    { "BASE", TRUE, 3 },
    { "PARAMETERS", FALSE, 5 },
    { self->device->host_memory ? "MEMORY" : "DEVICE + HOST", FALSE, 0 },
    { "DISK", FALSE, 4 },
    { "PICTURES/S", FALSE, 2 },
    { "FEATURES", FALSE, 6 },
    { "EPOCH", FALSE, 1 },
    { "ALL", FALSE, 0 },
  };
  g_autoptr (TextTable) table = text_table_new (columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < self->rows->len; i++) {
    const Row *row = self->rows->pdata[i];
    char *const cells[] = {
      g_strdup (row->recipe),
      g_strdup (row->base),
      g_strdup_printf ("%" G_GINT64_FORMAT, row->plan.trained),
      memory_text (self, &row->plan),
      cow_memory_bytes_text (row->plan.folder + row->plan.features),
      words_number (1 / row->time.train_picture),
      row->time.features > 0 ? words_time (row->time.features) : g_strdup ("-"),
      words_time (row->time.epoch),
      words_time (row->time.run),
      remark (self, &row->plan),
    };
    text_table_add (table, cells);
  }
  g_autofree char *text =
      text_table_text (table, terminal_columns (STDOUT_FILENO), "--json has all");
  g_print ("%s", text);
}

/* What the device's memory is taken by before any of this. */
static void
print_device (const Job *self)
{
  CkDeviceState state;

  if (!ck_device_state (self->device, &state))
    return;
  const gsize free_bytes = ck_device_free_bytes (self->device);
  g_autofree char *total = cow_memory_bytes_text (state.total_bytes),
                  *taken = cow_memory_bytes_text (state.total_bytes -
                                                  MIN (free_bytes, state.total_bytes));
  g_print ("%s is %s with %s, of which the driver's context and other programs have %s.\n",
           self->device->name, state.model, total, taken);
}

static void
print_table (const Job *self)
{
  g_autofree char *there = cow_memory_bytes_text (self->available);

  print_rows (self);
  g_print ("Estimated for %" G_GUINT64_FORMAT
           " pictures and their augmented copies, %" G_GUINT64_FORMAT
           " to validate, %u classes; %s of "
           "memory are available.\n",
           self->n_train, self->n_val, self->n_classes, there);
  print_device (self);
}

static JsonObject *
row_object (const Row *row)
{
  JsonObject *object = json_object_new ();
  const struct {
    const char *name;
    guint64 value;
  } sizes[] = { { "trained_parameters", (guint64)row->plan.trained },
                { "head_parameters", (guint64)row->plan.head },
                { "memory_bytes", row->plan.memory },
                { "base_bytes", row->plan.base },
                { "parameter_bytes", row->plan.parameters },
                { "activation_bytes", row->plan.activations },
                { "scratch_bytes", row->plan.scratch },
                { "pinned_bytes", row->plan.pinned },
                { "device_bytes", row->plan.device.device },
                { "device_weight_bytes", row->plan.device.weights },
                { "device_activation_bytes", row->plan.device.activations },
                { "device_scratch_bytes", row->plan.device.scratch },
                { "device_parameter_bytes", row->plan.device.parameters },
                { "device_slot_bytes", row->plan.device.slots },
                { "streamed_bytes", row->plan.device.streamed },
                { "folder_bytes", row->plan.folder },
                { "features_bytes", row->plan.features } };
  const struct {
    const char *name;
    double value;
  } times[] = { { "train_picture_s", row->time.train_picture },
                { "val_picture_s", row->time.val_picture },
                { "step_s", row->time.step },
                { "features_s", row->time.features },
                { "epoch_s", row->time.epoch },
                { "run_s", row->time.run } };

  json_object_set_string_member (object, "recipe", row->recipe);
  json_object_set_string_member (object, "base", row->base);
  json_object_set_boolean_member (object, "checkpointing", row->plan.checkpointing);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    json_object_set_int_member (object, sizes[i].name, (gint64)sizes[i].value);
  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    json_object_set_double_member (object, times[i].name, times[i].value);
  return object;
}

static void
print_json (const Job *self)
{
  g_autoptr (JsonObject) object = json_object_new ();
  JsonArray *rows = json_array_new ();

  for (guint i = 0; i < self->rows->len; i++)
    json_array_add_object_element (rows, row_object (self->rows->pdata[i]));
  json_object_set_int_member (object, "train_pictures", (gint64)self->n_train);
  json_object_set_int_member (object, "val_pictures", (gint64)self->n_val);
  json_object_set_int_member (object, "classes", self->n_classes);
  json_object_set_int_member (object, "available_bytes", (gint64)self->available);
  json_object_set_array_member (object, "recipes", rows);
  g_autofree char *text = cow_json_object_text (object);
  verb_print_utf8 (text);
}

static gboolean
estimate (const Options *options, GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (row_free);
  Job job = { .options = options,
              .n_train = (guint64)options->n_train,
              .n_val = (guint64)options->n_val,
              .n_classes = (guint)options->n_classes,
              .rows = rows };

  if (!choose_storage (options, &job.storage, error) ||
      !(job.device = cow_device_open (options->flags.device, options->flags.threads, error)) ||
      !(job.stream = cow_stream_new (job.device, 0, error)) ||
      !cow_plan_available (job.device, &job.available, error))
    return FALSE;
  const gboolean ok = add_all (&job, error);
  if (ok && options->json)
    print_json (&job);
  else if (ok)
    print_table (&job);
  ck_stream_free (job.stream);
  ck_device_close (job.device);
  g_free (job.said);
  g_free (job.measured);
  return ok;
}

gboolean
verb_estimate (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .n_train = 2160, .n_val = 540, .n_classes = 9 };
  const GOptionEntry own[] = {
    { "base", 0, 0, G_OPTION_ARG_STRING, &options.bases,
      "Sizes of a base that is not here: vits16, ... (vit7b16)", "SIZE,..." },
    { "storage", 0, 0, G_OPTION_ARG_STRING, &options.storage,
      "How its weights are stored: nf4, fp32, fp16, bf16 (nf4)", "TYPE" },
    { "pictures", 0, 0, G_OPTION_ARG_INT, &options.n_train,
      "Pictures to train on, without copies (2160)", "N" },
    { "val-pictures", 0, 0, G_OPTION_ARG_INT, &options.n_val, "Pictures to validate on (540)",
      "N" },
    { "class-count", 0, 0, G_OPTION_ARG_INT, &options.n_classes, "Classes (9)", "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "The estimates as JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!verb_parse (&help, recipe_flags_entries (&options.flags, own), argc, argv, error))
    return FALSE;
  if (options.n_train < 1 || options.n_val < 0 || options.n_classes < 2)
    return verb_usage (
        error, "--pictures %d --val-pictures %d --class-count %d: at least 1, 0 and 2 are expected",
        options.n_train, options.n_val, options.n_classes);
  return estimate (&options, error);
}
