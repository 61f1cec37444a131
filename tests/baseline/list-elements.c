/* SPDX-License-Identifier: MIT */
/*
 * list-elements NAME...: what applications and pipelines can see of elements, a line a fact, so
 * that a fact which went away is a line that is missing. It asks GObject and GStreamer themselves,
 * because the layout of gst-inspect-1.0's text changes with its version. A range is one line, for
 * it may grow.
 */
#include <gst/gst.h>

/* ---- properties ------------------------------------------------------------------------------ */

static void
list_flags (const char *element, const GParamSpec *spec)
{
  static const struct {
    guint flag;
    const char *name;
  } flags[] = {
    { G_PARAM_READABLE, "readable" },
    { G_PARAM_WRITABLE, "writable" },
    { GST_PARAM_CONTROLLABLE, "controllable" },
    { GST_PARAM_MUTABLE_READY, "mutable-ready" },
    { GST_PARAM_MUTABLE_PAUSED, "mutable-paused" },
    { GST_PARAM_MUTABLE_PLAYING, "mutable-playing" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    if (spec->flags & flags[i].flag)
      g_print ("%s property %s is %s\n", element, spec->name, flags[i].name);
}

static void
list_values (const char *element, const GParamSpec *spec)
{
  if (G_IS_PARAM_SPEC_ENUM (spec)) {
    const GEnumClass *values = G_PARAM_SPEC_ENUM (spec)->enum_class;
    for (guint i = 0; i < values->n_values; i++)
      g_print ("%s property %s takes %s (%d)\n", element, spec->name, values->values[i].value_nick,
               values->values[i].value);
  } else if (G_IS_PARAM_SPEC_FLAGS (spec)) {
    const GFlagsClass *values = G_PARAM_SPEC_FLAGS (spec)->flags_class;
    for (guint i = 0; i < values->n_values; i++)
      g_print ("%s property %s takes %s (%u)\n", element, spec->name, values->values[i].value_nick,
               values->values[i].value);
  }
}

/* FALSE where a property of this type has no range. */
static gboolean
range_of (const GParamSpec *spec, double *low, double *high)
{
#define TAKE(TYPE)                                                                                 \
  if (G_IS_PARAM_SPEC_##TYPE (spec)) {                                                             \
    *low = (double)G_PARAM_SPEC_##TYPE (spec)->minimum;                                            \
    *high = (double)G_PARAM_SPEC_##TYPE (spec)->maximum;                                           \
    return TRUE;                                                                                   \
  }
  TAKE (INT)
  TAKE (UINT)
  TAKE (INT64)
  TAKE (UINT64)
  TAKE (FLOAT)
  TAKE (DOUBLE)
#undef TAKE
  return FALSE;
}

static void
list_range (const char *element, const GParamSpec *spec)
{
  char low_text[G_ASCII_DTOSTR_BUF_SIZE], high_text[G_ASCII_DTOSTR_BUF_SIZE];
  double low, high;

  if (range_of (spec, &low, &high))
    g_print ("%s property %s range %s to %s\n", element, spec->name,
             g_ascii_dtostr (low_text, sizeof low_text, low),
             g_ascii_dtostr (high_text, sizeof high_text, high));
}

/* What a new element says, for a constructor may set another value than the declaration. */
static void
list_default (GstElement *element, const char *name, GParamSpec *spec)
{
  g_auto (GValue) value = G_VALUE_INIT;

  if (!(spec->flags & G_PARAM_READABLE) ||
      G_VALUE_HOLDS_BOXED (g_param_spec_get_default_value (spec)))
    return;
  g_value_init (&value, spec->value_type);
  g_object_get_property (G_OBJECT (element), spec->name, &value);
  g_autofree char *text = gst_value_serialize (&value);
  g_print ("%s property %s default %s\n", name, spec->name, text ? text : "NULL");
}

static void
list_properties (GstElement *element, const char *name)
{
  guint n;
  g_autofree GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);

  for (guint i = 0; i < n; i++) {
    /* "name" and "parent" are every element's. */
    if (specs[i]->owner_type == GST_TYPE_OBJECT)
      continue;
    g_print ("%s property %s type %s\n", name, specs[i]->name, g_type_name (specs[i]->value_type));
    list_flags (name, specs[i]);
    list_values (name, specs[i]);
    list_range (name, specs[i]);
    list_default (element, name, specs[i]);
  }
}

/* ---- pads ------------------------------------------------------------------------------------ */

static void
list_field (const char *where, const char *field, const GValue *value)
{
  if (GST_VALUE_HOLDS_LIST (value)) {
    for (guint i = 0; i < gst_value_list_get_size (value); i++)
      list_field (where, field, gst_value_list_get_value (value, i));
    return;
  }
  if (GST_VALUE_HOLDS_INT_RANGE (value)) {
    g_print ("%s %s range %d to %d\n", where, field, gst_value_get_int_range_min (value),
             gst_value_get_int_range_max (value));
    return;
  }
  g_autofree char *text = gst_value_serialize (value);
  g_print ("%s %s=%s\n", where, field, text);
}

static void
list_structure (const char *where, const GstCaps *caps, guint i)
{
  const GstStructure *structure = gst_caps_get_structure (caps, i);
  g_autofree char *features = gst_caps_features_to_string (gst_caps_get_features (caps, i));
  g_autofree char *what =
      g_strdup_printf ("%s caps %s(%s)", where, gst_structure_get_name (structure), features);

  g_print ("%s\n", what);
  for (int f = 0; f < gst_structure_n_fields (structure); f++) {
    const char *name = gst_structure_nth_field_name (structure, (guint)f);
    list_field (what, name, gst_structure_get_value (structure, name));
  }
}

static void
list_template (const char *name, GstStaticPadTemplate *template)
{
  static const char *const directions[] = { "unknown", "src", "sink" };
  static const char *const presences[] = { "always", "sometimes", "request" };
  g_autoptr (GstCaps) caps = gst_static_pad_template_get_caps (template);
  g_autofree char *where = g_strdup_printf ("%s pad %s", name, template->name_template);

  g_print ("%s is a %s, %s\n", where, directions[template->direction],
           presences[template->presence]);
  if (gst_caps_is_any (caps))
    g_print ("%s caps ANY\n", where);
  for (guint i = 0; !gst_caps_is_any (caps) && i < gst_caps_get_size (caps); i++)
    list_structure (where, caps, i);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void
list_signals (const GstElement *element, const char *name)
{
  for (GType type = G_OBJECT_TYPE (element); type != GST_TYPE_ELEMENT && type;
       type = g_type_parent (type)) {
    guint n;
    g_autofree guint *ids = g_signal_list_ids (type, &n);
    for (guint i = 0; i < n; i++)
      g_print ("%s signal %s\n", name, g_signal_name (ids[i]));
  }
}

static gboolean
list (const char *name)
{
  g_autoptr (GstElement) element = gst_element_factory_make (name, NULL);
  GstElementFactory *factory = element ? gst_element_get_factory (element) : NULL;

  if (!factory) {
    g_printerr ("list-elements: there is no element %s\n", name);
    return FALSE;
  }
  gst_object_ref_sink (element);
  g_print ("%s element of class %s, type %s, rank %u\n", name,
           gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS),
           G_OBJECT_TYPE_NAME (element),
           gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)));
  list_properties (element, name);
  for (const GList *l = gst_element_factory_get_static_pad_templates (factory); l; l = l->next)
    list_template (name, l->data);
  list_signals (element, name);
  return TRUE;
}

int
main (int argc, char **argv)
{
  gboolean ok = TRUE;

  gst_init (NULL, NULL);
  for (int i = 1; i < argc; i++)
    ok = list (argv[i]) && ok;
  gst_deinit ();
  return ok ? 0 : 1;
}
