/* SPDX-License-Identifier: MIT */
#include "trainer/eval/throughput.h"

#include <math.h>
#include <time.h>

#include "trainer/host/progress.h"

#define TURN_SECONDS .2 /* a turn has passes for so long at most, and at least one */
#define LEAST_ROUNDS 3
/* A turn of a peak: short bursts, so that some are over before another program interrupts them. */
#define PEAK_SECONDS   .005
#define PEAK_BURSTS    6
#define RESAMPLE_TURNS 9
/* Rounds of multiply-adds that a peak is tried with first, and at most. */
#define PEAK_FIRST (1 << 10)
#define PEAK_MOST  (INT64_C (1) << 40)

/* ---- numbers of every pass ------------------------------------------------------------------- */

double
cow_measured_spread (const CowMeasured *self)
{
  return self->median > 0 ? (self->high - self->low) / self->median : 0;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Of sorted numbers, the one that a share of them does not exceed, between its neighbours. */
static double
quantile (const GArray *sorted, double share)
{
  const double place = share * (double)(sorted->len - 1);
  const guint below = (guint)place, above = MIN (below + 1, sorted->len - 1);
  const double *values = (const double *)sorted->data;

  return values[below] + (place - below) * (values[above] - values[below]);
}

static CowMeasured
measured (GArray *values)
{
  if (values->len == 0)
    return (CowMeasured){ 0 };
  g_array_sort (values, compare_doubles);
  return (CowMeasured){ .least = quantile (values, 0),
                        .median = quantile (values, .5),
                        .low = quantile (values, .25),
                        .high = quantile (values, .75) };
}

static GArray *
series_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (double));
}

static void
series_add (GArray *series, double value)
{
  g_array_append_val (series, value);
}

static double
seconds_of (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- the job --------------------------------------------------------------------------------- */

typedef struct {
  CowThroughput *variant;
  guint passes;   /* a turn */
  gboolean warms; /* whether a turn begins with a pass that does not count */
  GArray *seconds, *cpu_seconds, *timed_seconds, *kinds[COW_N_OPERATIONS], *between;
} Runner;

typedef struct {
  guint peak;       /* its place in the array of peaks */
  CkStream *stream; /* with its threads */
  int64_t rounds;   /* of multiply-adds, a burst */
} PeakRunner;

typedef struct {
  const CowThroughputOptions *options;
  double turn_seconds;
  GArray *runners;      /* of Runner, by variant */
  GArray *peaks;        /* of CowPeak, the caller's */
  GArray *peak_runners; /* of PeakRunner */
  double round_seconds; /* of a round, expected */
} Job;

static void
runner_clear (gpointer data)
{
  Runner *self = data;

  g_array_unref (self->seconds);
  g_array_unref (self->cpu_seconds);
  g_array_unref (self->timed_seconds);
  for (guint i = 0; i < COW_N_OPERATIONS; i++)
    g_array_unref (self->kinds[i]);
  g_array_unref (self->between);
}

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->runners, g_array_unref);
  g_clear_pointer (&self->peak_runners, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

static gboolean
run_pass (const Job *job, const CowThroughput *variant, GError **error)
{
  const CowPreprocess *preprocess = &job->options->preprocess;
  CowOutput output;

  return cow_classifier_run (variant->classifier, job->options->pixels, variant->batch,
                             preprocess->height, preprocess->width, &output, error);
}

/* ---- peaks ----------------------------------------------------------------------------------- */

static const CowPeak *
find_peak (const GArray *peaks, int threads, CkType type)
{
  for (guint i = 0; i < peaks->len; i++) {
    const CowPeak *peak = &g_array_index (peaks, CowPeak, i);
    if (peak->threads == threads && peak->type == type)
      return peak;
  }
  return NULL;
}

/* Operations a second of so many rounds of multiply-adds; *seconds is what they took. */
static CkStatus
run_peak (CkStream *stream, CkType type, int64_t rounds, double *rate, double *seconds)
{
  double operations;
  CkStatus status = ck_synchronize (stream);
  const double from = seconds_of (CLOCK_MONOTONIC);

  if (status == CK_OK)
    status = ck_peak (stream, type, rounds, &operations);
  if (status == CK_OK)
    status = ck_synchronize (stream);
  *seconds = seconds_of (CLOCK_MONOTONIC) - from;
  if (status == CK_OK)
    *rate = operations / MAX (*seconds, 1e-9);
  return status;
}

/* A peak that takes a turn in every round, unless it has one or the device does not know it. */
static gboolean
add_peak (Job *job, CkStream *stream, CkType type, GError **error)
{
  const CowPeak peak = { .threads = stream->device->threads, .type = type };
  PeakRunner runner = { .peak = job->peaks->len, .stream = stream, .rounds = PEAK_FIRST };
  double rate, seconds = 0;

  if (find_peak (job->peaks, peak.threads, type))
    return TRUE;
  while (seconds < PEAK_SECONDS && runner.rounds < PEAK_MOST) {
    const CkStatus status = run_peak (stream, type, runner.rounds *= 2, &rate, &seconds);
    if (status == CK_UNSUPPORTED)
      return TRUE;
    if (!cow_check (status, error, "measuring this machine's peak"))
      return FALSE;
  }
  job->round_seconds += PEAK_BURSTS * seconds;
  g_array_append_val (job->peaks, peak);
  g_array_append_val (job->peak_runners, runner);
  return TRUE;
}

static gboolean
take_peak_turn (Job *job, const PeakRunner *runner, GError **error)
{
  CowPeak *peak = &g_array_index (job->peaks, CowPeak, runner->peak);
  double rate, seconds;

  for (guint burst = 0; burst < PEAK_BURSTS; burst++) {
    if (!cow_check (run_peak (runner->stream, peak->type, runner->rounds, &rate, &seconds), error,
                    "measuring this machine's peak"))
      return FALSE;
    peak->rate = MAX (peak->rate, rate);
  }
  return TRUE;
}

double
cow_peaks_seconds (const GArray *peaks, int threads, const CowProducts *products)
{
  double seconds = 0;

  for (guint type = 0; type < COW_N_PRODUCTS; type++) {
    const CowPeak *peak = find_peak (peaks, threads, (CkType)type);
    if (products->of[type] > 0 && !peak)
      return 0;
    if (peak)
      seconds += products->of[type] / peak->rate;
  }
  return seconds;
}

/* ---- variants -------------------------------------------------------------------------------- */

/* What the network consists of, from a pass that is watched but not timed. */
static gboolean
count_operations (const Job *job, CowThroughput *variant, GError **error)
{
  g_autoptr (CowOperationTimes) times =
      cow_operation_times_new (cow_classifier_stream (variant->classifier));

  cow_operation_times_begin (times, FALSE);
  if (!run_pass (job, variant, error))
    return FALSE;
  const CowOperationTime *kinds = cow_operation_times_end (times);
  variant->products = (CowProducts){ 0 };
  for (guint kind = 0; kind < COW_N_OPERATIONS; kind++) {
    variant->kinds[kind] = (CowThroughputKind){ .calls = kinds[kind].calls };
    for (guint type = 0; type < COW_N_PRODUCTS; type++) {
      const double products = kinds[kind].products.of[type] / variant->batch;
      variant->kinds[kind].products.of[type] = products;
      variant->products.of[type] += products;
    }
  }
  return TRUE;
}

/* How long a pass takes: the first one, which allocates, tells it only where it takes a whole turn
 * anyway. */
static gboolean
time_first_passes (const Job *job, CowThroughput *variant, double *seconds, GError **error)
{
  double from = seconds_of (CLOCK_MONOTONIC);

  if (!count_operations (job, variant, error))
    return FALSE;
  *seconds = seconds_of (CLOCK_MONOTONIC) - from;
  if (*seconds >= job->turn_seconds)
    return TRUE;
  from = seconds_of (CLOCK_MONOTONIC);
  if (!run_pass (job, variant, error))
    return FALSE;
  *seconds = seconds_of (CLOCK_MONOTONIC) - from;
  return TRUE;
}

static gboolean
add_variant (Job *job, CowThroughput *variant, GError **error)
{
  CkStream *stream = cow_classifier_stream (variant->classifier);
  Runner runner = { .variant = variant };
  double pass;

  if (!time_first_passes (job, variant, &pass, error))
    return FALSE;
  runner.passes = (guint)MAX (ceil (job->turn_seconds / MAX (pass, 1e-6)), 1);
  runner.warms = pass < job->turn_seconds;
  job->round_seconds +=
      pass * (runner.passes + (runner.warms ? 1 : 0) + (job->options->kinds ? runner.passes : 0));
  runner.seconds = series_new ();
  runner.cpu_seconds = series_new ();
  runner.timed_seconds = series_new ();
  for (guint i = 0; i < COW_N_OPERATIONS; i++)
    runner.kinds[i] = series_new ();
  runner.between = series_new ();
  g_array_append_val (job->runners, runner);
  for (guint type = 0; type < COW_N_PRODUCTS; type++)
    if (variant->products.of[type] > 0 && !add_peak (job, stream, (CkType)type, error))
      return FALSE;
  return TRUE;
}

/* A pass whose operations are timed, one after the other. */
static gboolean
take_timed_pass (const Job *job, Runner *runner, CowOperationTimes *times, GError **error)
{
  const double pictures = runner->variant->batch, from = seconds_of (CLOCK_MONOTONIC);

  cow_operation_times_begin (times, TRUE);
  if (!run_pass (job, runner->variant, error))
    return FALSE;
  const double seconds = seconds_of (CLOCK_MONOTONIC) - from;
  const CowOperationTime *kinds = cow_operation_times_end (times);
  double between = seconds;
  for (guint kind = 0; kind < COW_N_OPERATIONS; kind++) {
    series_add (runner->kinds[kind], kinds[kind].seconds / pictures);
    between -= kinds[kind].seconds;
  }
  series_add (runner->timed_seconds, seconds / pictures);
  series_add (runner->between, between / pictures);
  return TRUE;
}

static gboolean
take_timed_turn (const Job *job, Runner *runner, GError **error)
{
  g_autoptr (CowOperationTimes) times =
      cow_operation_times_new (cow_classifier_stream (runner->variant->classifier));

  for (guint pass = 0; pass < runner->passes; pass++)
    if (!take_timed_pass (job, runner, times, error))
      return FALSE;
  return TRUE;
}

static gboolean
take_pass (const Job *job, Runner *runner, GError **error)
{
  CowThroughput *variant = runner->variant;
  const double pictures = variant->batch, from = seconds_of (CLOCK_MONOTONIC),
               cpu_from = seconds_of (CLOCK_PROCESS_CPUTIME_ID);

  if (!run_pass (job, variant, error))
    return FALSE;
  series_add (runner->cpu_seconds, (seconds_of (CLOCK_PROCESS_CPUTIME_ID) - cpu_from) / pictures);
  series_add (runner->seconds, (seconds_of (CLOCK_MONOTONIC) - from) / pictures);
  variant->passes++;
  return TRUE;
}

/* Between turns the shape of the batch changes, so that the first pass allocates again. */
static gboolean
take_turn (const Job *job, Runner *runner, GError **error)
{
  if (runner->warms && !run_pass (job, runner->variant, error))
    return FALSE;
  for (guint pass = 0; pass < runner->passes; pass++)
    if (!take_pass (job, runner, error))
      return FALSE;
  return !job->options->kinds || take_timed_turn (job, runner, error);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static gboolean
run_rounds (Job *job, guint n_rounds, GError **error)
{
  const guint a_round = job->peak_runners->len + job->runners->len;
  g_autoptr (Progress) progress = progress_new ("turns", (guint64)n_rounds * a_round);
  guint64 done = 0;

  for (guint round = 0; round < n_rounds; round++) {
    for (guint i = 0; i < job->peak_runners->len; i++) {
      if (!take_peak_turn (job, &g_array_index (job->peak_runners, PeakRunner, i), error))
        return FALSE;
      progress_set (progress, ++done);
    }
    for (guint i = 0; i < job->runners->len; i++) {
      if (!take_turn (job, &g_array_index (job->runners, Runner, i), error))
        return FALSE;
      progress_set (progress, ++done);
    }
  }
  return TRUE;
}

static void
take_medians (Job *job)
{
  for (guint i = 0; i < job->runners->len; i++) {
    Runner *runner = &g_array_index (job->runners, Runner, i);
    runner->variant->seconds = measured (runner->seconds);
    runner->variant->cpu_seconds = measured (runner->cpu_seconds);
    runner->variant->timed_seconds = measured (runner->timed_seconds);
    for (guint kind = 0; kind < COW_N_OPERATIONS; kind++)
      runner->variant->kinds[kind].seconds = measured (runner->kinds[kind]);
    runner->variant->between = measured (runner->between);
  }
}

gboolean
cow_throughput_measure (CowThroughput *variants, guint n, const CowThroughputOptions *options,
                        GArray *peaks, GError **error)
{
  g_auto (Job) job = { .options = options,
                       .turn_seconds = MIN (TURN_SECONDS, options->seconds / LEAST_ROUNDS),
                       .runners = g_array_new (FALSE, FALSE, sizeof (Runner)),
                       .peaks = peaks,
                       .peak_runners = g_array_new (FALSE, FALSE, sizeof (PeakRunner)) };

  g_array_set_clear_func (job.runners, runner_clear);
  for (guint i = 0; i < n; i++)
    if (!add_variant (&job, &variants[i], error))
      return FALSE;
  const double rounds = options->seconds * n / MAX (job.round_seconds, 1e-3);
  if (!run_rounds (&job, (guint)MAX (rounds, LEAST_ROUNDS), error))
    return FALSE;
  take_medians (&job);
  return TRUE;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* The same turn by turn for the preparation of one frame. */
static gboolean
prepare_turns (CowPreparer *preparer, const CowPreprocess *preprocess, const CkPicture *picture,
               float *out, CowMeasured *seconds, GError **error)
{
  g_autoptr (GArray) series = series_new ();

  for (guint turn = 0; turn <= RESAMPLE_TURNS; turn++) {
    const double from = seconds_of (CLOCK_MONOTONIC);
    if (!cow_preparer_run (preparer, preprocess, picture, NULL, out, error))
      return FALSE;
    if (turn > 0) /* the first one allocates */
      series_add (series, seconds_of (CLOCK_MONOTONIC) - from);
  }
  *seconds = measured (series);
  return TRUE;
}

gboolean
cow_throughput_resample (CkDevice *device, const CowPreprocess *preprocess, CowMeasured *seconds,
                         GError **error)
{
  const gsize luma = (gsize)COW_RESAMPLED_WIDTH * COW_RESAMPLED_HEIGHT;
  g_autofree guint8 *frame = g_malloc (luma + luma / 2);
  g_autofree float *out = g_try_new (float, cow_preprocess_size (preprocess));
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, error);
  CkPicture picture = { .layout = CK_NV12,
                        .width = COW_RESAMPLED_WIDTH,
                        .height = COW_RESAMPLED_HEIGHT,
                        .plane = { frame, frame + luma },
                        .stride = { COW_RESAMPLED_WIDTH, COW_RESAMPLED_WIDTH } };

  if (!preparer)
    return FALSE;
  if (!out)
    return cow_check (CK_NO_MEMORY, error, "a picture of %d x %d", preprocess->width,
                      preprocess->height);
  for (gsize i = 0; i < luma + luma / 2; i++)
    frame[i] = (guint8)(i * 7 % 251);
  cow_picture_set_matrix (&picture, .2126, .0722, FALSE);
  return prepare_turns (preparer, preprocess, &picture, out, seconds, error);
}
