/* SPDX-License-Identifier: MIT */
/* Whole networks that look for boxes: they learn, in batches of any size, and are saved. */
#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/network/backbones.h"
#include "model/network/classifier.h"
#include "model/network/detector-file.h"
#include "model/training/random.h"
#include "tests/model/scratch.h"
#include "tests/model/training.h"
#include "tests/model/written.h"

#define WIDTH      96
#define HEIGHT     64
#define PICTURE    (3 * WIDTH * HEIGHT)
#define FRAMES     4
#define N_CLASSES  2
#define MOST_LOOKS 64

static const CowDetectorConfig head = {
  .n_levels = 2,
  .layers = { 0, 1 },
  .width = 16,
  .patch = 16,
  .split = 4,
};

/* A head alone. */
static const TrainingCase tokens = { .name = "tokens",
                                     .kind = COW_NETWORK_TOKENS,
                                     .base = "plain/nf4" };

typedef struct {
  CkDevice *device;
  CkStream *stream;
  CowNetwork *network;
  CowDetectorConfig config;
  float pixels[FRAMES][PICTURE];
  CowBounds boxes[FRAMES][2];
  gint32 labels[FRAMES][2]; /* the colours */
  CowFrameBoxes frames[FRAMES];
} Fixture;

/* A bright rectangle on noise. */
static void
draw (float *pixels, const CowBounds *box, int colour)
{
  for (int c = 0; c < 3; c++)
    for (int y = (int)box->y; y < (int)(box->y + box->h); y++)
      for (int x = (int)box->x; x < (int)(box->x + box->w); x++)
        pixels[(c * HEIGHT + y) * WIDTH + x] = c == colour ? 1.f : 0.f;
}

static void
draw_frames (Fixture *self)
{
  for (int i = 0; i < FRAMES; i++) {
    for (int k = 0; k < PICTURE; k++)
      self->pixels[i][k] = .2f * (float)cow_random_unit ((guint64)i, (guint64)k);
    self->boxes[i][0] = (CowBounds){ 4 + 6 * i, 6 + 3 * i, 30, 24 };
    self->boxes[i][1] = (CowBounds){ 58 - 4 * i, 36 - 2 * i, 24, 20 };
    self->frames[i] =
        (CowFrameBoxes){ self->boxes[i], self->labels[i], self->labels[i], i == 3 ? 1 : 2 };
    for (guint k = 0; k < self->frames[i].n; k++) {
      self->labels[i][k] = (i + (int)k) % N_CLASSES;
      draw (self->pixels[i], &self->boxes[i][k], self->labels[i][k]);
    }
  }
}

static CowNetwork *
new_network (const Fixture *self, const TrainingCase *sort, const char *start, GError **error)
{
  static const char *const targets[] = { "all-linear", NULL };
  g_autofree char *base = training_base (sort);
  const CowNetworkOptions options = { .kind = sort->kind,
                                      .n_classes = N_CLASSES,
                                      .n_identities = N_CLASSES,
                                      .seed = 7,
                                      .model = base,
                                      .start = sort->adapter ? start : NULL,
                                      .start_head = start,
                                      .rank = 4,
                                      .alpha = 8,
                                      .targets = targets,
                                      .checkpointing = COW_CHECKPOINTING_OFF,
                                      .config = training_config (sort),
                                      .image_size = WIDTH,
                                      .batch = FRAMES,
                                      .detector = &self->config };
  return cow_network_new (self->stream, &options, error);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  const TrainingCase *sort = data;
  GError *error = NULL;
  self->config = head;
  self->config.n_features = sort->adapter || sort->base ? TRAINING_FEATURES : 32;
  self->device = cow_device_open (NULL, 0, &error);
  g_assert_no_error (error);
  self->stream = cow_stream_new (self->device, 0, &error);
  g_assert_no_error (error);
  self->network = new_network (self, sort, NULL, &error);
  g_assert_no_error (error);
  draw_frames (self);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  cow_network_free (self->network);
  ck_stream_free (self->stream);
  ck_device_close (self->device);
}

/* The loss of n frames from the first-th on, which are that share of a step. */
static double
pass (Fixture *self, int first, int n, gboolean backward, float share)
{
  GError *error = NULL;
  guint n_passes;
  cow_network_forward (self->network, self->pixels[first], n, HEIGHT, WIDTH, backward, 1, &error);
  g_assert_no_error (error);
  cow_network_loss_boxes (self->network, self->frames + first, 0, backward, share, &error);
  g_assert_no_error (error);
  const CowPass *passes = cow_network_read (self->network, &n_passes, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_passes, ==, 1);
  g_assert_null (passes[0].logits);
  return passes[0].loss;
}

static float *
gradients (Fixture *self)
{
  const CowParameters *parameters = cow_network_parameters (self->network);
  float *values = g_new (float, parameters->count);
  g_assert_cmpint (
      ck_download (self->stream, values, parameters->gradients, parameters->count * sizeof (float)),
      ==, CK_OK);
  return values;
}

static void
step (Fixture *self, int number)
{
  GError *error = NULL;
  guint n;
  const CowAdamW settings = { 1e-2, .9, .999, 1e-8, 0, number, 0 };
  cow_network_step (self->network, &settings, 10, &error);
  g_assert_no_error (error);
  g_assert_nonnull (cow_network_read (self->network, &n, NULL, &error));
}

/* Of each box of a frame what it shows is the likeliest. */
static void
assert_told (const Fixture *self, int i)
{
  GError *error = NULL;
  const float *logits =
      cow_network_tell_boxes (self->network, i, self->boxes[i], self->frames[i].n, &error);
  g_assert_no_error (error);
  for (guint k = 0; k < self->frames[i].n; k++, logits += N_CLASSES)
    g_assert_cmpfloat (logits[self->labels[i][k]], >, logits[1 - self->labels[i][k]]);
}

/* Writes the network with a card, and opens it as others do. */
static CowClassifier *
open_saved (Fixture *self, const TrainingCase *sort)
{
  static const char *const cow[] = { "cow", NULL }, *const colours[] = { "red", "green", NULL };
  g_autofree char *folder = written_path (sort->name), *base = training_base (sort);
  g_autoptr (CowCard) card = cow_card_new_default ();
  GError *error = NULL;
  g_free (card->kind);
  card->kind = g_strdup (cow_kind (sort->kind)->name);
  g_strfreev (card->classes);
  card->classes = g_strdupv ((char **)cow);
  card->behaviours = g_strdupv ((char **)colours);
  card->detects = TRUE;
  card->preprocess.width = WIDTH;
  card->preprocess.height = HEIGHT;
  g_assert_true (cow_network_save (self->network, folder, &error) &&
                 cow_card_write (card, folder, &error));
  const CowClassifierOptions options = {
    .model = base, .adapter = folder, .precision = COW_PRECISION_FP32, .detects = TRUE
  };
  CowClassifier *classifier = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  return classifier;
}

/* Of those that are found, what they show and how they look is what training says. */
static void
assert_found (Fixture *self, CowClassifier *classifier, int i, float *looks)
{
  const CowFindLimits limits = { .3f, .6, 100 };
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  const guint n_looks = cow_classifier_n_looks (classifier);
  GError *error = NULL;
  g_assert_true (
      cow_classifier_find (classifier, self->pixels[i], HEIGHT, WIDTH, &limits, found, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, self->frames[i].n);
  for (guint k = 0; k < found->len; k++) {
    const CowDetection *one = &g_array_index (found, CowDetection, k);
    const float *told = cow_classifier_told (classifier) + one->row * N_CLASSES,
                *logits = cow_network_tell_boxes (self->network, i, &one->box, 1, &error);
    const float *own = cow_classifier_looks (classifier) + one->row * n_looks;
    float expected[N_CLASSES];
    cow_softmax (logits, N_CLASSES, 1, expected);
    double length = 0;
    for (guint c = 0; c < N_CLASSES; c++)
      g_assert_cmpfloat_with_epsilon (told[c], expected[c], 1e-3);
    for (guint c = 0; c < n_looks; c++)
      length += (double)own[c] * (double)own[c];
    g_assert_cmpfloat_with_epsilon (length, 1, 1e-5);
    /* By colour. */
    memcpy (looks + (told[1] > told[0]) * MOST_LOOKS, own, n_looks * sizeof (float));
  }
}

/* Who looks alike is the same one: colours are identities here. */
static void
test_answers (Fixture *self, gconstpointer data)
{
  float looks[FRAMES][N_CLASSES][MOST_LOOKS] = { 0 };
  for (int number = 1; number <= 250; number++) {
    pass (self, 0, FRAMES, TRUE, 1);
    step (self, number);
  }
  g_autoptr (CowClassifier) classifier = open_saved (self, data);
  const guint n = cow_classifier_n_looks (classifier);
  g_assert_cmpuint (n, ==, 9 * 16 / 8);
  pass (self, 0, FRAMES, FALSE, 0);
  for (int i = 0; i < FRAMES; i++)
    assert_found (self, classifier, i, looks[i][0]);
  double same = 0, other = 0;
  for (guint k = 0; k < n; k++) {
    same += (double)looks[0][0][k] * (double)looks[1][0][k];
    other += (double)looks[0][0][k] * (double)looks[1][1][k];
  }
  g_assert_cmpfloat (same, >, other + .2);
}

/* It learns four frames by heart: it finds the boxes of each and no others, and what they show. */
static void
test_learns (Fixture *self, gconstpointer data)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  const double first = pass (self, 0, FRAMES, FALSE, 0);
  for (int number = 1; number <= 250; number++) {
    pass (self, 0, FRAMES, TRUE, 1);
    step (self, number);
  }
  g_assert_cmpfloat (pass (self, 0, FRAMES, FALSE, 0), <, first / 10);
  for (int i = 0; i < FRAMES; i++) {
    cow_network_find_boxes (self->network, i, .3f, .6, 100, found);
    g_assert_cmpuint (found->len, ==, self->frames[i].n);
    for (guint k = 0; k < found->len; k++) {
      const CowBounds *box = &g_array_index (found, CowDetection, k).box;
      double most = 0;
      for (guint b = 0; b < self->frames[i].n; b++)
        most = MAX (most, cow_bounds_iou (box, &self->boxes[i][b]));
      g_assert_cmpfloat (most, >, .7);
    }
    assert_told (self, i);
  }
}

/* Four frames at once, or one and three: the same step. */
static void
test_batches (Fixture *self, gconstpointer data)
{
  const double all = pass (self, 0, FRAMES, TRUE, 1);
  g_autofree float *at_once = gradients (self);
  step (self, 1); /* forgets them */
  tear_down (self, data);
  set_up (self, data);
  const double parts = .25 * pass (self, 0, 1, TRUE, .25f) + .75 * pass (self, 1, 3, TRUE, .75f);
  g_autofree float *apart = gradients (self);
  g_assert_cmpfloat_with_epsilon (parts, all, 1e-6 * all);
  g_assert_cmpfloat (
      training_distance (apart, at_once, cow_network_parameters (self->network)->count), <, 1e-5);
}

static void
test_saved (Fixture *self, gconstpointer data)
{
  const TrainingCase *sort = data;
  g_autofree char *folder = written_path (sort->name), *path = NULL;
  GError *error = NULL;
  for (int number = 1; number <= 3; number++) {
    pass (self, 0, FRAMES, TRUE, 1);
    step (self, number);
  }
  const double before = pass (self, 0, 2, FALSE, 0);
  g_assert_true (cow_network_save (self->network, folder, &error));
  if (cow_kind (sort->kind)->model_type)
    return; /* a whole network is not gone on from */
  cow_network_free (self->network);
  self->network = new_network (self, sort, folder, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (pass (self, 0, 2, FALSE, 0), ==, before);
  cow_network_free (self->network);
  self->config.split = 2;
  self->network = new_network (self, sort, folder, &error);
  g_assert_null (self->network);
  expect_error (&error, COW_ERROR_MISMATCH, "detector.safetensors", "other sizes", NULL);
}

/* ---- what does not fit ----------------------------------------------------------------------- */

static void
test_refused (void)
{
  Fixture self = { .config = head };
  GError *error = NULL;
  self.config.n_features = 512;
  self.device = cow_device_open (NULL, 0, &error);
  self.stream = cow_stream_new (self.device, 0, &error);
  g_assert_no_error (error);
  g_assert_null (new_network (&self, training_case ("resnet18"), NULL, &error));
  expect_error (&error, COW_ERROR_UNSUPPORTED, "no tokens", NULL);
  self.config.n_features = 32;
  self.config.layers[1] = 2;
  g_assert_null (new_network (&self, training_case ("dinov3"), NULL, &error));
  expect_error (&error, COW_ERROR_MISMATCH, "ascending order", "from 0 to 1", NULL);
  self.config.layers[1] = 1;
  self.config.split = 3;
  g_assert_null (new_network (&self, training_case ("dinov3"), NULL, &error));
  expect_error (&error, COW_ERROR_ARGUMENT, "by 3", NULL);
  ck_stream_free (self.stream);
  ck_device_close (self.device);
}

typedef struct {
  const char *what, *metadata, *says;
  CowError code;
  gint64 outputs; /* of out.bias */
} BadFile;

static void
test_bad_files (void)
{
  static const BadFile bad[] = {
    { "no layers", NULL, "not the head of a detector", COW_ERROR_FORMAT, 5 },
    { "no numbers", "1 x", "not the head of a detector", COW_ERROR_FORMAT, 5 },
    { "too many layers", "0 1 2 3 4", "not the head of a detector", COW_ERROR_FORMAT, 5 },
    { "layers that the network has not", "0 7", "from 0 to 1", COW_ERROR_MISMATCH, 5 },
    { "an odd number of outputs", "0 1", "by 0", COW_ERROR_ARGUMENT, 7 },
    { "tensors missing", "0 1", "norm1.weight is missing", COW_ERROR_MISMATCH, 5 },
  };
  const CowVitConfig vit = training_config (training_case ("dinov3"));
  CowBackboneConfig backbone;
  cow_backbone_config_init (&backbone, "dinov3_vit", &vit);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autofree char *path = written_path (COW_DETECTOR_FILE), *folder = g_path_get_dirname (path);
    g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
    GError *error = NULL;
    const gint64 join[] = { 4, 64, 1, 1 };
    float zeros[256] = { 0 };
    g_test_message ("%s", bad[i].what);
    if (bad[i].metadata)
      cow_safetensors_writer_metadata (writer, "layers", bad[i].metadata);
    cow_safetensors_writer_declare (writer, "join.weight", COW_F32, join, 4);
    cow_safetensors_writer_declare (writer, "out.bias", COW_F32, &bad[i].outputs, 1);
    g_assert_true (cow_safetensors_writer_write (writer, zeros, sizeof zeros, NULL));
    g_assert_true (
        cow_safetensors_writer_write (writer, zeros, (gsize)bad[i].outputs * sizeof (float), NULL));
    g_assert_true (cow_safetensors_writer_finish (writer, NULL));
    g_assert_null (cow_detector_file_read (folder, &backbone, NULL, &error));
    expect_error (&error, bad[i].code, "detector.safetensors", bad[i].says, NULL);
  }
}

int
main (int argc, char **argv)
{
  static const char *const names[] = { "lora-all", "dora-q", "tokens", "dinov3" };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const TrainingCase *sort =
        g_str_equal (names[i], tokens.name) ? &tokens : training_case (names[i]);
    g_autofree char *learns = g_strconcat ("/network-boxes/learns/", names[i], NULL),
                    *batches = g_strconcat ("/network-boxes/batches/", names[i], NULL),
                    *answers = g_strconcat ("/network-boxes/answers/", names[i], NULL),
                    *saved = g_strconcat ("/network-boxes/saved/", names[i], NULL);
    g_test_add (learns, Fixture, sort, set_up, test_learns, tear_down);
    g_test_add (batches, Fixture, sort, set_up, test_batches, tear_down);
    g_test_add (answers, Fixture, sort, set_up, test_answers, tear_down);
    g_test_add (saved, Fixture, sort, set_up, test_saved, tear_down);
  }
  g_test_add_func ("/network-boxes/refused", test_refused);
  g_test_add_func ("/network-boxes/bad-files", test_bad_files);
  return run_and_clean ();
}
