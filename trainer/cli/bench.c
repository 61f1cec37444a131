/* SPDX-License-Identifier: MIT */
/*
 * `cow-trainer bench`: how fast a network is on this machine, in variants that take turns, beside
 * the peak of the machine's own multiply-adds. This file is the command line and the tables;
 * throughput.h measures.
 */
#include <unistd.h>

#include "model/files/json-object.h"
#include "trainer/cli/model-options.h"
#include "trainer/cli/picture-arguments.h"
#include "trainer/cli/verb.h"
#include "trainer/host/words.h"
#include "trainer/data/pictures.h"
#include "trainer/eval/compare.h"
#include "trainer/eval/pipeline-time.h"
#include "trainer/eval/throughput.h"
#include "trainer/host/memory.h"
#include "trainer/host/processor.h"
#include "trainer/host/terminal.h"
#include "trainer/host/text-table.h"

#define MOST_THREADS  1024
#define MOST_SECONDS  86400
#define MOST_VARIANTS 256

static const VerbHelp help = {
  "[PICTURE|FOLDER...]",
  "Measures how fast a network is on this machine.",
  "Examples:\n"
  "  cow-trainer bench\n"
  "  cow-trainer bench --model dinov3-vits16-nf4 --adapter cows --batch 1,2,4,8,16\n"
  "  cow-trainer bench --model dinov3-vits16-nf4 --threads 1,2,4 --batch 1 --layers\n"
  "  cow-trainer bench --model dinov3-vit7b16-nf4 --seconds 60 --json >bench.json\n"
  "  cow-trainer bench --pipeline barn.mkv\n"
  "\n"
  "Pictures are made up unless some are given, and are in memory already: what is measured is the\n"
  "network with its adapter and head. Every combination of --precision, --threads and --batch\n"
  "takes its turn in every round, so that other programs disturb all of them alike; medians are\n"
  "shown, and as SPREAD the distance between the quartiles. Compare only what ran in turns.\n"
  "CPU MS is the time of all threads together.\n"
  "\n"
  "GOP/S is how many operations of matrix products and convolutions the fastest pass did, in\n"
  "billions a second, a multiply-add counted as two. PEAK is the most that multiply-adds alone\n"
  "reached in the same rounds, with the same instructions, numbers and threads; SHARE is GOP/S in\n"
  "percent of it. --layers times each operation by itself; between is what remains: copies to\n"
  "and from the device, and calls.\n"
  "\n"
  "--pipeline FILE lets gst-launch-1.0 and the installed element do a video the whole way: "
  "decode,\n"
  "prepare, classify every frame, attach metadata. GST_PLUGIN_PATH says where the element is.",
};

typedef struct {
  ModelOptions model;
  char *batches, *threads, *precisions, *video;
  double seconds;
  gboolean layers, json;
  char **arguments;
} Options;

/* A classifier for each precision and number of threads; a variant for each batch of each. */
typedef struct {
  const Options *options;
  GArray *batches, *threads; /* of gint64 */
  char **precisions;         /* as they were given */
  GArray *choices;           /* of CowPrecisionChoice: what each stands for */
  char *auto_is; /* what precision auto stands for, and why; NULL where it was not asked for */
  GPtrArray *classifiers;
  GArray *variants; /* of CowThroughput */
  GArray *peaks;    /* of CowPeak */
  ComparePictures pictures;
  CowMeasured resample;     /* seconds a frame, with --layers */
  CowPipelineTime pipeline; /* with --pipeline */
} Job;

static void
options_clear (Options *self)
{
  model_options_clear (&self->model);
  g_free (self->batches);
  g_free (self->threads);
  g_free (self->precisions);
  g_free (self->video);
  g_strfreev (self->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
job_clear (Job *self)
{
  g_array_unref (self->batches);
  g_array_unref (self->threads);
  g_strfreev (self->precisions);
  g_array_unref (self->choices);
  g_free (self->auto_is);
  g_ptr_array_unref (self->classifiers);
  g_array_unref (self->variants);
  g_array_unref (self->peaks);
  compare_pictures_clear (&self->pictures);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

/* ---- command line ---------------------------------------------------------------------------- */

/* The numbers of a list, each 1 to `most`. */
static gboolean
parse_numbers (const char *option, const char *text, gint64 most, GArray *numbers, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);

  for (char **word = words; *word; word++) {
    gint64 number;
    if (!g_ascii_string_to_signed (g_strstrip (*word), 10, 1, most, &number, NULL))
      return verb_usage (error,
                         "%s %s: numbers of 1 to %" G_GINT64_FORMAT
                         " are expected, with commas between them",
                         option, text, most);
    g_array_append_val (numbers, number);
  }
  return numbers->len > 0 || verb_usage (error, "%s is empty", option);
}

static gboolean
parse_precisions (Job *job, GError **error)
{
  job->precisions = g_strsplit (job->options->precisions, ",", -1);
  for (char **word = job->precisions; *word; word++) {
    g_autoptr (GError) local = NULL;
    CowPrecision ignored;
    if (!cow_precision_parse (g_strstrip (*word), &ignored, &local))
      return verb_usage (error, "--%s", local->message);
  }
  return *job->precisions || verb_usage (error, "--precision is empty");
}

static gboolean
parse_options (Job *job, GError **error)
{
  const Options *options = job->options;
  const gint64 all = 0;

  if (options->threads) {
    if (!parse_numbers ("--threads", options->threads, MOST_THREADS, job->threads, error))
      return FALSE;
  } else
    g_array_append_val (job->threads, all);
  if (!parse_numbers ("--batch", options->batches, MODEL_OPTIONS_MOST_BATCH, job->batches, error) ||
      !parse_precisions (job, error))
    return FALSE;
  const gsize n = (gsize)job->batches->len * job->threads->len * g_strv_length (job->precisions);
  if (n > MOST_VARIANTS)
    return verb_usage (error, "%" G_GSIZE_FORMAT " combinations are more than %d", n,
                       MOST_VARIANTS);
  if (options->video && options->model.model && !options->model.adapter)
    return verb_usage (error, "--pipeline: --adapter is missing: it holds the classes");
  return (options->seconds > 0 && options->seconds <= MOST_SECONDS) ||
         verb_usage (error, "--seconds %g: more than 0 and at most %d are expected",
                     options->seconds, MOST_SECONDS);
}

/* Finds what auto stands for, once for all classifiers, and keeps why. */
static gboolean
resolve_precisions (Job *job, GError **error)
{
  for (char **word = job->precisions; *word; word++) {
    CowPrecisionChoice choice;
    CowPrecision wanted;
    if (!model_options_precision (*word, &wanted, error))
      return FALSE;
    model_options_choose (&job->options->model, wanted, &choice);
    g_array_append_val (job->choices, choice);
    g_autofree char *text = cow_precision_choice_text (&choice);
    if (choice.why && !job->auto_is)
      job->auto_is = g_strdup_printf ("%s: %s", text, choice.why);
  }
  return TRUE;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static gboolean
open_classifier (Job *job, const CowPrecisionChoice *choice, gint64 threads, GError **error)
{
  ModelOptions options = job->options->model;

  options.choice = choice;
  options.threads = (int)threads;
  options.like = job->classifiers->len > 0 ? job->classifiers->pdata[0] : NULL;
  CowClassifier *classifier = model_options_open (&options, error);
  if (!classifier)
    return FALSE;
  g_ptr_array_add (job->classifiers, classifier);
  for (guint i = 0; i < job->batches->len; i++) {
    const CowThroughput variant = { .classifier = classifier,
                                    .batch = (int)g_array_index (job->batches, gint64, i) };
    g_array_append_val (job->variants, variant);
  }
  return TRUE;
}

static gboolean
open_classifiers (Job *job, GError **error)
{
  for (guint c = 0; c < job->choices->len; c++)
    for (guint i = 0; i < job->threads->len; i++)
      if (!open_classifier (job, &g_array_index (job->choices, CowPrecisionChoice, c),
                            g_array_index (job->threads, gint64, i), error))
        return FALSE;
  return TRUE;
}

/* As many as the largest batch has: those that are given, again and again, or made-up ones. */
static gboolean
get_pictures (Job *job, GError **error)
{
  CowClassifier *classifier = job->classifiers->pdata[0];
  const CowPreprocess *preprocess = cow_classifier_preprocess (classifier);
  CkDevice *device = cow_classifier_device (classifier);
  gint64 n = 0;

  for (guint i = 0; i < job->batches->len; i++)
    n = MAX (n, g_array_index (job->batches, gint64, i));
  if (!job->options->arguments)
    return compare_pictures_make (&job->pictures, (guint)n, preprocess, device, error);
  g_autoptr (GPtrArray) found = picture_arguments (job->options->arguments, error);
  if (!found || !pictures_start (error))
    return FALSE;
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  for (guint i = 0; i < (guint)n; i++)
    g_ptr_array_add (paths, found->pdata[i % found->len]);
  return compare_pictures_read (&job->pictures, paths, preprocess, device, error);
}

static gboolean
measure (Job *job, GError **error)
{
  CowClassifier *classifier = job->classifiers->pdata[0];
  const CowThroughputOptions options = { .seconds = job->options->seconds,
                                         .kinds = job->options->layers,
                                         .preprocess = job->pictures.preprocess,
                                         .pixels = job->pictures.pixels };

  return cow_throughput_measure ((CowThroughput *)job->variants->data, job->variants->len, &options,
                                 job->peaks, error) &&
         (!options.kinds || cow_throughput_resample (cow_classifier_device (classifier),
                                                     &options.preprocess, &job->resample, error));
}

/* The whole way, in the first precision; the element takes a processor's thread each. */
static gboolean
measure_pipeline (Job *job, GError **error)
{
  CowClassifier *classifier = job->classifiers->pdata[0];
  const char *adapter = cow_classifier_adapter_path (classifier);
  const CowPipelineOptions options = {
    .video = job->options->video,
    .model = cow_classifier_needs_model (adapter) ? cow_classifier_model_path (classifier) : NULL,
    .adapter = adapter,
    .device = job->options->model.device,
    .precision = job->precisions[0],
  };

  return cow_pipeline_time (&options, &job->pipeline, error);
}

static int
threads_of (const CowThroughput *variant)
{
  return cow_classifier_device (variant->classifier)->threads;
}

static const char *
precision_of (const CowThroughput *variant)
{
  return cow_classifier_precision_label (variant->classifier);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* Speed of products, the peak for their mixture of types, and the share of it; 0 where there is
 * none. */
typedef struct {
  double rate, peak, share;
} Speed;

static Speed
speed_of (const Job *job, const CowThroughput *variant, const CowProducts *products, double seconds)
{
  const double operations = cow_products_sum (products),
               least = cow_peaks_seconds (job->peaks, threads_of (variant), products);

  if (seconds <= 0)
    return (Speed){ 0 };
  return (Speed){ .rate = operations / seconds,
                  .peak = least > 0 ? operations / least : 0,
                  .share = least / seconds };
}

#define DIGITS 4 /* of a measured number */

/* A number, or a dash where it is 0; taken by a table. */
static char *
number_text (double value, guint digits)
{
  return value > 0 ? words_digits (value, digits) : g_strdup ("-");
}

static char *
share_text (double share)
{
  return share > 0 ? g_strdup_printf ("%.0f %%", 100 * share) : g_strdup ("-");
}

static void
print_table (const TextTable *table)
{
  g_autofree char *text =
      text_table_text (table, terminal_columns (STDOUT_FILENO), "--json has all");

  g_print ("%s", text);
}

static void
add_variant (const Job *job, TextTable *table, const CowThroughput *variant)
{
  const double seconds = variant->seconds.median;
  const Speed speed = speed_of (job, variant, &variant->products, variant->seconds.least);
  char *const cells[] = { g_strdup (precision_of (variant)),
                          g_strdup_printf ("%d", threads_of (variant)),
                          g_strdup_printf ("%d", variant->batch),
                          number_text (1e3 * seconds, DIGITS),
                          g_strdup_printf ("%.0f %%",
                                           100 * cow_measured_spread (&variant->seconds)),
                          number_text (1 / seconds, DIGITS),
                          number_text (1e3 * variant->cpu_seconds.median, DIGITS),
                          number_text (1e-9 * speed.rate, DIGITS),
                          number_text (1e-9 * speed.peak, DIGITS),
                          share_text (speed.share),
                          NULL };

  text_table_add (table, cells);
}

static void
print_variants (const Job *job)
{
  static const TextColumn columns[] = {
    { "PRECISION", TRUE, 0 },   { "THREADS", FALSE, 0 }, { "BATCH", FALSE, 0 },
    { "MS/PICTURE", FALSE, 0 }, { "SPREAD", FALSE, 1 },  { "PICTURES/S", FALSE, 0 },
    { "CPU MS", FALSE, 4 },     { "GOP/S", FALSE, 2 },   { "PEAK", FALSE, 3 },
    { "SHARE", FALSE, 1 },
  };
  g_autoptr (TextTable) table = text_table_new (columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < job->variants->len; i++)
    add_variant (job, table, &g_array_index (job->variants, CowThroughput, i));
  print_table (table);
}

/* kind: NULL for what is no kind of operation, and has no calls and products. */
static void
add_kind (const Job *job, TextTable *table, const CowThroughput *variant, const char *name,
          const CowThroughputKind *kind, double seconds)
{
  const Speed speed =
      kind ? speed_of (job, variant, &kind->products, kind->seconds.least) : (Speed){ 0 };
  char *const cells[] = { g_strdup (name),
                          number_text (kind ? kind->calls : 0, 1),
                          number_text (1e3 * seconds, DIGITS),
                          share_text (seconds / variant->timed_seconds.median),
                          number_text (1e-9 * speed.rate, DIGITS),
                          number_text (1e-9 * speed.peak, DIGITS),
                          share_text (speed.share),
                          NULL };

  text_table_add (table, cells);
}

static void
print_kinds (const Job *job, const CowThroughput *variant)
{
  static const TextColumn columns[] = {
    { "KIND", TRUE, 0 },    { "CALLS", FALSE, 3 }, { "MS/PICTURE", FALSE, 0 },
    { "OF ALL", FALSE, 0 }, { "GOP/S", FALSE, 1 }, { "PEAK", FALSE, 2 },
    { "SHARE", FALSE, 1 },
  };
  g_autoptr (TextTable) table = text_table_new (columns, G_N_ELEMENTS (columns));

  g_print ("\n%s, %d thread%s, batch %d\n", precision_of (variant), threads_of (variant),
           words_s ((guint64)threads_of (variant)), variant->batch);
  for (guint i = 0; i < COW_N_OPERATIONS; i++) {
    const CowThroughputKind *kind = &variant->kinds[i];

    if (kind->calls > 0)
      add_kind (job, table, variant, cow_operation_name (i), kind, kind->seconds.median);
  }
  add_kind (job, table, variant, "between", NULL, variant->between.median);
  add_kind (job, table, variant, "all", NULL, variant->timed_seconds.median);
  print_table (table);
}

static void
print_pipeline (const Job *job)
{
  const CowPipelineTime *time = &job->pipeline;

  g_autofree char *seconds = words_digits (time->seconds, DIGITS),
                  *each = words_digits (1e3 * time->seconds / time->frames, DIGITS),
                  *rate = words_digits (time->frames / time->seconds, DIGITS);

  g_print ("\npipeline: %u frames in %s s: %s ms a frame, %s frames/s\n", time->frames, seconds,
           each, rate);
}

static void
print_auto (const Job *job)
{
  const guint columns = terminal_columns (STDOUT_FILENO);
  g_autofree char *text = g_strdup_printf ("precision auto is %s", job->auto_is),
                  *shown = columns > 0 ? terminal_flow (text, columns) : g_strdup (text);

  g_print ("%s\n\n", shown);
}

static void
print_text (const Job *job, const char *processor)
{
  CowClassifier *classifier = job->classifiers->pdata[0];
  const CowThroughput *first = &g_array_index (job->variants, CowThroughput, 0);
  const char *adapter = cow_classifier_adapter_path (classifier);

  g_autofree char *operations = words_digits (1e-9 * cow_products_sum (&first->products), DIGITS);

  g_print ("%s%s%s\n%d x %d pixels, %s GOP a picture; %s%s%s\n\n",
           cow_classifier_model_path (classifier), adapter ? " with " : "", adapter ? adapter : "",
           job->pictures.preprocess.width, job->pictures.preprocess.height, operations,
           cow_classifier_device_text (classifier), processor ? ", " : "",
           processor ? processor : "");
  if (job->auto_is)
    print_auto (job);
  print_variants (job);
  if (job->pipeline.frames > 0)
    print_pipeline (job);
  if (!job->options->layers)
    return;
  for (guint i = 0; i < job->variants->len; i++)
    print_kinds (job, &g_array_index (job->variants, CowThroughput, i));
  g_autofree char *resample = words_digits (1e3 * job->resample.median, DIGITS);
  g_print ("\nresample: %s ms to prepare a frame of %d x %d, in one thread\n", resample,
           COW_RESAMPLED_WIDTH, COW_RESAMPLED_HEIGHT);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* A number, or null where it is not known. */
static void
set_known (JsonObject *object, const char *name, double value)
{
  if (value > 0)
    json_object_set_double_member (object, name, value);
  else
    json_object_set_null_member (object, name);
}

static void
set_speed (JsonObject *object, const Speed *speed)
{
  set_known (object, "gop_per_second", 1e-9 * speed->rate);
  set_known (object, "peak_gop_per_second", 1e-9 * speed->peak);
  set_known (object, "share_of_peak", speed->share);
}

static void
set_kind (JsonObject *object, const char *name, guint calls, double seconds)
{
  json_object_set_string_member (object, "kind", name);
  json_object_set_int_member (object, "calls", calls);
  json_object_set_double_member (object, "ms_per_picture", 1e3 * seconds);
}

static JsonArray *
kinds_array (const Job *job, const CowThroughput *variant)
{
  JsonArray *array = json_array_new ();
  JsonObject *between = json_object_new ();

  for (guint i = 0; i < COW_N_OPERATIONS; i++) {
    const CowThroughputKind *kind = &variant->kinds[i];
    if (kind->calls == 0)
      continue;
    JsonObject *object = json_object_new ();
    const Speed speed = speed_of (job, variant, &kind->products, kind->seconds.least);
    set_kind (object, cow_operation_name (i), kind->calls, kind->seconds.median);
    set_speed (object, &speed);
    json_array_add_object_element (array, object);
  }
  set_kind (between, "between", 0, variant->between.median);
  set_speed (between, &(Speed){ 0 });
  json_array_add_object_element (array, between);
  return array;
}

static JsonObject *
variant_object (const Job *job, const CowThroughput *variant)
{
  JsonObject *object = json_object_new ();
  const double seconds = variant->seconds.median;
  const Speed speed = speed_of (job, variant, &variant->products, variant->seconds.least);

  json_object_set_string_member (object, "precision", precision_of (variant));
  json_object_set_int_member (object, "threads", threads_of (variant));
  json_object_set_int_member (object, "batch", variant->batch);
  json_object_set_int_member (object, "passes", variant->passes);
  json_object_set_double_member (object, "ms_per_picture", 1e3 * seconds);
  json_object_set_double_member (object, "low_ms_per_picture", 1e3 * variant->seconds.low);
  json_object_set_double_member (object, "high_ms_per_picture", 1e3 * variant->seconds.high);
  json_object_set_double_member (object, "cpu_ms_per_picture", 1e3 * variant->cpu_seconds.median);
  json_object_set_double_member (object, "pictures_per_second", 1 / seconds);
  json_object_set_double_member (object, "gop_per_picture",
                                 1e-9 * cow_products_sum (&variant->products));
  set_speed (object, &speed);
  if (job->options->layers) {
    json_object_set_double_member (object, "layers_ms_per_picture",
                                   1e3 * variant->timed_seconds.median);
    json_object_set_array_member (object, "layers", kinds_array (job, variant));
  }
  return object;
}

static void
print_json (const Job *job, const char *processor)
{
  g_autoptr (JsonObject) object = json_object_new ();
  JsonArray *variants = json_array_new ();
  CowClassifier *classifier = job->classifiers->pdata[0];
  CkDevice *device = cow_classifier_device (classifier);

  json_object_set_string_member (object, "model", cow_classifier_model_path (classifier));
  json_object_set_string_member (object, "adapter", cow_classifier_adapter_path (classifier));
  json_object_set_string_member (object, "device", device->name);
  json_object_set_string_member (object, "features", device->features);
  json_object_set_string_member (object, "processor", processor);
  json_object_set_string_member (object, "precision_auto", job->auto_is);
  json_object_set_int_member (object, "width", job->pictures.preprocess.width);
  json_object_set_int_member (object, "height", job->pictures.preprocess.height);
  for (guint i = 0; i < job->variants->len; i++)
    json_array_add_object_element (
        variants, variant_object (job, &g_array_index (job->variants, CowThroughput, i)));
  json_object_set_array_member (object, "variants", variants);
  if (job->options->layers)
    json_object_set_double_member (object, "resample_ms", 1e3 * job->resample.median);
  if (job->pipeline.frames > 0) {
    json_object_set_int_member (object, "pipeline_frames", job->pipeline.frames);
    json_object_set_double_member (object, "pipeline_seconds", job->pipeline.seconds);
  }
  json_object_set_int_member (object, "memory_bytes", (gint64)memory_peak ());
  g_autofree char *text = cow_json_object_text (object);
  verb_print_utf8 (text);
}

static void
report (const Job *job)
{
  g_autofree char *processor = processor_name ();

  if (job->options->json)
    print_json (job, processor);
  else
    print_text (job, processor);
}

/* ---- the verb -------------------------------------------------------------------------------- */

static gboolean
bench (Options *options, GError **error)
{
  g_auto (Job) job = {
    .options = options,
    .batches = g_array_new (FALSE, FALSE, sizeof (gint64)),
    .threads = g_array_new (FALSE, FALSE, sizeof (gint64)),
    .choices = g_array_new (FALSE, FALSE, sizeof (CowPrecisionChoice)),
    .classifiers = g_ptr_array_new_with_free_func ((GDestroyNotify)cow_classifier_free),
    .variants = g_array_new (FALSE, TRUE, sizeof (CowThroughput)),
    .peaks = g_array_new (FALSE, FALSE, sizeof (CowPeak)),
  };

  g_array_set_clear_func (job.choices, (GDestroyNotify)cow_precision_choice_clear);
  if (!parse_options (&job, error) || !model_options_find (&options->model, error) ||
      !resolve_precisions (&job, error) || !open_classifiers (&job, error) ||
      !get_pictures (&job, error) || !measure (&job, error) ||
      (options->video && !measure_pipeline (&job, error)))
    return FALSE;
  report (&job);
  return TRUE;
}

gboolean
verb_bench (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .model = MODEL_OPTIONS_DEFAULT,
                               .batches = g_strdup ("1,8"),
                               .precisions = g_strdup ("auto"),
                               .seconds = 5 };
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "precision", 0, 0, G_OPTION_ARG_STRING, &options.precisions,
      "auto, fp32, int16, fp16, bf16 or int8, or several (auto)", "PRECISION,..." },
    { "batch", 'b', 0, G_OPTION_ARG_STRING, &options.batches, "Pictures at a time (1,8)", "N,..." },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &options.threads,
      "Threads (one a processor that this process may use)", "N,..." },
    { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &options.seconds,
      "How long to measure each combination, about; three rounds at least (5)", "S" },
    { "layers", 0, 0, G_OPTION_ARG_NONE, &options.layers, "Also the time by kind of operation",
      NULL },
    { "pipeline", 0, 0, G_OPTION_ARG_FILENAME, &options.video, "Also a video the whole way",
      "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "All of it as JSON", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
  };

  model_options_add_names (&options.model, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  return verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error) &&
         bench (&options, error);
}
