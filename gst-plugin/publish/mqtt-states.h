/* SPDX-License-Identifier: MIT */
/*
 * What the target `mqtt` has a broker keep: the present label of each cow, zone and frame, how many
 * cows have each label, and Home Assistant's device. Labels are noted in any thread and published
 * when they are due, so that after an outage only the newest of each is sent.
 */
#ifndef GST_COW_PUBLISH_MQTT_STATES_H
#define GST_COW_PUBLISH_MQTT_STATES_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _GstCowPublishMqttStates GstCowPublishMqttStates;

/* The topics are below PREFIX/SOURCE. `discovery_topic` gets the device; NULL: there is none. */
GstCowPublishMqttStates *gst_cow_publish_mqtt_states_new (const char *prefix, const char *source,
                                                          const char *discovery_topic);
void gst_cow_publish_mqtt_states_free (GstCowPublishMqttStates *self);
/* PREFIX/SOURCE, where SOURCE is one level; borrowed. */
const char *gst_cow_publish_mqtt_states_base (const GstCowPublishMqttStates *self);

/* Notes a label; NULL: the name is not seen any more. `results`: those of cowbehavior that it is
 * in; NULL with a label of NULL. Any thread. */
void gst_cow_publish_mqtt_states_set (GstCowPublishMqttStates *self, const char *name,
                                      const char *label, const GstStructure *results);

/* The other functions are for one thread. */

/* After a connection everything is due, because the broker may have lost it. */
void gst_cow_publish_mqtt_states_connected (GstCowPublishMqttStates *self);
/* Without a connection names that are not seen any more are forgotten. */
void gst_cow_publish_mqtt_states_disconnected (GstCowPublishMqttStates *self);
/* Notes that the broker had kept a message of this topic from earlier. The label of a cow is
 * deleted unless she is seen. That of a zone or the frame is when others have been for a while. */
void gst_cow_publish_mqtt_states_found (GstCowPublishMqttStates *self, const char *topic);
/* The end: all cows are deleted, and zones that an earlier run left. */
void gst_cow_publish_mqtt_states_finish (GstCowPublishMqttStates *self);

/* A retained message; both texts are owned. */
typedef struct {
  char *topic, *text; /* text NULL: the broker deletes what it has kept */
} GstCowPublishMessage;

/* The messages that are due now, of GstCowPublishMessage; free with g_ptr_array_unref (). */
GPtrArray *gst_cow_publish_mqtt_states_take_due (GstCowPublishMqttStates *self);

G_END_DECLS

#endif
