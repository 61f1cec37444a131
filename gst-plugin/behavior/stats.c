/* SPDX-License-Identifier: MIT */
/* The property `stats`. */
#include "gst-plugin/behavior/stats.h"

void
gst_cow_stats_count_regions (GstCowStats *self, const GstCowRegionCounts *counts)
{
  self->frames_without_regions += counts->wanted && counts->seen == 0;
  self->regions_outside += counts->outside;
  self->regions_small += counts->small;
  self->regions_other_class += counts->other_class;
}

/* The number of forward passes with 0, 1, ... pictures, up to the largest that there was. */
static void
set_fill (GstStructure *structure, const CowEngineCounters *counters)
{
  GValue fill = G_VALUE_INIT;
  guint last = COW_ENGINE_MAX_BATCH;

  while (last > 0 && counters->fill[last] == 0)
    last--;
  g_value_init (&fill, GST_TYPE_ARRAY);
  for (guint i = 0; i <= last; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, G_TYPE_UINT64);
    g_value_set_uint64 (&value, counters->fill[i]);
    gst_value_array_append_and_take_value (&fill, &value);
  }
  gst_structure_take_value (structure, "batch-fill", &fill);
}

static void
set_engine (GstStructure *structure, CowEngine *engine)
{
  CowEngineCounters counters;

  cow_engine_get_counters (engine, &counters);
  gst_structure_set (structure, "model-name", G_TYPE_STRING, cow_engine_name (engine), "device",
                     G_TYPE_STRING, cow_engine_device_text (engine), "batches", G_TYPE_UINT64,
                     counters.batches, "batches-mixed", G_TYPE_UINT64, counters.mixed, "pictures",
                     G_TYPE_UINT64, counters.pictures, "batches-failed", G_TYPE_UINT64,
                     counters.failures, "inference-time", G_TYPE_UINT64, (guint64)counters.busy_ns,
                     "inference-time-p50", G_TYPE_UINT64, (guint64)counters.p50_ns,
                     "inference-time-p95", G_TYPE_UINT64, (guint64)counters.p95_ns,
                     "inference-time-p99", G_TYPE_UINT64, (guint64)counters.p99_ns, NULL);
  set_fill (structure, &counters);
}

GstStructure *
gst_cow_stats_to_structure (const GstCowStats *self, const GstCowCondition *condition,
                            CowEngine *engine)
{
  const guint64 *not = self->not_classified;
  guint64 skipped = not [GST_COW_VERDICT_BUSY] + not [GST_COW_VERDICT_LATE] +
                    not [GST_COW_VERDICT_GAP] + not [GST_COW_VERDICT_CORRUPTED] +
                    not [GST_COW_VERDICT_FAULT] + not [GST_COW_VERDICT_FLUSHED];
  GstStructure *structure = gst_structure_new (
      "cowbehavior-stats", "mode", G_TYPE_STRING, condition->blocking ? "blocking" : "non-blocking",
      "live", G_TYPE_BOOLEAN, condition->live, "frames", G_TYPE_UINT64, self->frames, "classified",
      G_TYPE_UINT64, self->classified, "pending", G_TYPE_UINT64, self->pending, "reused",
      G_TYPE_UINT64, not [GST_COW_VERDICT_REUSE], "skipped", G_TYPE_UINT64, skipped, "skipped-busy",
      G_TYPE_UINT64, not [GST_COW_VERDICT_BUSY], "skipped-late", G_TYPE_UINT64,
      not [GST_COW_VERDICT_LATE], "skipped-gap", G_TYPE_UINT64, not [GST_COW_VERDICT_GAP],
      "skipped-corrupted", G_TYPE_UINT64, not [GST_COW_VERDICT_CORRUPTED], "skipped-fault",
      G_TYPE_UINT64, not [GST_COW_VERDICT_FAULT], "skipped-flushed", G_TYPE_UINT64,
      not [GST_COW_VERDICT_FLUSHED], "errors", G_TYPE_UINT64, self->errors, "regions",
      G_TYPE_UINT64, self->regions, "regions-still", G_TYPE_UINT64, self->regions_still,
      "regions-outside", G_TYPE_UINT64, self->regions_outside, "regions-small", G_TYPE_UINT64,
      self->regions_small, "regions-other-class", G_TYPE_UINT64, self->regions_other_class,
      "frames-without-regions", G_TYPE_UINT64, self->frames_without_regions, "tracks", G_TYPE_UINT,
      condition->tracks, "tracks-evicted", G_TYPE_UINT64, condition->tracks_evicted, "age-frames",
      G_TYPE_UINT, self->age_frames, NULL);

  if (GST_CLOCK_TIME_IS_VALID (self->age_ns))
    gst_structure_set (structure, "age", G_TYPE_UINT64, self->age_ns, NULL);
  if (engine)
    set_engine (structure, engine);
  return structure;
}
