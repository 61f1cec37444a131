/* SPDX-License-Identifier: MIT */
/* What a card says of sureness (temperature and thresholds) and of several labels a picture: read,
 * refused, kept with all that this version does not know, and applied. */
#include <math.h>
#include <string.h>

#include "model/adapter/card.h"
#include "model/network/classifier.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "tests/model/written.h"

/* The default card with a member "calibration" of that JSON text, read. */
static CowCard *
read_with (const char *folder, const char *calibration, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (CowCard) card = cow_card_new_default ();
  cow_card_write (card, folder, &local);
  g_assert_no_error (local);
  scratch_copy_json (folder, folder, "cowbehavior.json", "calibration", calibration);
  return cow_card_read (folder, NULL, error);
}

static void
test_none (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new ();
  g_autoptr (CowCard) card = read_with (folder, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (card->temperature, ==, 1);
  g_assert_null (card->thresholds);
  scratch_free (folder);
}

static void
test_read (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new ();
  g_autoptr (CowCard) card = read_with (
      folder,
      "{\"temperature\": 2, \"later\": [1, {}], \"thresholds\": {\"target\": \"f1\", \"classes\":"
      " {\"leap\": {\"value\": 0.75, \"f1\": 1}, \"Lying\": {\"value\": 0}, \"gallop\": null}}}",
      &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (card->temperature, ==, 2);
  for (guint c = 0; c < 9; c++)
    g_assert_cmpfloat (card->thresholds[c], ==, c == 8 ? .75f : 0);
  scratch_free (folder);
}

/* What one program writes and another does not know goes through both unharmed. */
static void
test_round_trip (void)
{
  static const char text[] = "{\"format\":1,\"kind\":\"dora\",\"classes\":[\"a\",\"b\"],"
                             "\"preprocess\":{\"size\":64,\"interpolation\":"
                             "\"bilinear\",\"normalisation\":\"unit\"},\"base\":{\"name\":\"x\","
                             "\"hash\":null},\"calibration\":{"
                             "\"temperature\":1.25,\"invented\":[true,null,\"\\u00e9\"]},"
                             "\"provenance\":{\"epochs\":12,\"rate\":0.0001},"
                             "\"zz\":[[],{}]}";
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new ();
  scratch_write (folder, "cowbehavior.json", text);
  g_autoptr (CowCard) card = cow_card_read (folder, NULL, &error);
  g_assert_no_error (error);
  cow_card_set_member (card, "metrics", json_node_init_int (json_node_alloc (), 7));
  cow_card_write (card, folder, &error);
  g_assert_no_error (error);
  g_autofree char *written = scratch_read (folder, "cowbehavior.json", NULL);
  g_autoptr (JsonNode) before = json_from_string (text, NULL),
                       after = json_from_string (written, NULL);
  json_object_set_int_member (json_node_get_object (before), "metrics", 7);
  g_assert_true (json_node_equal (before, after));
  scratch_free (folder);
}

static const struct {
  const char *calibration, *text;
} refused[] = {
  { "[]", "\"calibration\" is []" },
  { "{\"temperature\": 0}", "\"temperature\" is 0, expected 0.001 to 1000" },
  { "{\"temperature\": -1.5}", "\"temperature\" is -1.5" },
  { "{\"temperature\": 1e300}", "\"temperature\" is 1e+300" },
  { "{\"temperature\": \"warm\"}", "\"temperature\" is \"warm\"" },
  { "{\"thresholds\": 0.5}", "\"thresholds\" is 0.5" },
  { "{\"thresholds\": {\"classes\": [0.5]}}", "\"classes\" is [0.5]" },
  { "{\"thresholds\": {\"classes\": {\"Flying\": {\"value\": 0.5}}}}",
    "threshold of \"Flying\", which is none of \"classes\"" },
  { "{\"thresholds\": {\"classes\": {\"Lying\": 0.5}}}", "\"Lying\" is 0.5" },
  { "{\"thresholds\": {\"classes\": {\"Lying\": {}}}}",
    "threshold of \"Lying\": \"value\" is missing" },
  { "{\"thresholds\": {\"classes\": {\"Lying\": {\"value\": 1.01}}}}",
    "\"value\" is 1.01, expected a probability" },
  { "{\"thresholds\": {\"classes\": {\"Lying\": {\"value\": -0.1}}}}", "\"value\" is -0.1" },
};

static void
test_refused (void)
{
  char *folder = scratch_new ();
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (read_with (folder, refused[i].calibration, &error));
    expect_error (&error, COW_ERROR_FORMAT, "cowbehavior.json", refused[i].text, NULL);
  }
  scratch_free (folder);
}

/* ---- several labels a picture ---------------------------------------------------------------- */

#define SEVERAL(format, labels, classes, thresholds)                                               \
  "{\"format\":" format ",\"kind\":\"frozen\",\"classes\":[" classes                               \
  "],\"preprocess\":{\"size\":64,"                                                                 \
  "\"interpolation\":\"bilinear\",\"normalisation\":\"unit\"},\"base\":{\"name\":\"x\",\"hash\":"  \
  "null},"                                                                                         \
  "\"labels\":" labels ",\"thresholds\":" thresholds ",\"zz\":7}"

/* The card goes through as it is; without thresholds a label is likelier than not. */
static void
test_several (void)
{
  static const char *const texts[] = { SEVERAL ("2", "\"multiple\"", "\"a\",\"b\"", "[0.25,0.5]"),
                                       SEVERAL ("2", "\"multiple\"", "\"a\",\"b\"", "null") };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    char *folder = scratch_new ();
    scratch_write (folder, "cowbehavior.json", texts[i]);
    g_autoptr (CowCard) card = cow_card_read (folder, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (card->multiple);
    g_assert_cmpfloat (card->thresholds[0], ==, i == 0 ? .25f : .5f);
    g_assert_cmpfloat (card->thresholds[1], ==, .5f);
    cow_card_write (card, folder, &error);
    g_assert_no_error (error);
    g_autofree char *written = scratch_read (folder, "cowbehavior.json", NULL);
    g_autoptr (JsonNode) before = json_from_string (texts[0], NULL),
                         after = json_from_string (written, NULL);
    if (i == 0)
      g_assert_true (json_node_equal (before, after));
    scratch_free (folder);
  }
}

/* In a card of one label those members mean nothing, and stay. */
static void
test_not_several (void)
{
  static const char text[] = SEVERAL ("1", "[1]", "\"a\",\"b\"", "\"some\"");
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new ();
  scratch_write (folder, "cowbehavior.json", text);
  g_autoptr (CowCard) card = cow_card_read (folder, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (card->multiple);
  g_assert_null (card->thresholds);
  cow_card_write (card, folder, &error);
  g_autofree char *written = scratch_read (folder, "cowbehavior.json", NULL);
  g_autoptr (JsonNode) before = json_from_string (text, NULL),
                       after = json_from_string (written, NULL);
  g_assert_true (json_node_equal (before, after));
  scratch_free (folder);
}

/* ---- of whole frames ------------------------------------------------------------------------- */

/* What it tells of a cow stands beside "classes", which are what it finds. */
#define TELLS(behaviours)                                                                          \
  "{\"format\":3,\"kind\":\"frozen-tokens\",\"classes\":[\"cow\"],\"preprocess\":{\"size\":"       \
  "[368,640],\"interpolation\":\"bilinear\",\"normalisation\":\"imagenet\"},\"base\":{\"name\":"   \
  "\"x\",\"hash\":null},\"task\":\"detect\",\"behaviours\":" behaviours ",\"zz\":7}"

static void
test_tells (void)
{
  static const char text[] = TELLS ("[\"Lying\",\"Standing\"]");
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new ();
  scratch_write (folder, "cowbehavior.json", text);
  g_autoptr (CowCard) card = cow_card_read (folder, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cow_card_n_classes (card), ==, 1);
  g_assert_cmpstr (cow_card_told (card)[1], ==, "Standing");
  g_assert_null (cow_card_told (card)[2]);
  cow_card_write (card, folder, &error);
  g_autofree char *written = scratch_read (folder, "cowbehavior.json", NULL);
  g_autoptr (JsonNode) before = json_from_string (text, NULL),
                       after = json_from_string (written, NULL);
  g_assert_true (json_node_equal (before, after));
  scratch_free (folder);
}

static const char detector_card[] = "{\"format\":3,\"kind\":\"frozen-tokens\",\"classes\":[\"cow\"]"
                                    ",\"preprocess\":{\"size\":[368,640],"
                                    "\"interpolation\":\"bilinear\",\"normalisation\":\"imagenet\"}"
                                    ",\"base\":{\"name\":\"x\",\"hash\":"
                                    "null},\"task\":\"detect\",\"zz\":7}";

/* The card goes through as it is; what classifies does not take it. */
static void
test_detects (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new ();
  scratch_write (folder, "cowbehavior.json", detector_card);
  g_autoptr (CowCard) card = cow_card_read (folder, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (card->detects);
  g_assert_null (cow_card_told (card));
  cow_card_write (card, folder, &error);
  g_autofree char *written = scratch_read (folder, "cowbehavior.json", NULL);
  g_autoptr (JsonNode) before = json_from_string (detector_card, NULL),
                       after = json_from_string (written, NULL);
  g_assert_true (json_node_equal (before, after));
  g_autofree char *model = golden_path ("plain/fp32");
  const CowClassifierOptions options = { .model = model, .adapter = folder };
  g_assert_null (cow_classifier_new (&options, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "finds cows in whole frames"));
  scratch_free (folder);
}

/* ---- that keep the shape of pictures --------------------------------------------------------- */

#define FITS(fit, others)                                                                          \
  "{\"format\":4,\"kind\":\"frozen\",\"classes\":[\"a\",\"b\"],\"preprocess\":{\"size\":"          \
  "[368,640],\"interpolation\":\"bilinear\",\"normalisation\":\"imagenet\",\"fit\":" fit           \
  "},\"base\":{\"name\":\"x\",\"hash\":null}," others "}"

/* Of every kind; the members of the older formats are there where they mean something. */
static void
test_fits (void)
{
  static const char *const cards[] = {
    FITS ("\"letterbox\"", "\"zz\":7"), FITS ("\"letterbox\"", "\"task\":\"detect\""),
    FITS ("\"letterbox\"", "\"task\":\"detect\",\"behaviours\":[\"Lying\",\"Standing\"]"),
    FITS ("\"letterbox\"", "\"labels\":\"multiple\",\"thresholds\":[0.25,0.5]")
  };

  for (guint i = 0; i < G_N_ELEMENTS (cards); i++) {
    g_autoptr (GError) error = NULL;
    char *folder = scratch_new ();
    scratch_write (folder, "cowbehavior.json", cards[i]);
    g_autoptr (CowCard) card = cow_card_read (folder, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpint (card->preprocess.fit, ==, COW_LETTERBOX);
    g_assert_cmpint (card->detects, ==, i == 1 || i == 2);
    g_assert_cmpint (card->multiple, ==, i == 3);
    cow_card_write (card, folder, &error);
    g_autofree char *written = scratch_read (folder, "cowbehavior.json", NULL);
    g_autoptr (JsonNode) before = json_from_string (cards[i], NULL),
                         after = json_from_string (written, NULL);
    g_assert_true (json_node_equal (before, after));
    scratch_free (folder);
  }
}

static const struct {
  const char *card, *text;
  CowError code;
} refused_cards[] = {
  { SEVERAL ("5", "\"multiple\"", "\"a\",\"b\"", "[0,0]"),
    "\"format\" is 5, this version reads 1 to 4: a newer cowbehavior is needed",
    COW_ERROR_UNSUPPORTED },
  { SEVERAL ("3", "\"multiple\"", "\"a\",\"b\"", "[0,0]"), "\"task\" is missing",
    COW_ERROR_FORMAT },
  { SEVERAL ("2", "\"ranked\"", "\"a\",\"b\"", "[0,0]"), "\"labels\" is \"ranked\"",
    COW_ERROR_UNSUPPORTED },
  { SEVERAL ("2", "null", "\"a\",\"b\"", "[0,0]"), "\"labels\" is missing", COW_ERROR_FORMAT },
  { SEVERAL ("2", "\"multiple\"", "\"a\",\"b\"", "[0.5]"),
    "\"thresholds\" has 1 numbers, expected one for each of the 2 classes", COW_ERROR_FORMAT },
  { SEVERAL ("2", "\"multiple\"", "\"a\",\"b\"", "[0.5,1.5]"), "\"thresholds\" has 1.5 at 1",
    COW_ERROR_FORMAT },
  { SEVERAL ("2", "\"multiple\"", "\"a\",\"b\"", "[0.5,[]]"), "\"thresholds\" has [] at 1",
    COW_ERROR_FORMAT },
  { SEVERAL ("2", "\"multiple\"", "\"a\",\"b\"", "[0.5,\"x\"]"), "\"thresholds\" has \"x\" at 1",
    COW_ERROR_FORMAT },
  { SEVERAL ("2", "\"multiple\"", "\"a\",\"b|c\"", "[0.5,0.5]"), "\"classes\" has \"b|c\"",
    COW_ERROR_FORMAT },
  { SEVERAL ("2", "\"multiple\"", "\"a\",\"None\"", "[0.5,0.5]"), "\"classes\" has \"None\"",
    COW_ERROR_FORMAT },
  { FITS ("\"cut\"", "\"zz\":7"), "\"fit\" is \"cut\", expected \"stretch\" or \"letterbox\"",
    COW_ERROR_UNSUPPORTED },
  { FITS ("4", "\"zz\":7"), "\"fit\" is 4", COW_ERROR_FORMAT },
  { FITS ("\"letterbox\"", "\"task\":\"segment\""), "\"task\" is \"segment\"",
    COW_ERROR_UNSUPPORTED },
  { TELLS ("[]"), "\"behaviours\" has 0 names", COW_ERROR_FORMAT },
  { TELLS ("[\"a\",\"a\"]"), "\"behaviours\" has \"a\" at 1", COW_ERROR_FORMAT },
  { TELLS ("\"a\""), "\"behaviours\" is \"a\"", COW_ERROR_FORMAT },
};

static void
test_several_refused (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (refused_cards); i++) {
    g_autoptr (GError) error = NULL;
    char *folder = scratch_new ();
    scratch_write (folder, "cowbehavior.json", refused_cards[i].card);
    g_assert_null (cow_card_read (folder, NULL, &error));
    expect_error (&error, refused_cards[i].code, "cowbehavior.json", refused_cards[i].text, NULL);
    scratch_free (folder);
  }
}

static void
test_sigmoid (void)
{
  const float logits[] = { 0, 2, -1000, 1000 };
  float probabilities[4];
  cow_sigmoid (logits, 4, 1, probabilities);
  g_assert_cmpfloat (probabilities[0], ==, .5f);
  g_assert_cmpfloat_with_epsilon (probabilities[1], 0.8807971f, 1e-6f);
  g_assert_cmpfloat (probabilities[2], ==, 0);
  g_assert_cmpfloat (probabilities[3], ==, 1);
  cow_sigmoid (logits, 4, 2, probabilities);
  g_assert_cmpfloat_with_epsilon (probabilities[1], 0.7310586f, 1e-6f);
}

static void
test_softmax (void)
{
  const float logits[] = { 1000, 999, -1000 };
  float probabilities[3];
  cow_softmax (logits, 3, 1, probabilities);
  g_assert_cmpfloat_with_epsilon (probabilities[0], 0.7310586f, 1e-6f);
  g_assert_cmpfloat_with_epsilon (probabilities[1], 0.2689414f, 1e-6f);
  g_assert_cmpfloat (probabilities[2], ==, 0);
  cow_softmax (logits, 2, 2, probabilities);
  g_assert_cmpfloat_with_epsilon (probabilities[0], 0.6224593f, 1e-6f);
  cow_softmax (logits, 3, COW_CARD_TEMPERATURE_MIN, probabilities);
  g_assert_cmpfloat (probabilities[0], ==, 1);
}

/* Logits and probabilities [9] of a grey picture, by an adapter folder. */
static void
run_classifier (const char *adapter, float *logits, float *probabilities)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *model = golden_path ("plain/nf4");
  const CowClassifierOptions options = { .model = model, .adapter = adapter };
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  g_autofree float *pixels = g_new (float, 3 * 64 * 64);
  CowOutput output;
  for (int i = 0; i < 3 * 64 * 64; i++)
    pixels[i] = .5f;
  cow_classifier_run (classifier, pixels, 1, 64, 64, &output, &error);
  g_assert_no_error (error);
  memcpy (logits, output.logits, 9 * sizeof (float));
  memcpy (probabilities, output.probabilities, 9 * sizeof (float));
}

/* The classifier's probabilities, and so predict's and the element's, are at the card's
 * temperature; its logits are as they were. */
static void
test_applied (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *golden = golden_path ("plain");
  char *folder = scratch_new ();
  float logits[2][9], probabilities[2][9];
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_free (card->kind);
  card->kind = g_strdup ("frozen");
  card->preprocess.width = card->preprocess.height = 64;
  scratch_copy (golden, folder, "classifier.safetensors");
  cow_card_write (card, folder, &error);
  g_assert_no_error (error);
  run_classifier (folder, logits[0], probabilities[0]);
  scratch_copy_json (folder, folder, "cowbehavior.json", "calibration", "{\"temperature\": 0.5}");
  run_classifier (folder, logits[1], probabilities[1]);
  for (int c = 0; c < 9; c++) {
    float sum[2] = { 0, 0 };
    for (int k = 0; k < 9; k++) {
      sum[0] += expf (logits[0][k] - logits[0][c]);
      sum[1] += expf (2 * (logits[0][k] - logits[0][c]));
    }
    g_assert_cmpfloat (logits[1][c], ==, logits[0][c]);
    g_assert_cmpfloat_with_epsilon (probabilities[0][c], 1 / sum[0], 1e-5f);
    g_assert_cmpfloat_with_epsilon (probabilities[1][c], 1 / sum[1], 1e-5f);
  }
  scratch_free (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/card/calibration/none", test_none);
  g_test_add_func ("/card/calibration/read", test_read);
  g_test_add_func ("/card/calibration/round-trip", test_round_trip);
  g_test_add_func ("/card/calibration/refused", test_refused);
  g_test_add_func ("/card/several/read", test_several);
  g_test_add_func ("/card/several/not", test_not_several);
  g_test_add_func ("/card/several/refused", test_several_refused);
  g_test_add_func ("/card/several/sigmoid", test_sigmoid);
  g_test_add_func ("/card/detects", test_detects);
  g_test_add_func ("/card/tells", test_tells);
  g_test_add_func ("/card/fits", test_fits);
  g_test_add_func ("/card/calibration/softmax", test_softmax);
  g_test_add_func ("/card/calibration/applied", test_applied);
  return g_test_run ();
}
