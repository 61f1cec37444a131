/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as frames with boxes. The first, a digit, says of which format the rest is: COCO,
 * labels of YOLO, data.yaml, CVAT, Label Studio. There is one picture, a.bmp. What comes out are
 * boxes that lie in their frames and have a behaviour and an identity that there are, or none.
 * data.yaml is taken apart without going where it points to.
 */
#include <math.h>
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "trainer/data/frames-open.h"
#include "trainer/data/yolo-yaml.h"

#define WIDTH  64
#define HEIGHT 48
#define HEADER 54

/* ---- what is there --------------------------------------------------------------------------- */

static void
put_picture (void)
{
  guint8 bmp[HEADER + 3 * WIDTH * HEIGHT] = { 'B', 'M' };

  bmp[10] = HEADER;
  bmp[14] = 40;
  bmp[18] = WIDTH;
  bmp[22] = HEIGHT;
  bmp[26] = 1;
  bmp[28] = 24;
  fuzz_put ("a.bmp", bmp, sizeof bmp);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void
check_frame (const CowFrames *set, const CowFrame *frame)
{
  g_assert_true (frame->path && *frame->path && frame->source);
  g_assert_true (frame->width > 0 && frame->height > 0 && frame->split < COW_N_SPLITS);
  g_assert_true (frame->first_box + frame->n_boxes <= set->boxes->len);
  for (guint i = 0; i < frame->n_boxes; i++) {
    const CowFrameBox *box = cow_frames_boxes (set, frame) + i;
    const CowBounds *at = &box->place;
    g_assert_true (at->x >= 0 && at->y >= 0 && at->w > 0 && at->h > 0);
    g_assert_true (at->x + at->w <= frame->width + 1e-6 && at->y + at->h <= frame->height + 1e-6);
    g_assert_true (box->area > 0 && box->area <= at->w * at->h);
    g_assert_true (box->behaviour >= -1 && box->behaviour < (int)set->n_classes);
    g_assert_true (box->identity >= -1 && box->identity < (int)set->n_identities);
  }
}

static void
check_lines (const GPtrArray *lines)
{
  for (guint i = 0; i < lines->len; i++)
    g_assert_true (g_utf8_validate (lines->pdata[i], -1, NULL) && !strchr (lines->pdata[i], '\n'));
}

static void
check (const CowFrames *set)
{
  gsize n = 0;

  g_assert_true (set->n_classes != 1);
  g_assert_true (g_strv_length (set->classes) == set->n_classes);
  g_assert_true (g_strv_length (set->identities) == set->n_identities);
  for (guint i = 0; i < set->frames->len; i++)
    check_frame (set, cow_frames_get (set, i));
  for (guint split = 0; split < COW_N_SPLITS; split++)
    n += set->splits[split]->len;
  g_assert_true (n == set->frames->len);
  check_lines (set->warnings);
  check_lines (set->notes);
}

static void
check_yaml (const FuzzInput *input)
{
  g_autofree char *text = g_strndup ((const char *)input->next, input->left);
  g_autoptr (GError) error = NULL;

  if (!g_utf8_validate (text, -1, NULL)) /* text_file_decode () has refused it before */
    return;
  g_autoptr (YoloYaml) yaml = yolo_yaml_parse (text, "data.yaml", &error);
  fuzz_check_outcome (yaml != NULL, error);
  g_assert_true (!yaml || yaml->names->len <= COW_DATASET_MOST_CLASSES);
  for (guint i = 0; yaml && i < yaml->names->len; i++)
    g_assert_true (g_utf8_validate (yaml->names->pdata[i], -1, NULL));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  static const char yaml[] = "train: .\nnames: [cow, Lying, Standing]\n";
  static const char *const names[] = { "a.json", "a.txt", NULL, "a.xml", "tasks.json" };
  FuzzInput input = { data, size };
  const guint kind = (fuzz_byte (&input) + 2) % G_N_ELEMENTS (names); /* '0' is the first */
  CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;

  if (!names[kind]) {
    check_yaml (&input);
    return 0;
  }
  const gboolean labels = strcmp (names[kind], "a.txt") == 0;
  g_autofree char *path = fuzz_path (labels ? "data.yaml" : names[kind]);
  put_picture ();
  fuzz_put ("data.yaml", yaml, sizeof yaml - 1);
  fuzz_put (names[kind], input.next, input.left);
  options.set.data = path;
  options.set.group_by = size & 1 ? "name" : NULL;
  g_autoptr (CowFrames) set = cow_frames_open (&options, &error);
  fuzz_check_outcome (set != NULL, error);
  if (set)
    check (set);
  fuzz_remove (names[kind]);
  return 0;
}
