/* SPDX-License-Identifier: MIT */
/* Defaults of the properties, for those who declare them and those who set them. */
#ifndef GST_COW_SETTINGS_PRIVATE_H
#define GST_COW_SETTINGS_PRIVATE_H

#include "gst-plugin/behavior/settings.h"
#include "model/engine/engine.h"

#define DEFAULT_DEVICE              "auto"
#define DEFAULT_PRECISION           COW_PRECISION_AUTO
#define DEFAULT_INFERENCE_REGION    GST_COW_INFERENCE_REGION_AUTO
#define DEFAULT_MIN_SIZE            0
#define DEFAULT_PADDING             0.0
#define DEFAULT_INFERENCE_INTERVAL  1
#define DEFAULT_RECLASSIFY_INTERVAL 1
#define DEFAULT_MODE                GST_COW_MODE_AUTO
#define DEFAULT_BATCH_SIZE          0
#define DEFAULT_BATCH_TIMEOUT       0
#define DEFAULT_SMOOTHING           GST_COW_SMOOTHING_OFF
#define DEFAULT_SMOOTHING_WINDOW    8
#define DEFAULT_THRESHOLD           GST_COW_THRESHOLD_OF_ADAPTER
#define DEFAULT_TOP_K               1
#define DEFAULT_POST_MESSAGES       GST_COW_POST_MESSAGES_ALL

#endif
