/* SPDX-License-Identifier: MIT */
/* "CVAT for images 1.1": <annotations> with <meta> and an <image name=...> for each picture, in
 * which <tag label=...> says what it shows. */
#include "trainer/data/cvat.h"

#include <stdio.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/json.h"

/* ---- writing --------------------------------------------------------------------------------- */

/* What the constructor of labels of a new task takes. */
static gboolean
write_labels (const char *const *classes, const char *path, GError **error)
{
  g_autoptr (GString) text = g_string_new ("[");
  g_autofree char *beside = cow_labels_beside (path, ".json");

  for (guint i = 0; classes[i]; i++) {
    g_string_append (text, i > 0 ? ",\n {\"name\":" : "\n {\"name\":");
    cow_json_append_string (text, classes[i]);
    g_string_append (text, ",\"type\":\"tag\",\"attributes\":[]}");
  }
  g_string_append (text, "\n]\n");
  return cow_text_write (text->str, beside, error);
}

static void
append_picture (GString *xml, const CowCropTable *table, guint row)
{
  const char *label = cow_crop_table_get (table, row, COW_CROP_LABEL);
  g_autofree char *name = g_markup_escape_text (cow_crop_table_get (table, row, COW_CROP_PATH), -1),
                  *called = g_markup_escape_text (label, -1);
  int width = 0, height = 0;

  sscanf (cow_crop_table_get (table, row, COW_CROP_AREA), "%*9d %*9d %9d %9d", &width, &height);
  g_string_append_printf (xml, "  <image id=\"%u\" name=\"%s\" width=\"%d\" height=\"%d\">\n", row,
                          name, width, height);
  if (*label)
    g_string_append_printf (xml, "    <tag label=\"%s\" source=\"manual\">\n    </tag>\n", called);
  g_string_append (xml, "  </image>\n");
}

gboolean
cow_cvat_write (const CowCropTable *table, const char *const *classes, const char *path,
                GError **error)
{
  const guint n = cow_crop_table_n_rows (table);
  g_autoptr (GString) xml =
      g_string_new ("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n"
                    "  <version>1.1</version>\n  <meta>\n    <task>\n");

  g_string_append_printf (xml,
                          "      <size>%u</size>\n      <mode>annotation</mode>\n      "
                          "<labels>\n",
                          n);
  for (guint i = 0; classes[i]; i++) {
    g_autofree char *name = g_markup_escape_text (classes[i], -1);
    g_string_append_printf (xml,
                            "        <label>\n          <name>%s</name>\n          <type>tag</type>"
                            "\n          <attributes>\n          </attributes>\n        "
                            "</label>\n",
                            name);
  }
  g_string_append (xml, "      </labels>\n    </task>\n  </meta>\n");
  for (guint i = 0; i < n; i++)
    append_picture (xml, table, i);
  g_string_append (xml, "</annotations>\n");
  return cow_text_write (xml->str, path, error) && write_labels (classes, path, error);
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct {
  CowLabels *labels;
  CowLabelCounts *counts;
  const char *path;
  guint depth;
  char *picture;    /* whose element is open, or NULL */
  GPtrArray *found; /* of char * */
} Reader;

const char *
cow_cvat_attribute (const char **names, const char **values, const char *name)
{
  for (; *names; names++, values++)
    if (g_str_equal (*names, name))
      return *values;
  return NULL;
}

static gboolean
fail (Reader *self, GMarkupParseContext *context, const char *what, GError **error)
{
  int line, character;

  g_markup_parse_context_get_position (context, &line, &character);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s:%d: %s", self->path, line, what);
  return FALSE;
}

static void
begin_element (GMarkupParseContext *context, const char *element, const char **names,
               const char **values, gpointer data, GError **error)
{
  Reader *self = data;

  if (self->depth++ == 0 && !g_str_equal (element, "annotations")) {
    fail (self, context, "<annotations> of CVAT is expected", error);
    return;
  }
  if (self->depth == 2 && g_str_equal (element, "track")) {
    fail (self, context, "this is \"CVAT for video\"; export as \"CVAT for images 1.1\"", error);
    return;
  }
  if (self->depth == 2 && g_str_equal (element, "image")) {
    self->picture = g_strdup (cow_cvat_attribute (names, values, "name"));
    if (!self->picture)
      fail (self, context, "an <image> has no name", error);
    return;
  }
  if (self->depth != 3 || !self->picture)
    return;
  if (g_str_equal (element, "tag"))
    g_ptr_array_add (self->found, g_strdup (cow_cvat_attribute (names, values, "label")));
  else
    self->counts->n_shapes++;
}

static void
end_element (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  Reader *self = data;

  if (--self->depth != 1 || !self->picture)
    return;
  cow_labels_take (self->labels, self->picture, self->found);
  g_ptr_array_set_size (self->found, 0);
  g_clear_pointer (&self->picture, g_free);
}

gboolean
cow_cvat_read (CowLabels *labels, const char *text, gsize n_bytes, const char *path,
               CowLabelCounts *counts, GError **error)
{
  static const GMarkupParser parser = { .start_element = begin_element,
                                        .end_element = end_element };
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  Reader self = { .labels = labels, .counts = counts, .path = path, .found = found };
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, &self, NULL);
  g_autoptr (GError) local = NULL;
  const gboolean ok = g_markup_parse_context_parse (context, text, (gssize)n_bytes, &local) &&
                      g_markup_parse_context_end_parse (context, &local);

  g_free (self.picture);
  if (!ok && local->domain == COW_ERROR)
    g_propagate_error (error, g_steal_pointer (&local));
  else if (!ok) {
    /* GLib quotes the file there, and may cut a letter in two. */
    g_autofree char *why = g_utf8_make_valid (local->message, -1);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: not XML: %s", path, why);
  }
  return ok;
}
