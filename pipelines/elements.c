/* SPDX-License-Identifier: MIT */
#include "pipelines/elements.h"

#include <string.h>

gboolean
element_is (GstObject *object, const char *name)
{
  GstElementFactory *factory =
      GST_IS_ELEMENT (object) ? gst_element_get_factory (GST_ELEMENT (object)) : NULL;

  return factory && strcmp (GST_OBJECT_NAME (factory), name) == 0;
}

GPtrArray *
elements_of (GstBin *bin)
{
  GPtrArray *elements = g_ptr_array_new_with_free_func (gst_object_unref);
  GstIterator *iterator = gst_bin_iterate_recurse (bin);
  GstIteratorResult result;
  GValue item = G_VALUE_INIT;

  while ((result = gst_iterator_next (iterator, &item)) == GST_ITERATOR_OK ||
         result == GST_ITERATOR_RESYNC) {
    if (result == GST_ITERATOR_RESYNC) {
      g_ptr_array_set_size (elements, 0);
      gst_iterator_resync (iterator);
      continue;
    }
    g_ptr_array_add (elements, g_value_dup_object (&item));
    g_value_reset (&item);
  }
  g_value_unset (&item);
  gst_iterator_free (iterator);
  return elements;
}

/* Only one direction is opened, because a pad that a delayed link will use looks open, too. */
GstElement *
elements_parse (const char *description, GstPadDirection direction, GError **error)
{
  GstElement *bin = gst_parse_bin_from_description (description, FALSE, error);
  GstPad *open;

  if (!bin)
    return NULL;
  open = gst_bin_find_unlinked_pad (GST_BIN (bin), direction);
  if (!open) {
    /* The message leaves the description out, which may hold passwords. */
    g_set_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_LINK, "%s has no pad that is open",
                 direction == GST_PAD_SRC ? "the end of SOURCE" : "the beginning of REST");
    gst_object_unref (gst_object_ref_sink (bin));
    return NULL;
  }
  gst_element_add_pad (bin, gst_ghost_pad_new (direction == GST_PAD_SRC ? "src" : "sink", open));
  gst_object_unref (open);
  return bin;
}

void
elements_start_without_frames (GstBin *bin)
{
  g_autoptr (GPtrArray) elements = elements_of (bin);

  for (guint i = 0; i < elements->len; i++) {
    GObject *element = elements->pdata[i];

    if (GST_OBJECT_FLAG_IS_SET (element, GST_ELEMENT_FLAG_SINK) &&
        g_object_class_find_property (G_OBJECT_GET_CLASS (element), "async"))
      g_object_set (element, "async", FALSE, NULL);
  }
}
