/* SPDX-License-Identifier: MIT */
#include "trainer/data/frames.h"

void
cow_frames_options_clear (CowFramesOptions *options)
{
  cow_dataset_options_clear (&options->set);
  g_clear_pointer (&options->images, g_free);
}

void
cow_frames_free (CowFrames *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->frames, g_array_unref);
  g_clear_pointer (&self->boxes, g_array_unref);
  g_strfreev (self->classes);
  g_strfreev (self->identities);
  for (guint i = 0; i < COW_N_SPLITS; i++)
    g_clear_pointer (&self->splits[i], g_array_unref);
  g_clear_pointer (&self->warnings, g_ptr_array_unref);
  g_clear_pointer (&self->others, g_ptr_array_unref);
  g_clear_pointer (&self->oddities, g_array_unref);
  g_clear_pointer (&self->notes, g_ptr_array_unref);
  g_clear_pointer (&self->passed, g_ptr_array_unref);
  g_free (self->grouped_by);
  g_clear_pointer (&self->strings, g_string_chunk_free);
  g_free (self);
}

void
cow_frames_say_warnings (const CowFrames *self)
{
  for (guint i = 0; i < self->warnings->len; i++)
    g_printerr ("cow-trainer: warning: %s\n", (const char *)self->warnings->pdata[i]);
}
