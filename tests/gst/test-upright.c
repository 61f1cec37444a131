/* SPDX-License-Identifier: MIT */
/* What the sample pipelines make of recordings and photographs that are stored on their side, or
 * interlaced; and that they print what elements have to say of them. */
#include "tests/gst/support.h"

#include <string.h>

#include "model/adapter/kept-pictures.h"
#include "tests/gst/launched.h"
#include "tests/gst/recorded.h"
#include "tests/gst/shown.h"

static char *adapter, *folder;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* ---- scenes --------------------------------------------------------------------------------- */

/*
 * The eight orientations by EXIF's numbers. The scene is 320 x 240 px, red and green above blue and
 * white; `stored` are its colours as they lie in the file, from the upper left to the lower right.
 * a, b, c, d are the matrix that turns it upright in an MP4: x' = a x + c y, y' = b x + d y.
 */
static const struct {
  const char *stored;
  gint32 a, b, c, d;
} turns[] = {
  { "RGBW", 1, 0, 0, 1 },   { "GRWB", -1, 0, 0, 1 }, { "WBGR", -1, 0, 0, -1 },
  { "BWRG", 1, 0, 0, -1 },  { "RBGW", 0, 1, 1, 0 },  { "GWRB", 0, 1, -1, 0 },
  { "WGBR", 0, -1, -1, 0 }, { "BRWG", 0, -1, 1, 0 },
};

static guint32
colour_of (char letter)
{
  switch (letter) {
  case 'R':
    return 0xff0000;
  case 'G':
    return 0x00ff00;
  case 'B':
    return 0x0000ff;
  default:
    return 0xffffff;
  }
}

/* Encodes 10 frames of the scene as turns[i] stores it, by the elements of this line, to a file. */
static void
store_scene (guint i, const char *elements, const char *to)
{
  const gsize width = i < 4 ? 320 : 240, height = i < 4 ? 240 : 320;
  g_autofree guint8 *pixels = g_malloc (10 * 3 * width * height);
  g_autofree char *raw = path_of ("scene.rgb"), *line = NULL;

  for (gsize p = 0; p < 10 * width * height; p++) {
    const gsize x = p % width, y = p / width % height;
    const guint32 colour = colour_of (turns[i].stored[(x >= width / 2) + 2 * (y >= height / 2)]);

    pixels[3 * p] = (guint8)(colour >> 16);
    pixels[3 * p + 1] = (guint8)(colour >> 8);
    pixels[3 * p + 2] = (guint8)colour;
  }
  g_assert_true (
      g_file_set_contents (raw, (char *)pixels, (gssize)(10 * 3 * width * height), NULL));
  line =
      g_strdup_printf ("filesrc location=\"%s\" ! rawvideoparse format=rgb width=%" G_GSIZE_FORMAT
                       " height=%" G_GSIZE_FORMAT " framerate=10/1 ! videoconvert ! "
                       "video/x-raw,format=I420 ! %s ! filesink location=\"%s\"",
                       raw, width, height, elements, to);
  support_play (line);
}

static void
put_be (guint8 *to, gint32 value)
{
  const guint32 bits = GUINT32_TO_BE ((guint32)value);

  memcpy (to, &bits, sizeof bits);
}

/* The matrix of the only track of an MP4 that is there. */
static guint8 *
find_matrix (char *mp4, gsize n)
{
  char *tkhd = NULL;

  for (gsize i = 0; i + 100 < n && !tkhd; i++)
    tkhd = memcmp (mp4 + i, "tkhd", 4) == 0 ? mp4 + i : NULL;
  g_assert_nonnull (tkhd);
  return (guint8 *)tkhd + 4 + (tkhd[4] == 0 ? 40 : 52);
}

static void
store_mp4 (guint i, const char *to)
{
  g_autofree char *mp4 = NULL;
  guint8 *matrix;
  gsize n;

  store_scene (i, "x264enc tune=zerolatency ! h264parse ! mp4mux", to);
  g_assert_true (g_file_get_contents (to, &mp4, &n, NULL));
  matrix = find_matrix (mp4, n);
  put_be (matrix, turns[i].a * 65536);
  put_be (matrix + 4, turns[i].b * 65536);
  put_be (matrix + 12, turns[i].c * 65536);
  put_be (matrix + 16, turns[i].d * 65536);
  g_assert_true (g_file_set_contents (to, mp4, (gssize)n, NULL));
}

/* The first frame as a photograph with EXIF. */
static void
store_jpeg (guint i, const char *to)
{
  guint8 exif[36] = "\xff\xe1\0\x22"
                    "Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0";
  g_autofree char *jpeg = NULL;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  gsize n;

  exif[29] = (guint8)(i + 1);
  store_scene (i, "identity eos-after=2 ! jpegenc quality=95", to);
  g_assert_true (g_file_get_contents (to, &jpeg, &n, NULL));
  g_byte_array_append (bytes, (const guint8 *)jpeg, 2);
  g_byte_array_append (bytes, exif, sizeof exif);
  g_byte_array_append (bytes, (const guint8 *)jpeg + 2, (guint)n - 2);
  g_assert_true (g_file_set_contents (to, (char *)bytes->data, (gssize)bytes->len, NULL));
}

/* Asserts that a labelled copy shows the scene upright, and that nothing in it turns it again. */
static void
assert_upright (const char *path)
{
  GstVideoInfo info;
  g_autoptr (GPtrArray) frames = recorded_frames (path, &info);
  g_autofree char *mp4 = NULL;
  const guint8 *matrix;
  gsize n;

  g_assert_cmpuint (frames->len, >=, 1);
  g_assert_cmpint (info.width, ==, 320);
  g_assert_cmpint (info.height, ==, 240);
  for (gint i = 0; i < 4; i++)
    g_assert_cmpuint (shown_count (frames->pdata[0], &info, 60 + 160 * (i % 2), 50 + 120 * (i / 2),
                                   40, 20, colour_of ("RGBW"[i]), 40),
                      >, 700);
  g_assert_true (g_file_get_contents (path, &mp4, &n, NULL));
  matrix = find_matrix (mp4, n);
  g_assert_cmpmem (matrix, 8, "\0\1\0\0\0\0\0\0", 8);
}

static void
test_turned_recordings (void)
{
  /* GStreamer reads mirrored matrices from 1.26 on. */
  static const guint rotations[] = { 0, 2, 5, 7 };
  g_autofree char *from = path_of ("phone.mp4"), *to = path_of ("upright.mp4"), *event = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (rotations); i++) {
    g_autofree char *output = NULL;

    store_mp4 (rotations[i], from);
    output = launched_script (0, adapter, "file.sh", from, "--mp4", to, NULL);
    g_assert_cmpuint (launched_n_rows (output), ==, 10);
    g_assert_null (strstr (output, "videoflip"));
    assert_upright (to);
  }
  event = launched_script (0, adapter, "publish.sh", from, NULL);
  g_assert_nonnull (strstr (event, "{\"resolution\":{\"width\":320,\"height\":240},"));
}

static void
test_turned_pictures (void)
{
  g_autofree char *from = path_of ("photo.jpg"), *to = path_of ("upright.mp4");

  for (guint i = 0; i < G_N_ELEMENTS (turns); i++) {
    g_autofree char *output = NULL;

    store_jpeg (i, from);
    output = launched_script (0, adapter, "file.sh", from, "--mp4", to, NULL);
    g_assert_null (strstr (output, "videoflip"));
    assert_upright (to);
  }
}

/* How much brighter a line in the middle of a frame is than the next one, in parts of 255. */
static gint
tear_of (GPtrArray *frames, const GstVideoInfo *info)
{
  GstBuffer *frame = frames->pdata[frames->len / 2];

  return ABS ((gint)(shown_pixel (frame, info, 160, 120) & 0xff) -
              (gint)(shown_pixel (frame, info, 160, 121) & 0xff));
}

/* Black and white pictures by turns, of which two make a frame. */
static void
test_interlaced (void)
{
  g_autofree char *from = path_of ("analogue.mp4"), *to = path_of ("whole.mp4");
  g_autofree char *line = g_strdup_printf (
      "videotestsrc pattern=blink num-buffers=40 ! video/x-raw,format=I420,width=320,height=240,"
      "framerate=50/1 ! interlace field-pattern=1:1 ! x264enc interlaced=true ! h264parse ! "
      "mp4mux ! filesink location=\"%s\"",
      from);
  g_autofree char *output = NULL;
  GstVideoInfo info;

  support_play (line);
  g_autoptr (GPtrArray) torn = recorded_frames (from, &info);
  g_assert_cmpint (tear_of (torn, &info), >, 150);
  output = launched_script (0, adapter, "file.sh", from, "--mp4", to, NULL);
  g_assert_cmpuint (launched_n_rows (output), ==, torn->len);
  g_assert_null (strstr (output, "interlaced"));
  g_autoptr (GPtrArray) whole = recorded_frames (to, &info);
  g_assert_cmpuint (whole->len, ==, torn->len);
  g_assert_cmpint (tear_of (whole, &info), <, 30);
}

/* ---- messages -------------------------------------------------------------------------------- */

/* What elements have to say is printed, and not warnings alone: here that an adapter that keeps
 * pictures is measured at its first start. */
static void
test_info (void)
{
  guint8 rgb[2][64][64][3] = { 0 };
  const CowKeptPictures pictures = { 2, 64, 64, &rgb[0][0][0][0] };
  g_autofree char *model = support_model (), *first = NULL, *second = NULL;
  char *one = support_adapter_new (), *other = support_adapter_new ();
  g_autofree char *rest =
      g_strdup_printf ("cowbehavior model=\"%s\" adapter=\"%s\" ! fakesink", model, other);
  g_autofree char *model_word = g_strconcat ("model=", model, NULL),
                  *adapter_word = g_strconcat ("adapter=", one, NULL);
  const char *launch[] = { "cow-launch",    "videotestsrc",
                           "num-buffers=1", "!",
                           "cowbehavior",   model_word,
                           adapter_word,    "!",
                           "fakesink",      NULL };
  const char *reconnect[] = { "cow-reconnect", "--once", "videotestsrc num-buffers=1", rest, NULL };

  g_assert_true (cow_kept_pictures_write (&pictures, one, NULL));
  g_assert_true (cow_kept_pictures_write (&pictures, other, NULL));
  first = launched_output (launch, 0);
  g_assert_nonnull (strstr (first, "INFO: cowbehavior0: property precision: auto is "));
  second = launched_output (reconnect, 0);
  g_assert_nonnull (strstr (second, ": property precision: auto is "));
  support_remove (one);
  support_remove (other);
}

static const char *
missing_element (void)
{
  static const char *const needed[] = { "mp4mux",    "decodebin",   "qtdemux",       "jpegenc",
                                        "jpegparse", "interlace",   "x264enc",       "avdec_h264",
                                        "videoflip", "deinterlace", "rawvideoparse", NULL };

  for (const char *const *name = needed; *name; name++) {
    if (!support_have_element (*name))
      return *name;
  }
  return NULL;
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  if (missing_element ()) {
    g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", missing_element ());
    return 0;
  }
  adapter = support_adapter_new ();
  folder = g_dir_make_tmp ("cow upright XXXXXX", NULL);
  g_test_add_func ("/upright/recordings", test_turned_recordings);
  g_test_add_func ("/upright/pictures", test_turned_pictures);
  g_test_add_func ("/upright/interlaced", test_interlaced);
  g_test_add_func ("/upright/info", test_info);
  result = g_test_run ();

  support_remove (folder);
  support_remove (adapter);
  return result;
}
