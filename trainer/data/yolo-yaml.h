/* SPDX-License-Identifier: MIT */
/*
 * data.yaml, which says where the pictures of a YOLO data set are and what its classes are called.
 * Of YAML the part is read that these files are written in: at the top `key: value`, where a value
 * is on its line (plain or quoted, a list [a, b] or a map {0: a, 1: b}), or in the lines below (a
 * list of "- a", a map of "0: a"). Keys of no meaning for us are passed over with what is in them.
 */
#ifndef COW_TRAINER_YOLO_YAML_H
#define COW_TRAINER_YOLO_YAML_H

#include "trainer/data/dataset.h"

G_BEGIN_DECLS

typedef struct {
  char *root;                     /* `path`, or NULL */
  GPtrArray *parts[COW_N_SPLITS]; /* of char *: train, val (or valid), test */
  GPtrArray *names;               /* of char *, the classes by number; "" for one without a name */
  gboolean has_keypoints;         /* labels have keypoints behind each box */
} YoloYaml;

/* Takes a text of UTF-8, which ends with a zero, apart. COW_ERROR_FORMAT, with the line, for what
 * is not of that part of YAML; `path` is for messages. */
YoloYaml *yolo_yaml_parse (const char *text, const char *path, GError **error);
void yolo_yaml_free (YoloYaml *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (YoloYaml, yolo_yaml_free)

G_END_DECLS

#endif
