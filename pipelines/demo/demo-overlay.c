/* SPDX-License-Identifier: MIT */
/* The element `cowdemooverlay`: draws what `cowbehavior` found, a box with the label and its probability in percent for each region. */
#include "pipelines/demo/demo-overlay.h"

#include <cairo.h>
#include <math.h>

#include "gst-plugin/gstcowbehaviormeta.h"

/* What Cairo calls RGB24 is one of these, by the processor's byte order. */
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#define CAPS GST_VIDEO_CAPS_MAKE ("BGRx")
#else
#define CAPS GST_VIDEO_CAPS_MAKE ("xRGB")
#endif

#define TEXT_SIZE  13.0 /* px */
#define LINE_WIDTH 2.0
#define PADDING    3.0

struct _CowDemoOverlay {
  GstVideoFilter parent;
};

G_DEFINE_TYPE (CowDemoOverlay, cow_demo_overlay, GST_TYPE_VIDEO_FILTER)
GST_ELEMENT_REGISTER_DEFINE (cowdemooverlay, "cowdemooverlay", GST_RANK_NONE, COW_TYPE_DEMO_OVERLAY)

typedef struct {
  guint x, y, w, h;
  int label_id;
  const char *label;
  double confidence;
} Object;

/* Colours that can be told apart, by class; grey for "unknown". */
static void
set_colour (cairo_t *cr, int label_id)
{
  static const double colours[][3] = {
    { 0.20, 0.60, 0.95 }, { 0.35, 0.75, 0.25 }, { 0.65, 0.80, 0.15 }, { 0.60, 0.45, 0.90 }, { 0.95, 0.75, 0.10 },
    { 0.95, 0.50, 0.10 }, { 0.90, 0.25, 0.25 }, { 0.95, 0.35, 0.70 }, { 0.10, 0.75, 0.75 },
  };

  if (label_id < 0)
    cairo_set_source_rgb (cr, 0.6, 0.6, 0.6);
  else {
    const double *colour = colours[(gsize)label_id % G_N_ELEMENTS (colours)];
    cairo_set_source_rgb (cr, colour[0], colour[1], colour[2]);
  }
}

/* Above the box where there is room, else inside it; never beyond the right edge. */
static void
draw_label (cairo_t *cr, const Object *object, double frame_width)
{
  g_autofree char *text = g_strdup_printf ("%s %.0f", object->label, 100 * object->confidence);
  const double height = TEXT_SIZE + 2 * PADDING, top = object->y >= height ? object->y - height : object->y;
  cairo_text_extents_t extents;

  cairo_text_extents (cr, text, &extents);
  const double width = extents.x_advance + 2 * PADDING, left = MAX (MIN (object->x - LINE_WIDTH / 2, frame_width - width), 0);
  cairo_rectangle (cr, left, top, width, height);
  cairo_fill (cr);
  cairo_set_source_rgb (cr, 0.05, 0.05, 0.05);
  cairo_move_to (cr, left + PADDING, top + height - PADDING - TEXT_SIZE * 0.2);
  cairo_show_text (cr, text);
}

static void
draw_object (cairo_t *cr, const Object *object, double frame_width)
{
  set_colour (cr, object->label_id);
  cairo_rectangle (cr, object->x, object->y, object->w, object->h);
  cairo_stroke (cr);
  draw_label (cr, object, frame_width);
}

static GstFlowReturn
cow_demo_overlay_transform_frame_ip (GstVideoFilter *filter, GstVideoFrame *frame)
{
  const GstStructure *results = gst_buffer_get_cow_behavior (frame->buffer), *structure;
  cairo_surface_t *surface =
      cairo_image_surface_create_for_data (GST_VIDEO_FRAME_PLANE_DATA (frame, 0), CAIRO_FORMAT_RGB24, GST_VIDEO_FRAME_WIDTH (frame),
                                           GST_VIDEO_FRAME_HEIGHT (frame), GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0));
  cairo_t *cr = cairo_create (surface);

  cairo_select_font_face (cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
  cairo_set_font_size (cr, TEXT_SIZE);
  cairo_set_line_width (cr, LINE_WIDTH);
  for (guint i = 0; results != NULL && (structure = gst_cow_behavior_object (results, i)) != NULL; i++) {
    Object object = { .label = gst_structure_get_string (structure, "label") };

    if (gst_structure_get (structure, "x", G_TYPE_UINT, &object.x, "y", G_TYPE_UINT, &object.y, "w", G_TYPE_UINT, &object.w, "h",
                           G_TYPE_UINT, &object.h, "label_id", G_TYPE_INT, &object.label_id, "confidence", G_TYPE_DOUBLE,
                           &object.confidence, NULL))
      draw_object (cr, &object, GST_VIDEO_FRAME_WIDTH (frame));
  }
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
  return GST_FLOW_OK;
}

static void
cow_demo_overlay_class_init (CowDemoOverlayClass *class)
{
  GstElementClass *element_class = GST_ELEMENT_CLASS (class);
  g_autoptr (GstCaps) caps = gst_caps_from_string (CAPS);

  gst_element_class_set_static_metadata (element_class, "Overlay of the demonstration", "Filter/Effect/Video",
                                         "Draws the boxes and labels that cowbehavior attached", "cowbehavior");
  gst_element_class_add_pad_template (element_class, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (element_class, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  GST_VIDEO_FILTER_CLASS (class)->transform_frame_ip = GST_DEBUG_FUNCPTR (cow_demo_overlay_transform_frame_ip);
}

static void
cow_demo_overlay_init (CowDemoOverlay *self)
{
}
