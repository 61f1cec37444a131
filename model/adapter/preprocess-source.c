/* SPDX-License-Identifier: MIT */
/*
 * preprocessor_config.json is transformers' file for its image processors. We read the members that
 * say what the network is fed: do_resize, size, do_center_crop, crop_size, resample, do_rescale,
 * rescale_factor, do_normalize, image_mean and image_std. Null counts as absent, as it does there.
 * A value of the wrong type or out of range is an error; one that is right but asks for something
 * that we cannot do becomes a note, and that part stays open.
 */
#include "model/adapter/preprocess-source.h"

#include <math.h>
#include <string.h>

#include "model/adapter/card.h"
#include "model/files/file-writer.h"
#include "model/files/vit-config.h"
#include "model/files/json-object.h"
#include "model/files/vit-family.h"

#define CONFIG    "preprocessor_config.json"
#define MOST_SIDE 8192 /* px, as in the card */
/* Means and standard deviations are written with three decimals or as fp32. */
#define TOLERANCE 1e-3

static const char *const resamples[] = { "nearest", "lanczos", "bilinear",
                                         "bicubic", "box",     "hamming" };
#define RESAMPLE_BILINEAR 2 /* of Pillow, whose filters widen when they shrink: antialiased */

static void note (CowPreprocessSource *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
note (CowPreprocessSource *self, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_ptr_array_add (self->notes, g_strconcat (self->path, ": ", text, NULL));
}

/* ---- members that may be null ---------------------------------------------------------------- */

static JsonNode *
member (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);
  return node && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

static gboolean
wrong (const CowPreprocessSource *self, const char *key, JsonNode *node, const char *expected,
       GError **error)
{
  g_autofree char *found = cow_json_describe (node);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"%s\" is %s, expected %s", self->path, key,
               found, expected);
  return FALSE;
}

/* *value stays as it was when the member is absent. */
static gboolean
get_switch (const CowPreprocessSource *self, JsonObject *object, const char *key, gboolean *value,
            GError **error)
{
  return !member (object, key) || cow_json_get_bool (object, self->path, key, value, error);
}

/* ---- size ------------------------------------------------------------------------------------ */

static gboolean
is_side (JsonNode *node, int *side)
{
  const gint64 value = node && cow_json_holds (node, G_TYPE_INT64) ? json_node_get_int (node) : 0;
  *side = value >= 1 && value <= MOST_SIDE ? (int)value : 0;
  return *side > 0;
}

/*
 * 224, {"height", "width"} or {"shortest_edge"}: the side of a square, for whole pictures are
 * resized to the network's size here. FALSE without an error for other forms, which are noted.
 */
static gboolean
get_size (CowPreprocessSource *self, JsonObject *object, const char *key, gboolean *known,
          GError **error)
{
  static const char expected[] = "a side, {\"height\", \"width\"} or {\"shortest_edge\"}, "
                                 "each from 1 to 8192 pixels";
  JsonNode *node = member (object, key);
  CowPreprocess *p = &self->preprocess;

  *known = FALSE;
  if (!node)
    return TRUE;
  if (JSON_NODE_HOLDS_OBJECT (node)) {
    JsonObject *size = json_node_get_object (node);
    JsonNode *height = member (size, "height"), *width = member (size, "width"),
             *edge = member (size, "shortest_edge");
    if (height || width)
      *known = is_side (height, &p->height) && is_side (width, &p->width);
    else if (edge)
      *known = is_side (edge, &p->height);
    else {
      g_autofree char *found = cow_json_describe (node);
      note (self, "\"%s\" is %s, which is not supported", key, found);
      return TRUE;
    }
    if (*known && !height)
      p->width = p->height;
  } else if ((*known = is_side (node, &p->height)))
    p->width = p->height;
  return *known || wrong (self, key, node, expected, error);
}

static gboolean
read_size (CowPreprocessSource *self, JsonObject *object, GError **error)
{
  gboolean resize = TRUE, crop = FALSE, known = FALSE;

  if (!get_switch (self, object, "do_resize", &resize, error) ||
      !get_switch (self, object, "do_center_crop", &crop, error) ||
      (resize && !get_size (self, object, "size", &known, error)))
    return FALSE;
  if (crop && member (object, "crop_size")) {
    if (!get_size (self, object, "crop_size", &known, error))
      return FALSE;
    if (known)
      note (self, "pictures are resized to \"crop_size\" as a whole, no part of them is cropped "
                  "away");
  }
  if (known)
    self->given |= COW_PREPROCESS_SIZE;
  return TRUE;
}

/* ---- interpolation --------------------------------------------------------------------------- */

static gboolean
read_resample (CowPreprocessSource *self, JsonObject *object, GError **error)
{
  gint64 resample = -1;
  gboolean resize = TRUE;

  if (!get_switch (self, object, "do_resize", &resize, error))
    return FALSE;
  if (!resize || !member (object, "resample"))
    return TRUE;
  if (!cow_json_get_int (object, self->path, "resample", 0, G_N_ELEMENTS (resamples) - 1, &resample,
                         error))
    return FALSE;
  if (resample != RESAMPLE_BILINEAR) {
    note (self, "\"resample\" is %d (%s), which is not supported", (int)resample,
          resamples[resample]);
    return TRUE;
  }
  self->preprocess.interpolation = CK_BILINEAR_ANTIALIASED;
  self->given |= COW_PREPROCESS_INTERPOLATION;
  return TRUE;
}

/* ---- normalisation --------------------------------------------------------------------------- */

static gboolean
is_number (JsonNode *node, double *value)
{
  if (!cow_json_holds (node, G_TYPE_INT64) && !cow_json_holds (node, G_TYPE_DOUBLE))
    return FALSE;
  *value = json_node_get_double (node);
  return isfinite (*value);
}

/* Three numbers, or one for all channels. */
static gboolean
get_channels (const CowPreprocessSource *self, JsonObject *object, const char *key,
              double values[3], GError **error)
{
  JsonNode *node = member (object, key);
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  gboolean ok = array ? json_array_get_length (array) == 3 : is_number (node, &values[0]);

  for (guint i = 0; ok && i < 3; i++)
    if (array)
      ok = is_number (json_array_get_element (array, i), &values[i]);
    else
      values[i] = values[0];
  return ok || wrong (self, key, node, "three finite numbers", error);
}

/* Whether pixels come to the normalisation as numbers from 0 to 1. */
static gboolean
get_rescaled (const CowPreprocessSource *self, JsonObject *object, gboolean *rescaled,
              GError **error)
{
  double factor = 1.0 / 255;

  *rescaled = TRUE;
  if (!get_switch (self, object, "do_rescale", rescaled, error) ||
      (member (object, "rescale_factor") &&
       !cow_json_get_double (object, self->path, "rescale_factor", &factor, error)))
    return FALSE;
  *rescaled = *rescaled && fabs (factor * 255 - 1) < TOLERANCE;
  return TRUE;
}

/* Means and deviations under those keys, where both are there. */
static gboolean
read_mean (CowPreprocessSource *self, JsonObject *object, const char *mean_key, const char *std_key,
           GError **error)
{
  double mean[3], std[3];

  if (!member (object, mean_key) || !member (object, std_key))
    return TRUE;
  if (!get_channels (self, object, mean_key, mean, error) ||
      !get_channels (self, object, std_key, std, error))
    return FALSE;
  if (cow_normalisation_find (mean, std, TOLERANCE, &self->preprocess.normalisation))
    self->given |= COW_PREPROCESS_NORMALISATION;
  else
    note (self,
          "\"%s\" (%g, %g, %g) and \"%s\" (%g, %g, %g) are none of unit, imagenet "
          "and satellite, which alone are supported",
          mean_key, mean[0], mean[1], mean[2], std_key, std[0], std[1], std[2]);
  return TRUE;
}

static gboolean
read_normalisation (CowPreprocessSource *self, JsonObject *object, GError **error)
{
  gboolean normalise = TRUE, rescaled;

  if (!get_switch (self, object, "do_normalize", &normalise, error) ||
      !get_rescaled (self, object, &rescaled, error))
    return FALSE;
  if (!rescaled) {
    note (self, "pixels are not scaled to numbers from 0 to 1 (\"do_rescale\", "
                "\"rescale_factor\"), which is not supported");
    return TRUE;
  }
  if (!normalise) {
    self->preprocess.normalisation = COW_UNIT;
    self->given |= COW_PREPROCESS_NORMALISATION;
    return TRUE;
  }
  return read_mean (self, object, "image_mean", "image_std", error);
}

/* ---- sources --------------------------------------------------------------------------------- */

static void
init (CowPreprocessSource *self)
{
  *self = (CowPreprocessSource){ .preprocess = cow_preprocess_default (),
                                 .notes = g_ptr_array_new_with_free_func (g_free) };
}

void
cow_preprocess_source_clear (CowPreprocessSource *self)
{
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->notes, g_ptr_array_unref);
}

/* Takes everything from a folder's card where it has one. */
static gboolean
read_card (CowPreprocessSource *self, const char *folder, gboolean *found, GError **error)
{
  g_autoptr (CowCard) card = cow_card_read (folder, found, error);

  if (!card || !*found)
    return card != NULL;
  self->name = "card";
  self->path = g_build_filename (folder, "cowbehavior.json", NULL);
  self->preprocess = card->preprocess;
  self->given = COW_PREPROCESS_ALL;
  return TRUE;
}

static gboolean
read_config (CowPreprocessSource *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, CONFIG, NULL);

  if (!cow_path_exists (path))
    return TRUE;
  g_autoptr (JsonObject) object = cow_json_read_object (path, error);
  if (!object)
    return FALSE;
  self->name = CONFIG;
  self->path = g_steal_pointer (&path);
  return read_size (self, object, error) && read_resample (self, object, error) &&
         read_normalisation (self, object, error);
}

/* timm's config.json: "pretrained_cfg" with "input_size" [channels, height, width], "mean", "std"
 * and "interpolation". */
static gboolean
read_pretrained (CowPreprocessSource *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "config.json", NULL);
  JsonObject *own = NULL;
  JsonArray *size = NULL;
  const char *interpolation = NULL;

  if (!cow_path_exists (path))
    return TRUE;
  g_autoptr (JsonObject) object = cow_json_read_object (path, error);
  if (!object || !cow_config_names_architecture (object))
    return object != NULL;
  if (!cow_json_get_object (object, path, "pretrained_cfg", &own, error))
    return FALSE;
  if (!own)
    return TRUE;
  self->name = "config.json";
  self->path = g_steal_pointer (&path);
  if (!cow_json_get_array (own, self->path, "input_size", &size, error) ||
      !cow_json_get_string (own, self->path, "interpolation", &interpolation, error))
    return FALSE;
  if (size && json_array_get_length (size) == 3 &&
      is_side (json_array_get_element (size, 1), &self->preprocess.height) &&
      is_side (json_array_get_element (size, 2), &self->preprocess.width))
    self->given |= COW_PREPROCESS_SIZE;
  if (g_strcmp0 (interpolation, "bilinear") == 0) {
    self->preprocess.interpolation = CK_BILINEAR_ANTIALIASED;
    self->given |= COW_PREPROCESS_INTERPOLATION;
  } else if (interpolation) {
    note (self, "\"interpolation\" is \"%s\", which is not supported", interpolation);
  }
  return read_mean (self, own, "mean", "std", error);
}

/* The folder of a model that is named by it or by a file in it. Free with g_free. */
static char *
folder_of (const char *model)
{
  return cow_path_is_folder (model) ? g_strdup (model) : g_path_get_dirname (model);
}

gboolean
cow_preprocess_source_read_model (CowPreprocessSource *self, const char *model, GError **error)
{
  g_autofree char *folder = folder_of (model);
  gboolean found;

  init (self);
  return read_card (self, folder, &found, error) &&
         (found || (read_config (self, folder, error) &&
                    (self->path || read_pretrained (self, folder, error))));
}

gboolean
cow_preprocess_source_read_adapter (CowPreprocessSource *self, const char *adapter, GError **error)
{
  gboolean found;

  init (self);
  self->given = COW_PREPROCESS_ALL;
  return read_card (self, adapter, &found, error);
}

/* ---- writing --------------------------------------------------------------------------------- */

static JsonArray *
channels (const float values[3])
{
  JsonArray *array = json_array_new ();
  /* The shortest decimals of the float: .485, not .48500001430511475. */
  for (guint i = 0; i < 3; i++) {
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd (text, sizeof text, "%.6g", (double)values[i]);
    json_array_add_double_element (array, g_ascii_strtod (text, NULL));
  }
  return array;
}

/* transformers has no word for letterboxed pictures; the card beside the file has. */
gboolean
cow_preprocess_write_config (const CowPreprocess *preprocess, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, CONFIG, NULL), *text = NULL;
  g_autoptr (JsonObject) object = json_object_new ();
  JsonObject *size = json_object_new ();
  float mean[3], std[3];

  cow_normalisation_values (preprocess->normalisation, mean, std);
  json_object_set_int_member (size, "height", preprocess->height);
  json_object_set_int_member (size, "width", preprocess->width);
  json_object_set_string_member (object, "image_processor_type",
                                 cow_vit_family_default ()->image_processor);
  json_object_set_boolean_member (object, "do_resize", TRUE);
  json_object_set_object_member (object, "size", size);
  /* transformers has no bilinear filter that does not widen when it shrinks. Left out, its default
   * is this one, and this part stays open for us. */
  if (preprocess->interpolation == CK_BILINEAR_ANTIALIASED)
    json_object_set_int_member (object, "resample", RESAMPLE_BILINEAR);
  json_object_set_boolean_member (object, "do_rescale", TRUE);
  json_object_set_double_member (object, "rescale_factor", 1.0 / 255);
  json_object_set_boolean_member (object, "do_normalize", TRUE);
  json_object_set_array_member (object, "image_mean", channels (mean));
  json_object_set_array_member (object, "image_std", channels (std));
  text = cow_json_object_text (object);
  return cow_text_write (text, path, error);
}

gboolean
cow_preprocess_carry (const char *model, const char *folder, GError **error)
{
  g_auto (CowPreprocessSource) source = { 0 };

  if (!cow_preprocess_source_read_model (&source, model, error))
    return FALSE;
  if (!source.path)
    return TRUE;
  if (!g_str_equal (source.name, CONFIG))
    return cow_preprocess_write_config (&source.preprocess, folder, error);
  g_autofree char *to = g_build_filename (folder, CONFIG, NULL), *text = NULL;
  g_autoptr (JsonObject) object = cow_json_read_object (source.path, error);
  if (!object)
    return FALSE;
  text = cow_json_object_text (object);
  return cow_text_write (text, to, error);
}
