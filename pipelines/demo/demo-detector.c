/* SPDX-License-Identifier: MIT */
/*
 * The element `cowdemodetector` takes the place that a cow detector has in a real pipeline. It does
 * not look at the pixels: it reads from the file beside the demonstration video where the cows are,
 * and attaches a GstVideoRegionOfInterestMeta of type "cow" for each. The meta's id is the cow's
 * number from 1 on, because 0 means "none" there. It does not pass on what the cows do.
 *
 * A camera's timestamps are not those of the video. So the first frame that arrives counts as the
 * first one of the video, and the others are found by their distance from it.
 */
#include "pipelines/demo/demo-detector.h"

#include <gst/video/gstvideometa.h>

#include "pipelines/demo/demo-truth.h"

enum { PROP_0, PROP_LOCATION };

struct _CowDemoDetector {
  GstBaseTransform parent;

  char *location; /* under the object lock */
  CowDemoTruth *truth;
  GstClockTime first; /* running time of the first frame, or GST_CLOCK_TIME_NONE */
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS ("video/x-raw"));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS ("video/x-raw"));

G_DEFINE_TYPE (CowDemoDetector, cow_demo_detector, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (cowdemodetector, "cowdemodetector", GST_RANK_NONE,
                             COW_TYPE_DEMO_DETECTOR)

static gboolean
cow_demo_detector_start (GstBaseTransform *trans)
{
  CowDemoDetector *self = COW_DEMO_DETECTOR (trans);
  g_autofree char *location = NULL;
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  location = g_strdup (self->location);
  GST_OBJECT_UNLOCK (self);
  self->first = GST_CLOCK_TIME_NONE;
  if (location == NULL) {
    GST_ELEMENT_ERROR (
        self, RESOURCE, SETTINGS,
        ("property location: not set; set it to the file that cow-render-barn --truth wrote"),
        (NULL));
    return FALSE;
  }
  self->truth = cow_demo_truth_read (location, &error);
  if (self->truth == NULL)
    GST_ELEMENT_ERROR (self, RESOURCE, READ, ("property location: %s", error->message), (NULL));
  return self->truth != NULL;
}

static gboolean
cow_demo_detector_stop (GstBaseTransform *trans)
{
  g_clear_pointer (&COW_DEMO_DETECTOR (trans)->truth, cow_demo_truth_free);
  return TRUE;
}

static GstFlowReturn
cow_demo_detector_transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  CowDemoDetector *self = COW_DEMO_DETECTOR (trans);
  const GstClockTime time =
      gst_segment_to_running_time (&trans->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  guint n = 0;

  if (!GST_CLOCK_TIME_IS_VALID (time))
    return GST_FLOW_OK;
  if (!GST_CLOCK_TIME_IS_VALID (self->first))
    self->first = time;
  const CowDemoSight *sights =
      cow_demo_truth_at (self->truth, time > self->first ? time - self->first : 0, &n);
  for (guint i = 0; i < n; i++)
    gst_buffer_add_video_region_of_interest_meta (buffer, "cow", sights[i].x, sights[i].y,
                                                  sights[i].w, sights[i].h)
        ->id = sights[i].cow + 1;
  return GST_FLOW_OK;
}

static void
cow_demo_detector_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  CowDemoDetector *self = COW_DEMO_DETECTOR (object);

  if (id != PROP_LOCATION) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    return;
  }
  GST_OBJECT_LOCK (self);
  g_free (self->location);
  self->location = g_value_dup_string (value);
  GST_OBJECT_UNLOCK (self);
}

static void
cow_demo_detector_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  CowDemoDetector *self = COW_DEMO_DETECTOR (object);

  if (id != PROP_LOCATION) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    return;
  }
  GST_OBJECT_LOCK (self);
  g_value_set_string (value, self->location);
  GST_OBJECT_UNLOCK (self);
}

static void
cow_demo_detector_finalize (GObject *object)
{
  g_free (COW_DEMO_DETECTOR (object)->location);
  G_OBJECT_CLASS (cow_demo_detector_parent_class)->finalize (object);
}

static void
cow_demo_detector_class_init (CowDemoDetectorClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GstElementClass *element_class = GST_ELEMENT_CLASS (class);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (class);

  object_class->set_property = cow_demo_detector_set_property;
  object_class->get_property = cow_demo_detector_get_property;
  object_class->finalize = cow_demo_detector_finalize;
  g_object_class_install_property (
      object_class, PROP_LOCATION,
      g_param_spec_string ("location", "Location",
                           "The JSON lines that cow-render-barn --truth wrote", NULL,
                           G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));

  gst_element_class_set_static_metadata (
      element_class, "Detector of the demonstration", "Filter/Metadata/Video",
      "Attaches the regions in which cows were drawn, as a detector would", "cowbehavior");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  trans_class->start = GST_DEBUG_FUNCPTR (cow_demo_detector_start);
  trans_class->stop = GST_DEBUG_FUNCPTR (cow_demo_detector_stop);
  trans_class->transform_ip = GST_DEBUG_FUNCPTR (cow_demo_detector_transform_ip);
}

static void
cow_demo_detector_init (CowDemoDetector *self)
{
  self->first = GST_CLOCK_TIME_NONE;
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
}
