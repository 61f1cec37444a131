/* SPDX-License-Identifier: MIT */
/* What the soak's pipeline talks to, each in a process of its own: the cameras, a Mosquitto with a
 * client that writes down what it gets, and an HTTP endpoint that does the same. */
#ifndef TEST_SOAK_SERVERS_H
#define TEST_SOAK_SERVERS_H

#include "tests/gst/camera.h"
#include "tests/gst/publish-broker.h"

G_BEGIN_DECLS

typedef enum { SOAK_KILLED, SOAK_ENDED, SOAK_STOPPED, SOAK_N_OUTAGES } SoakOutage; /* by signals */

typedef struct {
  Broker *broker;
  GSubprocess *cameras, *endpoint, *listener;
  guint16 *ports; /* of the cameras */
  guint16 http_port;
  const char *script;            /* endpoint.py */
  char *http_lines, *mqtt_lines; /* files, below the folder */
} SoakServers;

/* `folder` is for what arrives. `program`: soak-cameras; `script`: endpoint.py, whose path has to
 * outlive this. */
SoakServers *soak_servers_new (const char *folder, const char *program, const char *script,
                               guint n_cameras, guint fps);
void soak_servers_set_fault (SoakServers *self, guint camera, CameraFault fault);
void soak_servers_break_broker (SoakServers *self, SoakOutage outage);
void soak_servers_mend_broker (SoakServers *self, SoakOutage outage);
void soak_servers_break_endpoint (SoakServers *self, SoakOutage outage);
void soak_servers_mend_endpoint (SoakServers *self, SoakOutage outage);
/* Frees it, but for the files. */
void soak_servers_free (SoakServers *self);

G_END_DECLS

#endif
