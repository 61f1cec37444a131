/* SPDX-License-Identifier: MIT */
/* The renderer: the same seed draws the same, folders are complete and share no cow, the video
 * shows what its truth says. */
#include <gst/gst.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "pipelines/demo/render-folder.h"
#include "pipelines/demo/render-frames.h"
#include "pipelines/demo/render-script.h"
#include "pipelines/demo/render-sheet.h"
#include "pipelines/demo/render-video.h"
#include "tests/model/scratch.h"

static RenderShot
shot_of (int behaviour, RenderLight light, guint64 key)
{
  return (RenderShot){
    .behaviour = (RenderBehaviour)behaviour,
    .light = light,
    .cow_key = key,
    .camera_key = key + 1,
    .calf = render_behaviour_is_play ((RenderBehaviour)behaviour),
    .key = key + 2,
    .size = 64,
  };
}

static gboolean
same_surface (cairo_surface_t *a, cairo_surface_t *b)
{
  const int height = cairo_image_surface_get_height (a),
            stride = cairo_image_surface_get_stride (a);

  return height == cairo_image_surface_get_height (b) &&
         stride == cairo_image_surface_get_stride (b) &&
         memcmp (cairo_image_surface_get_data (a), cairo_image_surface_get_data (b),
                 (gsize)height * (gsize)stride) == 0;
}

static void
test_repeats (void)
{
  for (int behaviour = 0; behaviour < RENDER_N_BEHAVIOURS; behaviour++) {
    const RenderShot shot = shot_of (behaviour, RENDER_DAY, 5),
                     later = shot_of (behaviour, RENDER_DAY, 6);
    cairo_surface_t *a = render_picture (&shot), *b = render_picture (&shot),
                    *c = render_picture (&later);

    g_assert_true (same_surface (a, b));
    g_assert_false (same_surface (a, c));
    g_assert_cmpint (MAX (cairo_image_surface_get_width (a), cairo_image_surface_get_height (a)),
                     ==, 64);
    cairo_surface_destroy (a);
    cairo_surface_destroy (b);
    cairo_surface_destroy (c);
  }
}

/* The largest difference between two channels of a pixel. */
static int
colourfulness (cairo_surface_t *surface)
{
  const guint8 *pixels = cairo_image_surface_get_data (surface);
  const int stride = cairo_image_surface_get_stride (surface);
  int most = 0;

  for (int y = 0; y < cairo_image_surface_get_height (surface); y++)
    for (int x = 0; x < cairo_image_surface_get_width (surface); x++) {
      const guint8 *p = pixels + y * stride + 4 * x;
      most = MAX (most, MAX (ABS (p[0] - p[1]), ABS (p[2] - p[1])));
    }
  return most;
}

static void
test_night_is_grey (void)
{
  const RenderShot night = shot_of (RENDER_DRINKING, RENDER_NIGHT, 9),
                   day = shot_of (RENDER_DRINKING, RENDER_DAY, 9);
  cairo_surface_t *grey = render_picture (&night), *coloured = render_picture (&day);

  g_assert_cmpint (colourfulness (grey), <=, 2); /* rounding by the coder */
  g_assert_cmpint (colourfulness (coloured), >, 20);
  cairo_surface_destroy (grey);
  cairo_surface_destroy (coloured);
}

/* Reads "image_path,label,source,cow_id,split" and checks each picture that it names. */
static void
check_table (const char *folder, guint expected, GHashTable *cow_splits,
             guint counts[3][RENDER_N_BEHAVIOURS])
{
  static const char *const splits[] = { "train", "val", "test", NULL };
  gsize length;
  g_autofree char *text = scratch_read (folder, "labels.csv", &length);
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);

  g_assert_cmpstr (lines[0], ==, "image_path,label,source,cow_id,split");
  g_assert_cmpuint (g_strv_length (lines) - 1, ==, expected);
  for (guint i = 1; lines[i] != NULL; i++) {
    g_auto (GStrv) fields = g_strsplit (lines[i], ",", -1);
    g_autofree char *start = g_strdup_printf ("%s/%s/%s-", fields[4], fields[1], fields[3]),
                    *path = NULL;
    guint split = 0, label = 0;

    g_assert_cmpuint (g_strv_length (fields), ==, 5);
    g_assert_true (g_str_has_prefix (fields[0], start));
    path = g_build_filename (folder, fields[0], NULL);
    g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
    while (!g_str_equal (splits[split], fields[4]))
      g_assert_nonnull (splits[++split]);
    while (!g_str_equal (render_behaviour_label ((RenderBehaviour)label), fields[1]))
      g_assert_cmpuint (++label, <, RENDER_N_BEHAVIOURS);
    counts[split][label]++;
    const char *seen = g_hash_table_lookup (cow_splits, fields[3]);
    g_assert_true (seen == NULL || g_str_equal (seen, splits[split]));
    g_hash_table_insert (cow_splits, g_strdup (fields[3]), (gpointer)splits[split]);
  }
}

static void
test_folder (void)
{
  const RenderFolderOptions options = {
    .seed = 3, .style = RENDER_STYLE_MIXED, .size = 48, .per_class = 20, .split = TRUE
  };
  g_autoptr (GHashTable) cow_splits = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint counts[3][RENDER_N_BEHAVIOURS] = { { 0 } };
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new (), *again = scratch_new ();

  g_assert_true (render_folder_write (folder, &options, &error));
  g_assert_no_error (error);
  check_table (folder, 20 * RENDER_N_BEHAVIOURS, cow_splits, counts);
  for (int behaviour = 0; behaviour < RENDER_N_BEHAVIOURS; behaviour++) {
    g_assert_cmpuint (counts[0][behaviour], ==, 14);
    g_assert_cmpuint (counts[1][behaviour], ==, 3);
    g_assert_cmpuint (counts[2][behaviour], ==, 3);
  }
  g_assert_true (render_folder_write (again, &options, &error));
  gsize one_length, two_length;
  g_autofree char *one = scratch_read (folder, "test/gallop/test-calf0-0000.png", &one_length);
  g_autofree char *two = scratch_read (again, "test/gallop/test-calf0-0000.png", &two_length);
  g_assert_cmpmem (one, one_length, two, two_length);
  scratch_free (folder);
  scratch_free (again);
}

static void
test_sheet (void)
{
  const RenderSheetOptions options = {
    .seed = 1, .style = RENDER_STYLE_DAY, .size = 64, .columns = 3, .each = 1
  };
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new ();
  g_autofree char *path = g_build_filename (folder, "sheet.png", NULL),
                  *nowhere = g_build_filename (folder, "no", "sheet.png", NULL);

  g_assert_true (render_sheet_write (path, &options, &error));
  g_assert_no_error (error);
  cairo_surface_t *sheet = cairo_image_surface_create_from_png (path);
  g_assert_cmpint (cairo_image_surface_get_width (sheet), >=, 3 * 64);
  cairo_surface_destroy (sheet);
  g_assert_false (render_sheet_write (nowhere, &options, &error));
  g_assert_nonnull (strstr (error->message, nowhere));
  scratch_free (folder);
}

/* Every cow is completely in the frame all the time, and 20 s show every behaviour. */
static void
test_script (void)
{
  for (guint64 seed = 1; seed <= 20; seed++) {
    g_autoptr (RenderScript) script = render_script_new (seed);
    guint seen[RENDER_N_BEHAVIOURS] = { 0 };

    for (int frame = 0; frame < 20 * RENDER_VIDEO_RATE; frame++, render_script_step (script))
      for (int role = 0; role < RENDER_N_ROLES; role++) {
        const RenderRoleState *state = &render_script_states (script)[role];
        const RenderBox box = render_actor_box (&state->actor);

        seen[state->actor.behaviour] += !state->changing;
        g_assert_cmpfloat (box.x, >=, 0);
        g_assert_cmpfloat (box.y, >=, 0);
        g_assert_cmpfloat (box.x + box.width, <=, RENDER_VIDEO_WIDTH);
        g_assert_cmpfloat (box.y + box.height, <=, RENDER_VIDEO_HEIGHT);
        g_assert_cmpfloat (MIN (box.width, box.height), >, 24);
      }
    for (int behaviour = 0; behaviour < RENDER_N_BEHAVIOURS; behaviour++)
      g_assert_cmpuint (seen[behaviour], >=, RENDER_VIDEO_RATE);
  }
}

static void
count_frame (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer frames)
{
  (*(int *)frames)++;
}

static int
decoded_frames (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "filesrc name=file ! qtdemux ! h264parse ! decodebin ! video/x-raw,width=640,height=360 ! "
      "fakesink name=sink signal-handoffs=true",
      &error);
  int frames = 0;

  g_assert_no_error (error);
  g_autoptr (GstElement) file = gst_bin_get_by_name (GST_BIN (pipeline), "file");
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_object_set (file, "location", path, NULL);
  g_signal_connect (sink, "handoff", G_CALLBACK (count_frame), &frames);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return frames;
}

static void
check_truth_line (const char *line, gint64 frame)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = json_from_string (line, &error);

  g_assert_no_error (error);
  JsonObject *object = json_node_get_object (node);
  const gint64 x = json_object_get_int_member (object, "x"),
               y = json_object_get_int_member (object, "y");
  g_assert_cmpint (json_object_get_int_member (object, "frame"), ==, frame);
  g_assert_cmpint (x, >=, 0);
  g_assert_cmpint (y, >=, 0);
  g_assert_cmpint (x + json_object_get_int_member (object, "w"), <=, RENDER_VIDEO_WIDTH);
  g_assert_cmpint (y + json_object_get_int_member (object, "h"), <=, RENDER_VIDEO_HEIGHT);
  g_assert_nonnull (json_object_get_string_member (object, "cow"));
  g_assert_nonnull (json_object_get_string_member (object, "behaviour"));
  g_assert_true (json_object_has_member (object, "changing"));
}

/* A number of an annotation's bbox. */
static double
side (JsonObject *annotation, guint i)
{
  return json_array_get_double_element (json_object_get_array_member (annotation, "bbox"), i);
}

/* The boxes of the COCO file are those of animals that are seen; returns how many there are. */
static guint
check_coco (const char *folder, const char *name, guint n_frames)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  gsize length;
  g_autofree char *text = scratch_read (folder, name, &length);
  g_assert_true (json_parser_load_from_data (parser, text, (gssize)length, NULL));
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  JsonArray *annotations = json_object_get_array_member (root, "annotations");
  const guint n = json_array_get_length (annotations);

  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (root, "images")), ==,
                    n_frames);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (root, "categories")), ==,
                    RENDER_N_BEHAVIOURS);
  for (guint i = 0; i < n; i++) {
    JsonObject *one = json_array_get_object_element (annotations, i),
               *attributes = json_object_get_object_member (one, "attributes");
    g_assert_cmpint (json_object_get_int_member (one, "id"), ==, i + 1);
    g_assert_cmpint (json_object_get_int_member (one, "image_id"), <=, n_frames);
    g_assert_cmpfloat (side (one, 0), >=, 0);
    g_assert_cmpfloat (side (one, 1), >=, 0);
    g_assert_cmpfloat (side (one, 2), >, 2);
    g_assert_cmpfloat (side (one, 3), >, 2);
    g_assert_cmpfloat (side (one, 0) + side (one, 2), <=, RENDER_FRAME_WIDTH + .01);
    g_assert_cmpfloat (side (one, 1) + side (one, 3), <=, RENDER_FRAME_HEIGHT + .01);
    g_assert_cmpfloat (json_object_get_double_member (attributes, "visible"), >=, .2);
  }
  return n;
}

/* Each split has its frames and its cows; what is drawn depends on the seed alone. */
static void
test_frames (void)
{
  const RenderFramesOptions options = {
    .seed = 3, .style = RENDER_STYLE_MIXED, .count = 7, .most = 14, .split = TRUE
  };
  char *folder = scratch_new (), *again = scratch_new ();
  g_autoptr (GError) error = NULL;
  const char *const same[] = { "train/00002.png", "train/annotations.json", "test/00000.png" };

  g_assert_true (render_frames_write (folder, &options, &error));
  g_assert_no_error (error);
  g_assert_true (render_frames_write (again, &options, &error));
  for (guint i = 0; i < G_N_ELEMENTS (same); i++) {
    gsize length, length_again;
    g_autofree char *one = scratch_read (folder, same[i], &length),
                    *other = scratch_read (again, same[i], &length_again);
    g_assert_cmpmem (one, length, other, length_again);
  }
  g_assert_cmpuint (check_coco (folder, "train/annotations.json", 5), >, 10);
  check_coco (folder, "val/annotations.json", 1);
  check_coco (folder, "test/annotations.json", 1);
  scratch_free (folder);
  scratch_free (again);
}

static void
test_video (void)
{
  char *folder = scratch_new ();
  g_autofree char *path = g_build_filename (folder, "barn.mp4", NULL),
                  *truth = g_build_filename (folder, "barn.jsonl", NULL);
  const RenderVideoOptions options = {
    .seed = 1, .light = RENDER_DAY, .seconds = 1, .truth = truth
  };
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (render_video_write (path, &options, &error));
  g_assert_no_error (error);
  g_autofree char *text = scratch_read (folder, "barn.jsonl", &length);
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, RENDER_VIDEO_RATE * RENDER_N_ROLES);
  for (guint i = 0; lines[i] != NULL; i++)
    check_truth_line (lines[i], i / RENDER_N_ROLES);
  g_assert_cmpint (decoded_frames (path), ==, RENDER_VIDEO_RATE);
  scratch_free (folder);
}

static void
test_video_nowhere (void)
{
  const RenderVideoOptions options = { .seed = 1, .seconds = 1 };
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new ();
  g_autofree char *path = g_build_filename (folder, "no", "barn.mp4", NULL);

  g_assert_false (render_video_write (path, &options, &error));
  g_assert_nonnull (strstr (error->message, path));
  scratch_free (folder);
}

/* Asserts that the program fails with up to four arguments, and prints `expected`. */
static void
check_refused (const char *a, const char *b, const char *c, const char *d, const char *expected)
{
  const char *argv[] = { g_getenv ("COW_RENDER_BARN"), a, b, c, d, NULL };
  g_autofree char *said = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &said, &status,
                &error);
  g_assert_no_error (error);
  g_assert_false (g_spawn_check_wait_status (status, NULL));
  g_assert_nonnull (strstr (said, expected));
}

static void
test_refusals (void)
{
  char *folder = scratch_new ();

  if (g_getenv ("COW_RENDER_BARN") == NULL)
    g_error ("COW_RENDER_BARN is not set");
  check_refused ("pictures", folder, "--style", "noon",
                 "--style \"noon\", expected day, night or mixed");
  check_refused ("pictures", folder, "--size", "3", "--size 3, expected 16 to 2048");
  check_refused ("pictures", folder, "--per-class", "0", "--per-class 0, expected 1");
  check_refused ("frames", folder, "--most", "0", "--most 0, expected 1 to 40");
  check_refused ("sculpture", folder, NULL, NULL, "\"sculpture\" is unknown");
  check_refused ("pictures", NULL, NULL, NULL, "1 arguments, expected two");
  check_refused ("pictures", "/dev/null/out", "--size", "32", "/dev/null/out");
  check_refused ("video", "/dev/full", "--seconds", "1", "/dev/full: is a pipe or a device");
  g_assert_true (scratch_is_empty (folder));
  scratch_free (folder);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/render/repeats", test_repeats);
  g_test_add_func ("/render/night-is-grey", test_night_is_grey);
  g_test_add_func ("/render/folder", test_folder);
  g_test_add_func ("/render/sheet", test_sheet);
  g_test_add_func ("/render/script", test_script);
  g_test_add_func ("/render/frames", test_frames);
  g_test_add_func ("/render/video", test_video);
  g_test_add_func ("/render/video-nowhere", test_video_nowhere);
  g_test_add_func ("/render/refusals", test_refusals);
  return g_test_run ();
}
