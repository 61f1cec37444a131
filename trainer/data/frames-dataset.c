/* SPDX-License-Identifier: MIT */
#include "trainer/data/frames-dataset.h"

CowDataset *
cow_dataset_of_frames (const CowFrames *frames)
{
  static const char *const classes[] = { "cow", NULL };
  CowDataset *self = g_new0 (CowDataset, 1);

  self->samples = g_array_new (FALSE, FALSE, sizeof (CowSample));
  self->strings = g_string_chunk_new (4096);
  self->classes = g_strdupv ((char **)classes);
  self->n_classes = 1;
  self->warnings = g_ptr_array_new_with_free_func (g_free);
  self->notes = g_ptr_array_new_with_free_func (g_free);
  self->passed = g_ptr_array_new ();
  self->remarks = cow_picture_remarks_new ();
  self->grouped_by = g_strdup (frames->grouped_by);
  self->divided = frames->divided;
  for (guint i = 0; i < frames->frames->len; i++) {
    const CowFrame *frame = cow_frames_get (frames, i);
    const CowSample sample = {
      .path = g_string_chunk_insert_const (self->strings, frame->path),
      .source = g_string_chunk_insert_const (self->strings, frame->source),
      .group = frame->group ? g_string_chunk_insert_const (self->strings, frame->group) : NULL,
      .split = frame->split,
    };
    g_array_append_val (self->samples, sample);
  }
  for (guint split = 0; split < COW_N_SPLITS; split++)
    self->splits[split] = g_array_copy (frames->splits[split]);
  return self;
}
