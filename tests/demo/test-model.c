/* SPDX-License-Identifier: MIT */
/*
 * The demonstration model as it is shipped (pipelines/demo/model/), on drawings of cows, barns and
 * cameras that it was not trained on: each adapter knows its own camera style, the night's adapter
 * is needed for the night, and the detector finds the cows of whole frames.
 */
#include <json-glib/json-glib.h>
#include <string.h>

#include "model/engine/engine.h"
#include "model/files/locate.h"
#include "pipelines/demo/render-frames.h"
#include "pipelines/demo/render-sheet.h"
#include "tests/model/scratch.h"

#define SEED      20260 /* not used by make-model.sh and make-detector.sh */
#define PER_CLASS 16
#define NIGHT     "drawn-cows-night"

/* Measured when the model was made: pipelines/demo/model/README.md. With so few pictures, some
 * points less are allowed. */
#define LEAST_DAY   0.90
#define LEAST_NIGHT 0.78

#define FRAMES       16 /* of a detector */
#define LEAST_MAP50  0.82
#define LEAST_TOLD   0.50 /* of what the cows do that are found */
#define DETECT_NIGHT COW_DEMONSTRATION_DETECT "-night"

static RenderShot
shot_of (RenderStyle style, int behaviour, int i)
{
  const guint64 key = cow_random_key (cow_random_key (SEED, (guint64)behaviour), (guint64)i);

  return (RenderShot){
    .behaviour = (RenderBehaviour)behaviour,
    .light = render_style_light (style, key),
    .cow_key = key,
    .camera_key = key,
    .calf = render_behaviour_is_play ((RenderBehaviour)behaviour),
    .key = key,
    .size = 96,
  };
}

static int
label_of (CowEngine *engine, cairo_surface_t *surface)
{
  const gboolean little = G_BYTE_ORDER == G_LITTLE_ENDIAN;
  const CkPicture picture = {
    .layout = CK_RGB8,
    .width = cairo_image_surface_get_width (surface),
    .height = cairo_image_surface_get_height (surface),
    .plane = { cairo_image_surface_get_data (surface) },
    .stride = { cairo_image_surface_get_stride (surface) },
    .pixel_stride = 4,
    .offset = { little ? 2 : 1, little ? 1 : 2, little ? 0 : 3 },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (CowTicket) ticket = cow_engine_submit (engine, &picture, NULL, 1, NULL, &error);
  int best = 0;

  g_assert_no_error (error);
  cow_ticket_wait (ticket, &error);
  g_assert_no_error (error);
  const float *probabilities = cow_ticket_probabilities (ticket, 0);
  for (int i = 1; i < RENDER_N_BEHAVIOURS; i++)
    best = probabilities[i] > probabilities[best] ? i : best;
  return best;
}

static double
accuracy (const char *adapter, RenderStyle style)
{
  const CowClassifierOptions options = { .model = COW_DEMONSTRATION_MODEL, .adapter = adapter };
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) engine = cow_engine_get (&options, &error);
  int right = 0;

  g_assert_no_error (error);
  for (int behaviour = 0; behaviour < RENDER_N_BEHAVIOURS; behaviour++) {
    int of_class = 0;

    g_assert_cmpstr (cow_engine_classes (engine)[behaviour], ==,
                     render_behaviour_label ((RenderBehaviour)behaviour));
    for (int i = 0; i < PER_CLASS; i++) {
      const RenderShot shot = shot_of (style, behaviour, i);
      cairo_surface_t *surface = render_picture (&shot);

      of_class += label_of (engine, surface) == behaviour;
      cairo_surface_destroy (surface);
    }
    g_test_message ("%s, %s: %d of %d", adapter,
                    render_behaviour_label ((RenderBehaviour)behaviour), of_class, PER_CLASS);
    right += of_class;
  }
  return (double)right / (PER_CLASS * RENDER_N_BEHAVIOURS);
}

static void
test_day (void)
{
  g_assert_cmpfloat (accuracy (COW_DEMONSTRATION_ADAPTER, RENDER_STYLE_DAY), >=, LEAST_DAY);
}

static void
test_night (void)
{
  const double night = accuracy (NIGHT, RENDER_STYLE_NIGHT);

  g_assert_cmpfloat (night, >=, LEAST_NIGHT);
  g_assert_cmpfloat (night, >, accuracy (COW_DEMONSTRATION_ADAPTER, RENDER_STYLE_NIGHT));
}

/* cow-trainer with these arguments, NULL-terminated; free what it printed with g_free. */
static void
run_trainer (const char *const *arguments, char **answer, char **said)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (GError) error = NULL;
  int status;

  g_assert_nonnull (g_getenv ("COW_TRAINER"));
  g_strv_builder_add (builder, g_getenv ("COW_TRAINER"));
  g_strv_builder_addv (builder, (const char **)arguments);
  g_auto (GStrv) argv = g_strv_builder_end (builder);
  g_spawn_sync (NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, answer, said, &status, &error);
  g_assert_no_error (error);
  if (!g_spawn_check_wait_status (status, NULL))
    g_error ("cow-trainer %s: %s", arguments[0], *said);
}

/* The cows of crowded frames, as `eval` counts them. */
static void
check_detector (const char *adapter, RenderStyle style)
{
  const RenderFramesOptions frames = { SEED, style, FRAMES, 12, FALSE };
  char *folder = scratch_new ();
  g_autofree char *path = g_build_filename (folder, "results.json", NULL), *answer = NULL,
                  *said = NULL;
  const char *const arguments[] = { "eval",    "--adapter", adapter, "--data", folder,
                                    "--split", "all",       "--out", folder,   NULL };
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;

  render_frames_write (folder, &frames, &error);
  g_assert_no_error (error);
  run_trainer (arguments, &answer, &said);
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  JsonObject *results = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpint (json_object_get_int_member (results, "frames"), ==, FRAMES);
  g_test_message ("mAP50 %.3f, mAP50:95 %.3f", json_object_get_double_member (results, "map50"),
                  json_object_get_double_member (results, "map50_95"));
  g_assert_cmpfloat (json_object_get_double_member (results, "map50"), >=, LEAST_MAP50);
  const double told = json_object_get_double_member (results, "behaviour_accuracy");
  g_test_message ("%.3f of the cows' behaviours", told);
  g_assert_cmpfloat (told, >=, LEAST_TOLD);
  scratch_free (folder);
}

static void
test_detector (void)
{
  check_detector (COW_DEMONSTRATION_DETECT, RENDER_STYLE_DAY);
}

static void
test_detector_night (void)
{
  check_detector (DETECT_NIGHT, RENDER_STYLE_NIGHT);
}

/* cow-trainer without --model and --adapter: its results, and what else it prints. */
static void
test_trainer (void)
{
  const RenderShot shot = shot_of (RENDER_STYLE_DAY, RENDER_LYING, 0);
  char *folder = scratch_new ();
  g_autofree char *path = g_build_filename (folder, "lying.png", NULL), *answer = NULL,
                  *said = NULL;
  const char *const arguments[] = { "predict", path, "--format", "csv", NULL };
  g_autoptr (GError) error = NULL;

  render_png_write (render_picture (&shot), path, &error);
  g_assert_no_error (error);
  run_trainer (arguments, &answer, &said);
  g_assert_nonnull (strstr (answer, "lying.png,Lying"));
  g_assert_nonnull (strstr (said, COW_DEMONSTRATION_WARNING));
  scratch_free (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/demo-model/day", test_day);
  g_test_add_func ("/demo-model/night", test_night);
  g_test_add_func ("/demo-model/detector", test_detector);
  g_test_add_func ("/demo-model/detector-night", test_detector_night);
  g_test_add_func ("/demo-model/trainer", test_trainer);
  return g_test_run ();
}
