/* SPDX-License-Identifier: MIT */
#include "trainer/data/coco-names.h"

#include "trainer/data/file-names.h"

static const char *const others[] = {
  "person",       "bicycle",      "car",           "motorcycle",   "airplane",
  "bus",          "train",        "truck",         "boat",         "traffic light",
  "fire hydrant", "stop sign",    "parking meter", "bench",        "bird",
  "cat",          "dog",          "horse",         "sheep",        "elephant",
  "bear",         "zebra",        "giraffe",       "backpack",     "umbrella",
  "handbag",      "tie",          "suitcase",      "frisbee",      "skis",
  "snowboard",    "sports ball",  "kite",          "baseball bat", "baseball glove",
  "skateboard",   "surfboard",    "tennis racket", "bottle",       "wine glass",
  "cup",          "fork",         "knife",         "spoon",        "bowl",
  "banana",       "apple",        "sandwich",      "orange",       "broccoli",
  "carrot",       "hot dog",      "pizza",         "donut",        "cake",
  "chair",        "couch",        "potted plant",  "bed",          "dining table",
  "toilet",       "tv",           "laptop",        "mouse",        "remote",
  "keyboard",     "cell phone",   "microwave",     "oven",         "toaster",
  "sink",         "refrigerator", "book",          "clock",        "vase",
  "scissors",     "teddy bear",   "hair drier",    "toothbrush"
};

gboolean
coco_names_is_other (const char *label)
{
  g_autofree char *key = file_name_key (label);

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    if (g_str_equal (key, others[i]))
      return TRUE;
  return FALSE;
}
