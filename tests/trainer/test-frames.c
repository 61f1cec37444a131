/* SPDX-License-Identifier: MIT */
/* Frames with boxes, in each format as the programs write it: what comes out, how it is divided,
 * and what is said of everything that is odd. */
#include <math.h>

#include "model/files/json-object.h"
#include "pipelines/demo/render-frames.h"
#include "tests/trainer/cli.h"
#include "trainer/data/frames-open.h"

#define WIDTH  64
#define HEIGHT 48

/* ---- making and looking ---------------------------------------------------------------------- */

static void
put (const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *above = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (above, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
picture (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *above = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (above, 0755), ==, 0);
  cli_make_picture (folder, name, WIDTH, HEIGHT, 1);
}

/* Opens FOLDER/NAME, all as training frames unless the data say else. */
static CowFrames *
try_open (const char *folder, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;

  options.set.data = path;
  options.set.val_fraction = 0;
  return cow_frames_open (&options, error);
}

static CowFrames *
must_open (const char *folder, const char *name)
{
  g_autoptr (GError) error = NULL;
  CowFrames *set = try_open (folder, name, &error);

  g_assert_no_error (error);
  return set;
}

static void
must_fail (const char *folder, const char *name, CowError code, const char *words)
{
  g_autoptr (GError) error = NULL;
  CowFrames *set = try_open (folder, name, &error);

  g_assert_null (set);
  g_assert_error (error, COW_ERROR, (int)code);
  cli_assert_says (error->message, words);
}

static void
assert_warns (const CowFrames *set, const char *words)
{
  g_autoptr (GString) all = g_string_new (NULL);

  for (guint i = 0; i < set->warnings->len; i++)
    g_string_append_printf (all, "%s\n", (char *)set->warnings->pdata[i]);
  cli_assert_says (all->str, words);
}

static void
assert_silent (const CowFrames *set)
{
  for (guint i = 0; i < set->warnings->len; i++)
    g_error ("unexpected: %s", (char *)set->warnings->pdata[i]);
}

/* The frame whose path ends so. */
static const CowFrame *
frame_of (const CowFrames *set, const char *name)
{
  for (guint i = 0; i < set->frames->len; i++)
    if (g_str_has_suffix (cow_frames_get (set, i)->path, name))
      return cow_frames_get (set, i);
  g_error ("there is no %s", name);
}

/* The behaviour may be NULL, as the identity: not known. */
static void
assert_box (const CowFrames *set, const CowFrame *frame, guint i, const double place[4],
            const char *behaviour, const char *identity)
{
  const CowFrameBox *box = cow_frames_boxes (set, frame) + i;
  const double found[] = { box->place.x, box->place.y, box->place.w, box->place.h };

  g_assert_cmpuint (i, <, frame->n_boxes);
  for (guint k = 0; k < 4; k++)
    g_assert_cmpfloat_with_epsilon (found[k], place[k], 1e-3);
  g_assert_cmpstr (box->behaviour < 0 ? NULL : set->classes[box->behaviour], ==, behaviour);
  g_assert_cmpstr (box->identity < 0 ? NULL : set->identities[box->identity], ==, identity);
}

/* ---- COCO ------------------------------------------------------------------------------------ */

#define IMAGE(id, name)                                                                            \
  "{\"id\":" #id ",\"license\":1,\"file_name\":\"" name "\",\"height\":48,\"width\":64,"           \
  "\"date_captured\":\"2024-05-01T10:00:00+00:00\"}"
#define ANNOTATION(id, image, category, box, more)                                                 \
  "{\"id\":" #id ",\"image_id\":" #image ",\"category_id\":" #category ",\"bbox\":" box            \
  ",\"area\":100,\"segmentation\":[],\"iscrowd\":0" more "}"
#define CATEGORIES                                                                                 \
  "\"categories\":[{\"id\":0,\"name\":\"cows\",\"supercategory\":\"none\"},{\"id\":1,\"name\":"    \
  "\"Standing\",\"supercategory\":\"cows\"},{\"id\":2,\"name\":\"Lying\",\"supercategory\":"       \
  "\"cows\"}]"
#define COCO(images, annotations)                                                                  \
  "{\"info\":{\"year\":\"2024\"},\"licenses\":[]," CATEGORIES ",\"images\":[" images               \
  "],\"annotations\":[" annotations "]}"

static void
put_coco (const char *folder, const char *name, const char *const *images,
          const char *const *annotations)
{
  g_autofree char *first = g_strjoinv (",", (char **)images),
                  *second = g_strjoinv (",", (char **)annotations);
  g_autofree char *text =
      g_strdup_printf ("{" CATEGORIES ",\"images\":[%s],\"annotations\":[%s]}", first, second);

  put (folder, name, text);
}

/* As Roboflow exports: a file in each of train, valid and test. */
static void
test_roboflow (void)
{
  g_autofree char *folder = cli_folder ();

  picture (folder, "train/a_jpg.rf.1.jpg");
  picture (folder, "train/b_jpg.rf.2.jpg");
  picture (folder, "valid/c_jpg.rf.3.jpg");
  put (folder, "README.dataset.txt", "cows");
  put (folder, "train/_annotations.coco.json",
       COCO (IMAGE (0, "a_jpg.rf.1.jpg") "," IMAGE (1, "b_jpg.rf.2.jpg"),
             ANNOTATION (0, 0, 2, "[10,10,20,15]", "") "," ANNOTATION (
                 1, 0, 1, "[40,5,20.5,30]", "") "," ANNOTATION (2, 0, 0, "[0,0,12,48]", "")));
  put (folder, "valid/_annotations.coco.json",
       COCO (IMAGE (0, "c_jpg.rf.3.jpg"), ANNOTATION (0, 0, 1, "[10,10,20,15]", "")));
  g_autoptr (CowFrames) set = must_open (folder, "");
  g_assert_cmpuint (set->frames->len, ==, 3);
  g_assert_cmpuint (set->splits[COW_TRAIN]->len, ==, 2);
  g_assert_cmpuint (set->splits[COW_VAL]->len, ==, 1);
  g_assert_false (set->divided);
  g_assert_cmpuint (set->n_classes, ==, 2);
  g_assert_cmpstr (set->classes[0], ==, "Lying");
  const CowFrame *frame = frame_of (set, "train/a_jpg.rf.1.jpg");
  g_assert_cmpint (frame->width, ==, WIDTH);
  assert_box (set, frame, 0, (const double[]){ 10, 10, 20, 15 }, "Lying", NULL);
  assert_box (set, frame, 1, (const double[]){ 40, 5, 20.5, 30 }, "Standing", NULL);
  assert_box (set, frame, 2, (const double[]){ 0, 0, 12, 48 }, NULL, NULL);
  g_assert_cmpfloat (cow_frames_boxes (set, frame)[0].area, ==, 100);
  g_assert_cmpuint (frame_of (set, "b_jpg.rf.2.jpg")->n_boxes, ==, 0);
  assert_warns (set, "1 of 4 boxes tells no behaviour");
  g_assert_cmpuint (set->warnings->len, ==, 1);
  cli_remove (g_steal_pointer (&folder));
}

/* As CVAT exports: annotations/ beside images/, a rotation and attributes of its own. */
static void
test_coco_cvat (void)
{
  g_autofree char *folder = cli_folder ();

  picture (folder, "images/default/barn/1.png");
  put (
      folder, "annotations/instances_default.json",
      COCO (IMAGE (1, "barn/1.png"),
            ANNOTATION (1, 1, 1, "[20,20,20,10]",
                        ",\"attributes\":{\"occluded\":false,\"rotation\":90.0,\"identity\":\"Berta"
                        "\"}") "," ANNOTATION (2, 1, 2, "[0,0,15,15]",
                                               ",\"attributes\":{\"track_id\":7}")));
  g_autoptr (CowFrames) set = must_open (folder, "");
  const CowFrame *frame = frame_of (set, "images/default/barn/1.png");
  assert_box (set, frame, 0, (const double[]){ 25, 15, 10, 20 }, "Standing", "Berta");
  g_assert_cmpuint (set->n_identities, ==, 2);
  g_assert_true (g_str_has_suffix (set->identities[1], "instances_default.json: track 7"));
  assert_warns (set, "1 box is rotated; the upright box around it is taken");
  cli_remove (g_steal_pointer (&folder));
}

static void
test_coco_splits (void)
{
  g_autofree char *folder = cli_folder ();

  picture (folder, "train2017/1.png");
  picture (folder, "val2017/2.png");
  put (folder, "annotations/instances_train2017.json",
       COCO (IMAGE (1, "1.png"), ANNOTATION (1, 1, 1, "[20,20,20,10]", "")));
  put (folder, "annotations/instances_val2017.json",
       COCO (IMAGE (1, "2.png"), ANNOTATION (1, 1, 2, "[20,20,20,10]", "")));
  put (folder, "annotations/captions_val2017.json", "{}");
  g_autoptr (CowFrames) set = must_open (folder, "");
  g_assert_cmpint (frame_of (set, "train2017/1.png")->split, ==, COW_TRAIN);
  g_assert_cmpint (frame_of (set, "val2017/2.png")->split, ==, COW_VAL);
  assert_warns (set, "1 file");
  cli_remove (g_steal_pointer (&folder));
}

/* Each odd thing is counted once, and nothing of it is silent. */
static void
test_coco_odd (void)
{
  static const char *const images[] = { IMAGE (1, "1.png"), IMAGE (2, "gone.png"),
                                        IMAGE (3, "1.png"), NULL },
                           *const annotations[] = {
                             ANNOTATION (1, 1, 1, "[10,10,20,15]", ""),
                             ANNOTATION (2, 1, 1, "[10,10,20,15.2]", ""),
                             ANNOTATION (3, 1, 1, "[50,10,20,15]", ""),
                             ANNOTATION (4, 1, 1, "[70,10,20,15]", ""),
                             ANNOTATION (5, 1, 1, "[5,5,0,15]", ""),
                             ANNOTATION (6, 1, 9, "[0,30,20,15]", ""),
                             ANNOTATION (7, 1, 2, "[0,0,5,5]", ""),
                             ANNOTATION (8, 7, 2, "[0,0,5,5]", ""),
                             ANNOTATION (9, 1, 2, "[]", ""),
                             "{\"id\":10,\"image_id\":1,\"category_id\":2,\"segmentation\":"
                             "[[30,30,50,30,50,45]],\"iscrowd\":1}",
                             NULL
                           };
  g_autofree char *folder = cli_folder ();

  picture (folder, "1.png");
  put_coco (folder, "annotations.json", images, annotations);
  g_autoptr (CowFrames) set = must_open (folder, "annotations.json");
  g_assert_cmpuint (set->frames->len, ==, 1);
  const CowFrame *frame = cow_frames_get (set, 0);
  g_assert_cmpuint (frame->n_boxes, ==, 5);
  assert_box (set, frame, 1, (const double[]){ 50, 10, 14, 15 }, "Standing", NULL);
  assert_box (set, frame, 2, (const double[]){ 0, 30, 20, 15 }, NULL, NULL);
  assert_box (set, frame, 4, (const double[]){ 30, 30, 20, 15 }, "Lying", NULL);
  g_assert_true (cow_frames_boxes (set, frame)[4].crowd);
  assert_warns (set, "1 frame is not there");
  assert_warns (set, "images[1]: \"gone.png\"");
  assert_warns (set, "1 frame is named again");
  assert_warns (set, "1 annotation is of an image that the file does not list");
  assert_warns (set, "1 annotation has no box");
  assert_warns (set, "1 box is of a category that is not listed");
  assert_warns (set, "1 box has no area");
  assert_warns (set, "1 box lies outside of the frame");
  assert_warns (set, "1 box stands over the frame's edge");
  assert_warns (set, "1 box is there twice");
  assert_warns (set, "1 box is less than 8 px");
  assert_warns (set, "1 cow has an outline");
  cli_remove (g_steal_pointer (&folder));
}

static void
test_coco_errors (void)
{
  static const struct {
    const char *text, *words;
    CowError code;
  } cases[] = {
    { "{", "a.json", COW_ERROR_FORMAT },
    { "{\"images\":[]}", "\"annotations\"", COW_ERROR_FORMAT },
    { COCO ("3", ""), "images[0]: an object is expected", COW_ERROR_FORMAT },
    { COCO ("{\"file_name\":\"1.png\"}", ""), "images[0]: \"id\" is no number", COW_ERROR_FORMAT },
    { COCO (IMAGE (1, "1.png") "," IMAGE (1, "2.png"), ""),
      "images[1]: another image has the same \"id\"", COW_ERROR_FORMAT },
    { COCO (IMAGE (1, "1.png"), ANNOTATION (1, 1, 1, "[1,2,3]", "")),
      "annotations[0]: \"bbox\" has four numbers", COW_ERROR_FORMAT },
    { COCO (IMAGE (1, "1.png"), ANNOTATION (1, 1, 1, "[1e9,2,3,4]", "")),
      "annotations[0]: a box is not at 1e+09", COW_ERROR_FORMAT },
    { COCO (IMAGE (1, "1.png"), ""), "none of 1 frames has a box", COW_ERROR_NOT_FOUND },
    { COCO (IMAGE (1, "2.png"), ""), "--images FOLDER says where", COW_ERROR_NOT_FOUND },
    { COCO ("", ""), "has no frames", COW_ERROR_NOT_FOUND },
    { "{\"images\":[{\"id\":1,\"file_name\":\"1.png\",\"width\":60000,\"height\":48}],"
      "\"annotations\":[]}",
      "60000 x 48 pixels", COW_ERROR_FORMAT },
    { "hello", "holds no frames with boxes", COW_ERROR_FORMAT },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *folder = cli_folder ();
    picture (folder, "1.png");
    put (folder, "a.json", cases[i].text);
    must_fail (folder, "a.json", cases[i].code, cases[i].words);
    cli_remove (g_steal_pointer (&folder));
  }
}

/* The boxes of the drawn training frames, which come first, are those of the file. */
static void
compare_drawn (const char *folder, const CowFrames *set)
{
  g_autofree char *path = g_build_filename (folder, "train", "annotations.json", NULL);
  g_autoptr (JsonObject) root = cow_json_read_object (path, NULL);
  JsonArray *annotations = json_object_get_array_member (root, "annotations"),
            *categories = json_object_get_array_member (root, "categories");

  for (guint i = 0; i < json_array_get_length (annotations); i++) {
    JsonObject *one = json_array_get_object_element (annotations, i);
    JsonArray *bbox = json_object_get_array_member (one, "bbox");
    const CowFrame *frame =
        cow_frames_get (set, (guint)json_object_get_int_member (one, "image_id") - 1);
    const guint category = (guint)json_object_get_int_member (one, "category_id") - 1;
    double place[4];
    for (guint k = 0; k < 4; k++)
      place[k] = json_array_get_double_element (bbox, k);
    assert_box (
        set, frame, i - frame->first_box, place,
        json_object_get_string_member (json_array_get_object_element (categories, category),
                                       "name"),
        json_object_get_string_member (json_object_get_object_member (one, "attributes"), "cow"));
  }
}

/* What cow-render-barn draws comes back as it was written. */
static void
test_drawn (void)
{
  const RenderFramesOptions drawn = {
    .seed = 3, .style = RENDER_STYLE_DAY, .count = 20, .most = 8, .split = TRUE
  };
  g_autofree char *folder = cli_folder ();
  g_autoptr (GError) error = NULL;

  g_assert_true (render_frames_write (folder, &drawn, &error));
  g_autoptr (CowFrames) set = must_open (folder, "");
  g_assert_cmpuint (set->frames->len, ==, 20);
  g_assert_cmpuint (set->splits[COW_TRAIN]->len, ==, 14);
  g_assert_cmpuint (set->splits[COW_TEST]->len, ==, 3);
  g_assert_cmpuint (set->n_classes, >, 2);
  g_assert_cmpuint (set->n_identities, >, 3);
  g_assert_cmpuint (set->boxes->len, >, 20);
  compare_drawn (folder, set);
  g_assert_cmpint (cow_frames_get (set, 0)->width, ==, RENDER_FRAME_WIDTH);
  for (guint i = 0; i < set->warnings->len; i++)
    g_assert_nonnull (strstr (set->warnings->pdata[i], "px wide"));
  cli_remove (g_steal_pointer (&folder));
}

/* ---- YOLO ------------------------------------------------------------------------------------ */

static void
make_yolo (const char *folder)
{
  picture (folder, "images/train/a.png");
  picture (folder, "images/train/sub/b.png");
  picture (folder, "images/val/c.png");
  put (folder, "labels/train/a.txt", "1 0.5 0.5 0.25 0.5\r\n0 0.25 0.25 0.25 0.25\n");
  put (folder, "labels/train/sub/b.txt", "");
  put (folder, "labels/val/c.txt", "0 0.1 0.1 0.9 0.1 0.9 0.5 0.1 0.5\n");
}

static const double middle[] = { 24, 12, 16, 24 };

static void
test_yolo (void)
{
  static const char *const yamls[] = {
    "# cows\npath: .\ntrain: images/train  # 2 pictures\nval: images/val\ntest:\n\nnames:\n  0: "
    "Lying\n  1: Standing\n\ndownload: |\n  import os\n\n  print('names:')\n",
    "train: [images/train]\nval: 'images/val'\nnc: 2\nnames: ['Lying', \"Standing\"]\n",
    "names:\n- Lying\n- Standing\nnc: 2\nroboflow:\n  license: CC BY 4.0\n  url: "
    "https://x.y/z\n  version: 1\ntrain: ../images/train\nval: ../images/val\n",
    "---\npath: /nowhere/at/all\ntrain:\n  - images/train\nval: images/val\nnames: {0: Lying,\n  "
    "1: "
    "Standing, # that is all\n  }\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (yamls); i++) {
    g_autofree char *folder = cli_folder ();
    make_yolo (folder);
    put (folder, "data.yaml", yamls[i]);
    g_autoptr (CowFrames) set = must_open (folder, i % 2 ? "data.yaml" : "");
    g_assert_cmpuint (set->frames->len, ==, 3);
    g_assert_cmpuint (set->n_classes, ==, 2);
    const CowFrame *frame = frame_of (set, "train/a.png");
    assert_box (set, frame, 0, middle, "Standing", NULL);
    assert_box (set, frame, 1, (const double[]){ 8, 6, 16, 12 }, "Lying", NULL);
    g_assert_cmpuint (frame_of (set, "sub/b.png")->n_boxes, ==, 0);
    frame = frame_of (set, "val/c.png");
    g_assert_cmpint (frame->split, ==, COW_VAL);
    assert_box (set, frame, 0, (const double[]){ 6.4, 4.8, 51.2, 19.2 }, "Lying", NULL);
    g_assert_cmpuint (set->warnings->len, ==, 1);
    assert_warns (set, "1 cow has an outline");
    cli_remove (g_steal_pointer (&folder));
  }
}

/* Roboflow's folders; pictures and labels that have no counterpart. */
static void
test_yolo_odd (void)
{
  g_autofree char *folder = cli_folder ();

  picture (folder, "train/images/a.png");
  picture (folder, "train/images/b.png");
  put (folder, "train/labels/a.txt", "0 0.5 0.5 0.25 0.5 0.93\n7 0.2 0.2 0.2 0.2\n");
  put (folder, "train/labels/lost.txt", "0 0.5 0.5 0.25 0.5\n");
  put (folder, "data.yaml", "train: ../train/images\nnc: 1\nnames: ['cow']\n");
  g_autoptr (CowFrames) set = must_open (folder, "");
  g_assert_cmpuint (set->n_classes, ==, 0);
  assert_box (set, frame_of (set, "a.png"), 0, middle, NULL, NULL);
  assert_warns (set, "1 frame has no file of labels: taken as frames without cows");
  assert_warns (set, "1 file of labels has no picture");
  assert_warns (set, "lost.txt");
  assert_warns (set, "1 box has a sixth number");
  assert_warns (set, "1 box is of a category that is not listed");
  g_assert_cmpuint (set->warnings->len, ==, 4);
  cli_remove (g_steal_pointer (&folder));
}

/* As Label Studio exports YOLO: without data.yaml. */
static void
test_yolo_plain (void)
{
  g_autofree char *folder = cli_folder ();

  picture (folder, "images/a.png");
  put (folder, "labels/a.txt", "1 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.2 0.2");
  put (folder, "classes.txt", "Lying\nStanding\n");
  g_autoptr (CowFrames) set = must_open (folder, "");
  assert_box (set, frame_of (set, "a.png"), 0, middle, "Standing", NULL);
  assert_silent (set);
  cli_remove (g_steal_pointer (&folder));
}

static void
test_yolo_errors (void)
{
  static const struct {
    const char *yaml, *labels, *words;
  } cases[] = {
    { "train: images\nnames: [a, b]\n", "0 0.5 0.5 0.25\n", "a.txt:1: \"0 0.5 0.5 0.25\"" },
    { "train: images\nnames: [a, b]\n", "\n0 0.5 x 0.25 1\n", "a.txt:2" },
    { "train: images\nnames: [a, b]\n", "0.5 0.5 0.5 0.2 0.2\n", "a.txt:1" },
    { "train: images\nnames: [a, b]\n", "0 nan 0.5 0.2 0.2\n", "a.txt:1" },
    { "train: images\nnames: [a, b]\n", "0 320 200 40 60\n", "parts of the picture, from 0 to 1" },
    { "names: [a, b]\n", "", "data.yaml: no \"train\"" },
    { "train: elsewhere\n", "", "\"elsewhere\" is neither below" },
    { "train: &x images\n", "", "data.yaml:1: anchors, tags" },
    { "train: images\nnames:\n  a: 1\n", "", "data.yaml:3: \"NUMBER: NAME\" is expected" },
    { "train: images\nnames: [a, b\n", "", "a list does not end" },
    { "train: images\nnames: ['a\n", "", "data.yaml:2: a quotation does not end" },
    { "train: images\nnames: [a] b\n", "", "data.yaml:2: something stands behind" },
    { "train: images\n  stray: 1\n", "", "data.yaml:2: a key is expected" },
    { "train: images\nstray\n", "", "data.yaml:2: \"KEY: VALUE\" is expected" },
    { "train: images\nnames: {5000: a}\n", "", "more than 1000 entries" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *folder = cli_folder ();
    g_autoptr (GError) error = NULL;
    picture (folder, "images/a.png");
    put (folder, "data.yaml", cases[i].yaml);
    put (folder, "labels/a.txt", cases[i].labels);
    g_autoptr (CowFrames) set = try_open (folder, "data.yaml", &error);
    g_assert_null (set);
    g_assert_true (error->domain == COW_ERROR);
    cli_assert_says (error->message, cases[i].words);
    cli_remove (g_steal_pointer (&folder));
  }
}

/* ---- CVAT ------------------------------------------------------------------------------------ */

#define CVAT_BEGIN                                                                                 \
  "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n  "        \
  "<meta>\n"                                                                                       \
  "    <task><size>2</size><labels><label><name>Lying</name></label></labels></task>\n  </meta>\n"

static void
test_cvat (void)
{
  g_autofree char *folder = cli_folder ();

  picture (folder, "images/Train/a.png");
  picture (folder, "images/Validation/b.png");
  put (
      folder, "annotations.xml",
      CVAT_BEGIN
      "  <image id=\"0\" name=\"a.png\" subset=\"Train\" task_id=\"1\" width=\"64\" "
      "height=\"48\">\n"
      "    <box label=\"Lying\" source=\"manual\" occluded=\"0\" xtl=\"24.00\" ytl=\"12.00\" "
      "xbr=\"40.00\" ybr=\"36.00\" z_order=\"0\">\n"
      "      <attribute name=\"cow\">Berta &amp; co</attribute>\n    </box>\n"
      "    <box label=\"cow\" occluded=\"0\" xtl=\"20\" ytl=\"20\" xbr=\"40\" ybr=\"30\" "
      "rotation=\"90.00\" z_order=\"0\">\n"
      "      <attribute name=\"Behaviour\">Standing</attribute>\n    </box>\n"
      "    <polygon label=\"Lying\" occluded=\"0\" points=\"1.00,2.00;11.00,2.00;11.00,22.00\" "
      "z_order=\"0\">\n    </polygon>\n    <points label=\"Lying\" points=\"1,2\">\n    </points>\n"
      "    <tag label=\"night\">\n    </tag>\n  </image>\n"
      "  <image id=\"1\" name=\"b.png\" subset=\"Validation\" width=\"64\" height=\"48\">\n"
      "  </image>\n</annotations>\n");
  g_autoptr (CowFrames) set = must_open (folder, "");
  const CowFrame *frame = frame_of (set, "a.png");
  g_assert_cmpuint (frame->n_boxes, ==, 3);
  assert_box (set, frame, 0, middle, "Lying", "Berta & co");
  assert_box (set, frame, 1, (const double[]){ 25, 15, 10, 20 }, "Standing", NULL);
  assert_box (set, frame, 2, (const double[]){ 1, 2, 10, 20 }, "Lying", NULL);
  g_assert_cmpint (frame_of (set, "b.png")->split, ==, COW_VAL);
  assert_warns (set, "1 box is rotated");
  assert_warns (set, "1 cow has an outline");
  assert_warns (set, "1 annotation has no box");
  g_assert_cmpuint (set->warnings->len, ==, 3);
  cli_remove (g_steal_pointer (&folder));
}

static void
test_cvat_errors (void)
{
  static const char *const cases[][2] = {
    { "<html/>", "a.xml:1: <annotations> of CVAT is expected" },
    { "<annotations>\n<track id=\"0\"/></annotations>", "a.xml:2: this is \"CVAT for video\"" },
    { "<annotations><image name=\"1.png\"/></annotations>", "name, width and height" },
    { "<annotations><image name=\"1.png\" width=\"64\" height=\"48\"><box label=\"a\" xtl=\"inf\" "
      "ytl=\"1\" xbr=\"2\" ybr=\"3\"/></image></annotations>",
      "xtl, ytl, xbr and ybr" },
    { "<annotations><image name=\"1.png\" width=\"64\" height=\"48\"><polygon label=\"a\" "
      "points=\"1,2;3,4\"/></image></annotations>",
      "points \"x,y;x,y;...\"" },
    { "<annotations>", "not XML" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *folder = cli_folder ();
    picture (folder, "1.png");
    put (folder, "a.xml", cases[i][0]);
    must_fail (folder, "a.xml", COW_ERROR_FORMAT, cases[i][1]);
    cli_remove (g_steal_pointer (&folder));
  }
}

/* ---- Label Studio ---------------------------------------------------------------------------- */

#define REGION(id, label, more)                                                                    \
  "{\"id\":\"" id "\",\"type\":\"rectanglelabels\",\"from_name\":\"label\",\"to_name\":\"image\"," \
  "\"original_width\":64,\"original_height\":48,\"image_rotation\":0,\"value\":{\"x\":37.5,\"y\":" \
  "25,\"width\":25,\"height\":50," more "\"rectanglelabels\":[\"" label "\"]}}"
#define TASK(image, rest)  "{\"id\":1,\"data\":{\"image\":\"" image "\"}," rest "}"
#define ANNOTATED(results) "\"annotations\":[{\"was_cancelled\":false,\"result\":[" results "]}]"

#define OF_REGION                                                                                  \
  ",{\"id\":\"r1\",\"type\":\"choices\",\"from_name\":\"does\",\"value\":{\"x\":37.5,\"choices\":" \
  "["                                                                                              \
  "\"Lying\"]}},{\"id\":\"r1\",\"type\":\"textarea\",\"from_name\":\"cow\",\"value\":{\"x\":37.5," \
  "\"text\":[\"Berta\"]}},{\"type\":\"choices\",\"value\":{\"choices\":[\"night\"]}}"

static void
test_label_studio (void)
{
  static const char *const tasks[] = {
    TASK ("/data/upload/3/0a1b2c3d-a.png",
          ANNOTATED (REGION ("r1", "cow", "\"rotation\":0,") OF_REGION)),
    TASK ("/data/local-files/?d=barn/c%20c.png",
          ANNOTATED (REGION ("r2", "Standing", "\"rotation\":90,"))),
    TASK ("s3://bucket/d.png", ANNOTATED ("")),
    TASK ("e.png", "\"annotations\":[],\"predictions\":[{\"result\":[]}]"),
    TASK ("f.png", "\"annotations\":[{\"was_cancelled\":true,\"result\":[]}]"),
    NULL,
  };
  g_autofree char *folder = cli_folder ();

  picture (folder, "a.png");
  picture (folder, "images/c c.png");
  picture (folder, "d.png");
  g_autofree char *joined = g_strjoinv (",", (char **)tasks),
                  *text = g_strdup_printf ("[%s]", joined);
  put (folder, "project-1.json", text);
  g_autoptr (CowFrames) set = must_open (folder, "");
  g_assert_cmpuint (set->frames->len, ==, 3);
  assert_box (set, frame_of (set, "/a.png"), 0, middle, "Lying", "Berta");
  /* About the corner at 24, 12, clockwise. */
  assert_box (set, frame_of (set, "c c.png"), 0, (const double[]){ 0, 12, 24, 16 }, "Standing",
              NULL);
  g_assert_cmpuint (frame_of (set, "d.png")->n_boxes, ==, 0);
  assert_warns (set, "1 box is rotated");
  assert_warns (set, "1 frame has predictions alone");
  assert_warns (set, "1 frame is not annotated yet");
  g_assert_cmpuint (set->warnings->len, ==, 3);
  cli_remove (g_steal_pointer (&folder));
}

/* JSON-MIN has the regions in the task. */
static void
test_label_studio_short (void)
{
  g_autofree char *folder = cli_folder ();

  picture (folder, "a.png");
  put (folder, "min.json",
       "[{\"id\":1,\"image\":\"/data/upload/3/a.png\",\"annotation_id\":4,\"label\":[{\"x\":37.5,"
       "\"y\":25,\"width\":25,\"height\":50,\"rotation\":0,\"rectanglelabels\":[\"Lying\"],"
       "\"original_width\":64,\"original_height\":48},{\"x\":0,\"y\":0,\"width\":25,\"height\":25,"
       "\"rectanglelabels\":[\"Standing\"],\"original_width\":64,\"original_height\":48}]}]");
  g_autoptr (CowFrames) set = must_open (folder, "min.json");
  assert_box (set, cow_frames_get (set, 0), 0, middle, "Lying", NULL);
  assert_silent (set);
  cli_remove (g_steal_pointer (&folder));
}

static void
test_label_studio_errors (void)
{
  static const char *const cases[][2] = {
    { "[3]", "task 1: an object is expected" },
    { "[{\"data\":{\"n\":1}}]", "task 1: neither \"image\"" },
    { "[" TASK ("a.png", ANNOTATED ("7")) "]", "task 1: an object is expected" },
    { "[" TASK ("a.png", ANNOTATED ("{\"value\":{\"x\":\"a\",\"width\":1,\"height\":1}}")) "]",
      "\"x\"" },
    { "[" TASK ("a.png", ANNOTATED ("{\"image_rotation\":90,\"value\":{}}")) "]",
      "\"image_rotation\" 90" },
    { "[" TASK ("a.png", ANNOTATED ("{\"value\":{\"points\":[[1]]}}")) "]", "pairs of numbers" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *folder = cli_folder ();
    g_autoptr (GError) error = NULL;
    picture (folder, "a.png");
    put (folder, "a.json", cases[i][0]);
    g_autoptr (CowFrames) set = try_open (folder, "a.json", &error);
    g_assert_null (set);
    g_assert_true (error->domain == COW_ERROR);
    cli_assert_says (error->message, cases[i][1]);
    cli_remove (g_steal_pointer (&folder));
  }
}

/* ---- MmCows ---------------------------------------------------------------------------------- */

static void
test_mmcows (void)
{
  g_autofree char *folder = cli_folder ();

  picture (folder, "images/0725/cam_1/1690261200_00-00-00.jpg");
  picture (folder, "images/0725/cam_1/1690264800_01-00-00.jpg");
  put (folder, "labels/combined/0725/cam_1/1690261200_00-00-00.txt",
       "3 0.5 0.5 0.25 0.5\n4 0.1 0.1 0.2 0.2\n5 0.8 0.8 0.2 0.2\n");
  put (folder, "behavior_labels/individual/C03_0725.csv",
       "timestamp,behavior\n1690261200,7\n1690264800,1\n");
  put (folder, "behavior_labels/individual/C05_0725.csv", "timestamp,behavior\n1690261200,2\n");
  g_autoptr (CowFrames) set = must_open (folder, "");
  g_assert_cmpuint (set->frames->len, ==, 1);
  const CowFrame *frame = cow_frames_get (set, 0);
  assert_box (set, frame, 0, middle, "Lying", "MmCows 3");
  assert_box (set, frame, 1, (const double[]){ 0, 0, 12.8, 9.6 }, NULL, "MmCows 4");
  g_assert_cmpstr (frame->source, ==, "MmCows camera 1");
  g_assert_cmpstr (frame->group, ==, "hour 469517");
  assert_warns (set, "1 frame has no boxes in labels/combined");
  assert_warns (set, "1 of 3 boxes tells no behaviour");
  cli_remove (g_steal_pointer (&folder));
}

/* ---- splits and options ---------------------------------------------------------------------- */

/* 40 frames of four recordings. */
static void
make_recordings (const char *folder)
{
  g_autoptr (GString) images = g_string_new (NULL), annotations = g_string_new (NULL);

  for (int i = 0; i < 40; i++) {
    g_autofree char *name = g_strdup_printf ("cam%c_%04d.png", 'a' + i / 10, i);
    picture (folder, name);
    g_string_append_printf (images,
                            "%s{\"id\":%d,\"file_name\":\"%s\",\"width\":64,\"height\":48,"
                            "\"video_id\":%d,\"night\":\"no\"}",
                            i ? "," : "", i, name, i / 10);
    g_string_append_printf (annotations,
                            "%s{\"id\":%d,\"image_id\":%d,\"category_id\":%d,\"bbox\":[8,8,20,20]}",
                            i ? "," : "", i, i, 1 + i % 2);
  }
  put_coco (folder, "a.json", (const char *const[]){ images->str, NULL },
            (const char *const[]){ annotations->str, NULL });
}

static void
test_splits (void)
{
  static const char *const ways[] = { NULL, "name", "video_id" };
  g_autofree char *folder = cli_folder (), *path = g_build_filename (folder, "a.json", NULL);

  make_recordings (folder);
  for (guint w = 0; w < G_N_ELEMENTS (ways); w++) {
    CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;
    g_autoptr (GError) error = NULL;
    options.set.data = path;
    options.set.val_fraction = .25;
    options.set.group_by = (char *)ways[w];
    g_autoptr (CowFrames) set = cow_frames_open (&options, &error);
    g_assert_no_error (error);
    g_assert_true (set->divided);
    g_assert_cmpuint (set->splits[COW_VAL]->len, ==, 10);
    g_assert_cmpuint (set->splits[COW_TRAIN]->len, ==, 30);
    const guint first = g_array_index (set->splits[COW_VAL], guint, 0);
    for (guint i = 0; i < 10; i++)
      g_assert_cmpuint (g_array_index (set->splits[COW_VAL], guint, i), ==, first + i);
    assert_silent (set);
  }
  CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;
  options.set.data = path;
  options.set.group_by = "none";
  g_autoptr (CowFrames) alone = cow_frames_open (&options, NULL);
  g_assert_cmpuint (alone->splits[COW_VAL]->len, ==, 8);
  cli_remove (g_steal_pointer (&folder));
}

static void
expect (const CowFramesOptions *options, CowError code, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowFrames) set = cow_frames_open (options, &error);

  g_assert_null (set);
  g_assert_error (error, COW_ERROR, (int)code);
  cli_assert_says (error->message, words);
}

#define FAILS(member, value, code, words)                                                          \
  G_STMT_START                                                                                     \
  {                                                                                                \
    CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;                                         \
    options.set.data = path;                                                                       \
    options.set.member = value;                                                                    \
    expect (&options, code, words);                                                                \
  }                                                                                                \
  G_STMT_END

static void
test_options (void)
{
  g_autofree char *folder = cli_folder (), *path = g_build_filename (folder, "a.json", NULL);
  char *prefixes[] = { "a=b", NULL };

  make_recordings (folder);
  FAILS (group_by, "cow", COW_ERROR_ARGUMENT, "--group-by cow: no frame says that");
  FAILS (format, "voc", COW_ERROR_ARGUMENT, "--data-format voc");
  FAILS (format, "cvat", COW_ERROR_FORMAT, "of the format \"cvat\"");
  FAILS (multiple, TRUE, COW_ERROR_ARGUMENT, "--multi-label does not go with frames");
  FAILS (prefixes, prefixes, COW_ERROR_ARGUMENT, "--prefix does not go with frames");
  FAILS (val_fraction, 2, COW_ERROR_ARGUMENT, "--val-fraction 2");
  FAILS (classes_text, "Lying,Walking", COW_ERROR_MISMATCH, "\"Standing\" is none of the classes");
  FAILS (data, NULL, COW_ERROR_ARGUMENT, "no frames given");
  FAILS (data, "/nowhere", COW_ERROR_NOT_FOUND, "/nowhere");
  FAILS (val, "/nowhere", COW_ERROR_NOT_FOUND, "/nowhere");
  put (folder, "b.json", "{}"); /* which of two is meant is not known */
  FAILS (data, folder, COW_ERROR_FORMAT, "no frames with boxes");
  cli_remove (g_steal_pointer (&folder));
}

/* --images says where pictures are; --val is a set of its own, and a recording on both sides is
 * warned of. */
static void
test_inputs (void)
{
  g_autofree char *folder = cli_folder (), *path = g_build_filename (folder, "a.json", NULL),
                  *other = g_build_filename (folder, "x", "b.json", NULL),
                  *images = g_build_filename (folder, "pictures", NULL);
  CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;

  make_recordings (folder);
  picture (folder, "pictures/cama_99.png");
  put (folder, "x/b.json",
       COCO (IMAGE (0, "C:\\\\data\\\\cama_99.png"), ANNOTATION (0, 0, 2, "[10,10,20,15]", "")));
  options.set.train = path;
  options.set.val = other;
  options.set.group_by = "name";
  options.images = images;
  g_autoptr (CowFrames) set = cow_frames_open (&options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (set->splits[COW_TRAIN]->len, ==, 40);
  g_assert_cmpuint (set->splits[COW_VAL]->len, ==, 1);
  g_assert_false (set->divided);
  assert_warns (set, "1 of 4 groups (name) is in training and in validation");
  cli_remove (g_steal_pointer (&folder));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/frames/coco/roboflow", test_roboflow);
  g_test_add_func ("/frames/coco/cvat", test_coco_cvat);
  g_test_add_func ("/frames/coco/splits", test_coco_splits);
  g_test_add_func ("/frames/coco/odd", test_coco_odd);
  g_test_add_func ("/frames/coco/errors", test_coco_errors);
  g_test_add_func ("/frames/coco/drawn", test_drawn);
  g_test_add_func ("/frames/yolo/yaml", test_yolo);
  g_test_add_func ("/frames/yolo/odd", test_yolo_odd);
  g_test_add_func ("/frames/yolo/plain", test_yolo_plain);
  g_test_add_func ("/frames/yolo/errors", test_yolo_errors);
  g_test_add_func ("/frames/cvat/images", test_cvat);
  g_test_add_func ("/frames/cvat/errors", test_cvat_errors);
  g_test_add_func ("/frames/label-studio/json", test_label_studio);
  g_test_add_func ("/frames/label-studio/json-min", test_label_studio_short);
  g_test_add_func ("/frames/label-studio/errors", test_label_studio_errors);
  g_test_add_func ("/frames/mmcows", test_mmcows);
  g_test_add_func ("/frames/splits", test_splits);
  g_test_add_func ("/frames/options", test_options);
  g_test_add_func ("/frames/inputs", test_inputs);
  return g_test_run ();
}
